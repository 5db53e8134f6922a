# pos_pattern: no root of d_head; named: "Does not divide by sqrt(d_head)."
# ruff: noqa: N803
import torch as t


def pos_pattern(W_pos, W_Q, W_K, d_head):
    q, k = W_pos @ W_Q, W_pos @ W_K
    scores = q @ k.T
    allowed = t.tril(t.ones_like(scores))
    return t.softmax(scores.masked_fill(allowed == 0, float("-inf")), dim=1)
