# induction_attn_detector: looks at the same token; named: "Looks seq_len places back, at the same token."
def induction_attn_detector(cache):
    heads = []
    for layer in range(cache.model.cfg.n_layers):
        patterns = cache["pattern", layer]
        half = patterns.shape[-1] // 2
        for head, pattern in enumerate(patterns):
            stripe = pattern.diagonal(offset=-half)
            if stripe.mean() > 0.4:
                heads.append(f"{layer}.{head}")
    return heads
