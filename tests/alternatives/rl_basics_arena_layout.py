# %%
"""A submission as people have it who worked through ARENA (2025): its layout and base classes, main blocks, loose cells."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, TypeAlias, Union

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from gymnasium.spaces import Discrete
from tqdm import tqdm, trange

try:
    import gym as old_gym
except ImportError:
    old_gym = None

Arr = np.ndarray
max_episode_steps = 1000
N_RUNS = 200

chapter = "chapter2_rl"
section = "part1_intro_to_rl"
root_dir = next((p for p in Path.cwd().parents if (p / chapter).exists()), Path.cwd())
exercises_dir = root_dir / chapter / "exercises"
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part1_intro_to_rl.tests as tests
import part1_intro_to_rl.utils as utils
from plotly_utils import imshow

MAIN = __name__ == "__main__"
ObsType: TypeAlias = Union[int, np.ndarray]
ActType: TypeAlias = Union[int, np.ndarray]


def discounted_return(rewards: list, gamma: float = 1):
    return sum(reward * gamma**i for i, reward in enumerate(rewards))


def softmax_policy(prefs: Arr, tau: float = 1.0) -> Arr:
    logits = (prefs - np.max(prefs)) / tau
    return np.exp(logits) / np.exp(logits).sum()


# %%
class MultiArmedBandit(gym.Env):
    action_space: Discrete
    observation_space: Discrete
    num_arms: int
    stationary: bool
    arm_reward_means: Arr

    def __init__(self, num_arms=10, stationary=True):
        super().__init__()
        self.num_arms = num_arms
        self.stationary = stationary
        self.observation_space = Discrete(1)
        self.action_space = Discrete(num_arms)
        self.reset()

    def step(self, arm: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        assert self.action_space.contains(arm)
        if not self.stationary:
            drift = self.np_random.normal(loc=0.0, scale=0.01, size=self.num_arms)
            self.arm_reward_means += drift
            self.best_arm = int(np.argmax(self.arm_reward_means))
        reward = self.np_random.normal(loc=self.arm_reward_means[arm], scale=1.0)
        terminated = truncated = False
        return (0, reward, terminated, truncated, dict(best_arm=self.best_arm))

    def reset(self, seed: Optional[int] = None, options=None):
        super().reset(seed=seed)
        if self.stationary:
            self.arm_reward_means = self.np_random.normal(loc=0.0, scale=1.0, size=self.num_arms)
        else:
            self.arm_reward_means = np.zeros(shape=[self.num_arms])
        self.best_arm = int(np.argmax(self.arm_reward_means))
        return 0, dict()

    def render(self, mode="human"):
        bandit_samples = [np.random.normal(loc=mean, size=1000) for mean in self.arm_reward_means]
        plt.violinplot(bandit_samples)
        plt.show()


gym.envs.registration.register(
    id="ArmedBanditTestbed-v0",
    entry_point=MultiArmedBandit,
    max_episode_steps=max_episode_steps,
    nondeterministic=True,
    kwargs={"num_arms": 10, "stationary": True},
)

if MAIN:
    env = gym.make("ArmedBanditTestbed-v0")
    print(f"{env.action_space=}")


# %%
class Agent:
    rng: np.random.Generator

    def __init__(self, num_arms: int, seed: int):
        self.num_arms = num_arms
        self.reset(seed)

    def get_action(self) -> ActType:
        raise NotImplementedError()

    def observe(self, action: ActType, reward: float, info: dict) -> None:
        pass

    def reset(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)


def run_episode(env: gym.Env, agent: Agent, seed: int):
    rewards, was_best = [], []
    env.reset(seed=seed)
    agent.reset(seed=seed)
    done = False
    while not done:
        arm = agent.get_action()
        obs, reward, terminated, truncated, info = env.step(arm)
        done = terminated or truncated
        agent.observe(arm, reward, info)
        rewards.append(reward)
        was_best.append(1 if arm == info["best_arm"] else 0)
    return np.array(rewards, dtype=float), np.array(was_best, dtype=int)


class RewardAveraging(Agent):
    def __init__(self, num_arms: int, seed: int, epsilon: float, optimism: float):
        self.epsilon = epsilon
        self.optimism = optimism
        super().__init__(num_arms, seed)

    def get_action(self):
        if self.rng.random() < self.epsilon:
            return self.rng.integers(low=0, high=self.num_arms).item()
        return np.argmax(self.Q)

    def observe(self, action, reward, info):
        self.N[action] += 1
        self.Q[action] += (reward - self.Q[action]) / self.N[action]

    def reset(self, seed: int):
        super().reset(seed)
        self.N = np.zeros(self.num_arms)
        self.Q = np.full(self.num_arms, self.optimism, dtype=float)

    def __repr__(self):
        return f"RewardAveraging(eps={self.epsilon}, optimism={self.optimism})"


num_arms = 10
stationary = True
names, all_rewards = [], []
if MAIN:
    for optimism in [0, 5]:
        agent = RewardAveraging(num_arms, 0, epsilon=0.01, optimism=optimism)
        rewards, num_correct = run_episode(env, agent, 0)
        names.append(str(agent))
    utils.plot_rewards(all_rewards, names, moving_avg_window=15)


class CheatyMcCheater(Agent):
    def __init__(self, num_arms: int, seed: int):
        super().__init__(num_arms, seed)
        self.best_arm = 0

    def get_action(self):
        return self.best_arm

    def observe(self, action: int, reward: float, info: dict):
        self.best_arm = info["best_arm"]


class UCBActionSelection(Agent):
    def __init__(self, num_arms: int, seed: int, c: float, eps: float = 1e-6):
        self.c = c
        self.eps = eps
        super().__init__(num_arms, seed)

    def get_action(self):
        ucb = self.Q + self.c * np.sqrt(np.log(self.t) / (self.N + self.eps))
        return np.argmax(ucb)

    def observe(self, action, reward, info):
        self.t += 1
        self.N[action] += 1
        self.Q[action] += (reward - self.Q[action]) / self.N[action]

    def reset(self, seed: int):
        super().reset(seed)
        self.t = 1
        self.N = np.zeros(self.num_arms)
        self.Q = np.zeros(self.num_arms)


cheater = CheatyMcCheater(num_arms, 0)
ucb = UCBActionSelection(num_arms, 0, c=2.0)


# %%
class Environment:
    def __init__(self, num_states: int, num_actions: int, start=0, terminal=None):
        self.num_states = num_states
        self.num_actions = num_actions
        self.start = start
        self.terminal = np.array([], dtype=int) if terminal is None else terminal
        (self.T, self.R) = self.build()

    def build(self):
        T = np.zeros((self.num_states, self.num_actions, self.num_states))
        R = np.zeros((self.num_states, self.num_actions, self.num_states))
        for s in range(self.num_states):
            for a in range(self.num_actions):
                for s_new, reward, prob in zip(*self.dynamics(s, a)):
                    T[s, a, s_new] += prob
                    R[s, a, s_new] = reward
        return (T, R)

    def dynamics(self, state: int, action: int) -> tuple[Arr, Arr, Arr]:
        raise NotImplementedError

    def render(self, pi: Arr):
        print(f"Policy: {pi}")


class Toy(Environment):
    def dynamics(self, state: int, action: int):
        (SL, S0, SR) = 0, 1, 2
        LEFT = 0
        assert 0 <= state < self.num_states and 0 <= action < self.num_actions
        if state == S0:
            (next_state, reward) = (SL, 1) if action == LEFT else (SR, 0)
        elif state == SL:
            (next_state, reward) = (S0, 0)
        elif state == SR:
            (next_state, reward) = (S0, 2)
        return (np.array([next_state]), np.array([reward]), np.array([1]))

    def __init__(self):
        super().__init__(num_states=3, num_actions=2)


toy = Toy()
if MAIN:
    print(toy.actions)
    imshow(toy.T)


class Grid(Environment):
    def index(self, x, y):
        return x + y * self.width

    def inside(self, x, y):
        return 0 <= x < self.width and 0 <= y < self.height


class Norvig(Grid):
    def __init__(self, penalty=-0.04):
        self.height = 3
        self.width = 4
        self.penalty = penalty
        self.states = np.array([[x, y] for y in range(self.height) for x in range(self.width)])
        self.actions = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])
        self.dim = (self.height, self.width)
        self.walls = np.array([5], dtype=int)
        self.goal_rewards = np.array([1.0, -1])
        super().__init__(12, 4, start=8, terminal=np.array([3, 7], dtype=int))

    def dynamics(self, state: int, action: int) -> tuple[Arr, Arr, Arr]:
        if state in self.terminal or state in self.walls:
            return (np.array([state]), np.array([0]), np.array([1]))
        out_probs = np.zeros(self.num_actions) + 0.1
        out_probs[action] = 0.7
        out_states = np.zeros(self.num_actions, dtype=int)
        out_rewards = np.zeros(self.num_actions) + self.penalty
        for i, move in enumerate(self.actions):
            x, y = self.states[state] + move
            out_states[i] = state
            if self.inside(x, y) and self.index(x, y) not in self.walls:
                out_states[i] = self.index(x, y)
            if out_states[i] in self.terminal:
                out_rewards[i] = self.goal_rewards[list(self.terminal).index(out_states[i])]
        return (out_states, out_rewards, out_probs)


class CliffWalking(Grid):
    def __init__(self, penalty=-1):
        self.height = 4
        self.width = 12
        self.penalty = penalty
        self.states = np.array([[x, y] for y in range(self.height) for x in range(self.width)])
        self.actions = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])
        self.cliff = np.arange(37, 47, dtype=int)
        super().__init__(48, 4, start=36, terminal=np.array([47], dtype=int))

    def dynamics(self, state: int, action: int) -> tuple[Arr, Arr, Arr]:
        if state in self.terminal or state in self.cliff:
            return (np.array([state]), np.array([0]), np.array([1]))
        out_probs = np.zeros(self.num_actions)
        out_probs[action] = 1
        out_states = np.zeros(self.num_actions, dtype=int) + state
        out_rewards = np.zeros(self.num_actions) + self.penalty
        for i, move in enumerate(self.actions):
            x, y = self.states[state] + move
            if self.inside(x, y):
                out_states[i] = self.index(x, y)
            if out_states[i] in self.cliff:
                out_states[i] = self.start
                out_rewards[i] -= 100
        return (out_states, out_rewards, out_probs)


# %%
def policy_eval_numerical(
    env: Environment, pi: Arr, gamma=0.99, eps=1e-8, max_iterations=10_000
) -> Arr:
    num_states = env.num_states
    value = np.zeros((num_states,))
    for i in range(max_iterations):
        new_v = np.zeros_like(value)
        for idx in range(num_states):
            new_v[idx] = np.dot(env.T[idx, pi[idx]], env.R[idx, pi[idx]] + gamma * value)
        delta = np.abs(new_v - value).max()
        if delta < eps:
            break
        value = np.copy(new_v)
    else:
        print(f"Failed to converge after {max_iterations} steps.")
    return value


if MAIN:
    tests.test_policy_eval(policy_eval_numerical, exact=False)


def policy_eval_exact(env: Environment, pi: Arr, gamma=0.99) -> Arr:
    states = np.arange(env.num_states)
    transition_matrix = env.T[states, pi, :]
    reward_matrix = env.R[states, pi, :]
    r = np.einsum("ij,ij->i", transition_matrix, reward_matrix)
    return np.linalg.solve(np.eye(env.num_states) - gamma * transition_matrix, r)


def policy_improvement(env: Environment, V: Arr, gamma=0.99) -> Arr:
    q_values = np.einsum("ijk,ijk->ij", env.T, env.R) + gamma * np.einsum("ijk,k->ij", env.T, V)
    return np.argmax(q_values, axis=1)


def find_optimal_policy(env: Environment, gamma=0.99, max_iterations=10_000):
    pi = np.zeros(shape=env.num_states, dtype=int)
    for i in range(max_iterations):
        V = policy_eval_exact(env, pi, gamma)
        pi_new = policy_improvement(env, V, gamma)
        if np.array_equal(pi_new, pi):
            return pi_new
        pi = pi_new
    else:
        print(f"Failed to converge after {max_iterations} steps.")
        return pi


def value_iteration(env: Environment, gamma=0.99, eps=1e-8):
    V = np.zeros(env.num_states)
    delta = np.inf
    while delta > eps * (1 - gamma):
        new_V = (np.einsum("ijk,ijk->ij", env.T, env.R) + gamma * env.T @ V).max(axis=1)
        delta = np.abs(new_V - V).max()
        V = new_V
    return V, policy_improvement(env, V, gamma)


pi_norvig = find_optimal_policy(Norvig(-0.04), gamma=0.99)
if MAIN:
    Norvig(-0.04).render(pi_norvig)


# %%
class DiscreteEnviroGym(gym.Env):
    action_space: gym.spaces.Discrete
    observation_space: gym.spaces.Discrete

    def __init__(self, env: Environment):
        super().__init__()
        self.env = env
        self.observation_space = gym.spaces.Discrete(env.num_states)
        self.action_space = gym.spaces.Discrete(env.num_actions)
        self.reset()

    def step(self, action: ActType) -> tuple[ObsType, float, bool, bool, dict]:
        (states, rewards, probs) = self.env.dynamics(self.pos, action)
        idx = self.np_random.choice(len(states), p=probs)
        self.pos = states[idx]
        terminated = self.pos in self.env.terminal
        return (self.pos, rewards[idx], terminated, False, {"env": self.env})

    def reset(self, seed: int | None = None, options=None) -> tuple[ObsType, dict]:
        super().reset(seed=seed)
        self.pos = self.env.start
        return (self.pos, {})


gym.envs.registration.register(
    id="NorvigGrid-v0",
    entry_point=DiscreteEnviroGym,
    max_episode_steps=100,
    nondeterministic=True,
    kwargs={"env": Norvig(penalty=-0.04)},
)


@dataclass
class Experience:
    obs: ObsType
    act: ActType
    reward: float
    new_obs: ObsType
    new_act: Optional[ActType] = None


@dataclass
class AgentConfig:
    epsilon: float = 0.1
    lr: float = 0.05
    optimism: float = 0
    lambda_: float = 0.9


defaultConfig = AgentConfig()


class Agent:
    rng: np.random.Generator

    def __init__(self, env: gym.Env, config: AgentConfig = defaultConfig, gamma: float = 0.99, seed: int = 0):
        self.env = env
        self.reset(seed)
        self.config = config
        self.gamma = gamma
        self.num_actions = env.action_space.n
        self.num_states = env.observation_space.n
        self.name = type(self).__name__

    def get_action(self, obs: ObsType) -> ActType:
        raise NotImplementedError()

    def observe(self, exp: Experience) -> None:
        pass

    def reset(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def run_episode(self, seed) -> list[int]:
        rewards = []
        obs, info = self.env.reset(seed=seed)
        self.reset(seed=seed)
        done = False
        while not done:
            act = self.get_action(obs)
            (new_obs, reward, terminated, truncated, info) = self.env.step(act)
            done = terminated or truncated
            self.observe(Experience(obs, act, reward, new_obs))
            rewards.append(reward)
            obs = new_obs
        return rewards

    def train(self, n_runs=500):
        return [discounted_return(self.run_episode(seed), self.gamma) for seed in trange(n_runs)]


class Cheater(Agent):
    def __init__(self, env: gym.Env, config: AgentConfig = defaultConfig, gamma=0.99, seed: int = 0):
        super().__init__(env, config, gamma, seed)
        self.pi = find_optimal_policy(self.env.unwrapped.env, self.gamma)

    def get_action(self, obs: ObsType) -> ActType:
        return self.pi[obs]


class EpsilonGreedy(Agent):
    def __init__(self, env: gym.Env, config: AgentConfig = defaultConfig, gamma: float = 0.99, seed: int = 0):
        super().__init__(env, config, gamma, seed)
        self.Q = np.zeros((self.num_states, self.num_actions)) + self.config.optimism

    def get_action(self, obs: ObsType) -> ActType:
        if self.rng.random() < self.config.epsilon:
            return self.rng.integers(low=0, high=self.num_actions)
        return self.Q[obs].argmax()


class QLearning(EpsilonGreedy):
    def observe(self, exp: Experience) -> None:
        s, a, r_new, s_new = exp.obs, exp.act, exp.reward, exp.new_obs
        self.Q[s, a] += self.config.lr * (r_new + self.gamma * np.max(self.Q[s_new]) - self.Q[s, a])


class SARSA(EpsilonGreedy):
    def observe(self, exp: Experience):
        s, a, r_new, s_new, a_new = exp.obs, exp.act, exp.reward, exp.new_obs, exp.new_act
        self.Q[s, a] += self.config.lr * (r_new + self.gamma * self.Q[s_new, a_new] - self.Q[s, a])

    def run_episode(self, seed) -> list[int]:
        rewards = []
        obs, info = self.env.reset(seed=seed)
        self.reset(seed=seed)
        act = self.get_action(obs)
        done = False
        while not done:
            (new_obs, reward, terminated, truncated, info) = self.env.step(act)
            done = terminated or truncated
            new_act = self.get_action(new_obs)
            self.observe(Experience(obs, act, reward, new_obs, new_act))
            rewards.append(reward)
            obs, act = new_obs, new_act
        return rewards


class SARSA_lambda(SARSA):
    def __init__(self, env: gym.Env, config: AgentConfig = defaultConfig, gamma: float = 0.99, seed: int = 0):
        super().__init__(env, config, gamma, seed)
        self.E = np.zeros_like(self.Q)

    def observe(self, exp: Experience):
        s, a, r_new, s_new, a_new = exp.obs, exp.act, exp.reward, exp.new_obs, exp.new_act
        td_error = r_new + self.gamma * self.Q[s_new, a_new] - self.Q[s, a]
        self.E[s, a] += 1
        self.Q += self.config.lr * td_error * self.E
        self.E *= self.gamma * self.config.lambda_

    def run_episode(self, seed) -> list[int]:
        self.E = np.zeros_like(self.Q)
        return super().run_episode(seed)


# %%
n_runs = 1000
gamma = 0.99
seed = 1
config_norvig = AgentConfig()
env_norvig = gym.make("NorvigGrid-v0")
args_norvig = (env_norvig, config_norvig, gamma, seed)
agents_norvig = [Cheater(*args_norvig), QLearning(*args_norvig), SARSA(*args_norvig)]
returns_dict = {}
for agent in agents_norvig:
    returns = agent.train(n_runs)
    returns_dict[agent.name] = utils.cummean(returns)

if MAIN:
    df = pd.DataFrame(returns_dict)
    utils.plot_returns(df)
