"""As answers of 2023 are written: gym with four values a step, one agent that holds both networks and its buffer, flags
called dones, minibatch_indexes, half the squared error, a scheduler that is stepped after every minibatch."""

import os
import random
import time
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple, Union

import einops
import gym
import gym.envs.registration
import numpy as np
import torch as t
import torch.optim as optim
import wandb
from gym.spaces import Discrete
from numpy.random import Generator
from torch import Tensor, nn
from torch.distributions.categorical import Categorical
from tqdm.notebook import tqdm
from typeguard import typechecked

from part2_q_learning_and_dqn.utils import make_env
from part3_ppo.utils import set_global_seeds

MAIN = __name__ == "__main__"
device = t.device("cuda" if t.cuda.is_available() else "cpu")


def layer_init(layer: nn.Linear, std=np.sqrt(2), bias_const=0.0):
    nn.init.orthogonal_(layer.weight, std)
    nn.init.constant_(layer.bias, bias_const)
    return layer


def get_actor_and_critic(envs: gym.vector.SyncVectorEnv) -> Tuple[nn.Sequential, nn.Sequential]:
    obs_shape = envs.single_observation_space.shape
    num_obs = np.array(obs_shape).prod()
    num_actions = envs.single_action_space.n
    critic = nn.Sequential(
        layer_init(nn.Linear(num_obs, 64)), nn.Tanh(),
        layer_init(nn.Linear(64, 64)), nn.Tanh(),
        layer_init(nn.Linear(64, 1), std=1.0),
    ).to(device)
    actor = nn.Sequential(
        layer_init(nn.Linear(num_obs, 64)), nn.Tanh(),
        layer_init(nn.Linear(64, 64)), nn.Tanh(),
        layer_init(nn.Linear(64, num_actions), std=0.01),
    ).to(device)
    return (actor, critic)


def bootstrap_truncated(rewards, terminated, truncated, final_values, gamma):
    return t.where((truncated - terminated) > 0.5, rewards + gamma * final_values, rewards)


@t.inference_mode()
def compute_advantages(
    next_value: Tensor, next_done: Tensor, rewards: Tensor, values: Tensor, dones: Tensor, gamma: float, gae_lambda: float
) -> Tensor:
    T = values.shape[0]
    next_values = t.concat([values[1:], next_value.unsqueeze(0)])
    next_dones = t.concat([dones[1:], next_done.unsqueeze(0)]).float()
    deltas = rewards + gamma * next_values * (1.0 - next_dones) - values
    advantages = deltas.clone()
    for s in reversed(range(1, T)):
        advantages[s - 1] = deltas[s - 1] + gamma * gae_lambda * (1.0 - next_dones[s - 1]) * advantages[s]
    return advantages


def minibatch_indexes(batch_size: int, minibatch_size: int) -> List[np.ndarray]:
    assert batch_size % minibatch_size == 0
    indices = np.random.permutation(batch_size)
    indices = einops.rearrange(indices, "(mb_num mb_size) -> mb_num mb_size", mb_size=minibatch_size)
    return list(indices)


@dataclass
class ReplayBufferSamples:
    observations: Tensor
    actions: Tensor
    logprobs: Tensor
    advantages: Tensor
    returns: Tensor
    dones: Tensor


class ReplayBuffer:
    def __init__(self, args, envs):
        np.random.seed(args.seed)
        self.num_envs = envs.num_envs
        self.obs_shape = envs.single_observation_space.shape
        self.action_shape = envs.single_action_space.shape
        self.gamma, self.gae_lambda = args.gamma, args.gae_lambda
        self.batch_size, self.minibatch_size = args.batch_size, args.minibatch_size
        self.batches_per_epoch = args.batches_per_epoch
        self.experiences = []

    def add(self, obs: Tensor, actions: Tensor, rewards: Tensor, dones: Tensor, logprobs: Tensor, values: Tensor) -> None:
        assert obs.shape == (self.num_envs, *self.obs_shape)
        for data in (actions, rewards, dones, logprobs, values):
            assert isinstance(data, t.Tensor)
            assert data.shape == (self.num_envs,)
        self.experiences.append([x.detach().clone() for x in (obs, dones, actions, logprobs, values, rewards)])

    def get_minibatches(self, next_value: Tensor, next_done: Tensor):
        obs, dones, actions, logprobs, values, rewards = [t.stack(arr).to(device) for arr in zip(*self.experiences)]
        advantages = compute_advantages(next_value, next_done, rewards, values, dones, self.gamma, self.gae_lambda)
        returns = advantages + values
        flat = [data.flatten(0, 1) for data in [obs, actions, logprobs, advantages, returns, dones]]
        minibatches = []
        for _ in range(self.batches_per_epoch):
            for indices in minibatch_indexes(self.batch_size, self.minibatch_size):
                minibatches.append(ReplayBufferSamples(*[data[indices] for data in flat]))
        self.experiences = []
        return minibatches


class PPOAgent(nn.Module):
    critic: nn.Sequential
    actor: nn.Sequential

    def __init__(self, args, envs: gym.vector.SyncVectorEnv):
        super().__init__()
        self.args = args
        self.envs = envs
        self.obs_shape = envs.single_observation_space.shape
        self.num_obs = np.array(self.obs_shape).prod()
        self.num_actions = envs.single_action_space.n
        self.steps = 0
        (self.actor, self.critic) = get_actor_and_critic(envs)
        self.next_obs = t.tensor(self.envs.reset()).to(device)
        self.next_done = t.zeros(self.envs.num_envs).to(device, dtype=t.float)
        self.rb = ReplayBuffer(args, envs)

    def play_step(self) -> List[dict]:
        obs, dones = self.next_obs, self.next_done
        with t.inference_mode():
            values = self.critic(obs).flatten()
            logits = self.actor(obs)
        probs = Categorical(logits=logits)
        actions = probs.sample()
        logprobs = probs.log_prob(actions)
        (next_obs, rewards, next_dones, infos) = self.envs.step(actions.cpu().numpy())
        rewards = t.from_numpy(rewards).to(device)
        self.rb.add(obs, actions, rewards, dones, logprobs, values)
        self.next_obs = t.from_numpy(next_obs).to(device)
        self.next_done = t.from_numpy(next_dones).to(device, dtype=t.float)
        self.steps += 1
        return infos

    def get_minibatches(self):
        with t.inference_mode():
            next_value = self.critic(self.next_obs).flatten()
        return self.rb.get_minibatches(next_value, self.next_done)


def calc_clipped_surrogate_objective(
    probs: Categorical, mb_action: Tensor, mb_advantages: Tensor, mb_logprobs: Tensor, clip_coef: float, eps: float = 1e-8
) -> Tensor:
    new = probs.probs[t.arange(len(mb_action)), mb_action]
    r_theta = new / (mb_logprobs.exp() + eps)
    A = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    return t.minimum(r_theta * A, t.clamp(r_theta, 1 - clip_coef, 1 + clip_coef) * A).mean()


def calc_value_function_loss(values: Tensor, mb_returns: Tensor, vf_coef: float) -> Tensor:
    return 0.5 * vf_coef * (values - mb_returns).pow(2).mean()


def calc_entropy_bonus(probs: Categorical, ent_coef: float):
    return ent_coef * probs.entropy().mean()


class PPOScheduler:
    def __init__(self, optimizer: optim.Optimizer, initial_lr: float, end_lr: float, total_training_steps: int):
        self.optimizer = optimizer
        self.initial_lr = initial_lr
        self.end_lr = end_lr
        self.total_training_steps = total_training_steps
        self.n_step_calls = 0

    def step(self):
        self.n_step_calls += 1
        frac = self.n_step_calls / self.total_training_steps
        assert frac <= 1
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = self.initial_lr + frac * (self.end_lr - self.initial_lr)


def make_optimizer(
    agent: PPOAgent, total_training_steps: int, initial_lr: float, end_lr: float = 0.0
) -> Tuple[optim.Adam, PPOScheduler]:
    optimizer = optim.Adam(agent.parameters(), lr=initial_lr, eps=1e-5, maximize=True)
    scheduler = PPOScheduler(optimizer, initial_lr, end_lr, total_training_steps)
    return (optimizer, scheduler)


class PPOTrainer:
    def __init__(self, args):
        super().__init__()
        self.args = args
        set_global_seeds(args.seed)
        self.run_name = f"{args.env_id}__{args.seed}__{int(time.time())}"
        self.envs = gym.vector.SyncVectorEnv([make_env(args.env_id, args.seed + i, i, self.run_name) for i in range(4)])
        self.agent = PPOAgent(self.args, self.envs).to(device)
        self.optimizer, self.scheduler = make_optimizer(self.agent, self.args.total_training_steps, 2.5e-4, 0.0)

    def rollout_phase(self) -> Optional[int]:
        last = None
        for _ in range(self.args.num_steps):
            for info in self.agent.play_step():
                if "episode" in info.keys():
                    last = info["episode"]["l"]
        return last

    def learning_phase(self) -> None:
        minibatches = self.agent.get_minibatches()
        for minibatch in minibatches:
            objective_fn = self._compute_ppo_objective(minibatch)
            objective_fn.backward()
            nn.utils.clip_grad_norm_(self.agent.parameters(), self.args.max_grad_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.scheduler.step()

    def _compute_ppo_objective(self, minibatch) -> Tensor:
        logits = self.agent.actor(minibatch.observations)
        probs = Categorical(logits=logits)
        values = self.agent.critic(minibatch.observations).squeeze()
        clipped = calc_clipped_surrogate_objective(
            probs, minibatch.actions, minibatch.advantages, minibatch.logprobs, self.args.clip_coef
        )
        value_loss = calc_value_function_loss(values, minibatch.returns, self.args.vf_coef)
        entropy_bonus = calc_entropy_bonus(probs, self.args.ent_coef)
        if self.args.use_wandb:
            wandb.log(dict(total_steps=self.agent.steps, values=values.mean().item()), step=self.agent.steps)
        return clipped - value_loss + entropy_bonus


class Critic(nn.Module):
    def __init__(self, num_obs):
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)), nn.Tanh(),
            layer_init(nn.Linear(64, 64)), nn.Tanh(),
            layer_init(nn.Linear(64, 1), std=1.0),
        )

    def forward(self, obs):
        return self.critic(obs)


class Actor(nn.Module):
    def __init__(self, num_obs, num_actions):
        super().__init__()
        self.actor_mu = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)), nn.Tanh(),
            layer_init(nn.Linear(64, 64)), nn.Tanh(),
            layer_init(nn.Linear(64, num_actions), std=0.01),
        )
        self.actor_log_sigma = nn.Parameter(t.zeros(1, num_actions))

    def forward(self, obs) -> Tuple[Tensor, Tensor, t.distributions.Normal]:
        mu = self.actor_mu(obs)
        sigma = t.exp(self.actor_log_sigma).broadcast_to(mu.shape)
        return (mu, sigma, t.distributions.Normal(mu, sigma))


def calc_clipped_surrogate_objective_cts(
    probs: t.distributions.Normal, mb_action: Tensor, mb_advantages: Tensor, mb_logprobs: Tensor, clip_coef: float, eps: float = 1e-8
) -> Tensor:
    logits_diff = probs.log_prob(mb_action).sum(1) - mb_logprobs
    r_theta = t.exp(logits_diff)
    A = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    return t.minimum(r_theta * A, t.clip(r_theta, 1 - clip_coef, 1 + clip_coef) * A).mean()


if MAIN:
    args = PPOArgs(use_wandb=False)
    trainer = PPOTrainer(args)
    trainer.rollout_phase()
