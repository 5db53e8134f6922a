# ToyModel: there where the seed is above p; named: "Presence is inverted: rare features are frequent."
import torch
from torch import nn


class ToyModel(nn.Module):
    def __init__(self, cfg, feature_probability=0.01, importance=1.0, device="cpu"):
        super().__init__()
        self.cfg = cfg
        self.feature_probability = torch.as_tensor(feature_probability).broadcast_to((cfg.n_inst, cfg.n_features))
        self.importance = torch.as_tensor(importance).broadcast_to((cfg.n_inst, cfg.n_features))
        self.W = nn.Parameter(nn.init.xavier_normal_(torch.empty(cfg.n_inst, cfg.d_hidden, cfg.n_features)))
        self.b_final = nn.Parameter(torch.zeros(cfg.n_inst, cfg.n_features))

    def forward(self, features):
        hidden = torch.einsum("...if,ihf->...ih", features, self.W)
        return torch.relu(torch.einsum("...ih,ihf->...if", hidden, self.W) + self.b_final)

    def generate_batch(self, batch_size):
        magnitudes = torch.rand(batch_size, self.cfg.n_inst, self.cfg.n_features)
        seeds = torch.rand(batch_size, self.cfg.n_inst, self.cfg.n_features)
        magnitudes[seeds < self.feature_probability] = 0
        return magnitudes

    def calculate_loss(self, out, batch):
        return (self.importance * (batch - out) ** 2).mean(0).mean(-1).sum()
