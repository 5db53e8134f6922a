# bradley_terry_loss: log of sigmoid; named: "Takes the logarithm of a σ that has become 0."
import torch as t


def bradley_terry_loss(r_chosen, r_rejected):
    p = t.sigmoid(r_chosen - r_rejected)
    return -t.log(p).mean()
