# MultiArmedBandit: draws one step for all means; not named
import gymnasium as gym
import numpy as np


class MultiArmedBandit(gym.Env):
    def __init__(self, num_arms=10, stationary=True):
        self.num_arms, self.stationary = num_arms, stationary
        self.observation_space = gym.spaces.Discrete(1)
        self.action_space = gym.spaces.Discrete(num_arms)
        self.reset()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.arm_reward_means = self.np_random.normal(0.0, 1.0, self.num_arms) * self.stationary
        self.best_arm = int(self.arm_reward_means.argmax())
        return 0, {}

    def step(self, arm):
        if not self.stationary:
            self.arm_reward_means += self.np_random.normal(0, 0.01)
            self.best_arm = int(np.argmax(self.arm_reward_means))
        reward = self.np_random.normal(self.arm_reward_means[arm], 1)
        return 0, reward, False, False, {"best_arm": self.best_arm}
