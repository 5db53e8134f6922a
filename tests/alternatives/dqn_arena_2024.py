"""As people have it who worked through ARENA in 2024: gymnasium, a buffer with num_environments and dones, settings as
args, which the agent reads as a global, and a trainer whose training_step counts by its agent's steps."""

import itertools
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import gymnasium as gym
import numpy as np
import torch
import wandb
from gymnasium.spaces import Box, Discrete
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from torch import Tensor, nn, optim
from tqdm import tqdm, trange

import part2_q_learning_and_dqn.tests as tests
import part2_q_learning_and_dqn.utils as utils
from part1_intro_to_rl.utils import make_env, set_global_seeds

Arr = np.ndarray
ObsType: TypeAlias = int | np.ndarray
ActType: TypeAlias = int
device = torch.device("cpu")


class QNetwork(nn.Module):
    def __init__(self, dim_observation: int, num_actions: int, hidden_sizes: list[int] = [120, 84]):
        super().__init__()
        sizes = (dim_observation, *hidden_sizes)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.head = nn.Linear(sizes[-1], num_actions)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = torch.clamp(layer(x), min=0)
        return self.head(x)


@dataclass
class ReplayBufferSamples:
    observations: Float[Tensor, "sampleSize *obsShape"]
    actions: Float[Tensor, "sampleSize *actionShape"]
    rewards: Float[Tensor, "sampleSize"]
    dones: Bool[Tensor, "sampleSize"]
    next_observations: Float[Tensor, "sampleSize *obsShape"]

    def __post_init__(self):
        for exp in self.__dict__.values():
            assert isinstance(exp, Tensor), f"Error: expected type Tensor, found {type(exp)}"


class ReplayBuffer:
    def __init__(self, num_environments: int, obs_shape: tuple[int], action_shape: tuple[int], buffer_size: int, seed: int):
        assert num_environments == 1, "one environment"
        self.num_environments = num_environments
        self.obs_shape = obs_shape
        self.action_shape = action_shape
        self.buffer_size = buffer_size
        self.rng = np.random.default_rng(seed)
        self.observations = np.empty((0, *self.obs_shape), dtype=np.float32)
        self.actions = np.empty((0, *self.action_shape), dtype=np.int32)
        self.rewards = np.empty((0,), dtype=np.float32)
        self.dones = np.empty((0,), dtype=bool)
        self.next_observations = np.empty((0, *self.obs_shape), dtype=np.float32)

    def add(self, obs, actions, rewards, dones, next_obs) -> None:
        for arr, shape in zip((obs, actions, rewards, dones, next_obs), (self.obs_shape, self.action_shape, (), (), self.obs_shape)):
            assert isinstance(arr, np.ndarray)
            assert arr.shape == (self.num_environments, *shape)
        self.observations = np.concatenate((self.observations, obs))[-self.buffer_size :]
        self.actions = np.concatenate((self.actions, actions))[-self.buffer_size :]
        self.rewards = np.concatenate((self.rewards, rewards))[-self.buffer_size :]
        self.dones = np.concatenate((self.dones, dones))[-self.buffer_size :]
        self.next_observations = np.concatenate((self.next_observations, next_obs))[-self.buffer_size :]

    def sample(self, sample_size: int, device: torch.device) -> ReplayBufferSamples:
        current = len(self.observations)
        indices = self.rng.choice(current, sample_size, replace=False)
        return ReplayBufferSamples(
            *[
                torch.as_tensor(x[indices], device=device)
                for x in [self.observations, self.actions, self.rewards, self.dones, self.next_observations]
            ]
        )


def linear_schedule(current_step, start_e, end_e, exploration_fraction, total_timesteps):
    return float(np.interp(current_step, [0, exploration_fraction * total_timesteps], [start_e, end_e]))


def epsilon_greedy_policy(envs: gym.vector.SyncVectorEnv, q_network: QNetwork, rng: Generator, obs: Arr, epsilon: float) -> Arr:
    device = next(q_network.parameters()).device
    obs = torch.from_numpy(obs).to(device)
    explore = rng.random(size=envs.num_envs) < epsilon
    greedy = q_network(obs).argmax(-1).cpu().numpy()
    return np.where(explore, rng.integers(0, envs.single_action_space.n, size=envs.num_envs), greedy)


class Probe1(gym.Env):
    def __init__(self, render_mode: str = "rgb_array"):
        super().__init__()
        self.observation_space = Box(np.array([0]), np.array([0]))
        self.action_space = Discrete(1)
        self.reset()

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        return np.array([0]), 1.0, True, False, {}

    def reset(self, seed: int | None = None, options=None):
        super().reset(seed=seed)
        return np.array([0.0]), {}


class Probe2(gym.Env):
    def __init__(self, render_mode: str = "rgb_array"):
        super().__init__()
        self.observation_space = Box(np.array([-1.0]), np.array([+1.0]))
        self.action_space = Discrete(1)
        self.reset()
        self.reward = None

    def step(self, action):
        return np.array([self.observation]), self.reward, True, False, {}

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.reward = 1.0 if self.np_random.random() < 0.5 else -1.0
        self.observation = self.reward
        return np.array([self.reward]), {}


class Probe3(gym.Env):
    def __init__(self, render_mode: str = "rgb_array"):
        super().__init__()
        self.observation_space = Box(np.array([-0.0]), np.array([+1.0]))
        self.action_space = Discrete(1)
        self.reset()

    def step(self, action):
        self.n += 1
        if self.n == 1:
            return np.array([1.0]), 0.0, False, False, {}
        return np.array([0.0]), 1.0, True, False, {}

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.n = 0
        return np.array([0.0]), {}


class Probe4(Probe1):
    def __init__(self, render_mode: str = "rgb_array"):
        super().__init__()
        self.action_space = Discrete(2)

    def step(self, action):
        return np.array([0.0]), (-1.0, 1.0)[action], True, False, {}


class Probe5(gym.Env):
    def __init__(self, render_mode: str = "rgb_array"):
        super().__init__()
        self.observation_space = Box(np.array([-1.0]), np.array([+1.0]))
        self.action_space = Discrete(2)
        self.reset()

    def step(self, action):
        return np.array([self.obs]), 1.0 if action == self.obs else -1.0, True, False, {}

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.obs = 1.0 if self.np_random.random() < 0.5 else 0.0
        return np.array([self.obs], dtype=float), {}


# %%
def td_targets(rewards, terminated, next_q, gamma):
    with torch.inference_mode():
        return rewards + gamma * next_q.max(-1).values * (1 - terminated.float())


def double_dqn_targets(rewards, terminated, next_q_online, next_q_target, gamma):
    with torch.inference_mode():
        best = next_q_online.argmax(-1)
        return rewards + gamma * next_q_target[range(len(best)), best] * (1 - terminated.float())


def td_loss(q, actions, targets):
    predicted = q[range(len(actions)), actions]
    return (targets.detach() - predicted).pow(2).mean()


@dataclass
class DQNArgs:
    seed: int = 1
    use_wandb: bool = False
    env_id: str = "CartPole-v1"
    total_timesteps: int = 500_000
    learning_rate: float = 0.00025
    buffer_size: int = 10_000
    gamma: float = 0.99
    target_network_frequency: int = 500
    batch_size: int = 128
    start_e: float = 1.0
    end_e: float = 0.1
    exploration_fraction: float = 0.2
    train_frequency: int = 10


args = DQNArgs(batch_size=256)


class DQNAgent:
    def __init__(self, envs, args: DQNArgs, rb: ReplayBuffer, q_network: QNetwork, target_network: QNetwork, rng: Generator):
        self.envs = envs
        self.args = args
        self.rb = rb
        self.next_obs, _ = self.envs.reset()
        self.step = 0
        self.epsilon = args.start_e
        self.q_network = q_network
        self.target_network = target_network
        self.rng = rng

    def play_step(self) -> dict:
        obs = self.next_obs
        actions = self.get_actions(obs)
        next_obs, rewards, terminated, truncated, infos = self.envs.step(actions)
        dones = np.logical_or(terminated, truncated)
        real_next_obs = next_obs.copy()
        for environment, done in enumerate(dones):
            if done:
                real_next_obs[environment] = infos["final_observation"][environment]
        self.rb.add(obs, actions, rewards, dones, real_next_obs)
        self.next_obs = next_obs
        self.step += 1
        return infos

    def get_actions(self, obs: np.ndarray) -> np.ndarray:
        self.epsilon = linear_schedule(
            self.step, args.start_e, args.end_e, args.exploration_fraction, args.total_timesteps
        )
        return epsilon_greedy_policy(self.envs, self.q_network, self.rng, obs, self.epsilon)


class DQNTrainer:
    def __init__(self, args: DQNArgs):
        self.args = args
        set_global_seeds(args.seed)
        self.rng = np.random.default_rng(args.seed)
        self.run_name = f"{args.env_id}__seed{args.seed}__{time.strftime('%Y%m%d-%H%M%S')}"
        self.envs = gym.vector.SyncVectorEnv([make_env(args.env_id, args.seed, 0, self.run_name)])
        num_actions = self.envs.single_action_space.n
        num_observations = np.array(self.envs.single_observation_space.shape, dtype=int).prod()
        self.q_network = QNetwork(num_observations, num_actions).to(device)
        self.target_network = QNetwork(num_observations, num_actions).to(device)
        self.target_network.load_state_dict(self.q_network.state_dict())
        self.optimizer = optim.AdamW(self.q_network.parameters(), lr=args.learning_rate)
        self.rb = ReplayBuffer(1, self.envs.single_observation_space.shape, (), args.buffer_size, args.seed)
        self.agent = DQNAgent(self.envs, self.args, self.rb, self.q_network, self.target_network, self.rng)

    def training_step(self) -> None:
        if self.agent.step % self.args.target_network_frequency == 0:
            self.target_network.load_state_dict(self.q_network.state_dict())
        data = self.rb.sample(self.args.batch_size, device)
        with torch.no_grad():
            target_max, _ = self.target_network(data.next_observations).max(dim=-1)
            td_target = data.rewards + self.args.gamma * target_max * (1 - data.dones.float())
        old_val = self.q_network(data.observations)[torch.arange(self.args.batch_size), data.actions]
        loss = nn.functional.mse_loss(old_val, td_target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.args.use_wandb:
            wandb.log({"td_loss": loss, "q_values": old_val.mean().item()}, step=self.agent.step)


if __name__ == "__main__":
    args = DQNArgs()
    trainer = DQNTrainer(args)
    for _ in trange(args.buffer_size):
        trainer.agent.play_step()
