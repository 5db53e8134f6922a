"""All at once: advantages by a matrix of powers, probabilities by cross entropy, torch's schedulers and samplers."""

import itertools
from collections import defaultdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Independent, Normal
from torch.optim.lr_scheduler import LambdaLR

from exercises.given.phases import ReplayMinibatch


def layer_init(layer, std=2**0.5, bias_const=0.0):
    q = torch.linalg.svd(torch.randn(layer.weight.shape), full_matrices=False)
    layer.weight.data.copy_(std * q.U @ q.Vh)
    layer.bias.data.fill_(bias_const)
    return layer


def tower(widths, std):
    parts = [layer_init(nn.Linear(a, b)) for a, b in itertools.pairwise(widths[:-1])]
    parts = list(itertools.chain(*((part, nn.Tanh()) for part in parts)))
    return nn.Sequential(*parts, layer_init(nn.Linear(*widths[-2:]), std))


def get_actor_and_critic_classic(num_obs, num_actions):
    return tower((num_obs, 64, 64, num_actions), 0.01), tower((num_obs, 64, 64, 1), 1)


def bootstrap_truncated(rewards, terminated, truncated, final_values, gamma):
    only_cut = truncated * (1 - terminated)
    return rewards + gamma * only_cut * final_values.masked_fill(only_cut == 0, 0.0)


@torch.inference_mode()
def compute_advantages(next_value, next_terminated, rewards, values, terminated, gamma, gae_lambda):
    steps = rewards.shape[0]
    d = torch.vstack([terminated[1:], next_terminated[None]]).double()  # d[t]: step t has ended an episode
    v = torch.vstack([values, next_value[None]]).double()
    delta = rewards.double() + gamma * v[1:] * (1 - d) - v[:-1]
    ended_before = torch.cumsum(d, 0) - d  # ends in steps before t
    t = torch.arange(steps)
    lag = t[None, :] - t[:, None]  # (from, to)
    same = ended_before[None, :, :] == ended_before[:, None, :]  # no end from `from` to `to` - 1
    powers = torch.where(lag >= 0, torch.tensor(gamma * gae_lambda).double() ** lag.clamp(min=0), 0.0)
    return torch.einsum("st,ste,te->se", powers, same.double(), delta).to(rewards.dtype)


def get_minibatch_indices(rng, batch_size, minibatch_size):
    return np.argsort(rng.random(batch_size)).reshape(batch_size // minibatch_size, minibatch_size)


class ReplayMemory:
    def __init__(self, num_envs, obs_shape, action_shape, batch_size, minibatch_size, batches_per_learning_phase, seed=42):
        vars(self).update(locals())
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self):
        self.kept = defaultdict(list)

    def add(self, obs, actions, logprobs, values, rewards, terminated):
        for name, part in zip(("o", "a", "l", "v", "r", "d"), (obs, actions, logprobs, values, rewards, terminated)):
            self.kept[name].append(torch.tensor(part))

    def get_minibatches(self, next_value, next_terminated, gamma, gae_lambda):
        o, a, l, v, r, d = (torch.stack(self.kept[name]) for name in "oalvrd")
        gains = compute_advantages(next_value, next_terminated, r.float(), v.float(), d, gamma, gae_lambda)
        rows = [part.reshape(self.batch_size, *part.shape[2:]) for part in (o, a, l, gains, gains + v, d.float())]
        order = np.concatenate(
            [
                get_minibatch_indices(self.rng, self.batch_size, self.minibatch_size)
                for _ in range(self.batches_per_learning_phase)
            ]
        )
        return [ReplayMinibatch(*(part[torch.from_numpy(pick)] for part in rows)) for pick in order]


class PPOAgent:
    def __init__(self, envs, actor, critic, memory):
        self.envs, self.actor, self.critic, self.memory = envs, actor, critic, memory
        self.step = 0
        self.next_obs = torch.as_tensor(envs.reset()[0]).float()
        self.next_terminated = torch.zeros(envs.num_envs, dtype=torch.bool)

    @torch.inference_mode()
    def play_step(self):
        logits = self.actor(self.next_obs)
        noise = -torch.log(-torch.log(torch.rand_like(logits)))
        actions = (logits + noise).argmax(dim=-1)  # Gumbel's way to draw
        new_obs, rewards, ended, _, infos = self.envs.step(actions.numpy())
        self.memory.add(
            obs=self.next_obs.numpy(),
            actions=actions.numpy(),
            logprobs=-F.cross_entropy(logits, actions, reduction="none").numpy(),
            values=self.critic(self.next_obs).numpy()[:, 0],
            rewards=rewards,
            terminated=self.next_terminated.numpy(),
        )
        self.next_obs, self.next_terminated = torch.as_tensor(new_obs).float(), torch.as_tensor(ended)
        self.step += len(actions)
        return infos

    def get_minibatches(self, gamma, gae_lambda):
        with torch.inference_mode():
            after = self.critic(self.next_obs)[:, 0]
        try:
            return self.memory.get_minibatches(after, self.next_terminated, gamma, gae_lambda)
        finally:
            self.memory.reset()


def clipped(log_ratio, gains, clip_coef, eps):
    gains = (gains - gains.mean()) / torch.sqrt(gains.var() + eps)
    ratio = log_ratio.exp()
    limit = torch.where(gains > 0, 1 + clip_coef, 1 - clip_coef)
    too_far = torch.sign(gains) * (ratio - limit) > 0
    return torch.where(too_far, limit, ratio).mul(gains).mean()


def calc_clipped_surrogate_objective(probs, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    new = -F.cross_entropy(probs.logits, mb_action, reduction="none")
    return clipped(new - mb_logprobs, mb_advantages, clip_coef, eps)


def calc_value_function_loss(values, mb_returns, vf_coef):
    return vf_coef * F.mse_loss(values, mb_returns)


def calc_entropy_bonus(dist, ent_coef):
    return -ent_coef * torch.xlogy(dist.probs, dist.probs).sum(-1).mean()


class PPOScheduler:
    def __init__(self, optimizer, initial_lr, end_lr, total_phases):
        self.inner = LambdaLR(optimizer, lambda n: 1 + n / total_phases * (end_lr / initial_lr - 1))
        self.optimizer = optimizer

    def step(self):
        self.inner.step()


def make_optimizer(actor, critic, total_phases, initial_lr, end_lr=0.0):
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], initial_lr, eps=1e-5, maximize=True)
    return optimizer, PPOScheduler(optimizer, initial_lr, end_lr, total_phases)


class PPOTrainer:
    def __init__(self, args):
        self.args = args

    def compute_ppo_objective(self, minibatch):
        dist = torch.distributions.Categorical(logits=self.actor(minibatch.obs))
        values = self.critic(minibatch.obs).flatten()
        return sum(
            (
                calc_clipped_surrogate_objective(
                    dist, minibatch.actions, minibatch.advantages, minibatch.logprobs, self.args.clip_coef
                ),
                -calc_value_function_loss(values, minibatch.returns, self.args.vf_coef),
                calc_entropy_bonus(dist, self.args.ent_coef),
            )
        )

    def learning_phase(self):
        both = nn.ModuleList([self.actor, self.critic])
        for minibatch in self.agent.get_minibatches(gamma=self.args.gamma, gae_lambda=self.args.gae_lambda):
            both.zero_grad()
            self.compute_ppo_objective(minibatch).backward()
            torch.nn.utils.clip_grad_norm_(both.parameters(), self.args.max_grad_norm)
            self.optimizer.step()
        self.scheduler.step()


class Critic(nn.Module):
    def __init__(self, num_obs):
        super().__init__()
        self.critic = tower((num_obs, 64, 64, 1), 1)

    def forward(self, obs):
        return self.critic(obs)


class Actor(nn.Module):
    def __init__(self, num_obs, num_actions):
        super().__init__()
        self.actor_mu = tower((num_obs, 64, 64, num_actions), 0.01)
        self.register_parameter("actor_log_sigma", nn.Parameter(torch.zeros((1, num_actions))))

    def forward(self, obs):
        mu = self.actor_mu(obs)
        sigma = torch.exp(self.actor_log_sigma) + torch.zeros_like(mu)
        return mu, sigma, Normal(loc=mu, scale=sigma)


def calc_clipped_surrogate_objective_cts(dist, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    return clipped(Independent(dist, 1).log_prob(mb_action) - mb_logprobs, mb_advantages, clip_coef, eps)
