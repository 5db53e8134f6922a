# LayerNorm: torch's own variance; named: "Divides the squares by d_model - 1: the variance is their mean."
import torch
from torch import nn


class LayerNorm(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.w = nn.Parameter(torch.ones(cfg.d_model))
        self.b = nn.Parameter(torch.zeros(cfg.d_model))

    def forward(self, residual):
        mean = residual.mean(-1, keepdim=True)
        var = residual.var(-1, keepdim=True)
        return (residual - mean) / torch.sqrt(var + self.cfg.layer_norm_eps) * self.w + self.b
