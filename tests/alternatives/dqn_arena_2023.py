"""As people have it who worked through ARENA in 2023: gym with four values a step, sizes in the place of shapes, a buffer
that is built up newest first, settings as args, and a trainer of PyTorch Lightning that returns its loss."""

import os
import random
import sys
import time
from dataclasses import dataclass
from typing import List, Optional, Tuple, Union

import einops
import gym
import gym.envs.registration
import numpy as np
import pytorch_lightning as pl
import torch as t
import wandb
from gym.envs.classic_control.cartpole import CartPoleEnv
from gym.spaces import Box, Discrete
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from pytorch_lightning.loggers import CSVLogger, WandbLogger
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

exercises_dir = os.path.abspath("chapter2_rl/exercises")
if exercises_dir not in sys.path:
    sys.path.append(exercises_dir)

import part2_dqn.tests as tests
from part1_intro_to_rl.solutions import Agent, AgentConfig, DiscreteEnviroGym, Environment, Norvig, Toy, find_optimal_policy
from part2_dqn.utils import buffer_samples, make_env, plot_buffer_items, sum_rewards
from plotly_utils import cliffwalk_imshow, line

device = t.device("cuda" if t.cuda.is_available() else "cpu")
MAIN = __name__ == "__main__"
ObsType = int
ActType = int


# %%
class EpsilonGreedy(Agent):
    config: AgentConfig = AgentConfig()
    Q: np.ndarray

    def get_action(self, obs: ObsType) -> ActType:
        return self.rng.integers(self.num_actions) if self.rng.random() < self.config.epsilon else self.Q[obs].argmax()


# %%
class QNetwork(nn.Module):
    layers: nn.Sequential

    def __init__(self, dim_observation: int, num_actions: int, hidden_sizes: List[int] = [120, 84]):
        super().__init__()
        widths = [dim_observation] + hidden_sizes + [num_actions]
        modules = []
        for i in range(len(widths) - 1):
            modules.append(nn.Linear(widths[i], widths[i + 1]))
            modules.append(nn.ReLU())
        self.layers = nn.Sequential(*modules[:-1])

    def forward(self, x: t.Tensor) -> t.Tensor:
        return self.layers(x)


if MAIN:
    net = QNetwork(dim_observation=4, num_actions=2)
    n_params = sum((p.nelement() for p in net.parameters()))
    assert n_params == 10934


@dataclass
class ReplayBufferSamples:
    observations: Tensor
    actions: Tensor
    rewards: Tensor
    dones: Tensor
    next_observations: Tensor


class ReplayBuffer:
    rng: Generator

    def __init__(self, buffer_size: int, num_environments: int, seed: int):
        assert num_environments == 1, "only one environment"
        self.num_environments = num_environments
        self.buffer_size = buffer_size
        self.rng = np.random.default_rng(seed)
        self.buffer = [None for _ in range(5)]

    def add(self, obs: np.ndarray, actions: np.ndarray, rewards: np.ndarray, dones: np.ndarray, next_obs: np.ndarray) -> None:
        for i, (arr, arr_list) in enumerate(zip([obs, actions, rewards, dones, next_obs], self.buffer)):
            if arr_list is None:
                self.buffer[i] = arr.copy()
            else:
                self.buffer[i] = np.concatenate((arr, arr_list))
            if self.buffer[i].shape[0] > self.buffer_size:
                self.buffer[i] = self.buffer[i][: self.buffer_size]
        self.observations, self.actions, self.rewards, self.dones, self.next_observations = [t.as_tensor(x) for x in self.buffer]

    def sample(self, sample_size: int, device: t.device) -> ReplayBufferSamples:
        indices = self.rng.integers(0, self.buffer[0].shape[0], sample_size)
        samples = [t.as_tensor(arr_list[indices], device=device) for arr_list in self.buffer]
        return ReplayBufferSamples(*samples)


if MAIN:
    rb = ReplayBuffer(buffer_size=256, num_environments=1, seed=0)
    envs = gym.vector.SyncVectorEnv([make_env("CartPole-v1", 0, 0, False, "test")])
    obs = envs.reset()
    for i in range(256):
        actions = np.array([0])
        (next_obs, rewards, dones, infos) = envs.step(actions)
        rb.add(obs, actions, rewards, dones, next_obs)
        obs = next_obs
    sample = rb.sample(256, device)


def linear_schedule(current_step: int, start_e: float, end_e: float, exploration_fraction: float, total_timesteps: int) -> float:
    duration = exploration_fraction * total_timesteps
    slope = (end_e - start_e) / duration
    return max(slope * current_step + start_e, end_e) if start_e >= end_e else min(slope * current_step + start_e, end_e)


if MAIN:
    epsilons = [linear_schedule(step, start_e=1.0, end_e=0.05, exploration_fraction=0.5, total_timesteps=500) for step in range(500)]
    line(epsilons)


def epsilon_greedy_policy(envs: gym.vector.SyncVectorEnv, q_network: QNetwork, rng: Generator, obs: t.Tensor, epsilon: float) -> np.ndarray:
    num_actions = envs.single_action_space.n
    if rng.random() < epsilon:
        return rng.integers(0, num_actions, size=(envs.num_envs,))
    q_scores = q_network(obs.to(next(q_network.parameters()).device))
    return q_scores.argmax(-1).detach().cpu().numpy()


# %%
ObsType = np.ndarray
ActType = int


class Probe1(gym.Env):
    action_space: Discrete
    observation_space: Box

    def __init__(self):
        super().__init__()
        self.observation_space = Box(np.array([0]), np.array([0]))
        self.action_space = Discrete(1)
        self.reset()

    def step(self, action: ActType) -> Tuple[ObsType, float, bool, dict]:
        return (np.array([0]), 1.0, True, {})

    def reset(self, seed: Optional[int] = None, return_info=False, options=None) -> Union[ObsType, Tuple[ObsType, dict]]:
        super().reset(seed=seed)
        if return_info:
            return (np.array([0.0]), {})
        return np.array([0.0])


gym.envs.registration.register(id="Probe1-v0", entry_point=Probe1)
if MAIN:
    env = gym.make("Probe1-v0")
    assert env.observation_space.shape == (1,)


class Probe2(gym.Env):
    def __init__(self):
        super().__init__()
        self.observation_space = Box(np.array([-1.0]), np.array([+1.0]))
        self.action_space = Discrete(1)
        self.reset()
        self.reward = None

    def step(self, action: ActType) -> Tuple[ObsType, float, bool, dict]:
        assert self.reward is not None
        return np.array([self.observation]), self.reward, True, {}

    def reset(self, seed: Optional[int] = None, return_info=False, options=None):
        super().reset(seed=seed)
        self.reward = 1.0 if self.np_random.random() < 0.5 else -1.0
        self.observation = self.reward
        if return_info:
            return np.array([self.reward]), {}
        return np.array([self.reward])


class Probe3(gym.Env):
    def __init__(self):
        super().__init__()
        self.observation_space = Box(np.array([-0.0]), np.array([+1.0]))
        self.action_space = Discrete(1)
        self.reset()

    def step(self, action: ActType) -> Tuple[ObsType, float, bool, dict]:
        self.n += 1
        if self.n == 1:
            return np.array([1.0]), 0.0, False, {}
        elif self.n == 2:
            return np.array([0.0]), 1.0, True, {}
        raise ValueError(self.n)

    def reset(self, seed: Optional[int] = None, return_info=False, options=None):
        super().reset(seed=seed)
        self.n = 0
        return (np.array([0.0]), {}) if return_info else np.array([0.0])


class Probe4(gym.Env):
    def __init__(self):
        self.observation_space = Box(np.array([-0.0]), np.array([+0.0]))
        self.action_space = Discrete(2)
        self.reset()

    def step(self, action: ActType) -> Tuple[ObsType, float, bool, dict]:
        reward = -1.0 if action == 0 else 1.0
        return np.array([0.0]), reward, True, {}

    def reset(self, seed: Optional[int] = None, return_info=False, options=None):
        super().reset(seed=seed)
        return (np.array([0.0]), {}) if return_info else np.array([0.0])


class Probe5(gym.Env):
    def __init__(self):
        self.observation_space = Box(np.array([-1.0]), np.array([+1.0]))
        self.action_space = Discrete(2)
        self.reset()

    def step(self, action: ActType) -> Tuple[ObsType, float, bool, dict]:
        reward = 1.0 if action == self.obs else -1.0
        return np.array([self.obs]), reward, True, {}

    def reset(self, seed: Optional[int] = None, return_info=False, options=None):
        super().reset(seed=seed)
        self.obs = 1.0 if self.np_random.random() < 0.5 else 0.0
        return (np.array([self.obs], dtype=float), {}) if return_info else np.array([self.obs], dtype=float)


if MAIN:
    for i, probe in enumerate([Probe2, Probe3, Probe4, Probe5]):
        gym.envs.registration.register(id=f"Probe{i + 2}-v0", entry_point=probe)

# %%
def td_targets(rewards, terminated, next_q, gamma):
    with t.inference_mode():
        return rewards + gamma * next_q.max(-1).values * (1 - terminated.float())


def double_dqn_targets(rewards, terminated, next_q_online, next_q_target, gamma):
    with t.inference_mode():
        best = next_q_online.argmax(-1)
        return rewards + gamma * next_q_target[range(len(best)), best] * (1 - terminated.float())


def td_loss(q, actions, targets):
    predicted = q[range(len(actions)), actions]
    return (targets.detach() - predicted).pow(2).mean()


@dataclass
class DQNArgs:
    exp_name: str = "DQN_implementation"
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
    log_frequency: int = 50

    def __post_init__(self):
        assert self.total_timesteps - self.buffer_size >= self.train_frequency


class DQNAgent:
    envs: gym.vector.SyncVectorEnv
    args: DQNArgs
    rb: ReplayBuffer

    def __init__(self, envs: gym.vector.SyncVectorEnv, args: DQNArgs, rb: ReplayBuffer, q_network: QNetwork, target_network: QNetwork, rng: np.random.Generator):
        self.envs = envs
        self.args = args
        self.rb = rb
        self.next_obs = self.envs.reset()
        self.steps = 0
        self.epsilon = args.start_e
        self.q_network = q_network
        self.target_network = target_network
        self.rng = rng

    def play_step(self) -> List[dict]:
        obs = self.next_obs
        actions = self.get_actions(obs)
        (next_obs, rewards, dones, infos) = self.envs.step(actions)
        real_next_obs = next_obs.copy()
        for i, done in enumerate(dones):
            if done:
                real_next_obs[i] = infos[i]["terminal_observation"]
        self.rb.add(obs, actions, rewards, dones, next_obs)
        self.next_obs = next_obs
        self.steps += 1
        return infos

    def get_actions(self, obs: np.ndarray) -> np.ndarray:
        self.epsilon = linear_schedule(self.steps, self.args.start_e, self.args.end_e, self.args.exploration_fraction, self.args.total_timesteps)
        actions = epsilon_greedy_policy(self.envs, self.q_network, self.rng, t.tensor(obs).to(device), self.epsilon)
        assert actions.shape == (len(obs),)
        return actions


class DQNLightning(pl.LightningModule):
    q_network: QNetwork
    target_network: QNetwork
    rb: ReplayBuffer
    agent: DQNAgent

    def __init__(self, args: DQNArgs):
        super().__init__()
        self.args = args
        self.run_name = f"{args.env_id}__{args.seed}__{int(time.time())}"
        self.envs = gym.vector.SyncVectorEnv([make_env(args.env_id, args.seed, 0, False, self.run_name)])
        self.start_time = time.time()
        self.rng = np.random.default_rng(args.seed)
        num_actions = self.envs.single_action_space.n
        num_observations = np.array(self.envs.single_observation_space.shape, dtype=int).prod()
        self.q_network = QNetwork(num_observations, num_actions).to(device)
        self.target_network = QNetwork(num_observations, num_actions).to(device)
        self.target_network.load_state_dict(self.q_network.state_dict())
        self.rb = ReplayBuffer(args.buffer_size, len(self.envs.envs), args.seed)
        self.agent = DQNAgent(self.envs, self.args, self.rb, self.q_network, self.target_network, self.rng)

    def _log(self, predicted_q_vals: t.Tensor, epsilon: float, loss: Float[Tensor, ""], infos: List[dict]) -> None:
        log_dict = {"td_loss": loss, "q_values": predicted_q_vals.mean().item(), "SPS": int(self.agent.steps / (time.time() - self.start_time))}
        for info in infos:
            if "episode" in info.keys():
                log_dict.update({"episodic_return": info["episode"]["r"], "epsilon": epsilon})
        self.log_dict(log_dict)

    def training_step(self, batch) -> Float[Tensor, ""]:
        for step in range(self.args.train_frequency):
            infos = self.agent.play_step()
        data = self.rb.sample(self.args.batch_size, device)
        s, a, r, d, s_new = data.observations, data.actions, data.rewards, data.dones, data.next_observations
        with t.inference_mode():
            target_max = self.target_network(s_new).max(-1).values
        predicted_q_vals = self.q_network(s)[range(self.args.batch_size), a.flatten()]
        td_error = r.flatten() + self.args.gamma * target_max * (1 - d.float().flatten()) - predicted_q_vals
        loss = td_error.pow(2).mean()
        self._log(predicted_q_vals, self.agent.epsilon, loss, infos)
        if self.agent.steps % self.args.target_network_frequency == 0:
            self.target_network.load_state_dict(self.q_network.state_dict())
        return loss

    def configure_optimizers(self):
        return optim.Adam(self.q_network.parameters(), lr=self.args.learning_rate)


if MAIN:
    args = DQNArgs()
    logger = CSVLogger(save_dir=os.getcwd() + "/logs", name=args.exp_name)
    model = DQNLightning(args).to(device)
    trainer = pl.Trainer(max_steps=args.total_timesteps, logger=logger, log_every_n_steps=args.log_frequency)
    trainer.fit(model=model)
