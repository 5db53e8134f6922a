# Rollout: never thinks of types; named: "All five are floats: as indices or with ~ they fail later."
import torch


class Rollout:
    def __init__(self, num_envs, max_steps, obs_shape, action_shape=(), device="cpu"):
        self.obs = torch.zeros(num_envs, max_steps, *obs_shape)
        self.actions = torch.zeros(num_envs, max_steps, *action_shape)
        self.logprobs = torch.zeros(num_envs, max_steps)
        self.rewards = torch.zeros(num_envs, max_steps)
        self.dones = torch.zeros(num_envs, max_steps)
        self.t = 0

    def add_step(self, obs, actions, logprobs, rewards, dones, infos=None):
        self.obs[:, self.t] = torch.as_tensor(obs)
        self.actions[:, self.t] = torch.as_tensor(actions)
        self.logprobs[:, self.t] = torch.as_tensor(logprobs).detach()
        self.rewards[:, self.t] = torch.as_tensor(rewards)
        self.dones[:, self.t] = torch.as_tensor(dones)
        self.t += 1
