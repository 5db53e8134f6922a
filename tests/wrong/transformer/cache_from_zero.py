# attention_with_cache: a square mask; named: "Masks as if the new positions began at 0: they see too little of the cache."
# ruff: noqa: E501
import torch


def attention_with_cache(q, k_new, v_new, cache):
    k, v = k_new, v_new
    if cache is not None:
        k, v = torch.cat([cache[0], k_new], dim=1), torch.cat([cache[1], v_new], dim=1)
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5
    mask = torch.tril(torch.ones(q.shape[1], k.shape[1])) == 0
    pattern = scores.masked_fill(mask, float("-inf")).softmax(-1)
    return torch.einsum("bhqk,bkhd->bqhd", pattern, v), (k, v)
