"""Without a loop over time: returns are a product with a matrix of powers, probabilities come from einsum and gather."""

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from torch import nn


def score_function(logits, actions):
    jacobian = torch.eye(len(logits)) - logits.softmax(0)[None, :]
    return jacobian[actions]


def score_function_estimator(logits, payoffs, num_samples, baseline=0.0):
    gumbel = -torch.log(-torch.log(torch.rand(num_samples, len(logits)).clamp(1e-9, 1 - 1e-7)))
    actions = (logits + gumbel).argmax(dim=1)
    return einsum(payoffs[actions] - baseline, score_function(logits, actions), "s, s a -> s a")


def optimal_baseline(scores, rewards):
    lengths = torch.linalg.vector_norm(scores, dim=1) ** 2
    return torch.dot(lengths / lengths.sum(), rewards)


def tower(obs_shape, hidden_sizes, out):
    sizes = [torch.Size(obs_shape).numel(), *hidden_sizes]
    pairs = zip(sizes[:-1], sizes[1:])
    hidden = [layer for pair in pairs for layer in (nn.Linear(*pair), nn.ReLU(inplace=True))]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], out))


class PolicyNetwork(nn.Module):
    def __init__(self, obs_shape, num_actions, hidden_sizes=[120, 84]):
        super().__init__()
        self.obs_shape = tuple(obs_shape)
        self.net = tower(obs_shape, hidden_sizes, num_actions)

    def forward(self, obs):
        leading = obs.shape[: obs.dim() - len(self.obs_shape)]
        return self.net(obs.reshape(*leading, self.obs_shape.__len__() and torch.Size(self.obs_shape).numel()))


def powers(ends, gamma):
    """How much the reward of step k counts at step t: gamma^(k - t) if no end lies between; (env, t, k)."""
    steps = ends.shape[1]
    episodes = ends.long().cumsum(dim=1) - ends.long()  # the number of each step's episode
    same = rearrange(episodes, "e t -> e t 1") == rearrange(episodes, "e k -> e 1 k")
    distance = torch.arange(steps)[None, :] - torch.arange(steps)[:, None]
    return torch.where(same & (distance >= 0), torch.tensor(float(gamma)) ** distance.clamp(min=0), torch.zeros(()))


def compute_returns(rewards, done, gamma=0.9):
    return einsum(powers(done, gamma).to(rewards.dtype), rewards, "e t k, e k -> e t")


def normalize_returns(returns):
    centred = returns - returns.mean(dim=0, keepdim=True)
    return centred / centred.square().mean(dim=0, keepdim=True).add(1e-8).sqrt()


def compute_logprobs_and_entropy(tau, pi):
    logits = pi(tau.obs)
    taken = -F.cross_entropy(rearrange(logits, "e t a -> e a t"), tau.actions, reduction="none")
    logs = F.log_softmax(logits, dim=-1)
    return taken, torch.special.entr(logs.exp()).sum(-1).mean()


def compute_importance_weights(logprobs_taken, tau, clip_coef=0.0):
    ratio = (logprobs_taken - tau.logprobs).exp().detach()
    return ratio.clip(1 - clip_coef, 1 + clip_coef) if clip_coef else ratio


def compute_reinforce_loss(returns, logprobs_taken, iw):
    return einsum(iw.detach(), returns.detach(), logprobs_taken, "e t, e t, e t -> e").mean()


class Rollout:
    def __init__(self, num_envs, max_steps, obs_shape, action_shape=(), device=None):
        new = torch.zeros(num_envs, max_steps, device=device)
        self.obs = new.new_zeros((num_envs, max_steps, *obs_shape))
        self.actions = new.new_zeros((num_envs, max_steps, *action_shape), dtype=torch.long)
        self.logprobs, self.rewards, self.dones = new.clone(), new.clone(), new.bool()

    def add_step(self, step, obs, actions, log_probs, rewards, dones, infos):
        for name, values in (
            ("obs", obs),
            ("actions", actions),
            ("logprobs", log_probs),
            ("rewards", rewards),
            ("dones", dones),
        ):
            store = getattr(self, name)
            values = values.detach() if isinstance(values, torch.Tensor) else torch.tensor(values)
            store.select(1, step).copy_(values)


class VPGAgent:
    """Another order of arguments; the log-probabilities are computed where they are needed."""

    def __init__(self, policy, envs, num_steps, device="cpu"):
        self.policy, self.envs, self.num_steps, self.device = policy, envs, num_steps, device

    def get_actions(self, observations):
        logits = self.policy(torch.as_tensor(observations)).detach()
        return torch.multinomial(logits.softmax(-1), 1).squeeze(1)

    def gen_rollout(self):
        data = Rollout(self.envs.num_envs, self.num_steps, self.envs.single_observation_space.shape)
        obs = self.envs.reset()[0]
        for step in range(self.num_steps):
            actions = self.get_actions(obs)
            with torch.no_grad():
                logs = self.policy(torch.as_tensor(obs)).log_softmax(-1)
            taken = logs.gather(1, actions[:, None]).squeeze(1)
            next_obs, rewards, terminated, truncated, infos = self.envs.step(actions.cpu().numpy())
            data.add_step(step, obs, actions, taken, rewards, terminated + truncated, infos)
            obs = next_obs
        return data


class VPGTrainer:
    def __init__(self, policy, envs, args):
        self.policy, self.args = policy, args
        self.agent = VPGAgent(policy, envs, args.max_steps)

    def compute_loss(self, rollout):
        taken, entropy = compute_logprobs_and_entropy(rollout, self.policy)
        returns = normalize_returns(compute_returns(rollout.rewards, rollout.dones, self.args.gamma))
        iw = compute_importance_weights(taken, rollout, self.args.clip_coef)
        return compute_reinforce_loss(returns, taken, iw) + self.args.ent_coef * entropy


class ValueNetwork(nn.Module):
    def __init__(self, obs_shape, hidden_sizes=(120, 84)):
        super().__init__()
        self.first_axis = -len(obs_shape)
        self.net = tower(obs_shape, hidden_sizes, 1)

    def forward(self, obs):
        return rearrange(self.net(obs.flatten(self.first_axis)), "... 1 -> ...")


def compute_baseline_advantages(returns, values):
    return (returns - values).detach()


@torch.no_grad()
def compute_td_advantages(rewards, values, next_values, terminated, gamma):
    return torch.where(terminated, rewards, rewards + gamma * next_values) - values


@torch.no_grad()
def compute_bootstrapped_returns(rewards, terminated, truncated, next_values, gamma):
    last = torch.zeros_like(terminated)
    last[:, -1] = True
    rewards = torch.where((truncated | last) & ~terminated, rewards + gamma * next_values, rewards)
    return einsum(powers(terminated | truncated, gamma), rewards, "e t k, e k -> e t")


def compute_actor_critic_loss(
    logits, actions, rewards, terminated, values, next_values, gamma=0.99, vf_coef=0.5, ent_coef=0.01
):
    target = torch.where(terminated, rewards, rewards + gamma * next_values).detach()
    nll = F.cross_entropy(logits, actions, reduction="none")
    entropy = torch.special.entr(logits.softmax(-1)).sum(-1)
    return ((target - values).detach() * nll).mean() + vf_coef * F.mse_loss(values, target) - ent_coef * entropy.mean()
