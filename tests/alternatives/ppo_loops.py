"""Everything step by step: loops over environments and steps, no shortcut of torch where a loop says the same."""

import math

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical, Normal

from exercises.given.phases import ReplayMinibatch


def layer_init(layer, std=math.sqrt(2), bias_const=0.0):
    rows, columns = layer.weight.shape
    noise = torch.randn(max(rows, columns), min(rows, columns))
    basis = []
    for column in noise.T:  # Gram-Schmidt
        for other in basis:
            column = column - (column @ other) * other
        basis.append(column / column.norm())
    matrix = torch.stack(basis)
    with torch.no_grad():
        layer.weight[:] = std * (matrix if rows <= columns else matrix.T)
        for i in range(rows):
            layer.bias[i] = bias_const
    return layer


def get_actor_and_critic_classic(num_obs, num_actions):
    nets = []
    for outputs, std in ((num_actions, 0.01), (1, 1.0)):
        net = nn.Sequential()
        for width in (num_obs, 64):
            net.append(layer_init(nn.Linear(width, 64)))
            net.append(nn.Tanh())
        net.append(layer_init(nn.Linear(64, outputs), std))
        nets.append(net)
    return tuple(nets)


def bootstrap_truncated(rewards, terminated, truncated, final_values, gamma):
    out = rewards.clone().flatten()
    for i, (ended, cut, value) in enumerate(
        zip(terminated.flatten().tolist(), truncated.flatten().tolist(), final_values.flatten().tolist())
    ):
        if cut and not ended:
            out[i] += gamma * value
    return out.reshape(rewards.shape)


def compute_advantages(next_value, next_terminated, rewards, values, terminated, gamma, gae_lambda):
    steps, envs = rewards.shape
    out = torch.zeros(steps, envs)
    for n in range(envs):
        later = 0.0
        for t in range(steps - 1, -1, -1):
            last = t == steps - 1
            value = float(next_value[n] if last else values[t + 1, n])
            ended = bool(next_terminated[n] if last else terminated[t + 1, n])
            delta = float(rewards[t, n]) - float(values[t, n])
            if ended:
                later = delta
            else:
                later = delta + gamma * value + gamma * gae_lambda * later
            out[t, n] = later
    return out


def get_minibatch_indices(rng, batch_size, minibatch_size):
    deck = list(range(batch_size))
    for i in range(batch_size - 1, 0, -1):
        j = int(rng.integers(0, i + 1))
        deck[i], deck[j] = deck[j], deck[i]
    return [np.array(deck[i : i + minibatch_size]) for i in range(0, batch_size, minibatch_size)]


class ReplayMemory:
    def __init__(
        self, num_envs, obs_shape, action_shape, batch_size, minibatch_size, batches_per_learning_phase, seed=42
    ):
        self.sizes = batch_size, minibatch_size
        self.rounds = batches_per_learning_phase
        self.rng = np.random.default_rng(seed)
        self.reset()

    def reset(self):
        self.rows = []

    def add(self, obs, actions, logprobs, values, rewards, terminated):
        self.rows.append([np.copy(part) for part in (obs, actions, logprobs, values, rewards, terminated)])

    def get_minibatches(self, next_value, next_terminated, gamma, gae_lambda):
        rewards, values, flags = (torch.tensor(np.array([row[at] for row in self.rows])).float() for at in (4, 3, 5))
        advantages = compute_advantages(next_value, next_terminated, rewards, values, flags, gamma, gae_lambda)
        steps = []
        for t, (obs, actions, logprobs, _, _, ended) in enumerate(self.rows):
            for n in range(len(actions)):
                gain = advantages[t, n].item()
                steps.append((obs[n], actions[n], logprobs[n], gain, gain + float(values[t, n]), ended[n]))
        out = []
        for _ in range(self.rounds):
            for indices in get_minibatch_indices(self.rng, *self.sizes):
                parts = zip(*[steps[i] for i in indices])
                out.append(ReplayMinibatch(*(torch.tensor(np.array(part)) for part in parts)))
        return out


class PPOAgent:
    def __init__(self, envs, actor, critic, memory):
        self.envs, self.actor, self.critic, self.memory = envs, actor, critic, memory
        self.step = 0
        first, _ = envs.reset()
        self.next_obs = torch.tensor(first, dtype=torch.float32)
        self.next_terminated = torch.zeros(envs.num_envs)

    def play_step(self):
        actions, logprobs, values = [], [], []
        for obs in self.next_obs:
            logits = self.actor(obs).detach()
            probs = logits.softmax(dim=0)
            action = int(torch.multinomial(probs, 1))
            actions.append(action)
            logprobs.append(float(logits.log_softmax(dim=0)[action]))
            values.append(float(self.critic(obs).detach()))
        seen = self.next_obs.numpy().copy()
        new, rewards, terminated, truncated, infos = self.envs.step(np.array(actions))
        self.memory.add(
            seen, np.array(actions), np.array(logprobs), np.array(values), rewards, self.next_terminated.numpy().copy()
        )
        self.next_obs = torch.tensor(new, dtype=torch.float32)
        self.next_terminated = torch.tensor([float(a or b) for a, b in zip(terminated, truncated)])
        self.step = self.step + self.envs.num_envs
        return infos

    def get_minibatches(self, gamma, gae_lambda):
        value = self.critic(self.next_obs).detach()[:, 0]
        out = self.memory.get_minibatches(value, self.next_terminated, gamma, gae_lambda)
        self.memory.reset()
        return out


def surrogate(ratios, mb_advantages, clip_coef, eps):
    mean = sum(mb_advantages) / len(mb_advantages)
    variance = sum((a - mean) ** 2 for a in mb_advantages) / (len(mb_advantages) - 1)
    terms = []
    for r, a in zip(ratios, mb_advantages):
        a = (a - mean) / (variance**0.5 + eps)
        if a > 0:
            terms.append(a * (r if r < 1 + clip_coef else 1 + clip_coef))
        else:
            terms.append(a * (r if r > 1 - clip_coef else 1 - clip_coef))
    return torch.stack([torch.as_tensor(term) for term in terms]).mean()


def calc_clipped_surrogate_objective(dist, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    ratios = (dist.log_prob(mb_action) - mb_logprobs).exp()
    return surrogate(ratios, mb_advantages, clip_coef, eps)


def calc_value_function_loss(values, mb_returns, vf_coef):
    total = 0.0
    for value, wanted in zip(values, mb_returns):
        total = total + (value - wanted) ** 2
    return vf_coef * total / len(values)


def calc_entropy_bonus(dist, ent_coef):
    return ent_coef * sum(dist.entropy()) / len(dist.probs)


class PPOScheduler:
    def __init__(self, optimizer, initial_lr, end_lr, total_phases):
        self.optimizer = optimizer
        self.rates = [initial_lr + (end_lr - initial_lr) * n / total_phases for n in range(1, total_phases + 1)]

    def step(self):
        rate = self.rates.pop(0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate


def make_optimizer(actor, critic, total_phases, initial_lr, end_lr=0.0):
    groups = [{"params": list(net.parameters())} for net in (actor, critic)]
    optimizer = torch.optim.AdamW(groups, lr=initial_lr, eps=1e-5, maximize=True)
    return optimizer, PPOScheduler(optimizer, initial_lr, end_lr, total_phases)


class PPOTrainer:
    def __init__(self, args):
        self.args = args

    def compute_ppo_objective(self, minibatch):
        dist = Categorical(logits=self.actor(minibatch.obs))
        values = self.critic(minibatch.obs)[:, 0]
        args = self.args
        total = calc_clipped_surrogate_objective(
            dist, minibatch.actions, minibatch.advantages, minibatch.logprobs, args.clip_coef
        )
        total = total - calc_value_function_loss(values, minibatch.returns, args.vf_coef)
        return total + calc_entropy_bonus(dist, args.ent_coef)

    def learning_phase(self):
        for minibatch in self.agent.get_minibatches(self.args.gamma, self.args.gae_lambda):
            self.compute_ppo_objective(minibatch).backward()
            parameters = [p for net in (self.actor, self.critic) for p in net.parameters() if p.grad is not None]
            norm = sum(float((p.grad**2).sum()) for p in parameters) ** 0.5
            for p in parameters:
                if norm > self.args.max_grad_norm:
                    p.grad = p.grad * (self.args.max_grad_norm / norm)
            self.optimizer.step()
            for p in parameters:
                p.grad = None
        self.scheduler.step()


class Critic(nn.Module):
    def __init__(self, num_obs):
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 1), 1.0),
        )

    def forward(self, obs):
        return self.critic(obs)


class Actor(nn.Module):
    def __init__(self, num_obs, num_actions):
        super().__init__()
        self.actor_mu = nn.Sequential(
            layer_init(nn.Linear(num_obs, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, num_actions), 0.01),
        )
        self.actor_log_sigma = nn.Parameter(torch.zeros(num_actions))

    def forward(self, obs):
        mu = self.actor_mu(obs)
        sigma = torch.stack([self.actor_log_sigma.exp() for _ in obs])
        return mu, sigma, Normal(mu, sigma)


def calc_clipped_surrogate_objective_cts(dist, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    densities = dist.log_prob(mb_action)
    total = densities[:, 0]
    for at in range(1, densities.shape[1]):
        total = total + densities[:, at]
    return surrogate((total - mb_logprobs).exp(), mb_advantages, clip_coef, eps)
