# contrastive_vector: averages over all tokens of all responses; named: "Averages over all tokens at once: long responses count more."
# ruff: noqa: E501
def contrastive_vector(pos_acts, neg_acts, pos_mask, neg_mask, normalize=True):
    vector = pos_acts[pos_mask].mean(dim=0) - neg_acts[neg_mask].mean(dim=0)
    return vector / vector.norm() if normalize else vector
