"""Written out with loops over environments and steps, in quadratic time, and with autograd where there is a formula."""

import math

import numpy as np
import torch
from torch import nn


def score_function(logits, actions):
    rows = []
    for action in actions.tolist():
        free = logits.clone().requires_grad_()
        free.log_softmax(dim=-1)[action].backward()
        rows.append(free.grad)
    return torch.stack(rows)


def score_function_estimator(logits, payoffs, num_samples, baseline=0.0):
    probs = torch.softmax(logits, dim=0)
    actions = torch.multinomial(probs, num_samples, replacement=True)
    estimates = torch.zeros(num_samples, len(logits))
    table = score_function(logits, torch.arange(len(logits)))
    for i, action in enumerate(actions.tolist()):
        estimates[i] = (payoffs[action] - baseline) * table[action]
    return estimates


def optimal_baseline(scores, rewards):
    above = below = 0.0
    for score, reward in zip(scores, rewards):
        above += float(score @ score) * float(reward)
        below += float(score @ score)
    return torch.tensor(above / below)


class Tower(nn.Module):
    def __init__(self, obs_shape, out, hidden_sizes):
        super().__init__()
        self.flat_from = -len(obs_shape)
        widths = [int(np.prod(obs_shape)), *hidden_sizes, out]
        self.linears = nn.ModuleList(nn.Linear(widths[i], widths[i + 1]) for i in range(len(widths) - 1))

    def forward(self, obs):
        x = obs.flatten(start_dim=self.flat_from)
        for linear in self.linears[:-1]:
            x = linear(x).clamp(min=0)
        return self.linears[-1](x)


class PolicyNetwork(Tower):
    def __init__(self, obs_shape, num_actions, hidden_sizes=(120, 84)):
        super().__init__(obs_shape, num_actions, hidden_sizes)


def compute_returns(rewards, done, gamma=0.9):
    envs, steps = rewards.shape
    returns = torch.zeros_like(rewards)
    for e in range(envs):
        for t in range(steps):
            total = 0.0
            for k in range(t, steps):
                total += gamma ** (k - t) * rewards[e, k].item()
                if done[e, k]:
                    break
            returns[e, t] = total
    return returns


def normalize_returns(returns):
    count = returns.numel()
    mean = sum(returns.flatten().tolist()) / count
    variance = sum((x - mean) ** 2 for x in returns.flatten().tolist()) / count
    return (returns - mean) / (math.sqrt(variance) + 1e-6)


def compute_logprobs_and_entropy(tau, pi):
    logs = pi(tau.obs).log_softmax(-1)
    envs, steps = tau.actions.shape
    rows = [[logs[e, t, tau.actions[e, t]] for t in range(steps)] for e in range(envs)]
    taken = torch.stack([torch.stack(row) for row in rows])
    return taken, -(logs.exp() * logs).sum(-1)


def compute_importance_weights(logprobs_taken, tau, clip_coef=None):
    with torch.no_grad():
        weights = torch.exp(logprobs_taken) / torch.exp(tau.logprobs)
        if clip_coef is not None and clip_coef > 0:
            weights = torch.minimum(torch.maximum(weights, torch.tensor(1 - clip_coef)), torch.tensor(1 + clip_coef))
    return weights


def compute_reinforce_loss(returns, logprobs_taken, iw):
    total = 0.0
    for e in range(len(returns)):
        for t in range(len(returns[0])):
            total = total + float(iw[e, t]) * float(returns[e, t]) * logprobs_taken[e, t]
    return total / returns.numel()


class Rollout:
    """Columns are collected in lists, and stacked when they are asked for."""

    def __init__(self, num_envs, max_steps, obs_shape, action_shape=(), device="cpu"):
        self.max_steps, self.device = max_steps, device
        kinds = {
            "obs": (torch.float32, obs_shape),
            "actions": (torch.int64, action_shape),
            "logprobs": (torch.float32, ()),
            "rewards": (torch.float32, ()),
            "dones": (torch.bool, ()),
        }
        self.kinds = {name: (dtype, (num_envs, *shape)) for name, (dtype, shape) in kinds.items()}
        self.columns = {name: [] for name in kinds}

    def add_step(self, obs, actions, logprobs, rewards, dones, infos=None):
        given = {"obs": obs, "actions": actions, "logprobs": logprobs, "rewards": rewards, "dones": dones}
        for name, values in given.items():
            if isinstance(values, torch.Tensor):
                values = values.detach().cpu().numpy()
            self.columns[name].append(torch.from_numpy(np.array(values)).to(self.kinds[name][0]).to(self.device))

    def __getattr__(self, name):
        if name not in self.__dict__.get("kinds", {}):
            raise AttributeError(name)
        dtype, shape = self.kinds[name]
        left = self.max_steps - len(self.columns[name])
        return torch.stack([*self.columns[name], *[torch.zeros(shape, dtype=dtype, device=self.device)] * left], dim=1)


class VPGAgent:
    """Draws with numpy's generator, by the distribution function."""

    def __init__(self, envs, pi, max_steps):
        self.envs = envs
        self.pi = pi
        self.max_steps = max_steps
        self.rng = np.random.default_rng(0)

    def get_actions(self, obs):
        with torch.inference_mode():
            logs = self.pi(torch.tensor(np.asarray(obs))).log_softmax(-1).double().numpy()
        actions = np.zeros(len(logs), dtype=np.int64)
        for env, row in enumerate(logs):
            actions[env] = min(np.searchsorted(np.exp(row).cumsum(), self.rng.random()), len(row) - 1)
        return torch.from_numpy(actions), torch.tensor(logs[np.arange(len(logs)), actions], dtype=torch.float32)

    def gen_rollout(self):
        tau = Rollout(self.envs.num_envs, self.max_steps, self.envs.single_observation_space.shape)
        obs, infos = self.envs.reset()
        t = 0
        while t < self.max_steps:
            actions, logprobs = self.get_actions(obs)
            new, rewards, terminated, truncated, infos = self.envs.step(actions.numpy())
            tau.add_step(obs, actions, logprobs, rewards, np.logical_or(terminated, truncated), infos)
            obs = new
            t += 1
        return tau


class VPGTrainer:
    def __init__(self, args, envs, pi):
        self.args = args
        self.agent = VPGAgent(envs, pi, args.max_steps)
        self.optimizer = torch.optim.SGD(pi.parameters(), lr=args.lr, maximize=True)

    def compute_loss(self, tau):
        pi = self.agent.pi
        logprobs, entropy = compute_logprobs_and_entropy(tau, pi)
        returns = normalize_returns(compute_returns(tau.rewards, tau.dones, gamma=self.args.gamma))
        weights = compute_importance_weights(logprobs, tau, self.args.clip_coef)
        return compute_reinforce_loss(returns, logprobs, weights) + self.args.ent_coef * entropy.mean()


class ValueNetwork(Tower):
    def __init__(self, obs_shape, hidden_sizes=(120, 84)):
        super().__init__(obs_shape, 1, hidden_sizes)

    def forward(self, obs):
        return super().forward(obs)[..., 0]


def compute_baseline_advantages(returns, values):
    with torch.no_grad():
        return returns - values


def compute_td_advantages(rewards, values, next_values, terminated, gamma):
    out = torch.zeros_like(rewards)
    for e in range(len(rewards)):
        for t in range(len(rewards[0])):
            ahead = 0.0 if terminated[e, t] else gamma * next_values[e, t].item()
            out[e, t] = rewards[e, t].item() + ahead - values[e, t].item()
    return out


def compute_bootstrapped_returns(rewards, terminated, truncated, next_values, gamma):
    envs, steps = rewards.shape
    returns = torch.zeros_like(rewards)
    for e in range(envs):
        for t in range(steps):
            total = 0.0
            for k in range(t, steps):
                total += gamma ** (k - t) * rewards[e, k].item()
                if terminated[e, k]:
                    break
                if truncated[e, k] or k == steps - 1:
                    total += gamma ** (k - t + 1) * next_values[e, k].item()
                    break
            returns[e, t] = total
    return returns


def compute_actor_critic_loss(
    logits, actions, rewards, terminated, values, next_values, gamma=0.99, vf_coef=0.5, ent_coef=0.01
):
    total = 0.0
    for i, action in enumerate(actions.tolist()):
        target = rewards[i].item() + (0.0 if terminated[i] else gamma * next_values[i].item())
        logs = logits[i].log_softmax(0)
        total = total - (target - values[i].item()) * logs[action]
        total = total + vf_coef * (target - values[i]) ** 2
        total = total + ent_coef * (logs.exp() * logs).sum()
    return total / len(actions)
