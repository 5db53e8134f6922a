# get_actor_and_critic_classic: one trunk for both networks; named: "The two networks share their hidden layers."
from torch import nn


def layer_init(layer, std=2**0.5, bias_const=0.0):
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias_const)
    return layer


def get_actor_and_critic_classic(num_obs, num_actions):
    trunk = [layer_init(nn.Linear(num_obs, 64)), nn.Tanh(), layer_init(nn.Linear(64, 64)), nn.Tanh()]
    actor = nn.Sequential(*trunk, layer_init(nn.Linear(64, num_actions), std=0.01))
    critic = nn.Sequential(*trunk, layer_init(nn.Linear(64, 1), std=1))
    return actor, critic
