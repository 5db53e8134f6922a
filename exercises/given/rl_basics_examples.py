"""What the checks of the section `rl_basics` put your pieces through: outcomes, pulls, steps and episodes by a script.

The calls that a failing check shows use these functions, so that you can run them as they stand.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

from exercises.given.agents import Experience
from exercises.given.mdps import DiscreteEnviroGym, Environment, Table

LAMBDAS = ("trace_decay", "lambda_", "lambd", "lamda", "lmbda", "lam", "td_lambda")  # names under which answers keep λ


# %% Worlds
def chances(env: Environment, state: int, action: int) -> dict[int, float]:
    """The states to which an action may lead, in order, and how probable each is in all."""
    found: dict[int, float] = {}
    for new_state, _, prob in sorted(zip(*env.dynamics(state, action), strict=True), key=lambda each: each[0]):
        if prob:
            found[int(new_state)] = found.get(int(new_state), 0.0) + float(prob)
    return found


def earnings(env: Environment, state: int, action: int) -> dict[int, float]:
    """The states to which an action may lead, in order, and the reward (its mean, if there are several) on the way."""
    found = dict.fromkeys(whole := chances(env, state, action), 0.0)
    for new_state, reward, prob in zip(*env.dynamics(state, action), strict=True):
        if prob:
            found[int(new_state)] += float(reward) * float(prob) / whole[int(new_state)]
    return found


def stairs(rewards: Sequence[Sequence[float]]) -> Table:
    """A way without return. Every action leads a step down, and earns rewards[step][action]; at the foot it ends."""
    steps, actions = len(rewards), len(rewards[0])
    moves = [[min(step + 1, steps)] * actions for step in range(steps + 1)]
    return Table(moves, [*rewards, [0] * actions], terminal=[steps])


# %% Bandits
def bandit(kind: Callable[..., Any], means: Sequence[float], stationary: bool = True, seed: int = 0) -> Any:
    """A bandit of a class, with these means. If it is not stationary, it has not noticed yet which arm is the best."""
    env = kind(len(means), stationary)
    env.reset(seed=seed)
    env.arm_reward_means = np.array(means, dtype=float)
    env.best_arm = int(np.argmax(means) if stationary else np.argmin(means))
    return env


def show(agent: Any, arm: int, reward: float, best_arm: int = 0) -> None:
    """Let an agent observe a pull. Some editions have a flag before the info: whether the episode is over."""
    flag = [False] * (len(inspect.signature(agent.observe).parameters) - 3)
    agent.observe(arm, reward, *flag, {"best_arm": best_arm})


def pulled(agent: Any, pulls: Sequence[tuple[int, float]]) -> Any:
    """The agent, after it has been asked for an arm and shown another pull (arm, reward), again and again."""
    for arm, reward in pulls:
        agent.get_action()
        show(agent, arm, reward)
    return agent


def choices(
    agent: Any, pulls: Sequence[tuple[int, float]], tried: int = 0, before: Sequence[tuple[int, float]] = ()
) -> list[int]:
    """The arms an agent chooses before the first of some pulls (arm, reward), and after each.

    Args:
        agent: of a bandit.
        pulls: what it is shown, whatever it chooses.
        tried: before that, so many arms are pulled once each, and pay 0.
        before: before all that the agent is shown these, and reset.
    """
    if before:
        pulled(agent, before).reset(1)
    pulled(agent, [(arm, 0.0) for arm in range(tried)])
    chosen = [int(agent.get_action())]
    for pull in pulls:
        show(agent, *pull)
        chosen.append(int(agent.get_action()))
    return chosen


# %% Agents
def taught(
    kind: Callable[..., Any], Q: Any, gamma: float = 0.5, seed: int = 0, env: gym.Env | None = None, **settings: float
) -> Any:
    """An agent of a class that believes Q. `settings` are those of its config: epsilon, lr, trace_decay."""
    Q = np.array(Q, dtype=float)
    settings = {"epsilon": 0.0, "lr": 0.5, "optimism": 0.0, "trace_decay": 0.0, **settings}
    decay = dict.fromkeys(LAMBDAS, settings["trace_decay"])
    config = SimpleNamespace(**settings, **{name: value for name, value in decay.items() if name not in settings})
    own = {name: value for name, value in decay.items() if name in inspect.signature(kind).parameters}
    if env is None:  # any that has so many states and actions
        env = DiscreteEnviroGym(Table(np.zeros(Q.shape, dtype=int), np.zeros(Q.shape)))
    agent = kind(env, config, gamma, seed, **own)
    agent.Q = Q
    return agent


def learned(agent: Any, *steps: tuple[Any, ...]) -> np.ndarray:
    """What an agent believes after some steps, each an Experience's obs, act, reward, new_obs and, maybe, new_act."""
    for step in steps:
        agent.observe(Experience(*step))
    return agent.Q


class Recorded(gym.Env):
    """A decision process without chance, as an environment that remembers what was done in it.

    Args:
        env: the decision process.
        steps: after so many, an episode is truncated.
        old: speak as gym did before it became gymnasium: reset returns no info, and step one flag in the place of two.

    Attributes:
        acts, seeds: all actions so far, and what seeds it was reset with.
    """

    def __init__(self, env: Environment, steps: int = 100, old: bool = False) -> None:
        self.env, self.steps, self.old = env, steps, old
        self.observation_space = gym.spaces.Discrete(env.num_states)
        self.action_space = gym.spaces.Discrete(env.num_actions)
        self.acts: list[int] = []
        self.seeds: list[int | None] = []
        self.left, self.over = 0, True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Go to the start."""
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.pos, self.left, self.over = int(self.env.start), self.steps, False
        return self.pos if self.old else (self.pos, {})

    def step(self, action: int) -> Any:
        """Do what is possible. Raises RuntimeError before reset and after the end."""
        if self.over:
            raise RuntimeError("step was called before reset, or after the end of the episode")
        self.acts.append(int(action))
        (pos,), (reward,), _ = (part[:1] for part in self.env.dynamics(self.pos, int(action)))
        self.pos, self.left = int(pos), self.left - 1
        flags = (self.pos in self.env.terminal, self.left == 0)
        self.over = any(flags)
        return self.pos, float(reward), *((self.over,) if self.old else flags), {}


def episodes(
    kind: Callable[..., Any], table: Table, Q: Any, seeds: Sequence[int], steps: int = 100, **settings: Any
) -> tuple[list[int], list[list[float]], np.ndarray, list[int | None]]:
    """Run episodes of an agent that believes Q; `settings` are those of `taught`. An answer that speaks to gym as it
    was before gymnasium gets an environment that does so too.

    Returns:
        All actions in the environment, the rewards that each run_episode has returned, Q in the end, and the seeds with
        which the environment was reset.
    """

    def run(old: bool) -> tuple[list[int], list[list[float]], np.ndarray, list[int | None]]:
        env = Recorded(table, steps, old)
        agent = taught(kind, Q, env=env, **settings)
        rewards = [[float(reward) for reward in agent.run_episode(seed)] for seed in seeds]
        return env.acts, rewards, agent.Q, env.seeds

    try:
        return run(old=False)
    except (IndexError, TypeError, ValueError) as error:
        try:
            return run(old=True)
        except Exception:
            raise error from None


def planner(plans: Mapping[float, Sequence[int]]) -> Callable[..., np.ndarray]:
    """A find_optimal_policy that looks policies up, by gamma. As any, it needs a decision process with T and R."""

    def find_optimal_policy(env: Environment, gamma: float = 0.99, max_iterations: int = 0) -> np.ndarray:
        return np.array(plans[gamma], dtype=int) if env.T.shape == env.R.shape else np.zeros(0)

    return find_optimal_policy


class Counting:
    """A function that counts its `calls`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0

    def __call__(self, *args: Any, **named: Any) -> Any:
        """What the function returns."""
        self.calls += 1
        return self.function(*args, **named)


@contextmanager
def standing_in(solution: Any, **others: Any) -> Iterator[None]:
    """For a while, a file's names stand for something else."""
    own = {name: vars(solution)[name] for name in others if name in vars(solution)}
    vars(solution).update(others)
    try:
        yield
    finally:
        for name in others:
            del vars(solution)[name]
        vars(solution).update(own)
