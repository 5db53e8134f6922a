# calc_entropy_bonus: has the sign of a loss; named: "Has a minus: a bonus is never negative."
def calc_entropy_bonus(dist, ent_coef):
    return -ent_coef * dist.entropy().mean()
