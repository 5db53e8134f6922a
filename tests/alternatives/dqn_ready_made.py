"""With what torch, numpy and gymnasium have ready: losses of torch, spaces sampled, wrappers, one-hot products."""

import gymnasium as gym
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

device = torch.device("cpu")


class Probe1(gym.Env):
    observation_space = gym.spaces.Box(0, 0, (1,), np.float32)
    action_space = gym.spaces.Discrete(1)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 1, True, False, {}


class Probe2(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(1)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.choice(np.array([-1, 1], np.float32), size=1)
        return self.state.copy(), {}

    def step(self, action):
        return self.state.copy(), self.state.item(), True, False, {}


class Probe3(gym.Env):
    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(1)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.done = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.done += 1
        first = self.done == 1
        return np.full(1, first, np.float32), 1.0 - first, not first, False, {}



class Probe4(Probe1):
    action_space = gym.spaces.Discrete(2)

    def step(self, action):
        return np.zeros(1, np.float32), float(np.sign(action - 0.5)), True, False, {}


class Probe5(gym.Env):
    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.state = np.round(self.np_random.uniform(size=1)).astype(np.float32)
        return self.state.copy(), {}

    def step(self, action):
        return self.state.copy(), 1.0 - 2.0 * abs(int(action) - int(self.state.item())), True, False, {}


def linear_schedule(current_step, start_e, end_e, exploration_fraction, total_timesteps):
    share = np.clip(current_step / exploration_fraction / total_timesteps, 0, 1)
    return torch.lerp(torch.tensor(start_e, dtype=torch.float64), torch.tensor(end_e, dtype=torch.float64), float(share)).item()


class QNetwork(nn.Sequential):
    def __init__(self, obs_shape, num_actions, hidden_sizes=(120, 84)):
        widths = (*obs_shape, *hidden_sizes)
        hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU(inplace=True)) for a, b in zip(widths, widths[1:])]
        super().__init__(*hidden, nn.Linear(widths[-1], num_actions))


@torch.inference_mode()
def epsilon_greedy_policy(envs, q_network, rng, obs, epsilon):
    best = torch.max(q_network(torch.as_tensor(obs)), -1).indices.numpy()
    if epsilon > rng.random():
        best = (rng.random(envs.num_envs) * envs.single_action_space.n).astype(np.int32)
    return best


class ReplayBuffer:
    def __init__(self, num_envs, obs_shape, action_shape, buffer_size, seed):
        self.buffer_size, self.rng, self.pieces = buffer_size, np.random.default_rng(seed), []

    def add(self, obs, actions, rewards, terminated, next_obs):
        arrays = obs.astype(np.float32), actions, rewards.astype(np.float32), terminated, next_obs.astype(np.float32)
        self.pieces.append(tuple(torch.tensor(array) for array in arrays))
        self.pieces = self.pieces[-(self.buffer_size // len(obs)) :]

    def sample(self, sample_size, device):
        data = TensorDataset(*(torch.cat(column).to(device) for column in zip(*self.pieces)))
        return data[self.rng.permutation(len(data))[:sample_size]]


def td_targets(rewards, terminated, next_q, gamma):
    with torch.no_grad():
        return torch.addcmul(rewards, torch.full_like(rewards, gamma), next_q.amax(1).masked_fill(terminated, 0))


def double_dqn_targets(rewards, terminated, next_q_online, next_q_target, gamma):
    with torch.no_grad():
        chosen = F.one_hot(next_q_online.argmax(-1), next_q_online.shape[-1])
        return rewards + gamma * (1 - terminated.float()) * torch.einsum("ba, ba -> b", next_q_target, chosen.float())


def td_loss(q, actions, targets):
    return F.mse_loss((q * F.one_hot(actions, q.shape[1])).sum(-1), targets.clone().detach())


class DQNAgent:
    def __init__(self, envs, buffer, q_network, start_e, end_e, exploration_fraction, total_timesteps, rng):
        self.__dict__.update(locals())
        self.obs = envs.reset()[0]
        self.step = 0
        self.epsilon = start_e

    def get_actions(self, obs):
        self.epsilon = linear_schedule(self.step, self.start_e, self.end_e, self.exploration_fraction, self.total_timesteps)
        return epsilon_greedy_policy(self.envs, self.q_network, self.rng, obs, self.epsilon)

    def play_step(self):
        acts = self.get_actions(self.obs)
        new, rewards, terminated, truncated, infos = self.envs.step(acts)
        last = np.array(new)
        if "_final_obs" in infos:
            last[infos["_final_obs"]] = np.stack(infos["final_obs"][infos["_final_obs"]])
        self.buffer.add(self.obs, acts, rewards, terminated, last)
        self.obs, self.step = new, self.step + self.envs.num_envs
        return infos


class DQNTrainer:
    def training_step(self, step):
        obs, actions, rewards, terminated, next_obs = self.buffer.sample(self.args.batch_size, device)
        with torch.no_grad():
            targets = td_targets(rewards, terminated, self.target_network(next_obs), self.args.gamma)
        loss = td_loss(self.q_network(obs), actions, targets)
        self.optimizer.zero_grad(set_to_none=False)
        loss.backward()
        self.optimizer.step()
        if not step % self.args.trains_per_target_update:
            self.target_network.load_state_dict(self.q_network.state_dict())
