# TransformerBlock: norms at the end; named: "Normalises after adding; here the norm stands before each part, and the stream is left alone."
# ruff: noqa: E501
from torch import nn


class TransformerBlock(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln1, self.attn, self.ln2, self.mlp = (nn.Identity() for _ in range(4))

    def forward(self, resid_pre):
        x = self.ln1(resid_pre + self.attn(resid_pre))
        return self.ln2(x + self.mlp(x))
