# dpo_loss: without the reference; named: "Rewards are right; the loss leaves the reference out."
from torch.nn import functional


def dpo_loss(pi_chosen, pi_rejected, ref_chosen, ref_rejected, beta):
    margin = beta * (pi_chosen - pi_rejected)
    loss = -functional.logsigmoid(margin).mean()
    return loss, beta * (pi_chosen - ref_chosen), beta * (pi_rejected - ref_rejected)
