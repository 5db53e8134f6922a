# QLearning: gamma stands before the whole difference; named: "Discounts the old value along with the next one."
import numpy as np

from exercises.given.agents import Agent


class EpsilonGreedy(Agent):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.Q = np.zeros((self.num_states, self.num_actions)) + self.config.optimism

    pass


class QLearning(EpsilonGreedy):
    def observe(self, exp):
        s, a, r, s_new = exp.obs, exp.act, exp.reward, exp.new_obs
        self.Q[s, a] += self.config.lr * (r + self.gamma * (np.max(self.Q[s_new]) - self.Q[s, a]))
