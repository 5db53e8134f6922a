# PPOAgent: passes logits for probabilities; named: "Takes probabilities for logits: differences between actions shrink."
# ruff: noqa: E501
import torch
from torch.distributions import Categorical


class PPOAgent:
    def __init__(self, envs, actor, critic, memory):
        self.envs, self.actor, self.critic, self.memory = envs, actor, critic, memory
        self.step = 0
        self.next_obs = torch.tensor(envs.reset()[0], dtype=torch.float)
        self.next_terminated = torch.zeros(envs.num_envs, dtype=torch.bool)

    def play_step(self):
        obs, terminated = self.next_obs, self.next_terminated
        with torch.inference_mode():
            dist = Categorical(logits=self.actor(obs).softmax(-1))
            values = self.critic(obs).flatten()
        actions = dist.sample()
        logprobs = dist.log_prob(actions)
        next_obs, rewards, next_terminated, _, infos = self.envs.step(actions.numpy())
        self.memory.add(obs.numpy(), actions.numpy(), logprobs.numpy(), values.numpy(), rewards, terminated.numpy())
        self.next_obs = torch.from_numpy(next_obs)
        self.next_terminated = torch.from_numpy(next_terminated)
        self.step += self.envs.num_envs
        return infos
