# ValueNetwork: squeezes without saying which axis; named: "Drops every axis of size one, the batch's too."
from torch import nn


class ValueNetwork(nn.Module):
    def __init__(self, obs_shape, hidden_sizes=(120, 84)):
        super().__init__()
        layers, last = [], obs_shape[0]
        for h in hidden_sizes:
            layers += [nn.Linear(last, h), nn.ReLU()]
            last = h
        self.seq = nn.Sequential(*layers, nn.Linear(last, 1))

    def forward(self, obs):
        return self.seq(obs).squeeze()
