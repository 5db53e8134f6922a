"""Five environments that are too easy to fail in, ready-made. An agent that does not solve one of them has a bug, and
which one it is says where: see the sections `dqn`, where you write them yourself, and `ppo`.

    id          observations            actions   an episode                          what it needs
    Probe1-v0   0                       1         one step, which earns 1             a value can be learned at all
    Probe2-v0   -1 or 1, by chance      1         one step, earns the observation     … that depends on what is seen
    Probe3-v0   0, then 1               1         two steps, the second earns 1       … and on what comes later
    Probe4-v0   0                       2         one step, action 1 earns 1, 0 -1    actions can be told apart
    Probe5-v0   0 or 1, by chance       2         one step, earns 1 if the action     … by what is seen
                                                  is the observation, else -1

`gym.make("Probe1-v0")` makes one; `vector_envs("Probe1-v0", 4)` makes four that are played side by side.
"""

from typing import Any

import gymnasium as gym
import numpy as np

Obs = np.ndarray


class Probe(gym.Env):
    """What the five have in common: observations of one number, and episodes of few steps.

    Args:
        firsts: one of these, all equally probable, is the first observation.
        num_actions: how many actions there are.
        steps: after so many an episode is terminated. It is never truncated.
    """

    def __init__(self, firsts: tuple[float, ...] = (0.0,), num_actions: int = 1, steps: int = 1) -> None:
        self.firsts, self.steps = firsts, steps
        self.observation_space = gym.spaces.Box(min(firsts), max(*firsts, steps - 1.0), (1,), np.float32)
        self.action_space = gym.spaces.Discrete(num_actions)
        self.seen, self.done = firsts[0], 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Obs, dict[str, Any]]:
        """Begin an episode. np_random, which the seed seeds, says with which observation."""
        super().reset(seed=seed)
        self.seen, self.done = self.firsts[int(self.np_random.integers(len(self.firsts)))], 0
        return np.array([self.seen], dtype=np.float32), {}

    def step(self, action: int) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Earn what the action earns. The last observation of an episode is the one before: nobody should need it."""
        self.done += 1
        over = self.done == self.steps
        reward = float(self.earned(int(action))) if over else 0.0
        if not over:
            self.seen += 1.0
        return np.array([self.seen], dtype=np.float32), reward, over, False, {}

    def earned(self, action: int) -> float:
        """The reward of the last step."""
        return 1.0


class Probe2(Probe):
    """Earns what it shows."""

    def earned(self, action: int) -> float:
        return self.seen


class Probe4(Probe):
    """Earns 1 for action 1, -1 for action 0."""

    def earned(self, action: int) -> float:
        return 1.0 if action == 1 else -1.0


class Probe5(Probe):
    """Earns 1 if the action is what is seen, else -1."""

    def earned(self, action: int) -> float:
        return 1.0 if action == self.seen else -1.0


gym.register("Probe1-v0", Probe)
gym.register("Probe2-v0", Probe2, kwargs={"firsts": (-1.0, 1.0)})
gym.register("Probe3-v0", Probe, kwargs={"steps": 2})
gym.register("Probe4-v0", Probe4, kwargs={"num_actions": 2})
gym.register("Probe5-v0", Probe5, kwargs={"firsts": (0.0, 1.0), "num_actions": 2})


def vector_envs(env_id: str, num_envs: int, **settings: Any) -> gym.vector.SyncVectorEnv:
    """Several environments of the same kind, played side by side.

    An episode that ends is followed by the next one at once: step then returns the first observation of the new
    episode, and infos["final_obs"][n] is the last one of the episode of environment n that is over.
    """
    return gym.vector.SyncVectorEnv(
        [lambda: gym.make(env_id, **settings) for _ in range(num_envs)],
        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
    )
