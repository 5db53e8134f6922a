"""As answers to the edition of 2025 are laid out: imports that are not here, names of that edition, MAIN blocks, loose
cells, settings that make environments, plots and training runs at the top level."""

# %%
import itertools
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import einops
import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch as t
import torch.nn as nn
import torch.optim as optim
import wandb
from IPython.display import HTML, display
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from torch import Tensor
from torch.distributions.categorical import Categorical
from torch.optim.optimizer import Optimizer
from tqdm import tqdm

chapter = "chapter2_rl"
exercises_dir = Path(f"{os.getcwd().split(chapter)[0]}/{chapter}/exercises").resolve()
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part3_ppo.tests as tests
from part1_intro_to_rl.utils import set_global_seeds
from part2_q_learning_and_dqn.solutions import Probe1, Probe2, Probe3, Probe4, Probe5
from part3_ppo.utils import make_env
from plotly_utils import plot_cartpole_obs_and_dones

Arr = np.ndarray
device = t.device("mps" if t.backends.mps.is_available() else "cuda" if t.cuda.is_available() else "cpu")
MAIN = __name__ == "__main__"

# %%
for idx, probe in enumerate([Probe1, Probe2, Probe3, Probe4, Probe5]):
    gym.envs.registration.register(id=f"Probe{idx + 1}-v0", entry_point=probe)


# %%
@dataclass
class PPOArgs:
    seed: int = 1
    env_id: str = "CartPole-v1"
    mode: Literal["classic-control", "atari", "mujoco"] = "classic-control"
    use_wandb: bool = False
    total_timesteps: int = 500_000
    num_envs: int = 4
    num_steps_per_rollout: int = 128
    num_minibatches: int = 4
    batches_per_learning_phase: int = 4
    lr: float = 2.5e-4
    max_grad_norm: float = 0.5
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_coef: float = 0.2
    ent_coef: float = 0.01
    vf_coef: float = 0.25

    def __post_init__(self):
        self.batch_size = self.num_steps_per_rollout * self.num_envs
        self.minibatch_size = self.batch_size // self.num_minibatches
        self.total_phases = self.total_timesteps // self.batch_size


args = PPOArgs(num_minibatches=2)
print(args)


# %%
def layer_init(layer: nn.Linear, std=np.sqrt(2), bias_const=0.0):
    t.nn.init.orthogonal_(layer.weight, std)
    t.nn.init.constant_(layer.bias, bias_const)
    return layer


def get_actor_and_critic(envs: gym.vector.SyncVectorEnv, mode="classic-control") -> tuple[nn.Module, nn.Module]:
    n_obs = int(np.array(envs.single_observation_space.shape).prod())
    n_act = envs.single_action_space.n
    if mode == "classic-control":
        actor, critic = get_actor_and_critic_classic(n_obs, n_act)
    return actor.to(device), critic.to(device)


def get_actor_and_critic_classic(num_obs: int, num_actions: int):
    actor = nn.Sequential(
        layer_init(nn.Linear(num_obs, 64)),
        nn.Tanh(),
        layer_init(nn.Linear(64, 64)),
        nn.Tanh(),
        layer_init(nn.Linear(64, num_actions), std=0.01),
    )
    critic = nn.Sequential(
        layer_init(nn.Linear(num_obs, 64)),
        nn.Tanh(),
        layer_init(nn.Linear(64, 64)),
        nn.Tanh(),
        layer_init(nn.Linear(64, 1), std=1.0),
    )
    return actor, critic


tests.test_get_actor_and_critic(get_actor_and_critic, mode="classic-control")


# %%
def bootstrap_truncated(rewards, terminated, truncated, final_values, gamma):
    out = rewards.clone()
    out[(truncated > 0) & (terminated == 0)] += gamma * final_values[(truncated > 0) & (terminated == 0)]
    return out


@t.inference_mode()
def compute_advantages(
    next_value: Float[Tensor, "num_envs"],
    next_terminated: Bool[Tensor, "num_envs"],
    rewards: Float[Tensor, "buffer_size num_envs"],
    values: Float[Tensor, "buffer_size num_envs"],
    terminated: Bool[Tensor, "buffer_size num_envs"],
    gamma: float,
    gae_lambda: float,
) -> Float[Tensor, "buffer_size num_envs"]:
    alive = 1.0 - t.cat([terminated, next_terminated[None]]).float()
    all_values = t.cat([values, next_value.unsqueeze(0)])
    T = values.shape[0]
    out = [t.zeros_like(next_value)]
    for s in range(T - 1, -1, -1):
        delta = rewards[s] + gamma * alive[s + 1] * all_values[s + 1] - all_values[s]
        out.append(delta + gamma * gae_lambda * alive[s + 1] * out[-1])
    return t.stack(out[:0:-1])


tests.test_compute_advantages(compute_advantages)


# %%
def get_minibatch_indices(rng: Generator, batch_size: int, minibatch_size: int) -> list[np.ndarray]:
    assert batch_size % minibatch_size == 0
    order = rng.permutation(batch_size)
    return list(einops.rearrange(order, "(n m) -> n m", m=minibatch_size))


rng = np.random.default_rng(0)
indices = get_minibatch_indices(rng, batch_size=6, minibatch_size=2)
assert isinstance(indices, list)
print("All tests in `test_minibatch_indices` passed!")


# %%
@dataclass
class ReplayMinibatch:
    obs: Float[Tensor, "minibatch_size *obs_shape"]
    actions: Int[Tensor, "minibatch_size *action_shape"]
    logprobs: Float[Tensor, "minibatch_size"]
    advantages: Float[Tensor, "minibatch_size"]
    returns: Float[Tensor, "minibatch_size"]
    terminated: Bool[Tensor, "minibatch_size"]


class ReplayMemory:
    rng: Generator

    def __init__(
        self,
        num_envs: int,
        obs_shape: tuple,
        action_shape: tuple,
        batch_size: int,
        minibatch_size: int,
        batches_per_learning_phase: int,
        seed: int = 42,
    ):
        self.num_envs = num_envs
        self.obs_shape = obs_shape
        self.action_shape = action_shape
        self.batch_size = batch_size
        self.minibatch_size = minibatch_size
        self.batches_per_learning_phase = batches_per_learning_phase
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self):
        empty = lambda shape, dtype: np.empty((0, self.num_envs, *shape), dtype=dtype)
        self.obs = empty(self.obs_shape, np.float32)
        self.actions = empty(self.action_shape, np.int32)
        self.logprobs, self.values, self.rewards = (empty((), np.float32) for _ in range(3))
        self.terminated = empty((), bool)

    def add(self, obs, actions, logprobs, values, rewards, terminated) -> None:
        shapes = [self.obs_shape, self.action_shape, (), (), (), ()]
        for data, expected_shape in zip([obs, actions, logprobs, values, rewards, terminated], shapes):
            assert isinstance(data, np.ndarray)
            assert data.shape == (self.num_envs, *expected_shape)
        self.obs = np.concatenate((self.obs, obs[None, :]))
        self.actions = np.concatenate((self.actions, actions[None, :]))
        self.logprobs = np.concatenate((self.logprobs, logprobs[None, :]))
        self.values = np.concatenate((self.values, values[None, :]))
        self.rewards = np.concatenate((self.rewards, rewards[None, :]))
        self.terminated = np.concatenate((self.terminated, terminated[None, :]))

    def get_minibatches(self, next_value, next_terminated, gamma: float, gae_lambda: float) -> list[ReplayMinibatch]:
        fields = (self.obs, self.actions, self.logprobs, self.values, self.rewards, self.terminated)
        obs, actions, logprobs, values, rewards, terminated = (t.tensor(x, device=device) for x in fields)
        advantages = compute_advantages(
            next_value, next_terminated, rewards.float(), values.float(), terminated, gamma, gae_lambda
        )
        flat = [x.flatten(0, 1) for x in [obs, actions, logprobs, advantages, advantages + values, terminated]]
        minibatches = []
        for _ in range(self.batches_per_learning_phase):
            for idx in get_minibatch_indices(self.rng, self.batch_size, self.minibatch_size):
                minibatches.append(ReplayMinibatch(*[x[idx] for x in flat]))
        self.reset()
        return minibatches


# %%
num_steps_per_rollout = 128
num_envs = 2
envs = gym.vector.SyncVectorEnv([make_env("CartPole-v1", i, i, "test") for i in range(num_envs)])
memory = ReplayMemory(num_envs, (4,), (), 256, 128, 2)
logprobs = values = np.zeros(envs.num_envs)
obs, _ = envs.reset()

for i in range(args.num_steps_per_rollout):
    actions = envs.action_space.sample()
    next_obs, rewards, next_terminated, next_truncated, infos = envs.step(actions)
    memory.add(obs, actions, logprobs, values, rewards, next_terminated)
    obs = next_obs

plot_cartpole_obs_and_dones(memory.obs, memory.terminated)


# %%
class PPOAgent:
    critic: nn.Sequential
    actor: nn.Sequential

    def __init__(self, envs: gym.vector.SyncVectorEnv, actor: nn.Module, critic: nn.Module, memory: ReplayMemory):
        super().__init__()
        self.envs = envs
        self.actor = actor
        self.critic = critic
        self.memory = memory
        self.step = 0
        self.next_obs = t.tensor(envs.reset()[0], device=device, dtype=t.float)
        self.next_terminated = t.zeros(envs.num_envs, device=device, dtype=t.bool)

    def play_step(self) -> list[dict]:
        obs = self.next_obs
        terminated = self.next_terminated
        with t.inference_mode():
            logits = self.actor(obs)
            values = self.critic(obs).flatten().cpu().numpy()
        dist = Categorical(logits=logits)
        actions = dist.sample()
        logprobs = dist.log_prob(actions).cpu().numpy()
        next_obs, rewards, next_terminated, next_truncated, infos = self.envs.step(actions.cpu().numpy())
        self.memory.add(
            obs.cpu().numpy(), actions.cpu().numpy(), logprobs, values, rewards, terminated.cpu().numpy()
        )
        self.next_obs = t.from_numpy(next_obs).to(device, dtype=t.float)
        self.next_terminated = t.from_numpy(next_terminated).to(device, dtype=t.float)
        self.step += self.envs.num_envs
        return infos

    def get_minibatches(self, gamma: float, gae_lambda: float) -> list[ReplayMinibatch]:
        with t.inference_mode():
            next_value = self.critic(self.next_obs).flatten()
        minibatches = self.memory.get_minibatches(next_value, self.next_terminated, gamma, gae_lambda)
        self.memory.reset()
        return minibatches


tests.test_ppo_agent(PPOAgent)


# %%
def calc_clipped_surrogate_objective(
    dist: Categorical,
    mb_action: Int[Tensor, "minibatch_size *action_shape"],
    mb_advantages: Float[Tensor, "minibatch_size"],
    mb_logprobs: Float[Tensor, "minibatch_size"],
    clip_coef: float,
    eps: float = 1e-8,
) -> Float[Tensor, ""]:
    assert mb_action.shape == mb_advantages.shape == mb_logprobs.shape
    r_theta = t.exp(dist.log_prob(mb_action) - mb_logprobs)
    mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    stacked = t.stack([r_theta * mb_advantages, r_theta.clip(1 - clip_coef, 1 + clip_coef) * mb_advantages])
    return stacked.min(dim=0).values.mean()


tests.test_calc_clipped_surrogate_objective(calc_clipped_surrogate_objective)


def calc_value_function_loss(
    values: Float[Tensor, "minibatch_size"], mb_returns: Float[Tensor, "minibatch_size"], vf_coef: float
) -> Float[Tensor, ""]:
    assert values.shape == mb_returns.shape
    return vf_coef * (values - mb_returns).pow(2).mean()


def calc_entropy_bonus(dist: Categorical, ent_coef: float):
    return ent_coef * dist.entropy().mean()


# %%
class PPOScheduler:
    def __init__(self, optimizer: Optimizer, initial_lr: float, end_lr: float, total_phases: int):
        self.optimizer = optimizer
        self.initial_lr = initial_lr
        self.end_lr = end_lr
        self.total_phases = total_phases
        self.n_step_calls = 0

    def step(self):
        self.n_step_calls += 1
        frac = self.n_step_calls / self.total_phases
        assert frac <= 1
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = (1 - frac) * self.initial_lr + frac * self.end_lr


def make_optimizer(
    actor: nn.Module, critic: nn.Module, total_phases: int, initial_lr: float, end_lr: float = 0.0
) -> tuple[optim.Adam, PPOScheduler]:
    optimizer = optim.AdamW(
        itertools.chain(actor.parameters(), critic.parameters()), lr=initial_lr, eps=1e-5, maximize=True
    )
    scheduler = PPOScheduler(optimizer, initial_lr, end_lr, total_phases)
    return optimizer, scheduler


# %%
class PPOTrainer:
    def __init__(self, args: PPOArgs):
        set_global_seeds(args.seed)
        self.args = args
        self.run_name = f"{args.env_id}__{args.seed}__{time.strftime('%Y%m%d-%H%M%S')}"
        self.envs = gym.vector.SyncVectorEnv(
            [make_env(idx=idx, run_name=self.run_name, **args.__dict__) for idx in range(args.num_envs)]
        )
        self.actor, self.critic = get_actor_and_critic(self.envs, mode=args.mode)
        self.optimizer, self.scheduler = make_optimizer(self.actor, self.critic, args.total_phases, args.lr)

    def rollout_phase(self) -> dict | None:
        data = None
        for _ in tqdm(range(self.args.num_steps_per_rollout)):
            infos = self.agent.play_step()
            if "final_info" in infos:
                data = {"steps": self.agent.step}
        return data

    def learning_phase(self) -> None:
        minibatches = self.agent.get_minibatches(self.args.gamma, self.args.gae_lambda)
        for minibatch in minibatches:
            objective_fn = self.compute_ppo_objective(minibatch)
            objective_fn.backward()
            nn.utils.clip_grad_norm_(
                list(self.actor.parameters()) + list(self.critic.parameters()), self.args.max_grad_norm
            )
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.scheduler.step()

    def compute_ppo_objective(self, minibatch: ReplayMinibatch) -> Float[Tensor, ""]:
        logits = self.actor(minibatch.obs)
        dist = Categorical(logits=logits)
        values = self.critic(minibatch.obs).squeeze()
        surrogate = calc_clipped_surrogate_objective(
            dist, minibatch.actions, minibatch.advantages, minibatch.logprobs, self.args.clip_coef
        )
        value_loss = calc_value_function_loss(values, minibatch.returns, self.args.vf_coef)
        entropy_bonus = calc_entropy_bonus(dist, self.args.ent_coef)
        with t.inference_mode():
            logratio = dist.log_prob(minibatch.actions) - minibatch.logprobs
            approx_kl = (logratio.exp() - 1 - logratio).mean().item()
        if self.args.use_wandb:
            wandb.log({"approx_kl": approx_kl, "lr": self.scheduler.optimizer.param_groups[0]["lr"]}, step=self.agent.step)
        return surrogate - value_loss + entropy_bonus

    def train(self) -> None:
        if self.args.use_wandb:
            wandb.init(project="ppo", config=self.args)
        for phase in (pbar := tqdm(range(self.args.total_phases))):
            data = self.rollout_phase()
            pbar.set_postfix(phase=phase, **(data or {}))
            self.learning_phase()
        self.envs.close()


# %%
def test_probe(probe_idx: int):
    trainer = PPOTrainer(PPOArgs(env_id=f"Probe{probe_idx}-v0", total_timesteps=7500, lr=0.001))
    trainer.train()


for probe_idx in range(1, 6):
    test_probe(probe_idx)

if MAIN:
    args = PPOArgs(use_wandb=True)
    trainer = PPOTrainer(args)
    trainer.train()


# %%
class Critic(nn.Module):
    def __init__(self, num_obs: int):
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 1), std=1.0),
        )

    def forward(self, obs) -> Tensor:
        return self.critic(obs)


class Actor(nn.Module):
    actor_mu: nn.Sequential
    actor_log_sigma: nn.Parameter

    def __init__(self, num_obs: int, num_actions: int):
        super().__init__()
        self.actor_mu = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, num_actions), std=0.01),
        )
        self.actor_log_sigma = nn.Parameter(t.zeros(1, num_actions))

    def forward(self, obs) -> tuple[Tensor, Tensor, t.distributions.Normal]:
        mu = self.actor_mu(obs)
        sigma = t.exp(self.actor_log_sigma).broadcast_to(mu.shape)
        return mu, sigma, t.distributions.Normal(mu, sigma)


tests.test_get_actor_and_critic(get_actor_and_critic, mode="mujoco")


def calc_clipped_surrogate_objective_cts(
    dist: t.distributions.Normal,
    mb_action: Float[Tensor, "minibatch_size *action_shape"],
    mb_advantages: Float[Tensor, "minibatch_size"],
    mb_logprobs: Float[Tensor, "minibatch_size"],
    clip_coef: float,
    eps: float = 1e-8,
) -> Float[Tensor, ""]:
    r_theta = t.exp(dist.log_prob(mb_action).sum(1) - mb_logprobs)
    normed = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    non_clipped = r_theta * normed
    clipped = t.clip(r_theta, 1 - clip_coef, 1 + clip_coef) * normed
    return t.minimum(non_clipped, clipped).mean()


plt.plot([1, 2, 3])
