"""Whole arrays at once: einsum, one draw by probabilities, policies as matrices, tables that are replaced, not edited."""

import gymnasium as gym
import numpy as np
import torch

from exercises.given.agents import DEFAULTS, Agent, AgentConfig, BanditAgent, Experience
from exercises.given.mdps import Environment


def discounted_return(rewards, gamma=1.0):
    return np.polynomial.polynomial.polyval(gamma, list(rewards) or [0.0])


def softmax_policy(prefs, tau=1.0):
    return torch.softmax(torch.from_numpy(prefs) / tau, dim=0).numpy()


def epsilon_greedy(values, epsilon, rng):
    """One draw from the distribution in which best actions share what is left over for them."""
    best = values == values.max()
    return rng.choice(len(values), p=epsilon / len(values) + (1 - epsilon) * best / best.sum())


class MultiArmedBandit(gym.Env):
    def __init__(self, num_arms=10, stationary=True):
        self.num_arms, self.stationary = num_arms, stationary
        self.observation_space = gym.spaces.Discrete(1)
        self.action_space = gym.spaces.Discrete(num_arms)
        self.reset()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.arm_reward_means = self.np_random.normal(0.0, 1.0, self.num_arms) * self.stationary
        self.best_arm = int(self.arm_reward_means.argmax())
        return 0, {}

    def step(self, arm):
        noise = self.np_random.normal(size=self.num_arms + 1)
        self.arm_reward_means = self.arm_reward_means + (not self.stationary) * 0.01 * noise[1:]
        reward = self.arm_reward_means[arm] + noise[0]
        return 0, reward, False, False, {"best_arm": int(self.arm_reward_means.argmax())}


class CheatyMcCheater(BanditAgent):
    def reset(self, seed):
        super().reset(seed)
        self.known = [0]

    def get_action(self):
        return self.known[-1]

    def observe(self, action, reward, info):
        self.known.append(info["best_arm"])


class RewardAveraging(BanditAgent):
    def __init__(self, num_arms, seed, epsilon, optimism):
        self.epsilon, self.optimism = epsilon, optimism
        super().__init__(num_arms, seed)

    def reset(self, seed):
        super().reset(seed)
        self.total = np.zeros((2, self.num_arms))  # rewards, pulls

    def get_action(self):
        paid, pulls = self.total
        return epsilon_greedy(np.where(pulls, paid / np.maximum(pulls, 1), self.optimism), self.epsilon, self.rng)

    def observe(self, action, reward, info):
        self.total[:, action] += reward, 1


class UCBActionSelection(BanditAgent):
    """Tries every arm once, then the formula."""

    def __init__(self, num_arms, seed, c, eps=1e-6):
        self.c, self.eps = c, eps
        super().__init__(num_arms, seed)

    def reset(self, seed):
        super().reset(seed)
        self.total = np.zeros((2, self.num_arms))

    def get_action(self):
        paid, pulls = self.total
        if not pulls.all() and self.c and self.eps < 1e-3:
            return self.rng.choice(np.flatnonzero(pulls == 0))
        return (paid / np.maximum(pulls, 1) + self.c * (np.log(pulls.sum() + 1) / (pulls + self.eps)) ** 0.5).argmax()

    def observe(self, action, reward, info):
        self.total[:, action] += reward, 1


class Toy(Environment):
    def __init__(self):
        super().__init__(num_states=3, num_actions=2, start=1)

    def dynamics(self, state, action):
        probs = np.zeros((3, 2, 3))
        probs[[0, 2], :, 1] = probs[1, 0, 0] = probs[1, 1, 2] = 1.0
        rewards = np.zeros((3, 2))
        rewards[1, 0], rewards[2] = 1, 2
        return np.arange(3), np.full(3, rewards[state, action]), probs[state, action]


def grid_moves(height, width):
    """Where the four actions lead on a grid without walls, (height * width, 4)."""
    numbers = np.arange(height * width).reshape(height, width)
    padded = np.pad(numbers, 1, mode="edge")
    around = padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2]
    return np.stack([view.ravel() for view in around], axis=1)


class Norvig(Environment):
    def __init__(self, penalty=-0.04):
        self.penalty = penalty
        super().__init__(num_states=12, num_actions=4, start=8, terminal=[3, 7])

    def dynamics(self, state, action):
        moves = grid_moves(3, 4)[state]
        moves = np.where((moves == 5) | np.isin(state, self.terminal), state, moves)
        rewards = np.select([moves == 3, moves == 7], [1.0, -1.0], self.penalty)
        rewards = rewards * (state not in self.terminal)
        return moves, rewards, 0.1 + 0.6 * (np.arange(4) == action)


class CliffWalking(Environment):
    def __init__(self, penalty=-1.0):
        self.penalty = penalty
        super().__init__(num_states=48, num_actions=4, start=36, terminal=[47])

    def dynamics(self, state, action):
        goal = 47
        new = goal if state == goal else grid_moves(4, 12)[state, action]
        fell = 36 < new < goal
        reward = 0.0 if state == goal else -100.0 if fell else self.penalty
        return np.array([36 if fell else new]), np.array([reward]), np.array([1.0])


def mean_rewards(env):
    return np.einsum("san,san->sa", env.T, env.R)


def backup(env, V, gamma):
    return mean_rewards(env) + gamma * np.einsum("san,n->sa", env.T, V)


def policy_eval_numerical(env, pi, gamma=0.99, eps=1e-8, max_iterations=10_000):
    chosen = np.eye(env.num_actions)[pi]
    V = np.zeros(env.num_states)
    for _ in range(max_iterations):
        V, old = np.einsum("sa,sa->s", chosen, backup(env, V, gamma)), V
        if np.linalg.norm(V - old) < eps:
            break
    return V


def policy_eval_exact(env, pi, gamma=0.99):
    chosen = np.eye(env.num_actions)[pi]
    P = np.einsum("sa,san->sn", chosen, env.T)
    r = np.einsum("sa,sa->s", chosen, mean_rewards(env))
    return np.linalg.lstsq(np.eye(env.num_states) - gamma * P, r, rcond=None)[0]


def policy_improvement(env, V, gamma=0.99):
    Q = backup(env, V, gamma)
    return env.num_actions - 1 - Q[:, ::-1].argmax(axis=1)


def find_optimal_policy(env, gamma=0.99, max_iterations=10_000):
    rng = np.random.default_rng(0)
    pi = rng.integers(env.num_actions, size=env.num_states)
    V = policy_eval_exact(env, pi, gamma)
    for _ in range(max_iterations):
        pi = policy_improvement(env, V, gamma)
        V, old = policy_eval_exact(env, pi, gamma), V
        if np.allclose(V, old, rtol=0, atol=1e-10):
            break
    return pi


def value_iteration(env, gamma=0.99, eps=1e-8):
    pi = find_optimal_policy(env, gamma)
    return policy_eval_exact(env, pi, gamma), pi


class Cheater(Agent):
    def __init__(self, env: gym.Env, config: AgentConfig = DEFAULTS, gamma: float = 0.99, seed: int = 0):
        super().__init__(env, config, gamma, seed)
        self.plan = find_optimal_policy(env.unwrapped.env, gamma).tolist()

    def get_action(self, obs):
        return self.plan[obs]


class EpsilonGreedy(Agent):
    def __init__(self, env: gym.Env, config: AgentConfig = DEFAULTS, gamma: float = 0.99, seed: int = 0):
        super().__init__(env, config, gamma, seed)
        self.Q = np.full((self.num_states, self.num_actions), float(config.optimism))

    def get_action(self, obs):
        return epsilon_greedy(self.Q[obs], self.config.epsilon, self.rng)


class QLearning(EpsilonGreedy):
    def next_value(self, exp):
        return self.Q[exp.new_obs].max()

    def observe(self, exp: Experience):
        entry = np.zeros_like(self.Q)
        entry[exp.obs, exp.act] = 1
        self.Q = self.Q + self.config.lr * entry * (exp.reward + self.gamma * self.next_value(exp) - self.Q)


class SARSA(QLearning):
    """Q-learning with another value of what comes next."""

    def next_value(self, exp):
        return self.Q[exp.new_obs, exp.new_act]

    def run_episode(self, seed):
        self.reset(seed)
        obs, _ = self.env.reset(seed=seed)
        rewards, acts = [], [self.get_action(obs)]
        over = False
        while not over:
            new_obs, reward, terminated, truncated, _ = self.env.step(acts[-1])
            acts.append(self.get_action(new_obs))
            self.observe(Experience(obs, acts[-2], reward, new_obs, acts[-1]))
            rewards.append(reward)
            obs, over = new_obs, terminated or truncated
        return rewards


class SARSA_lambda(SARSA):
    def reset(self, seed):
        super().reset(seed)
        self.traces = np.zeros((self.num_states, self.num_actions))

    def observe(self, exp: Experience):
        error = exp.reward + self.gamma * self.next_value(exp) - self.Q[exp.obs, exp.act]
        visited = np.zeros_like(self.traces)
        visited[exp.obs, exp.act] = 1
        self.traces = self.gamma * self.config.trace_decay * self.traces + visited
        self.Q = self.Q + self.config.lr * error * self.traces
