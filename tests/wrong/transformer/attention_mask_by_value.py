# Attention: finds the mask from zeros; named: "Masks by value: scores of zero get lost, wherever they stand."
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        shape = (cfg.n_heads, cfg.d_model, cfg.d_head)
        self.W_Q, self.W_K, self.W_V = (nn.Parameter(torch.randn(shape) * cfg.init_range) for _ in range(3))
        self.b_Q, self.b_K, self.b_V = (nn.Parameter(torch.zeros(cfg.n_heads, cfg.d_head)) for _ in range(3))
        self.W_O = nn.Parameter(torch.randn(cfg.n_heads, cfg.d_head, cfg.d_model) * cfg.init_range)
        self.b_O = nn.Parameter(torch.zeros(cfg.d_model))
        self.register_buffer("IGNORE", torch.tensor(-1e5))

    def forward(self, normalized_resid_pre):
        x = normalized_resid_pre[:, None]
        q, k, v = (x @ W + b[:, None] for W, b in ((self.W_Q, self.b_Q), (self.W_K, self.b_K), (self.W_V, self.b_V)))
        scores = self.apply_causal_mask(q @ k.mT / self.cfg.d_head**0.5)
        return (scores.softmax(-1) @ v @ self.W_O).sum(1) + self.b_O

    def apply_causal_mask(self, attn_scores):
        lower = torch.tril(attn_scores)
        return lower.masked_fill(lower == 0, self.IGNORE)
