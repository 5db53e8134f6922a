# calc_kl_penalty: the reference comes first; named: "The other way round: KL(π_ref ‖ π)."
from torch.nn import functional


def calc_kl_penalty(logits, ref_logits, kl_coef, gen_len):
    logp, ref_logp = logits.log_softmax(-1), ref_logits.log_softmax(-1)
    kl = functional.kl_div(logp, ref_logp, reduction="none", log_target=True).sum(-1)
    return kl_coef * kl.mean()
