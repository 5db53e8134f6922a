# temperatures_normalized: the first week's numbers are taken for all; not named


def temperatures_normalized(temps):
    temps = temps.float()
    week = temps[:7]
    return (temps - week.mean()) / week.std()
