# patching_metric: measures from the wrong end; not named
F0_index = original_F0_log_prob = corrupted_F0_log_prob = None  # noqa: N816  (set from outside)


def patching_metric(patched_logits):
    lp = patched_logits[0, -1].log_softmax(-1)
    return 1 - (lp[F0_index] - original_F0_log_prob) / (original_F0_log_prob - corrupted_F0_log_prob)
