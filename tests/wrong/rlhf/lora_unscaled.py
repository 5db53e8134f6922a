# Lora: alpha is forgotten; named: "The change is not scaled at all."
import torch as t
from torch import nn


class Lora(nn.Module):
    def __init__(self, d_in=768, d_out=768, rank=4, lora_alpha=32, n_inst=None, dtype=None):
        super().__init__()
        shape = () if n_inst is None else (n_inst,)
        self.lora_A = nn.Parameter(t.empty(*shape, d_in, rank, dtype=dtype))
        nn.init.kaiming_uniform_(self.lora_A)
        self.lora_B = nn.Parameter(t.zeros(*shape, rank, d_out, dtype=dtype))

    def forward(self, x):
        return (x.unsqueeze(-2) @ self.lora_A @ self.lora_B).squeeze(-2)
