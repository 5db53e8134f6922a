# SARSA: draws the next action in observe, for the table alone; named: "Draws another next action than new_act."
import numpy as np

from exercises.given.agents import Agent, Experience


class EpsilonGreedy(Agent):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.Q = np.zeros((self.num_states, self.num_actions)) + self.config.optimism

    def get_action(self, obs):
        if self.rng.random() < self.config.epsilon:
            return self.rng.integers(0, self.num_actions)
        return self.Q[obs].argmax()


class SARSA(EpsilonGreedy):
    def observe(self, exp):
        new_act = self.get_action(exp.new_obs)
        target = exp.reward + self.gamma * self.Q[exp.new_obs, new_act]
        self.Q[exp.obs, exp.act] += self.config.lr * (target - self.Q[exp.obs, exp.act])

    def run_episode(self, seed):
        rewards = []
        obs, _ = self.env.reset(seed=seed)
        self.reset(seed)
        act = self.get_action(obs)
        done = False
        while not done:
            new_obs, reward, terminated, truncated, _ = self.env.step(act)
            done = terminated or truncated
            new_act = self.get_action(new_obs)
            self.observe(Experience(obs, act, reward, new_obs, new_act))
            rewards.append(reward)
            obs, act = new_obs, new_act
        return rewards
