"""Markov decision processes as tensors of numbers, and as environments of gymnasium: what the section `rl_basics` plans
and learns in."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np


class Environment:
    """A Markov decision process with finitely many states and actions, both numbered from 0.

    A subclass says in `dynamics` what an action may lead to. When it is created, two tensors are made of that:

        T[s, a, s']   the probability that action a leads from state s to state s'
        R[s, a, s']   the reward on that way (its mean, if there are several); 0 where there is no way

    Attributes:
        num_states, num_actions: how many there are.
        start: the state in which every episode begins.
        terminal: the states in which it ends, an array of int. Actions lead from there to the same state, for nothing.
        T, R: see above, both float64, shape (num_states, num_actions, num_states).
    """

    def __init__(self, num_states: int, num_actions: int, start: int = 0, terminal: Sequence[int] = ()) -> None:
        """Make T and R. What dynamics needs must be there before."""
        self.num_states, self.num_actions = num_states, num_actions
        self.start = start
        self.terminal = np.array(terminal, dtype=int)
        self.T, self.R = self.build()

    def dynamics(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What an action may lead to: states, rewards and probabilities, three arrays of the same length."""
        raise NotImplementedError

    def build(self) -> tuple[np.ndarray, np.ndarray]:
        """The tensors T and R."""
        T = np.zeros((self.num_states, self.num_actions, self.num_states))
        earned = np.zeros_like(T)  # probability times reward
        for state in range(self.num_states):
            for action in range(self.num_actions):
                for new_state, reward, prob in zip(*self.dynamics(state, action), strict=True):
                    T[state, action, new_state] += prob
                    earned[state, action, new_state] += prob * reward
        return T, np.divide(earned, T, out=np.zeros_like(T), where=T > 0)


class Table(Environment):
    """A decision process that is written down.

    Args:
        moves: moves[s][a] is the state to which action a leads from state s.
        rewards: rewards[s][a] is what is earned on that way.
        slip: the probability that the action with the next number is carried out in the place of the chosen one (in the
            place of the last one: action 0).
        terminal, start: as in Environment. What stands in moves and rewards for a terminal state does not matter.

    >>> env = Table(moves=[[0, 1], [1, 0]], rewards=[[0, 4], [2, 0]], slip=0.25)
    >>> env.T[0, 1].tolist(), env.R[0, 1].tolist()  # right in three of four tries, earns 4
    ([0.25, 0.75], [0.0, 4.0])
    """

    def __init__(
        self,
        moves: Sequence[Sequence[int]],
        rewards: Sequence[Sequence[float]],
        slip: float = 0.0,
        terminal: Sequence[int] = (),
        start: int = 0,
    ) -> None:
        self.moves, self.rewards, self.slip = np.array(moves), np.array(rewards, dtype=float), slip
        super().__init__(*self.moves.shape, start=start, terminal=terminal)

    def dynamics(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The chosen action's outcome, and the next one's."""
        if state in self.terminal:
            return np.array([state]), np.array([0.0]), np.array([1.0])
        done = np.array([action, (action + 1) % self.num_actions])  # what is carried out
        return self.moves[state, done], self.rewards[state, done], np.array([1 - self.slip, self.slip])


def corridor(length: int = 4) -> Table:
    """Rooms in a row. Action 0 goes left, action 1 right; who enters the last room earns 1, and that is the end."""
    rooms = range(length)
    return Table(
        moves=[[max(room - 1, 0), min(room + 1, length - 1)] for room in rooms],
        rewards=[[0, int(room == length - 2)] for room in rooms],
        terminal=[length - 1],
    )


class DiscreteEnviroGym(gym.Env):
    """A decision process as an environment of gymnasium: one walks in it and sees neither T nor R.

    Args:
        env: the decision process. It stays in the attribute `env`; around what gym.make returns there are wrappers, and
            `.unwrapped.env` is the decision process.
    """

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.observation_space = gym.spaces.Discrete(env.num_states)
        self.action_space = gym.spaces.Discrete(env.num_actions)
        self.pos = env.start

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Go to the start."""
        super().reset(seed=seed)
        self.pos = int(self.env.start)
        return self.pos, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Draw one of the outcomes of an action."""
        states, rewards, probs = self.env.dynamics(self.pos, action)
        drawn = self.np_random.choice(len(states), p=probs)
        self.pos = int(states[drawn])
        return self.pos, float(rewards[drawn]), self.pos in self.env.terminal, False, {}


gym.register("Mdp-v0", DiscreteEnviroGym, max_episode_steps=100)  # gym.make("Mdp-v0", env=Norvig())
gym.register("Corridor-v0", DiscreteEnviroGym, max_episode_steps=100, kwargs={"env": corridor()})
