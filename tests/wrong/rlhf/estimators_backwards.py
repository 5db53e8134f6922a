# token_kl_estimators: the ratio upside down; named: "k3 with d turned round: its ratio is π_ref / π."
import torch as t


def token_kl_estimators(logp, ref_logp):
    log_ratio = logp - ref_logp
    k1 = log_ratio
    k2 = log_ratio**2 / 2
    k3 = t.exp(log_ratio) - 1 - log_ratio
    return k1, k2, k3
