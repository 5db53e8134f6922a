# generate_anticorrelated_features: p for both together; not named
import torch


def generate_anticorrelated_features(self, batch_size, n_anticorrelated_pairs):
    p = self.feature_probability[:, [0]]
    shape = (batch_size, self.cfg.n_inst, n_anticorrelated_pairs)
    present = torch.rand(shape) < p
    first = torch.rand(shape) < 0.5
    even = torch.where(present & first, torch.rand(shape), 0.0)
    odd = torch.where(present & ~first, torch.rand(shape), 0.0)
    return torch.stack([even, odd], -1).reshape(batch_size, self.cfg.n_inst, -1)
