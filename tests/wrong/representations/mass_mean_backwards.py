# MMProbe: from true to false; named: "Points from true to false."
import torch
from torch import nn


class MMProbe(nn.Module):
    def __init__(self, direction, inv):
        super().__init__()
        self.direction = nn.Parameter(direction)
        self.inv = nn.Parameter(inv)

    @classmethod
    def from_data(cls, acts, labels, device="cpu"):
        pos, neg = acts[labels == 0], acts[labels == 1]
        pos_mean, neg_mean = pos.mean(0), neg.mean(0)
        centered = torch.cat([pos - pos_mean, neg - neg_mean], 0)
        covariance = centered.T @ centered / acts.shape[0]
        return cls(pos_mean - neg_mean, torch.linalg.pinv(covariance)).to(device)

    def forward(self, x, iid=False):
        direction = self.inv @ self.direction if iid else self.direction
        return torch.sigmoid(x @ direction)

    def pred(self, x, iid=False):
        return self(x, iid=iid).round()
