# total_price_indexing: the sum is still a tensor; named: "Returns a tensor; a Python float is asked for."
import torch


def total_price_indexing(prices, items):
    return torch.sum(prices[items])
