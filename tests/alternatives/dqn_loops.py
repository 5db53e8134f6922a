"""Everything number by number: a deque of transitions, a coin for each environment, gradients that come of themselves."""

from collections import deque, namedtuple
from math import prod

import gymnasium
import numpy as np
import torch

device = "cpu"
Sample = namedtuple("Sample", ["obs", "actions", "rewards", "terminated", "next_obs"])


class _Tiny(gymnasium.Env):
    shows, actions, length = [0.0], 1, 1

    def __init__(self):
        numbers = [*self.shows, self.length - 1]
        self.observation_space = gymnasium.spaces.Box(low=float(min(numbers)), high=float(max(numbers)), shape=(1,))
        self.action_space = gymnasium.spaces.Discrete(self.actions)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.number = self.shows[self.np_random.choice(len(self.shows))]
        self.left = self.length
        return self._view(), {}

    def step(self, action):
        self.left -= 1
        reward = 0.0 if self.left else self._pay(action)
        if self.left:
            self.number = 1.0
        return self._view(), reward, self.left == 0, False, {}

    def _view(self):
        return np.full(1, self.number, np.float32)

    def _pay(self, action):
        return 1.0


class Probe1(_Tiny):
    pass


class Probe2(_Tiny):
    shows = [-1.0, 1.0]

    def _pay(self, action):
        return float(self.number)


class Probe3(_Tiny):
    length = 2


class Probe4(_Tiny):
    actions = 2

    def _pay(self, action):
        return 2.0 * int(action) - 1.0


class Probe5(_Tiny):
    shows, actions = [0.0, 1.0], 2

    def _pay(self, action):
        return 1.0 if int(action) == int(self.number) else -1.0


def linear_schedule(current_step, start_e, end_e, exploration_fraction, total_timesteps):
    steps = exploration_fraction * total_timesteps
    if current_step >= steps:
        return end_e
    return start_e * (1 - current_step / steps) + end_e * (current_step / steps)


class QNetwork(torch.nn.Module):
    def __init__(self, obs_shape, num_actions, hidden_sizes=(120, 84)):
        super().__init__()
        self.stack, width = [], prod(obs_shape)
        for number, size in enumerate([*hidden_sizes, num_actions]):
            layer = torch.nn.Linear(width, size)
            self.add_module(f"layer_{number}", layer)
            self.stack.append(layer)
            width = size

    def forward(self, x):
        for layer in self.stack[:-1]:
            x = torch.maximum(layer(x), torch.zeros(()))
        return self.stack[-1](x)


def epsilon_greedy_policy(envs, q_network, rng, obs, epsilon):
    actions = []
    for row in obs:
        if rng.uniform() < epsilon:
            actions.append(int(rng.integers(0, int(envs.single_action_space.n))))
        else:
            values = q_network(torch.tensor(row[None])).tolist()[0]
            actions.append(values.index(max(values)))
    return np.array(actions)


class ReplayBuffer:
    def __init__(self, num_envs, obs_shape, action_shape, buffer_size, seed):
        self.num_envs, self.rows, self.rng = num_envs, deque(maxlen=buffer_size), np.random.default_rng(seed)

    def add(self, obs, actions, rewards, terminated, next_obs):
        for n in range(self.num_envs):
            self.rows.append((obs[n].copy(), int(actions[n]), float(rewards[n]), bool(terminated[n]), next_obs[n].copy()))

    def sample(self, sample_size, device):
        rows = [self.rows[self.rng.integers(len(self.rows))] for _ in range(sample_size)]
        obs, actions, rewards, terminated, next_obs = zip(*rows)
        return Sample(
            torch.from_numpy(np.stack(obs)).to(device),
            torch.tensor(actions).to(device),
            torch.tensor(rewards).to(device),
            torch.tensor(terminated).to(device),
            torch.from_numpy(np.stack(next_obs)).to(device),
        )


def td_targets(rewards, terminated, next_q, gamma):
    targets = []
    for reward, over, row in zip(rewards.tolist(), terminated.tolist(), next_q.tolist()):
        targets.append(reward if over else reward + gamma * max(row))
    return torch.tensor(targets)


def double_dqn_targets(rewards, terminated, next_q_online, next_q_target, gamma):
    targets = []
    for i in range(len(rewards)):
        row = next_q_online[i].tolist()
        ahead = 0.0 if terminated[i] else gamma * next_q_target[i, row.index(max(row))].item()
        targets.append(rewards[i].item() + ahead)
    return torch.tensor(targets)


def td_loss(q, actions, targets):
    total = 0
    for i in range(len(q)):
        total = total + (q[i, int(actions[i])] - float(targets[i])) ** 2
    return total / len(q)


class DQNAgent:
    def __init__(self, envs, buffer, q_network, start_e, end_e, exploration_fraction, total_timesteps, rng):
        self.envs, self.buffer, self.q_network, self.rng = envs, buffer, q_network, rng
        self.schedule = dict(
            start_e=start_e, end_e=end_e, exploration_fraction=exploration_fraction, total_timesteps=total_timesteps
        )
        self.step, self.epsilon, (self.obs, _) = 0, start_e, envs.reset()

    def get_actions(self, obs):
        self.epsilon = linear_schedule(current_step=self.step, **self.schedule)
        return epsilon_greedy_policy(
            envs=self.envs, q_network=self.q_network, rng=self.rng, obs=obs, epsilon=self.epsilon
        )

    def play_step(self):
        before = self.obs
        actions = self.get_actions(before)
        self.obs, rewards, terminated, truncated, infos = self.envs.step(actions)
        after = [
            infos["final_obs"][n] if terminated[n] or truncated[n] else self.obs[n] for n in range(self.envs.num_envs)
        ]
        self.buffer.add(
            obs=before, actions=actions, rewards=rewards, terminated=terminated, next_obs=np.stack(after)
        )
        self.step += len(before)
        return infos


class DQNTrainer:
    def training_step(self, step):
        if step % self.args.trains_per_target_update == 0:
            with torch.no_grad():
                for old, new in zip(self.target_network.parameters(), self.q_network.parameters()):
                    old.copy_(new)
        obs, actions, rewards, terminated, next_obs = self.buffer.sample(self.args.batch_size, device)
        for parameter in self.q_network.parameters():
            parameter.grad = None
        targets = td_targets(rewards, terminated, self.target_network(next_obs), self.args.gamma)
        td_loss(self.q_network(obs), actions, targets).backward()
        self.optimizer.step()
