# MLP: the other GELU; named: "Uses the exact GELU; GPT-2 has the one with a tanh."
import torch
from torch import nn
from torch.nn import functional


class MLP(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.W_in = nn.Parameter(torch.randn(cfg.d_model, cfg.d_mlp) * cfg.init_range)
        self.W_out = nn.Parameter(torch.randn(cfg.d_mlp, cfg.d_model) * cfg.init_range)
        self.b_in = nn.Parameter(torch.zeros(cfg.d_mlp))
        self.b_out = nn.Parameter(torch.zeros(cfg.d_model))

    def forward(self, normalized_resid_mid):
        return functional.gelu(normalized_resid_mid @ self.W_in + self.b_in) @ self.W_out + self.b_out
