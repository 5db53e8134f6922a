"""As rl_basics_arena_layout, and of an older edition: the interface of gym 0.23 (four values a step, an observation from
reset), the toy numbered from the middle, policies of floats, loops that do not stop early, other ways to count."""

from dataclasses import dataclass
from typing import List, Optional, Tuple, Union

import numpy as np
from tqdm.auto import tqdm

try:
    import gym
    import gym.spaces
    from gym.spaces import Discrete
except ImportError:
    import gymnasium as gym
    from gymnasium.spaces import Discrete

import part1_intro_to_rl.utils as utils
from part1_intro_to_rl.utils import sum_rewards

MAIN = __name__ == "__main__"
Arr = np.ndarray
ObsType = Union[np.ndarray, int]
ActType = Union[np.ndarray, int]


def discounted_return(rewards: List[float], gamma: float = 1.0) -> float:
    powers = gamma ** np.arange(len(rewards), dtype=float)
    return float(np.sum(powers * np.asarray(rewards, dtype=float)))


def softmax_policy(prefs, tau=1.0):
    prefs = np.asarray(prefs, dtype=float)
    differences = (prefs[:, None] - prefs[None, :]) / tau
    with np.errstate(over="ignore"):
        return 1 / np.exp(-differences).sum(axis=1)


class MultiArmedBandit(gym.Env):
    action_space: gym.spaces.Discrete
    observation_space: gym.spaces.Discrete
    num_arms: int
    stationary: bool
    arm_reward_means: np.ndarray
    arm_star: int

    def __init__(self, num_arms=10, stationary=True):
        super().__init__()
        self.num_arms = num_arms
        self.stationary = stationary
        self.observation_space = gym.spaces.Discrete(1)
        self.action_space = gym.spaces.Discrete(num_arms)
        self.reset()

    def step(self, arm: ActType) -> Tuple[ObsType, float, bool, dict]:
        assert self.action_space.contains(arm)
        if not self.stationary:
            self.arm_reward_means += self.np_random.normal(loc=0.0, scale=0.01, size=self.num_arms)
        self.best_arm = int(np.argmax(self.arm_reward_means))
        reward = self.np_random.normal(loc=self.arm_reward_means[arm], scale=1.0)
        return (0, reward, False, dict(best_arm=self.best_arm))

    def reset(self, seed: Optional[int] = None, return_info=False, options=None) -> Union[ObsType, Tuple[ObsType, dict]]:
        super().reset(seed=seed)
        if self.stationary:
            self.arm_reward_means = self.np_random.normal(loc=0.0, scale=1.0, size=self.num_arms)
        else:
            self.arm_reward_means = np.zeros(shape=[self.num_arms])
        self.best_arm = int(np.argmax(self.arm_reward_means))
        return (0, dict()) if return_info else 0


class BanditAgent:
    def __init__(self, num_arms: int, seed: int):
        self.num_arms = num_arms
        self.reset(seed)

    def get_action(self) -> ActType:
        raise NotImplementedError

    def observe(self, action: ActType, reward: float, info: dict) -> None:
        raise NotImplementedError

    def reset(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)


class RewardAveraging(BanditAgent):
    """Counts its optimism as if it had been paid once, and sizes its tables by a number outside of the class."""

    def __init__(self, num_arms: int, seed: int, epsilon: float, optimism: float):
        self.epsilon = epsilon
        self.optimism = optimism
        super().__init__(num_arms, seed)

    def get_action(self):
        exploit = self.rng.random() >= self.epsilon
        return np.argmax(self.averages) if exploit else self.rng.integers(self.num_arms)

    def observe(self, action, reward, info):
        self.counts[action] += 1
        self.averages[action] += (reward - self.averages[action]) / self.counts[action]

    def reset(self, seed: int):
        super().reset(seed)
        self.counts = np.ones(num_arms)
        self.averages = np.full(num_arms, self.optimism, dtype=np.float64)


num_arms = 10
stationary = True


class CheatyMcCheater(BanditAgent):
    def __init__(self, num_arms: int, seed: int):
        super().__init__(num_arms, seed)
        self.best = np.int64(0)

    def get_action(self):
        return self.best

    def observe(self, action, reward, done, info):
        self.best = np.int64(info["best_arm"])


class UCBActionSelection(BanditAgent):
    """Counts time in get_action."""

    def __init__(self, num_arms: int, seed: int, c: float, eps: float = 1e-6):
        self.c = c
        self.eps = eps
        super().__init__(num_arms, seed)

    def get_action(self):
        self.t += 1
        return np.argmax(self.Q + self.c * np.sqrt(np.log(self.t) / (self.N + self.eps)))

    def observe(self, action, reward, info):
        self.total[action] += reward
        self.N[action] += 1
        self.Q[action] = self.total[action] / self.N[action]

    def reset(self, seed: int):
        super().reset(seed)
        self.t = 0
        self.N, self.total, self.Q = (np.zeros(self.num_arms) for _ in range(3))


class Environment:
    def __init__(self, num_states: int, num_actions: int, start=0, terminal=None):
        self.num_states = num_states
        self.num_actions = num_actions
        self.start = start
        self.terminal = np.array([], dtype=int) if terminal is None else terminal
        (self.T, self.R) = self.build()

    def build(self):
        T = np.zeros((self.num_states, self.num_actions, self.num_states))
        R = np.zeros_like(T)
        for s in range(self.num_states):
            for a in range(self.num_actions):
                states, rewards, probs = self.dynamics(s, a)
                np.add.at(T[s, a], states, probs)
                np.add.at(R[s, a], states, rewards)
        return (T, R)

    def dynamics(self, state: int, action: int) -> Tuple[Arr, Arr, Arr]:
        raise NotImplementedError


class Toy(Environment):
    def dynamics(self, state: int, action: int):
        (S0, SL, SR) = (0, 1, 2)
        (num_states, num_actions) = (3, 2)
        assert 0 <= state < num_states and 0 <= action < num_actions
        if state == S0:
            out = (SL, 1) if action == 0 else (SR, 0)
        else:
            out = (S0, 0 if state == SL else 2)
        return (np.array([out[0]]), np.array([out[1]]), np.array([1]))

    def __init__(self):
        super().__init__(3, 2)


MOVES = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])


class Norvig(Environment):
    def __init__(self, penalty=-0.04):
        self.penalty = penalty
        self.dim = (self.height, self.width) = (3, 4)
        super().__init__(12, 4, start=8, terminal=np.array([3, 7]))

    def dynamics(self, state: int, action: int) -> Tuple[Arr, Arr, Arr]:
        if state in (3, 5, 7):
            return (np.array([state]), np.array([0]), np.array([1]))
        states, rewards, probs = [], [], []
        for i in range(4):
            new = np.array([state % 4, state // 4]) + MOVES[i]
            index = new[0] + 4 * new[1]
            if (new < 0).any() or new[0] > 3 or new[1] > 2 or index == 5:
                index = state
            states.append(index)
            rewards.append(1.0 if index == 3 else -1.0 if index == 7 else self.penalty)
            probs.append(0.7 if i == action else 0.1)
        return (np.array(states), np.array(rewards), np.array(probs))


class CliffWalking(Environment):
    def __init__(self, penalty=-1):
        self.penalty = penalty
        super().__init__(48, 4, start=36, terminal=np.array([47]))

    def dynamics(self, state: int, action: int) -> Tuple[Arr, Arr, Arr]:
        if state == 47:
            return (np.array([47]), np.array([0]), np.array([1]))
        x, y = np.clip(np.array([state % 12, state // 12]) + MOVES[action], 0, (11, 3))
        if y == 3 and 0 < x < 11:
            return (np.array([36]), np.array([-100]), np.array([1]))
        return (np.array([x + 12 * y]), np.array([self.penalty]), np.array([1]))


def policy_eval_numerical(env: Environment, pi: Arr, gamma=0.99, eps=1e-8, max_iterations=10_000) -> Arr:
    V = np.zeros(env.num_states)
    n = 0
    while n < max_iterations:
        delta = 0
        for s in range(env.num_states):
            v = V[s]
            a = int(pi[s])
            V[s] = sum(env.T[s, a, t] * (env.R[s, a, t] + gamma * V[t]) for t in range(env.num_states))
            delta = max(delta, abs(v - V[s]))
        n += 1
        if delta < eps:
            break
    return V


def policy_eval_exact(env: Environment, pi: Arr, gamma=0.99) -> Arr:
    chosen = np.array([env.T[s, int(a)] for s, a in enumerate(pi)])
    reward = np.array([env.T[s, int(a)] @ env.R[s, int(a)] for s, a in enumerate(pi)])
    return np.linalg.inv(np.identity(env.num_states) - gamma * chosen) @ reward


def policy_improvement(env: Environment, V: Arr, gamma=0.99) -> Arr:
    pi_better = np.zeros(env.num_states)
    for s in range(env.num_states):
        pi_better[s] = np.argmax([env.T[s, a] @ (env.R[s, a] + gamma * V) for a in range(env.num_actions)])
    return pi_better


def find_optimal_policy(env: Environment, gamma=0.99, max_iterations=10_000):
    pi = np.zeros(shape=env.num_states)
    for _ in range(max_iterations):
        previous = pi
        pi = policy_improvement(env, policy_eval_exact(env, pi, gamma), gamma)
        if np.array_equal(pi, previous):
            break
    return pi


def value_iteration(env, gamma=0.99, eps=1e-8):
    pi = find_optimal_policy(env, gamma, 100)
    return policy_eval_exact(env, pi, gamma), pi


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


class Cheater(Agent):
    def __init__(self, env: gym.Env, config: AgentConfig = defaultConfig, gamma=0.99, seed: int = 0):
        super().__init__(env, config, gamma, seed)
        self.pi = find_optimal_policy(self.env.unwrapped.env, self.gamma, max_iterations=100)

    def get_action(self, obs):
        return int(self.pi[obs])


class EpsilonGreedy(Agent):
    def __init__(self, env, config=defaultConfig, gamma=0.99, seed=0):
        super().__init__(env, config, gamma, seed)
        self.Q = np.zeros((self.num_states, self.num_actions)) + self.config.optimism

    def get_action(self, obs: ObsType) -> ActType:
        explore = self.rng.uniform() < self.config.epsilon
        return self.rng.choice(self.num_actions) if explore else np.argmax(self.Q[obs, :])


class QLearning(EpsilonGreedy):
    def observe(self, exp: Experience) -> None:
        difference = exp.reward + self.gamma * max(self.Q[exp.new_obs]) - self.Q[exp.obs][exp.act]
        self.Q[exp.obs][exp.act] += self.config.lr * difference


class SARSA(EpsilonGreedy):
    def observe(self, exp: Experience):
        now = self.Q[exp.obs, exp.act]
        self.Q[exp.obs, exp.act] = now + self.config.lr * (
            exp.reward + self.gamma * self.Q[exp.new_obs, exp.new_act] - now
        )

    def run_episode(self, seed) -> List[int]:
        rewards = []
        obs = self.env.reset(seed=seed)
        act = self.get_action(obs)
        self.reset(seed=seed)
        done = False
        while not done:
            (new_obs, reward, done, info) = self.env.step(act)
            new_act = self.get_action(new_obs)
            exp = Experience(obs, act, reward, new_obs, new_act)
            self.observe(exp)
            rewards.append(reward)
            obs = new_obs
            act = new_act
        return rewards


class SARSA_lambda(SARSA):
    def __init__(self, env, config=defaultConfig, gamma=0.99, seed=0, lambd=0.9):
        super().__init__(env, config, gamma, seed)
        self.lambd = lambd

    def reset(self, seed):
        super().reset(seed)
        self.trace = None

    def observe(self, exp: Experience):
        if self.trace is None:
            self.trace = np.zeros_like(self.Q)
        self.trace = self.gamma * self.lambd * self.trace
        self.trace[exp.obs, exp.act] += 1
        error = exp.reward + self.gamma * self.Q[exp.new_obs, exp.new_act] - self.Q[exp.obs, exp.act]
        self.Q = self.Q + self.config.lr * error * self.trace


if MAIN:
    for cls in tqdm((Cheater, QLearning, SARSA)):
        agent = cls(gym.make("NorvigGrid-v0"))
        print(sum_rewards(agent.run_episode(0), 0.99))
