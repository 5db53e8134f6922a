# PosEmbed: indexes with tokens; named: "Looks tokens up, not positions."
import torch
from torch import nn


class PosEmbed(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.W_pos = nn.Parameter(torch.randn(cfg.n_ctx, cfg.d_model) * cfg.init_range)

    def forward(self, tokens):
        return self.W_pos[tokens]
