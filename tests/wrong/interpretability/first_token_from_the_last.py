# first_attn_detector: the last row for all; named: "Only asks where the last token looks."
def first_attn_detector(cache):
    heads = []
    for layer in range(cache.model.cfg.n_layers):
        for head, pattern in enumerate(cache["pattern", layer]):
            if pattern[-1, 0] > 0.4:
                heads.append(f"{layer}.{head}")
    return heads
