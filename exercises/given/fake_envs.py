"""A vector environment that plays a script, for agents whose steps are to be looked at closely.

It speaks as gymnasium does, or as gym did before it: see `ScriptedEnvs`. What it says is written down beforehand and
does not depend on the actions, which it remembers.
"""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np

T = TypeVar("T")


class PerEnv(list):
    """A list with an entry for each environment (None where there is nothing to say) that can be asked by names too:
    per_env["episode"] is a list of what the entries have under that name. Editions of gymnasium differ in that."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return PerEnv(None if entry is None else entry[key] for entry in self)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return any(entry is not None and key in entry for entry in self)
        return super().__contains__(key)


class ScriptedEnvs(gym.vector.VectorEnv):
    """A vector environment that plays a script. Who ends an episode gets the first observation of the next one at once.

    Args:
        obs: what is seen, (steps + 1, envs, *obs_shape): obs[0] is what reset returns, obs[t + 1] what step t returns.
            Where an episode has ended in step t, that is the first observation of the next one.
        rewards: (steps, envs).
        terminated, truncated: how episodes end, bool, (steps, envs).
        final: what is seen last, (steps, envs, *obs_shape); only read where an episode has ended.
        num_actions: actions are numbers from 0 to num_actions - 1. 0 for continuous actions, shape (1,).
        old: how it speaks.
            False: as gymnasium. reset returns (obs, infos) and step (obs, rewards, terminated, truncated, infos), where
            infos is a dict with, if an episode has ended, "final_obs" (also under its earlier name "final_observation")
            and "final_info", an entry for each environment, None where none has ended.
            True: as gym. reset returns obs and step (obs, rewards, dones, infos), where infos is a list of dicts with
            "terminal_observation" if an episode has ended.

    Attributes:
        actions: the actions of all steps so far, an array (envs,) each.
        seeds: what reset was called with.
        envs: objects with the spaces of a single environment, for answers that ask those.
    """

    def __init__(
        self,
        obs: Any,
        rewards: Any,
        terminated: Any,
        truncated: Any,
        final: Any,
        num_actions: int = 2,
        old: bool = False,
    ) -> None:
        self.script = np.asarray(obs, dtype=np.float32), np.asarray(rewards, dtype=np.float64)
        self.ends = np.asarray(terminated, dtype=bool), np.asarray(truncated, dtype=bool)
        self.final = np.asarray(final, dtype=np.float32)
        self.old, self.at = old, 0
        self.num_envs, shape = self.script[0].shape[1], self.script[0].shape[2:]
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, shape, np.float32)
        self.single_action_space = (
            gym.spaces.Discrete(num_actions) if num_actions else gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
        )
        self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, self.num_envs)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, self.num_envs)
        one = SimpleNamespace(
            observation_space=self.single_observation_space, action_space=self.single_action_space, spec=None
        )
        one.unwrapped = one
        self.envs = [one] * self.num_envs
        self.actions: list[np.ndarray] = []
        self.seeds: list[Any] = []

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        """Begin the script, once more if it has begun."""
        self.seeds.append(seed)
        self.at = 0
        obs = self.script[0][0].copy()
        return obs if self.old else (obs, {})

    def step(self, actions: Any) -> Any:
        """Say what the script says. Raises IndexError when it is over."""
        obs, rewards = self.script[0][self.at + 1].copy(), self.script[1][self.at].copy()
        terminated, truncated = (flags[self.at].copy() for flags in self.ends)
        last = self.final[self.at]
        self.actions.append(np.array(actions))
        over = terminated | truncated
        self.at += 1
        if self.old:
            infos = [
                {"terminal_observation": last[n].copy(), "episode": self.told(n)} if over[n] else {}
                for n in range(self.num_envs)
            ]
            for n in np.flatnonzero(truncated):
                infos[n]["TimeLimit.truncated"] = True
            return obs, rewards, over, infos
        if not over.any():
            return obs, rewards, terminated, truncated, {}
        finals = np.full(self.num_envs, None, dtype=object)
        for n in np.flatnonzero(over):
            finals[n] = last[n].copy()
        told = PerEnv({"episode": self.told(n)} if over[n] else None for n in range(self.num_envs))
        words = {"final_obs": finals, "final_observation": finals, "final_info": told}
        return obs, rewards, terminated, truncated, {**words, **{f"_{name}": over.copy() for name in words}}

    def told(self, env: int) -> dict[str, Any]:
        """What RecordEpisodeStatistics tells of an episode that has just ended: its return r, length l and time t."""
        step = self.at - 1
        begin = max((t + 1 for t in range(step) if self.ends[0][t, env] or self.ends[1][t, env]), default=0)
        return {"r": float(self.script[1][begin : step + 1, env].sum()), "l": step + 1 - begin, "t": 0.0}


def as_they_speak(run: Callable[[bool], T]) -> T:
    """What run(old=False) returns, or where that fails run(old=True): answers speak to gymnasium, or to gym before it.

    Raises:
        Exception: what the first has raised, if the other fails as well.
    """
    try:
        return run(False)
    except Exception as error:
        try:
            return run(True)
        except Exception:
            raise error from None


def script(
    obs: Sequence[Any], rewards: Sequence[Any], ends: Sequence[str], final: Sequence[Any] | None = None, **settings: Any
) -> ScriptedEnvs:
    """A scripted vector environment in fewer words.

    Args:
        obs, rewards: as for ScriptedEnvs; an observation may be a number.
        ends: a text for each step with a letter for each environment: "." goes on, "T" is terminated, "U" truncated.
        final: as for ScriptedEnvs. By default the last observation of an episode is 100 + the next first one.
        settings: num_actions, old.

    >>> envs = script(obs=[[0, 0], [1, 5]], rewards=[[0.5, 2]], ends=[".T"])
    >>> envs.step(np.array([0, 1]))[2].tolist()
    [False, True]
    """
    seen = np.asarray(obs, dtype=np.float32)
    if seen.ndim == 2:
        seen = seen[..., None]  # (steps + 1, envs, 1)
    letters = np.array([list(row) for row in ends])
    last = 100 + seen[1:] if final is None else np.asarray(final, dtype=np.float32).reshape(seen[1:].shape)
    return ScriptedEnvs(seen, rewards, letters == "T", letters == "U", last, **settings)
