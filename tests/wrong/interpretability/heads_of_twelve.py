# prev_attn_detector: counts to twelve heads in one layer; named: "Takes two layers of twelve heads for granted."
def prev_attn_detector(cache):
    found = []
    for layer in range(2):
        for head in range(12):
            pattern = cache["pattern", layer][head]
            seq = pattern.shape[0]
            total = 0.0
            for i in range(1, seq):
                total += pattern[i, i - 1]
            if total / seq > 0.4:
                found.append(f"{layer}.{head}")
    return found
