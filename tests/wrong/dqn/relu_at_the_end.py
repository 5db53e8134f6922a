# QNetwork: a ReLU after every layer; named: "A ReLU after the last layer: values can never be negative."
from torch import nn


class QNetwork(nn.Module):
    def __init__(self, obs_shape, num_actions, hidden_sizes=(120, 84)):
        super().__init__()
        layers = []
        size = obs_shape[0]
        for width in [*hidden_sizes, num_actions]:
            layers.append(nn.Linear(size, width))
            layers.append(nn.ReLU())
            size = width
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)
