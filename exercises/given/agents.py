"""What agents of the section `rl_basics` have in common: they act, and are told what came of it."""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np


class BanditAgent:
    """An agent that pulls arms of a bandit. A subclass says how it chooses and what it learns.

    Attributes:
        num_arms: the arms are numbered from 0 to num_arms - 1.
        rng: where it draws what it leaves to chance.
    """

    rng: np.random.Generator

    def __init__(self, num_arms: int, seed: int) -> None:
        """Begin, with `reset`. What a subclass's reset needs must be there before."""
        self.num_arms = num_arms
        self.reset(seed)

    def get_action(self) -> int:
        """The arm to pull next."""
        raise NotImplementedError

    def observe(self, action: int, reward: float, info: dict[str, Any]) -> None:
        """Learn from a pull: the arm, what it paid, and what else the bandit says of it."""

    def reset(self, seed: int) -> None:
        """Forget everything and begin again."""
        self.rng = np.random.default_rng(seed)


def run_bandit(env: gym.Env, agent: BanditAgent, seed: int, steps: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Let an agent play with a bandit.

    Returns:
        The reward of each pull, and whether it was the best arm's; shape (steps,) each.
    """
    env.reset(seed=seed)
    agent.reset(seed)
    rewards, was_best = np.zeros(steps), np.zeros(steps, dtype=bool)
    for step in range(steps):
        arm = agent.get_action()
        _, rewards[step], _, _, info = env.step(arm)
        agent.observe(arm, rewards[step], info)
        was_best[step] = arm == info["best_arm"]
    return rewards, was_best


@dataclass
class Experience:
    """A step of an episode: what was seen, done and earned, what was seen then and, where it is known, done next."""

    obs: int
    act: int
    reward: float
    new_obs: int
    new_act: int | None = None


@dataclass(frozen=True)
class AgentConfig:
    """Settings of an agent: how often it explores, its learning rate, what it believes at first, and λ."""

    epsilon: float = 0.1
    lr: float = 0.05
    optimism: float = 0.0
    trace_decay: float = 0.9


DEFAULTS = AgentConfig()


class Agent:
    """An agent in an environment of gymnasium whose observations and actions are numbers.

    Attributes:
        env, config, gamma: as they were given.
        num_states, num_actions: of the environment.
        rng: where it draws what it leaves to chance.
    """

    rng: np.random.Generator

    def __init__(self, env: gym.Env, config: AgentConfig = DEFAULTS, gamma: float = 0.99, seed: int = 0) -> None:
        self.env, self.config, self.gamma = env, config, gamma
        self.num_states, self.num_actions = int(env.observation_space.n), int(env.action_space.n)
        self.reset(seed)

    def get_action(self, obs: int) -> int:
        """What to do when this is seen."""
        raise NotImplementedError

    def observe(self, exp: Experience) -> None:
        """Learn from a step."""

    def reset(self, seed: int) -> None:
        """An episode begins: draw anew. What was learned stays."""
        self.rng = np.random.default_rng(seed)

    def run_episode(self, seed: int) -> list[float]:
        """Act and learn until the episode ends. Returns the rewards, one a step."""
        rewards = []
        obs, _ = self.env.reset(seed=seed)
        self.reset(seed)
        done = False
        while not done:
            act = self.get_action(obs)
            new_obs, reward, terminated, truncated, _ = self.env.step(act)
            self.observe(Experience(obs, act, reward, new_obs))
            rewards.append(reward)
            obs, done = new_obs, terminated or truncated
        return rewards

    def train(self, n_runs: int = 500) -> list[float]:
        """Run many episodes, each with a seed of its own. Returns the sum of each one's rewards."""
        return [sum(self.run_episode(seed)) for seed in range(n_runs)]
