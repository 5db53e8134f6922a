# Actor: does not exponentiate; named: "Takes the logarithm for σ itself."
import torch
from torch import nn
from torch.distributions import Normal


def layer_init(layer, std=2**0.5, bias_const=0.0):
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias_const)
    return layer


class Actor(nn.Module):
    def __init__(self, num_obs, num_actions):
        super().__init__()
        self.actor_mu = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, num_actions), std=0.01),
        )
        self.actor_log_sigma = nn.Parameter(torch.zeros(1, num_actions))

    def forward(self, obs):
        mu = self.actor_mu(obs)
        sigma = self.actor_log_sigma.broadcast_to(mu.shape)
        return mu, sigma, Normal(mu, sigma)
