# logits_to_ave_logit_diff: softmax first; named: "Subtracts probabilities, not logits."
def logits_to_ave_logit_diff(logits, answer_tokens, per_prompt=False):
    probs = logits[:, -1].softmax(-1)
    rows = range(len(probs))
    difference = probs[rows, answer_tokens[:, 0]] - probs[rows, answer_tokens[:, 1]]
    if per_prompt:
        return difference
    return difference.mean()
