# RewardAveraging: keeps counts through reset, which are made in __init__; named: "reset keeps the counts: new rewards hardly move the values."
# ruff: noqa: E501
import numpy as np

from exercises.given.agents import BanditAgent


class RewardAveraging(BanditAgent):
    def __init__(self, num_arms, seed, epsilon, optimism):
        self.epsilon = epsilon
        self.optimism = optimism
        self.N = np.zeros(num_arms)
        super().__init__(num_arms, seed)

    def get_action(self):
        if self.rng.random() < self.epsilon:
            return self.rng.integers(0, self.num_arms)
        return np.argmax(self.Q)

    def observe(self, action, reward, info):
        self.N[action] += 1
        self.Q[action] += (reward - self.Q[action]) / self.N[action]

    def reset(self, seed):
        super().reset(seed)
        self.Q = np.full(self.num_arms, self.optimism, dtype=float)
