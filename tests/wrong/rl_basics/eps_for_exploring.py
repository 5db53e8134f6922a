# UCBActionSelection: explores with probability eps; named: "Takes eps for the probability to explore."
import numpy as np

from exercises.given.agents import BanditAgent


class UCBActionSelection(BanditAgent):
    def __init__(self, num_arms, seed, c, eps=1e-6):
        self.c = c
        self.eps = eps
        super().__init__(num_arms, seed)

    def get_action(self):
        if self.rng.random() < self.eps:
            return self.rng.integers(self.num_arms)
        return np.argmax(self.Q + self.c * np.sqrt(np.log(self.t) / (self.N + 1e-6)))

    def observe(self, action, reward, info):
        self.t += 1
        self.N[action] += 1
        self.Q[action] += (reward - self.Q[action]) / self.N[action]

    def reset(self, seed):
        super().reset(seed)
        self.t = 1
        self.N = np.zeros(self.num_arms)
        self.Q = np.zeros(self.num_arms)
