"""An earlier state of ARENA's chapter, in few and whole-tensor steps: an "entropy" that adds p ln p of the taken actions up
over time, no small number beside the standard deviation, means per step, clip_coef = 0, a trainer that makes its own
environments with make_env. Returns solve a system of equations, networks are lists of layers, rollouts one table."""

import sys
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import gymnasium as gym
import torch as t
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical
from tqdm import trange

chapter, section = "chapter2_rl", "part2_q_learning_and_policy_gradient"
exercises_dir = next(path for path in Path.cwd().parents if (path / chapter).exists()) / chapter / "exercises"
sys.path.append(str(exercises_dir))

import part2_q_learning_and_policy_gradient.tests as tests
import part2_q_learning_and_policy_gradient.solutions as solutions
from part21_dqn.utils import make_env, set_global_seeds
from plotly_utils import line

DEVICE = t.device("mps" if t.backends.mps.is_available() else "cuda" if t.cuda.is_available() else "cpu")
MAIN = __name__ == "__main__"


# %%
def score_function(logits, actions):
    one_score = t.func.grad(lambda x, a: x.log_softmax(0).take(a))
    return t.func.vmap(one_score, in_dims=(None, 0))(logits, actions)


def score_function_estimator(logits, payoffs, num_samples, baseline=0.0):
    cumulative = logits.softmax(0).cumsum(0)
    acts = t.searchsorted(cumulative, t.rand(num_samples)).clamp(max=logits.numel() - 1)
    return t.diag(payoffs[acts] - baseline) @ score_function(logits, acts)


def optimal_baseline(scores, rewards):
    norms = t.einsum("sp,sp->s", scores, scores)
    return t.nn.functional.normalize(norms, p=1, dim=0) @ rewards


tests.test_score_function(score_function)


# %%
class MLP(nn.ModuleList):
    """Layers of these widths; the observation's axes are merged first."""

    def __init__(self, obs_axes, *widths):
        super().__init__(nn.Linear(widths[i - 1], widths[i]) for i in range(1, len(widths)))
        self.obs_axes = obs_axes

    def forward(self, x):
        *hidden, last = self
        return last(reduce(lambda h, layer: F.relu(layer(h)), hidden, x.flatten(x.dim() - self.obs_axes)))


def n_inputs(obs_shape):
    return int(t.tensor(obs_shape).prod())


class PolicyNetwork(MLP):
    def __init__(self, obs_shape, num_actions, hidden_sizes=[120, 84]):
        super().__init__(len(obs_shape), n_inputs(obs_shape), *hidden_sizes, num_actions)


class ValueNetwork(MLP):
    def __init__(self, obs_shape, hidden_sizes=[120, 84]):
        super().__init__(len(obs_shape), n_inputs(obs_shape), *hidden_sizes, 1)

    def forward(self, x):
        return super().forward(x).select(-1, 0)


if MAIN:
    print(PolicyNetwork((4,), 2))
    solutions.plot_returns(PolicyNetwork((4,), 2))


# %%
def solve_returns(earned, goes_on, gamma):
    """G_t - γ G_(t+1) = earned_t where an episode goes on, for all steps at once."""
    steps = earned.shape[1]
    shift = gamma * t.diag_embed(goes_on[:, :-1].to(earned.dtype), offset=1)
    return t.linalg.solve_triangular(t.eye(steps, dtype=earned.dtype) - shift, earned[..., None], upper=True)[..., 0]


def compute_returns(rewards, done, gamma=0.9):
    return solve_returns(rewards, done.logical_not(), gamma)


def normalize_returns(returns):
    spread, centre = t.std_mean(returns, dim=0)
    return (returns - centre) / spread


def compute_logprobs_and_entropy(tau, pi):
    logprobs = pi(tau.obs).log_softmax(dim=-1)
    chosen = F.one_hot(tau.actions, logprobs.shape[-1]).bool()
    logprobs_taken = logprobs[chosen].view_as(tau.actions)
    return logprobs_taken, F.kl_div(t.zeros(()), logprobs_taken, reduction="none", log_target=True).sum(1).neg().mean()


def compute_importance_weights(logprobs_taken, tau, clip_coef: float = 0.0):
    with t.no_grad():
        ratio = t.exp(logprobs_taken - tau.logprobs)
        return t.where(t.tensor(clip_coef > 0), ratio.clamp(1 - clip_coef, 1 + clip_coef), ratio)


def compute_reinforce_loss(returns, logprobs_taken, iw):
    return t.inner((returns * iw).detach().flatten(), logprobs_taken.flatten()) / returns.numel()


# %%
@dataclass
class Rollout:
    num_envs: int
    max_steps: int
    obs_shape: tuple
    action_shape: tuple
    device: t.device
    infos: list = field(default_factory=list)

    def __post_init__(self):
        shape = (self.num_envs, self.max_steps)
        for name in ("logprobs", "rewards"):
            setattr(self, name, t.zeros(shape, device=self.device))
        self.obs = t.zeros(shape + tuple(self.obs_shape), device=self.device)
        self.actions = t.zeros(shape + tuple(self.action_shape), device=self.device).long()
        self.dones = t.zeros(shape, device=self.device) > 0

    def add_step(self, obs, actions, logprobs, rewards, dones, infos):
        index = t.tensor([len(self.infos)])
        for name, new in dict(obs=obs, actions=actions, logprobs=logprobs, rewards=rewards, dones=dones).items():
            old = getattr(self, name)
            new = t.as_tensor(new).detach().unsqueeze(1).to(old)
            setattr(self, name, old.index_copy(1, index, new))
        self.infos.append(infos)


class VPGAgent:
    def __init__(self, envs, policy_network, args, device=DEVICE):
        self.envs, self.policy_network, self.args, self.device = envs, policy_network, args, device

    def dist(self, obs):
        return Categorical(logits=self.policy_network(t.as_tensor(obs).float()))

    @t.inference_mode()
    def get_actions(self, obs):
        gumbel = t.distributions.Gumbel(0.0, 1.0).sample((dist := self.dist(obs)).logits.shape)
        actions = (dist.logits + gumbel).argmax(-1)
        return actions.numpy(), dist.log_prob(actions)

    def gen_rollout(self, max_steps=None):
        steps, spaces = (
            max_steps or self.args.max_steps,
            (self.envs.single_observation_space, self.envs.single_action_space),
        )
        tau = Rollout(self.envs.num_envs, steps, *(space.shape for space in spaces), self.device)
        seen = self.envs.reset()[0]
        while len(tau.infos) < steps:
            before, (actions, logprobs) = seen, self.get_actions(seen)
            seen, rewards, *ends, infos = self.envs.step(actions)
            tau.add_step(before, actions, logprobs, rewards, sum(ends) > 0, infos)
        return tau


@dataclass
class VPGArgs:
    env_id: str = "CartPole-v1"
    num_envs: int = 4
    max_steps: int = 500
    total_timesteps: int = 100_000
    seed: int = 1
    gamma: float = 0.99
    learning_rate: float = 1e-3
    clip_coef: float = 0.2
    ent_coef: float = 0.01


class VPGTrainer:
    def __init__(self, args: VPGArgs):
        set_global_seeds(args.seed)
        self.args = args
        self.envs = gym.vector.SyncVectorEnv(
            [make_env(args.env_id, args.seed + i, i, "vpg") for i in range(args.num_envs)]
        )
        obs_shape, num_actions = self.envs.single_observation_space.shape, self.envs.single_action_space.n
        self.policy_network = PolicyNetwork(obs_shape, num_actions)
        self.agent = VPGAgent(self.envs, self.policy_network, args)

    def compute_loss(self, tau):
        args, (logprobs, entropy) = self.args, compute_logprobs_and_entropy(tau, self.policy_network)
        weights = compute_importance_weights(logprobs, tau, args.clip_coef)
        advantages = normalize_returns(compute_returns(tau.rewards, tau.dones, gamma=args.gamma))
        return compute_reinforce_loss(advantages, logprobs, weights).add(entropy, alpha=args.ent_coef)

    def train(self):
        optimizer = t.optim.Adam(self.policy_network.parameters(), lr=self.args.learning_rate, maximize=True)
        for _ in trange(self.args.total_timesteps // self.args.max_steps):
            optimizer.zero_grad()
            self.compute_loss(self.agent.gen_rollout()).backward()
            optimizer.step()


if MAIN:
    VPGTrainer(VPGArgs()).train()
    line([1, 2, 3])


# %%
def compute_baseline_advantages(returns, values):
    return t.sub(returns, values.data)


def compute_td_advantages(rewards, values, next_values, terminated, gamma):
    return t.addcmul(rewards, gamma * next_values.data, (~terminated).float()) - values.data


def compute_bootstrapped_returns(rewards, terminated, truncated, next_values, gamma):
    goes_on = F.pad(~(terminated | truncated)[:, :-1], (0, 1))
    ahead = next_values.detach().masked_fill(goes_on | terminated, 0.0)
    return solve_returns(rewards + gamma * ahead, goes_on, gamma)


def compute_actor_critic_loss(
    logits, actions, rewards, terminated, values, next_values, gamma=0.99, vf_coef=0.5, ent_coef=0.01
):
    surprise = values - (rewards + gamma * next_values.masked_fill(terminated, 0.0)).detach()
    logprobs = F.log_softmax(logits, dim=1)
    policy = logprobs[t.arange(len(actions)), actions]
    per_step = surprise.detach() * policy + vf_coef * surprise**2 + ent_coef * (logprobs.exp() * logprobs).sum(1)
    return per_step.mean()
