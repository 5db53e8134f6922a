# unbroadcast: stretched axes are forgotten; named: "Sums only the axes put in front; stretched axes keep their full size."
# ruff: noqa
def unbroadcast(broadcasted, original):
    while len(broadcasted.shape) > len(original.shape):
        broadcasted = broadcasted.sum(0)
    return broadcasted
