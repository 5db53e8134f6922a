# %%
"""A submission as people have it who worked through ARENA: its layout, imports that are not there, main blocks, loose cells."""

import itertools
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import einops
import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import torch as t
import torch.nn as nn
import torch.optim as optim
import wandb
from gymnasium.spaces import Box, Discrete
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.distributions.categorical import Categorical
from tqdm import tqdm, trange

warnings.filterwarnings("ignore")

chapter = "chapter2_rl"
section = "part22_vpg"
root_dir = next(p for p in Path.cwd().parents if (p / chapter).exists())
exercises_dir = root_dir / chapter / "exercises"
section_dir = exercises_dir / section
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part22_vpg.tests as tests
from part1_intro_to_rl.utils import set_global_seeds
from part21_dqn.solutions import Probe1, QNetwork
from plotly_utils import line

device = t.device("cuda" if t.cuda.is_available() else "cpu")
MAIN = __name__ == "__main__"
Arr = np.ndarray


# %%
def score_function(logits: Float[Tensor, "actions"], actions: Int[Tensor, "samples"]) -> Float[Tensor, "samples actions"]:
    return t.func.jacrev(lambda x: t.log_softmax(x, dim=0))(logits)[actions]


def score_function_estimator(logits, payoffs, num_samples, baseline=0.0):
    dist = Categorical(logits=logits)
    acts = dist.sample([num_samples])
    scores = score_function(logits, acts)
    return scores * einops.repeat(payoffs[acts] - baseline, "s -> s a", a=len(logits))


def optimal_baseline(scores, rewards):
    w = (scores**2).sum(-1)
    return (w * rewards).mean() / w.mean()


if MAIN:
    for b in (0.0, 10.5):
        print(score_function_estimator(t.zeros(2), t.tensor([10.0, 11.0]), 1000, b).var(0))


# %%
class PolicyNetwork(nn.Module):
    """For consistency with your tests, please wrap your modules in a `nn.Sequential` called `layers`."""

    layers: nn.Sequential

    def __init__(self, obs_shape: tuple[int], num_actions: int, hidden_sizes: list[int] = [120, 84]):
        super().__init__()
        in_features_list = [int(np.prod(obs_shape))] + hidden_sizes
        out_features_list = hidden_sizes + [num_actions]
        self.ndim = len(obs_shape)
        layers = []
        for i, (in_features, out_features) in enumerate(zip(in_features_list, out_features_list)):
            layers.append(nn.Linear(in_features, out_features))
            if i < len(in_features_list) - 1:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        if self.ndim != 1:
            x = x.flatten(-self.ndim)
        return self.layers(x)


net = PolicyNetwork(obs_shape=(4,), num_actions=2)
n_params = sum((p.nelement() for p in net.parameters()))
assert isinstance(getattr(net, "layers", None), nn.Sequential)
print(f"{n_params=}")
assert n_params == 10934

# %%


@dataclass
class VPGArgs:
    seed: int = 1
    env_id: str = "CartPole-v1"
    num_envs: int = 4

    use_wandb: bool = False
    wandb_project_name: str = "VPGCartPole"
    wandb_entity: str | None = None
    video_log_freq: int | None = 50

    max_steps: int = 500
    total_timesteps: int = 100_000
    gamma: float = 0.99
    learning_rate: float = 1e-3
    clip_coef: float | None = 0.2
    ent_coef: float = 0.01


class Rollout:
    obs: Float[Tensor, "env time *obs_shape"]
    actions: Int[Tensor, "env time *action_shape"]
    logprobs: Float[Tensor, "env time"]
    rewards: Float[Tensor, "env time"]
    dones: Bool[Tensor, "env time"]

    def __init__(self, num_envs: int, max_steps: int, obs_shape: tuple, action_shape: tuple, device: t.device):
        self.num_envs = num_envs
        self.max_steps = max_steps
        self.device = device
        self.obs = t.zeros((num_envs, max_steps, *obs_shape), dtype=t.float32, device=device)
        self.actions = t.zeros((num_envs, max_steps, *action_shape), dtype=t.int64, device=device)
        self.logprobs = t.zeros((num_envs, max_steps), dtype=t.float32, device=device)
        self.rewards = t.zeros((num_envs, max_steps), dtype=t.float32, device=device)
        self.dones = t.zeros((num_envs, max_steps), dtype=t.bool, device=device)
        self.t = 0
        self.infos = []

    def add_step(self, obs, actions, logprobs, rewards, dones, infos):
        with t.no_grad():
            self.obs[:, self.t] = t.as_tensor(obs, device=self.device)
            self.actions[:, self.t] = t.as_tensor(actions, device=self.device)
            self.logprobs[:, self.t] = logprobs if isinstance(logprobs, Tensor) else t.from_numpy(logprobs)
            self.rewards[:, self.t] = t.as_tensor(rewards, device=self.device, dtype=t.float32)
            self.dones[:, self.t] = t.as_tensor(dones, device=self.device)
        if "final_info" in infos:
            self.infos += [e["episode"] for e in infos["final_info"] if e is not None]
        self.t += 1


def compute_returns(
    rewards: Float[Tensor, "env time"], done: Bool[Tensor, "env time"], gamma: float = 0.9
) -> Float[Tensor, "env time"]:
    num_envs, max_steps = rewards.shape
    returns = t.zeros_like(rewards)
    returns[:, -1] = rewards[:, -1]
    for step in range(max_steps - 2, -1, -1):
        returns[:, step] = rewards[:, step] + gamma * returns[:, step + 1] * (~done[:, step]).to(rewards.dtype)
    return returns


tests.test_compute_returns(compute_returns)


def normalize_returns(returns: Float[Tensor, "env time"]) -> Float[Tensor, "env time"]:
    if returns.max() == returns.min():
        return t.zeros_like(returns)
    return (returns - returns.mean()) / returns.std()


def compute_logprobs_and_entropy(tau: Rollout, pi: PolicyNetwork):
    dist = Categorical(logits=pi(tau.obs))
    return dist.log_prob(tau.actions), dist.entropy().mean()


def compute_importance_weights(logprobs_taken: Float[Tensor, "env time"], tau: Rollout, clip_coef: float | None):
    with t.inference_mode():
        weights = (logprobs_taken - tau.logprobs).exp()
        if clip_coef is not None and clip_coef != 0:
            weights = weights.clamp(1 - clip_coef, 1 + clip_coef)
    return weights.clone()


def compute_reinforce_loss(returns, logprobs_taken, iw):
    return (returns.detach() * iw.detach() * logprobs_taken).sum(dim=1).mean()


# %%
class VPGAgent:
    def __init__(self, envs: gym.vector.SyncVectorEnv, policy_network: PolicyNetwork, args: VPGArgs, device: t.device = device):
        self.envs = envs
        self.policy_network = policy_network
        self.args = args
        self.device = device
        self.obs, _ = envs.reset(seed=args.seed)
        self.num_envs = envs.num_envs

    @t.inference_mode()
    def get_actions(self, obs: Arr) -> tuple[Arr, Tensor]:
        logits = self.policy_network(t.as_tensor(obs, dtype=t.float32, device=self.device))
        dist = Categorical(logits=logits)
        actions = dist.sample()
        return actions.cpu().numpy(), dist.log_prob(actions)

    def gen_rollout(self, max_steps: int | None = None) -> Rollout:
        max_steps = max_steps or self.args.max_steps
        tau = Rollout(
            self.num_envs,
            max_steps,
            self.envs.single_observation_space.shape,
            self.envs.single_action_space.shape,
            self.device,
        )
        obs, infos = self.envs.reset()
        for _ in range(max_steps):
            actions, logprobs = self.get_actions(obs)
            next_obs, rewards, terminated, truncated, infos = self.envs.step(actions)
            tau.add_step(obs, actions, logprobs, rewards, terminated | truncated, infos)
            obs = next_obs
        return tau


class VPGTrainer:
    def __init__(self, args: VPGArgs):
        set_global_seeds(args.seed)
        self.args = args
        self.envs = gym.vector.SyncVectorEnv([lambda: gym.make(args.env_id) for _ in range(args.num_envs)])
        self.pi = PolicyNetwork((4,), 2).to(device)
        self.agent = VPGAgent(self.envs, self.pi, args)
        self.optimizer = optim.AdamW(self.pi.parameters(), lr=args.learning_rate, maximize=True)

    def compute_loss(self, tau: Rollout):
        returns = normalize_returns(compute_returns(tau.rewards, tau.dones, self.args.gamma))
        logprobs_taken, entropy = compute_logprobs_and_entropy(tau, self.pi)
        iw = compute_importance_weights(logprobs_taken, tau, self.args.clip_coef)
        objective = compute_reinforce_loss(returns, logprobs_taken, iw) + self.args.ent_coef * entropy
        if self.args.use_wandb:
            wandb.log({"objective": objective.item()})
        return objective

    def train(self):
        if self.args.use_wandb:
            wandb.init(project=self.args.wandb_project_name)
        pbar = tqdm(range(self.args.total_timesteps // self.args.max_steps))
        for step in pbar:
            tau = self.agent.gen_rollout()
            self.optimizer.zero_grad()
            self.compute_loss(tau).backward()
            self.optimizer.step()
            pbar.set_postfix(reward=tau.rewards.sum().item())


if MAIN:
    args = VPGArgs(use_wandb=True)
    trainer = VPGTrainer(args)
    trainer.train()


# %%
class ValueNetwork(nn.Module):
    def __init__(self, obs_shape: tuple[int], hidden_sizes: list[int] = [120, 84]):
        super().__init__()
        self.policy = PolicyNetwork(obs_shape, 1, hidden_sizes)

    def forward(self, x):
        return self.policy(x).squeeze(dim=-1)


def compute_baseline_advantages(returns, values):
    return returns.detach() - values.detach()


@t.inference_mode()
def compute_td_advantages(rewards, values, next_values, terminated, gamma):
    deltas = rewards + gamma * next_values * (1.0 - terminated.float()) - values
    return deltas.clone()


def compute_bootstrapped_returns(rewards, terminated, truncated, next_values, gamma):
    next_values = next_values.detach()
    T = rewards.shape[1]
    G = t.zeros_like(rewards)
    for s in reversed(range(T)):
        future = next_values[:, s] if s == T - 1 else t.where(truncated[:, s], next_values[:, s], G[:, s + 1])
        G[:, s] = rewards[:, s] + gamma * (1 - terminated[:, s].float()) * future
    return G


def compute_actor_critic_loss(
    logits, actions, rewards, terminated, values, next_values, gamma=0.99, vf_coef=0.5, ent_coef=0.01
):
    dist = Categorical(logits=logits)
    with t.no_grad():
        target = rewards + gamma * next_values * terminated.logical_not()
        advantage = target - values
    objective = (dist.log_prob(actions) * advantage).mean() + ent_coef * dist.entropy().mean()
    return vf_coef * (values - target).pow(2).mean() - objective


# %%
results = {}
for seed in trange(3):
    trainer = VPGTrainer(VPGArgs(seed=seed))
    trainer.train()
line(results)
