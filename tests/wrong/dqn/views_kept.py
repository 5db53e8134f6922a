# ReplayBuffer: keeps the caller's arrays; named: "Keeps the environment's own arrays, which change afterwards."
from collections import namedtuple

import numpy as np
import torch as t

Samples = namedtuple("Samples", "obs actions rewards terminated next_obs")


class ReplayBuffer:
    def __init__(self, num_envs, obs_shape, action_shape, buffer_size, seed):
        self.steps = buffer_size // num_envs
        self.rng = np.random.default_rng(seed)
        self.storage = []

    def add(self, obs, actions, rewards, terminated, next_obs):
        self.storage.append((obs, actions, rewards, terminated, next_obs))
        self.storage = self.storage[-self.steps :]

    def sample(self, sample_size, device):
        fields = [np.concatenate(field) for field in zip(*self.storage, strict=True)]
        indices = self.rng.integers(0, len(fields[0]), sample_size)
        obs, actions, rewards, terminated, next_obs = (t.as_tensor(field[indices], device=device) for field in fields)
        return Samples(obs.float(), actions.long(), rewards.float(), terminated.bool(), next_obs.float())
