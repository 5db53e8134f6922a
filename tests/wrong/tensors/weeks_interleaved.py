# temperatures_differences: the averages are repeated one after the other; named: "Repeats the averages as a whole: days meet those of other weeks."
# ruff: noqa: E501
import einops


def temperatures_differences(temps):
    averages = einops.reduce(temps, "(w d) -> w", "mean", d=7)
    return temps - einops.repeat(averages, "w -> (d w)", d=7)
