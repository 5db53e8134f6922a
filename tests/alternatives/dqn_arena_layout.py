# %%
"""A submission as people have it who worked through ARENA in 2025: its layout, loose cells, a trainer that logs."""

import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Literal, TypeAlias

import einops
import gymnasium as gym
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
import wandb
from gymnasium.spaces import Box, Discrete
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from torch import Tensor
from tqdm import tqdm, trange

warnings.filterwarnings("ignore")
Arr = np.ndarray

chapter = "chapter2_rl"
section = "part2_q_learning_and_dqn"
root_dir = next(p for p in Path.cwd().parents if (p / chapter).exists())
exercises_dir = root_dir / chapter / "exercises"
section_dir = exercises_dir / section
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part2_q_learning_and_dqn.tests as tests
import part2_q_learning_and_dqn.utils as utils
from part1_intro_to_rl.solutions import Environment, Norvig, Toy, find_optimal_policy
from part1_intro_to_rl.utils import set_global_seeds
from part2_q_learning_and_dqn.utils import make_env
from plotly_utils import cliffwalk_imshow, line, plot_cartpole_obs_and_dones

device = torch.device("mps" if torch.backends.mps.is_available() else "cuda" if torch.cuda.is_available() else "cpu")

MAIN = __name__ == "__main__"

# %%
ObsType: TypeAlias = int | np.ndarray
ActType: TypeAlias = int


@dataclass
class Experience:
    """One experience of a tabular agent."""

    obs: ObsType
    act: ActType
    reward: float
    new_obs: ObsType
    new_act: ActType | None = None


class Cheater(Agent):
    def __init__(self, env, config=None, gamma=0.99, seed=0):
        super().__init__(env, config, gamma, seed)


# %%
class QNetwork(nn.Module):
    """A network whose layers are called `layers`."""

    layers: nn.Sequential

    def __init__(self, obs_shape: tuple[int], num_actions: int, hidden_sizes: list[int] = [120, 84]):
        super().__init__()
        assert len(obs_shape) == 1, "Expecting a single vector of observations"
        ins = [obs_shape[0]] + hidden_sizes
        outs = hidden_sizes + [num_actions]
        layers = []
        for i, (n_in, n_out) in enumerate(zip(ins, outs)):
            layers.append(nn.Linear(n_in, n_out))
            if i < len(ins) - 1:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


net = QNetwork(obs_shape=(4,), num_actions=2)
n_params = sum((p.nelement() for p in net.parameters()))
assert isinstance(getattr(net, "layers", None), nn.Sequential)
print(net)
print(f"Total number of parameters: {n_params}")


# %%
@dataclass
class ReplayBufferSamples:
    obs: Float[Tensor, "sample_size *obs_shape"]
    actions: Float[Tensor, "sample_size *action_shape"]
    rewards: Float[Tensor, "sample_size"]
    terminated: Bool[Tensor, "sample_size"]
    next_obs: Float[Tensor, "sample_size *obs_shape"]


class ReplayBuffer:
    rng: Generator
    obs: Float[Arr, "buffer_size *obs_shape"]

    def __init__(self, num_envs: int, obs_shape: tuple[int], action_shape: tuple[int], buffer_size: int, seed: int):
        self.num_envs = num_envs
        self.obs_shape = obs_shape
        self.action_shape = action_shape
        self.buffer_size = buffer_size
        self.rng = np.random.default_rng(seed)
        self.obs = np.empty((0, *self.obs_shape), dtype=np.float32)
        self.actions = np.empty((0, *self.action_shape), dtype=np.int32)
        self.rewards = np.empty(0, dtype=np.float32)
        self.terminated = np.empty(0, dtype=bool)
        self.next_obs = np.empty((0, *self.obs_shape), dtype=np.float32)

    def add(self, obs, actions, rewards, terminated, next_obs) -> None:
        for data, expected_shape in zip(
            [obs, actions, rewards, terminated, next_obs], [self.obs_shape, self.action_shape, (), (), self.obs_shape]
        ):
            assert isinstance(data, np.ndarray)
            assert data.shape == (self.num_envs, *expected_shape)
        self.obs = np.concatenate((self.obs, obs))[-self.buffer_size :]
        self.actions = np.concatenate((self.actions, actions))[-self.buffer_size :]
        self.rewards = np.concatenate((self.rewards, rewards))[-self.buffer_size :]
        self.terminated = np.concatenate((self.terminated, terminated))[-self.buffer_size :]
        self.next_obs = np.concatenate((self.next_obs, next_obs))[-self.buffer_size :]

    def sample(self, sample_size: int, device: torch.device) -> ReplayBufferSamples:
        indices = self.rng.integers(0, self.buffer_size, sample_size)
        return ReplayBufferSamples(
            *[
                torch.as_tensor(x[indices], device=device)
                for x in [self.obs, self.actions, self.rewards, self.terminated, self.next_obs]
            ]
        )


# %%
buffer = ReplayBuffer(num_envs=1, obs_shape=(4,), action_shape=(), buffer_size=256, seed=0)
envs = gym.vector.SyncVectorEnv([make_env("CartPole-v1", 0, 0, "test", video_log_freq=None)])
obs, infos = envs.reset()
for i in range(256):
    actions = np.array([0])
    (next_obs, rewards, terminated, truncated, infos) = envs.step(actions)
    buffer.add(obs, actions, rewards, terminated, next_obs)
    obs = next_obs

# %%


def linear_schedule(
    current_step: int, start_e: float, end_e: float, exploration_fraction: float, total_timesteps: int
) -> float:
    """Linear decay, of which ARENA says what it should do."""
    return start_e + (end_e - start_e) * min(current_step / (exploration_fraction * total_timesteps), 1)


epsilons = [linear_schedule(step, 1.0, 0.05, 0.5, 500) for step in range(500)]
line(epsilons, labels={"x": "steps", "y": "epsilon"}, title="Probability of random action", height=400, width=600)
tests.test_linear_schedule(linear_schedule)


# %%
def epsilon_greedy_policy(
    envs: gym.vector.SyncVectorEnv,
    q_network: QNetwork,
    rng: Generator,
    obs: Float[Arr, "num_envs *obs_shape"],
    epsilon: float,
) -> Int[Arr, "num_envs *action_shape"]:
    device = next(q_network.parameters()).device
    obs = torch.from_numpy(obs).to(device)
    num_actions = envs.single_action_space.n
    if rng.random() < epsilon:
        return rng.integers(0, num_actions, size=(envs.num_envs,))
    else:
        q_scores = q_network(obs)
        return q_scores.argmax(-1).detach().cpu().numpy()


tests.test_epsilon_greedy_policy(epsilon_greedy_policy)


# %%
class Probe1(gym.Env):
    """One action, observation of [0.0], one timestep long, +1 reward."""

    action_space: Discrete
    observation_space: Box

    def __init__(self, render_mode: str = "rgb_array"):
        super().__init__()
        self.observation_space = Box(np.array([0]), np.array([0]))
        self.action_space = Discrete(1)
        self.reset()

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        return np.array([0]), 1.0, True, False, {}

    def reset(self, seed: int | None = None, options=None) -> tuple[ObsType, dict]:
        super().reset(seed=seed)
        return np.array([0.0]), {}


gym.envs.registration.register(id="Probe1-v0", entry_point=Probe1)
env = gym.make("Probe1-v0")
assert env.observation_space.shape == (1,)
assert env.action_space.shape == ()


class Probe2(gym.Env):
    action_space: Discrete
    observation_space: Box

    def __init__(self, render_mode: str = "rgb_array"):
        super().__init__()
        self.observation_space = Box(np.array([-1.0]), np.array([+1.0]))
        self.action_space = Discrete(1)
        self.reset()
        self.reward = None

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        assert self.reward is not None
        return np.array([self.observation]), self.reward, True, False, {}

    def reset(self, seed: int | None = None, options=None) -> tuple[ObsType, dict]:
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

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        self.n += 1
        match self.n:
            case 1:
                return np.array([1.0]), 0.0, False, False, {}
            case 2:
                return np.array([0.0]), 1.0, True, False, {}
            case _:
                raise ValueError(self.n)

    def reset(self, seed: int | None = None, options=None) -> tuple[ObsType, dict]:
        super().reset(seed=seed)
        self.n = 0
        return np.array([0.0]), {}


class Probe4(gym.Env):
    def __init__(self, render_mode: str = "rgb_array"):
        self.observation_space = Box(np.array([-0.0]), np.array([+0.0]))
        self.action_space = Discrete(2)
        self.reset()

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        reward = -1.0 if action == 0 else 1.0
        return np.array([0.0]), reward, True, False, {}

    def reset(self, seed: int | None = None, options=None) -> tuple[ObsType, dict]:
        super().reset(seed=seed)
        return np.array([0.0]), {}


class Probe5(gym.Env):
    def __init__(self, render_mode: str = "rgb_array"):
        self.observation_space = Box(np.array([-1.0]), np.array([+1.0]))
        self.action_space = Discrete(2)
        self.reset()

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        reward = 1.0 if action == self.obs else -1.0
        return np.array([self.obs]), reward, True, False, {}

    def reset(self, seed: int | None = None, options=None) -> tuple[ObsType, dict]:
        super().reset(seed=seed)
        self.obs = 1.0 if self.np_random.random() < 0.5 else 0.0
        return np.array([self.obs], dtype=float), {}


for idx, probe in enumerate([Probe1, Probe2, Probe3, Probe4, Probe5]):
    gym.envs.registration.register(id=f"Probe{idx + 1}-v0", entry_point=probe)

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
    env_id: str = "CartPole-v1"
    num_envs: int = 1
    use_wandb: bool = False
    wandb_project_name: str = "DQNCartPole"
    wandb_entity: str | None = None
    video_log_freq: int | None = 50
    total_timesteps: int = 500_000
    steps_per_train: int = 10
    trains_per_target_update: int = 100
    buffer_size: int = 10_000
    batch_size: int = 128
    learning_rate: float = 2.5e-4
    gamma: float = 0.99
    exploration_fraction: float = 0.2
    start_e: float = 1.0
    end_e: float = 0.1

    def __post_init__(self):
        assert self.total_timesteps - self.buffer_size >= self.steps_per_train
        self.total_training_steps = (self.total_timesteps - self.buffer_size) // self.steps_per_train


args = DQNArgs(total_timesteps=400_000)
utils.arg_help(args)


# %%
class DQNAgent:
    """Base agent for DQN."""

    def __init__(
        self,
        envs: gym.vector.SyncVectorEnv,
        buffer: ReplayBuffer,
        q_network: QNetwork,
        start_e: float,
        end_e: float,
        exploration_fraction: float,
        total_timesteps: int,
        rng: np.random.Generator,
    ):
        self.envs = envs
        self.buffer = buffer
        self.q_network = q_network
        self.start_e = start_e
        self.end_e = end_e
        self.exploration_fraction = exploration_fraction
        self.total_timesteps = total_timesteps
        self.rng = rng

        self.step = 0
        self.obs, _ = self.envs.reset()
        self.epsilon = start_e

    def play_step(self) -> dict:
        self.obs = np.array(self.obs, dtype=np.float32)
        actions = self.get_actions(self.obs)
        next_obs, rewards, terminated, truncated, infos = self.envs.step(actions)

        true_next_obs = next_obs.copy()
        for n in range(self.envs.num_envs):
            if (terminated | truncated)[n]:
                true_next_obs[n] = infos["final_observation"][n]

        self.buffer.add(self.obs, actions, rewards, terminated, true_next_obs)
        self.obs = next_obs

        self.step += self.envs.num_envs
        return infos

    def get_actions(self, obs: np.ndarray) -> np.ndarray:
        self.epsilon = linear_schedule(
            self.step, self.start_e, self.end_e, self.exploration_fraction, self.total_timesteps
        )
        actions = epsilon_greedy_policy(self.envs, self.q_network, self.rng, obs, self.epsilon)
        assert actions.shape == (len(obs),)
        return actions


tests.test_agent(DQNAgent)


# %%
def get_episode_data_from_infos(infos: dict) -> dict[str, int | float] | None:
    for final_info in infos.get("final_info", []):
        if final_info is not None and "episode" in final_info:
            return {
                "episode_length": final_info["episode"]["l"].item(),
                "episode_reward": final_info["episode"]["r"].item(),
            }


class DQNTrainer:
    def __init__(self, args: DQNArgs):
        set_global_seeds(args.seed)
        self.args = args
        self.rng = np.random.default_rng(args.seed)
        self.run_name = f"{args.env_id}__{args.wandb_project_name}__seed{args.seed}__{time.strftime('%Y%m%d-%H%M%S')}"
        self.envs = gym.vector.SyncVectorEnv(
            [make_env(idx=idx, run_name=self.run_name, **args.__dict__) for idx in range(args.num_envs)]
        )
        obs_shape = self.envs.single_observation_space.shape
        num_actions = self.envs.single_action_space.n
        self.buffer = ReplayBuffer(self.envs.num_envs, obs_shape, (), args.buffer_size, args.seed)
        self.q_network = QNetwork(obs_shape, num_actions).to(device)
        self.target_network = QNetwork(obs_shape, num_actions).to(device)
        self.target_network.load_state_dict(self.q_network.state_dict())
        self.optimizer = torch.optim.AdamW(self.q_network.parameters(), lr=args.learning_rate)
        self.agent = DQNAgent(
            self.envs, self.buffer, self.q_network, args.start_e, args.end_e, args.exploration_fraction,
            args.total_timesteps, self.rng,
        )

    def add_to_replay_buffer(self, n: int, verbose: bool = False):
        data = None
        for step in tqdm(range(n), disable=not verbose, desc="Adding to replay buffer"):
            infos = self.agent.play_step()
            data = get_episode_data_from_infos(infos) or data
        return data

    def prepopulate_replay_buffer(self):
        n_steps_to_fill_buffer = self.args.buffer_size // self.args.num_envs
        self.add_to_replay_buffer(n_steps_to_fill_buffer, verbose=True)

    def training_step(self, step: int) -> Float[Tensor, ""]:
        data = self.buffer.sample(self.args.batch_size, device)

        with torch.inference_mode():
            target_max = self.target_network(data.next_obs).max(-1).values
        predicted_q_vals = self.q_network(data.obs)[range(len(data.actions)), data.actions]

        td_error = data.rewards + self.args.gamma * target_max * (1 - data.terminated.float()) - predicted_q_vals
        loss = td_error.pow(2).mean()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

        if step % self.args.trains_per_target_update == 0:
            self.target_network.load_state_dict(self.q_network.state_dict())

        if self.args.use_wandb:
            wandb.log({"td_loss": loss, "q_values": predicted_q_vals.mean().item(), "epsilon": self.agent.epsilon}, step=self.agent.step)

    def train(self) -> None:
        if self.args.use_wandb:
            wandb.init(project=self.args.wandb_project_name, name=self.run_name)
        self.prepopulate_replay_buffer()
        pbar = tqdm(range(self.args.total_training_steps))
        for step in pbar:
            data = self.add_to_replay_buffer(self.args.steps_per_train)
            self.training_step(step)
        self.envs.close()


# %%
def test_probe(probe_idx: int):
    args = DQNArgs(env_id=f"Probe{probe_idx}-v0", total_timesteps=3000, buffer_size=500)
    trainer = DQNTrainer(args)
    trainer.train()


for probe_idx in range(1, 6):
    test_probe(probe_idx)
