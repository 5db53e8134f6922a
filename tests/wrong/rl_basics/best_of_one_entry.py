# QLearning: takes the maximum of one entry; named: "Takes the next value of the same action, not the best."
import numpy as np

from exercises.given.agents import Agent


class EpsilonGreedy(Agent):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.Q = np.zeros((self.num_states, self.num_actions)) + self.config.optimism

    def get_action(self, obs):
        if self.rng.random() < self.config.epsilon:
            return self.rng.integers(0, self.num_actions)
        return self.Q[obs].argmax()


class QLearning(EpsilonGreedy):
    def observe(self, exp):
        best = np.max(self.Q[exp.new_obs, exp.act])
        self.Q[exp.obs, exp.act] += self.config.lr * (exp.reward + self.gamma * best - self.Q[exp.obs, exp.act])
