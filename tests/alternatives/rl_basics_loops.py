"""Number by number, in plain Python: dictionaries for tables, sweeps in place, a bonus that is spelt out, chosen ties."""

import math

import gymnasium as gym
import numpy as np

from exercises.given.agents import DEFAULTS, Agent, AgentConfig, BanditAgent, Experience
from exercises.given.mdps import Environment


def discounted_return(rewards, gamma=1.0):
    total, weight = 0.0, 1.0
    for reward in rewards:
        total += weight * reward
        weight *= gamma
    return total


def softmax_policy(prefs, tau=1.0):
    top = max(prefs)
    weights = [math.exp((pref - top) / tau) for pref in prefs]
    return np.array([weight / sum(weights) for weight in weights])


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
        if not self.stationary:
            for other in range(self.num_arms):
                self.arm_reward_means[other] += 0.01 * self.np_random.standard_normal()
        best = max(range(self.num_arms), key=lambda other: self.arm_reward_means[other])
        self.best_arm = best
        return 0, self.arm_reward_means[arm] + self.np_random.standard_normal(), False, False, {"best_arm": best}


class CheatyMcCheater(BanditAgent):
    info = None

    def get_action(self):
        return self.info["best_arm"] if self.info else int(self.rng.integers(self.num_arms))

    def observe(self, action, reward, info):
        self.info = info


class RewardAveraging(BanditAgent):
    def __init__(self, num_arms, seed, epsilon, optimism):
        super().__init__(num_arms, seed)
        self.epsilon, self.optimism = epsilon, optimism

    def reset(self, seed):
        super().reset(seed)
        self.paid = {arm: [] for arm in range(self.num_arms)}

    def get_action(self):
        values = [sum(paid) / len(paid) if paid else self.optimism for paid in self.paid.values()]
        best = [arm for arm, value in enumerate(values) if value == max(values)]
        if self.rng.random() >= self.epsilon:
            return int(self.rng.choice(best))
        return int(self.rng.integers(0, self.num_arms))

    def observe(self, action, reward, info):
        self.paid[action].append(reward)


class UCBActionSelection(BanditAgent):
    def __init__(self, num_arms, seed, c, eps=1e-6):
        super().__init__(num_arms, seed)
        self.c, self.eps = c, eps

    def reset(self, seed):
        super().reset(seed)
        self.counts, self.sums = [0] * self.num_arms, [0.0] * self.num_arms

    def get_action(self):
        total = sum(self.counts)
        best, best_value = 0, -math.inf
        for arm in range(self.num_arms):
            count = self.counts[arm]
            mean = self.sums[arm] / count if count else 0.0
            value = mean + self.c * math.sqrt(math.log(max(total, 1)) / (count + self.eps))
            if value >= best_value:
                best, best_value = arm, value
        return best

    def observe(self, action, reward, info):
        self.counts[action] += 1
        self.sums[action] += reward


class Toy(Environment):
    OUTCOMES = {(0, 0): (1, 0), (0, 1): (1, 0), (1, 0): (0, 1), (1, 1): (2, 0), (2, 0): (1, 2), (2, 1): (1, 2)}

    def __init__(self):
        super().__init__(num_states=3, num_actions=2, start=1)

    def dynamics(self, state, action):
        new_state, reward = self.OUTCOMES[state, action]
        return [new_state], [reward], [1.0]


class Norvig(Environment):
    MAP = ["...G", ".#.P", "S..."]

    def __init__(self, penalty=-0.04):
        self.penalty = penalty
        super().__init__(num_states=12, num_actions=4, start=8, terminal=[3, 7])

    def step_to(self, state, direction):
        row, column = state // 4, state % 4
        if direction == 0:
            row -= 1
        elif direction == 1:
            column += 1
        elif direction == 2:
            row += 1
        else:
            column -= 1
        if row in (-1, 3) or column in (-1, 4) or self.MAP[row][column] == "#":
            return state
        return 4 * row + column

    def dynamics(self, state, action):
        if self.MAP[state // 4][state % 4] in "GP#":
            return [state], [0.0], [1.0]
        chances = {}
        for direction in range(4):
            new_state = self.step_to(state, direction)
            chances[new_state] = chances.get(new_state, 0.0) + (0.7 if direction == action else 0.1)
        earned = {"G": 1.0, "P": -1.0}
        rewards = [earned.get(self.MAP[new // 4][new % 4], self.penalty) for new in chances]
        return list(chances), rewards, list(chances.values())


class CliffWalking(Environment):
    def __init__(self, penalty=-1.0):
        self.penalty = penalty
        super().__init__(num_states=48, num_actions=4, start=36, terminal=[47])

    def dynamics(self, state, action):
        new = state
        if state == 47:
            return [47], [0.0], [1.0]
        if action == 0 and state >= 12:
            new = state - 12
        if action == 1 and state % 12 < 11:
            new = state + 1
        if action == 2 and state < 36:
            new = state + 12
        if action == 3 and state % 12 > 0:
            new = state - 1
        if 36 < new < 47:
            return [36, 36], [-100.0, -100.0], [0.25, 0.75]
        return [new], [self.penalty], [1.0]


def promise(env, V, gamma, state, action):
    total = 0.0
    for new_state in range(env.num_states):
        total += env.T[state, action, new_state] * (env.R[state, action, new_state] + gamma * V[new_state])
    return total


def policy_eval_numerical(env, pi, gamma=0.99, eps=1e-8, max_iterations=10_000):
    V = np.zeros(env.num_states)
    for _ in range(max_iterations):
        changes = []
        for state in reversed(range(env.num_states)):
            new = promise(env, V, gamma, state, pi[state])
            changes.append(abs(new - V[state]))
            V[state] = new
        if max(changes) < eps:
            return V
    return V


def policy_eval_exact(env, pi, gamma=0.99):
    """Adds up the discounted powers of P by squaring: after k rounds, 2^k of them."""
    P = np.array([env.T[state, action] for state, action in enumerate(pi)]) * gamma
    V = np.array([promise(env, np.zeros(env.num_states), 0.0, state, action) for state, action in enumerate(pi)])
    for _ in range(40):
        V = V + P @ V
        P = P @ P
    return V


def policy_improvement(env, V, gamma=0.99):
    pi = []
    for state in range(env.num_states):
        values = [promise(env, V, gamma, state, action) for action in range(env.num_actions)]
        pi.append(max(reversed(range(env.num_actions)), key=values.__getitem__))
    return np.array(pi)


def find_optimal_policy(env, gamma=0.99, max_iterations=10_000):
    return value_iteration(env, gamma, 1e-9)[1]


def value_iteration(env, gamma=0.99, eps=1e-8):
    V = np.zeros(env.num_states)
    while True:
        change = 0.0
        for state in range(env.num_states):
            new = max(promise(env, V, gamma, state, action) for action in range(env.num_actions))
            change = max(change, abs(new - V[state]))
            V[state] = new
        if change <= eps * (1 - gamma):
            return V, policy_improvement(env, V, gamma)


class Cheater(Agent):
    """Plans by itself, when it is first asked."""

    pi = None

    def get_action(self, obs):
        if self.pi is None:
            env = self.env.unwrapped.env
            V = np.zeros(env.num_states)
            for _ in range(5000):
                V = (env.T * (env.R + self.gamma * V)).sum(-1).max(-1)
            self.pi = (env.T * (env.R + self.gamma * V)).sum(-1).argmax(-1)
        return self.pi[obs]


class EpsilonGreedy(Agent):
    def __init__(self, env: gym.Env, config: AgentConfig = DEFAULTS, gamma: float = 0.99, seed: int = 0):
        super().__init__(env, config, gamma, seed)
        self.Q = np.full((self.num_states, self.num_actions), float(config.optimism))

    def get_action(self, obs):
        row = list(self.Q[obs])
        if self.rng.random() < self.config.epsilon:
            return int(self.rng.random() * self.num_actions)
        best = [action for action, value in enumerate(row) if value == max(row)]
        return best[int(self.rng.random() * len(best))]


class QLearning(EpsilonGreedy):
    def observe(self, exp: Experience):
        best = -math.inf
        for action in range(self.num_actions):
            best = max(best, self.Q[exp.new_obs, action])
        lr = self.config.lr
        self.Q[exp.obs, exp.act] = (1 - lr) * self.Q[exp.obs, exp.act] + lr * (exp.reward + self.gamma * best)


class SARSA(EpsilonGreedy):
    def observe(self, exp: Experience):
        lr = self.config.lr
        target = exp.reward + self.gamma * self.Q[exp.new_obs, exp.new_act]
        self.Q[exp.obs, exp.act] = (1 - lr) * self.Q[exp.obs, exp.act] + lr * target

    def run_episode(self, seed):
        obs = self.env.reset(seed=seed)[0]
        self.reset(seed)
        act, rewards = self.get_action(obs), []
        while True:
            seen, reward, *over, _ = self.env.step(act)
            next_act = self.get_action(seen)
            self.observe(Experience(obs, act, reward, seen, next_act))
            rewards += [reward]
            if any(over):
                return rewards
            obs, act = seen, next_act


class SARSA_lambda(SARSA):
    def reset(self, seed):
        super().reset(seed)
        self.steps = []

    def observe(self, exp: Experience):
        """Remembers the visits, not the traces."""
        delta = exp.reward + self.gamma * self.Q[exp.new_obs, exp.new_act] - self.Q[exp.obs, exp.act]
        self.steps.append((exp.obs, exp.act))
        for age, (obs, act) in enumerate(reversed(self.steps)):
            self.Q[obs, act] += self.config.lr * delta * (self.gamma * self.config.trace_decay) ** age
