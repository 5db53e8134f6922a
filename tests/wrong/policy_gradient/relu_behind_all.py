# PolicyNetwork: has a ReLU after every layer; named: "A ReLU stands after the last layer: nothing is negative."
from torch import nn


class PolicyNetwork(nn.Module):
    def __init__(self, obs_shape, num_actions, hidden_sizes=(120, 84)):
        super().__init__()
        h1, h2 = hidden_sizes
        self.net = nn.Sequential(
            nn.Linear(obs_shape[0], h1), nn.ReLU(), nn.Linear(h1, h2), nn.ReLU(), nn.Linear(h2, num_actions), nn.ReLU()
        )

    def forward(self, obs):
        return self.net(obs)
