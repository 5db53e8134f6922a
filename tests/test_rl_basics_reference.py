"""The reference of `rl_basics` against what is known of these worlds, and what its given code promises."""

import doctest
import itertools
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from exercises.given import mdps
from exercises.given.agents import AgentConfig, run_bandit
from exercises.given.mdps import Environment, Table, corridor
from exercises.given.rl_basics_examples import Recorded, choices, episodes, learned, stairs, taught
from graders.engine.authoring.material import Material
from graders.engine.course import Course

MATERIAL = Material(Course(), "rl_basics")
rl = MATERIAL.reference_module


class OfGymnasium(Environment):
    """The decision process that one of gymnasium's own environments shows in its attribute P."""

    def __init__(self, name: str, **options: Any) -> None:
        self.P = gym.make(name, **options).unwrapped.P
        over = {new for ways in self.P.values() for way in ways.values() for _, new, _, ends in way if ends}
        super().__init__(len(self.P), len(self.P[0]), terminal=sorted(over))

    def dynamics(self, state: int, action: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if state in self.terminal:
            return np.array([state]), np.array([0.0]), np.array([1.0])
        probs, states, rewards, _ = zip(*self.P[state][action], strict=True)
        return np.array(states), np.array(rewards, dtype=float), np.array(probs)


def best_of_all(env: Environment, gamma: float) -> np.ndarray:
    """The values of the best policy, by trying all of them."""
    policies = itertools.product(range(env.num_actions), repeat=env.num_states)
    return np.max([rl.policy_eval_exact(env, np.array(pi), gamma) for pi in policies], axis=0)


# %% Environments
@pytest.mark.parametrize(
    ("name", "options"),
    [("Corridor-v0", {}), ("Mdp-v0", {"env": rl.Norvig()}), ("Mdp-v0", {"env": rl.Toy()}), ("MultiArmedBandit-v0", {}),
     ("MultiArmedBandit-v0", {"stationary": False})],
)  # fmt: skip
def test_registered_environments_are_as_gymnasium_wants_them(name: str, options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*render.*")
        check_env(gym.make(name, **options).unwrapped, skip_render_check=True)


def test_a_table_slips_into_the_next_action() -> None:
    env = Table(
        moves=[[0, 1, 2], [1, 1, 1], [2, 2, 2]], rewards=[[1, 2, 3], [0, 0, 0], [9, 9, 9]], slip=0.25, terminal=[2]
    )
    assert env.T[0, 1].tolist() == [0, 0.75, 0.25]
    assert env.T[0, 2].tolist() == [0.25, 0, 0.75]
    assert env.R[0, 1].tolist() == [0, 2, 3]
    assert env.T[2, 0].tolist() == [0, 0, 1]
    assert not env.R[2].any()


def test_rewards_of_one_way_are_averaged() -> None:
    env = Table(moves=[[0, 0]], rewards=[[4, 0]], slip=0.25)
    assert env.R.ravel().tolist() == [3, 1]


def test_walks_end_and_are_drawn_as_the_table_says() -> None:
    env = gym.make("Mdp-v0", env=Table([[0, 1], [1, 1]], [[0, 1], [0, 0]], slip=0.25, terminal=[1]))
    ends = 0
    for seed in range(400):
        env.reset(seed=seed)
        obs, reward, terminated, truncated, _ = env.step(0)
        assert (obs, reward) == ((1, 1.0) if terminated else (0, 0.0))
        assert not truncated
        ends += terminated
    assert 60 < ends < 140


def test_the_cliff_is_that_of_gymnasium() -> None:
    ours, theirs = rl.CliffWalking(), OfGymnasium("CliffWalking-v1")
    ground = [state for state in range(48) if state not in ours.cliff]
    np.testing.assert_array_equal(ours.T[ground], theirs.T[ground])
    np.testing.assert_array_equal(ours.R[ground], theirs.R[ground])


# %% Planning
@pytest.mark.parametrize("env", [rl.Toy(), corridor(5), Table([[0, 1], [1, 0]], [[0, 4], [2, 0]], slip=0.25)])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9])
def test_the_best_policy_is_the_best_of_all(env: Environment, gamma: float) -> None:
    best = best_of_all(env, gamma)
    V, pi = rl.value_iteration(env, gamma)  # noqa: N806
    np.testing.assert_allclose(V, best, atol=1e-7)
    np.testing.assert_allclose(rl.policy_eval_exact(env, pi, gamma), best, atol=1e-7)
    np.testing.assert_allclose(rl.policy_eval_exact(env, rl.find_optimal_policy(env, gamma), gamma), best, atol=1e-9)


def test_both_evaluations_agree_on_a_frozen_lake() -> None:
    env = OfGymnasium("FrozenLake-v1", is_slippery=True)
    pi = rl.find_optimal_policy(env)
    exact = rl.policy_eval_exact(env, pi)
    np.testing.assert_allclose(rl.policy_eval_numerical(env, pi), exact, atol=1e-5)
    assert exact[0] == pytest.approx(0.542, abs=1e-3)  # as it is known


def test_the_way_through_norvigs_maze() -> None:
    pi = rl.find_optimal_policy(rl.Norvig(), 0.99)
    assert pi[[8, 4, 0, 1, 2]].tolist() == [0, 0, 1, 1, 1]  # up along the left side, then right


def test_values_stop_within_the_bound() -> None:
    env, gamma = rl.Norvig(), 0.95
    exact = rl.policy_eval_exact(env, rl.find_optimal_policy(env, gamma), gamma)
    for eps in (0.5, 0.1, 0.001):
        assert np.abs(rl.value_iteration(env, gamma, eps)[0] - exact).max() <= eps


# %% Agents
def test_a_bandit_is_played_with() -> None:
    env = gym.make("MultiArmedBandit-v0").unwrapped
    rewards, was_best = run_bandit(env, rl.CheatyMcCheater(10, 0), seed=1)
    assert rewards.shape == was_best.shape == (1000,)
    assert was_best[1:].all()
    honest = [run_bandit(env, rl.UCBActionSelection(10, 0, 1.0), seed=seed)[0].mean() for seed in range(20)]
    blind = [run_bandit(env, rl.RandomAgent(10, 0), seed=seed)[0].mean() for seed in range(20)]
    assert np.mean(honest) > np.mean(blind) + 1


def test_optimism_tries_every_arm() -> None:
    agent = rl.RewardAveraging(10, 0, epsilon=0.0, optimism=5.0)
    tried = set()
    for _ in range(10):
        arm = agent.get_action()
        tried.add(arm)
        agent.observe(arm, 1.0, {})
    assert tried == set(range(10))


def test_traces_that_fade_at_once_are_sarsa() -> None:
    steps = [(0, 0, 1.0, 1, 1), (1, 1, -2.0, 2, 0), (2, 0, 3.0, 0, 1)]
    Q = np.arange(6.0).reshape(3, 2)  # noqa: N806
    one = learned(taught(rl.SARSA_lambda, Q, trace_decay=0.0), *steps)
    np.testing.assert_allclose(one, learned(taught(rl.SARSA, Q), *steps))


def test_a_reward_reaches_back_along_the_traces() -> None:
    options = {"lr": 1.0, "gamma": 1.0, "trace_decay": 0.5}
    believed = episodes(rl.SARSA_lambda, stairs([[0], [0], [1]]), np.zeros((4, 1)), [0], **options)[2]
    assert believed.ravel().tolist() == [0.25, 0.5, 1.0, 0.0]


def test_a_corridor_is_learned() -> None:
    agent = rl.QLearning(gym.make("Corridor-v0"), AgentConfig(lr=0.5, epsilon=0.5), gamma=0.9)
    returns = agent.train(50)
    assert returns == [1.0] * 50
    np.testing.assert_allclose(agent.Q[:3, 1], [0.81, 0.9, 1.0], atol=0.01)


# %% What checks are made of
@pytest.mark.parametrize("old", [False, True])
def test_recorded_worlds_speak_both_dialects(old: bool) -> None:
    env = Recorded(stairs([[1, 2], [3, 4]]), steps=2, old=old)
    with pytest.raises(RuntimeError):
        env.step(0)
    assert env.reset(seed=3) == (0 if old else (0, {}))
    assert env.step(1) == ((1, 2.0, False, {}) if old else (1, 2.0, False, False, {}))
    assert env.step(0) == ((2, 3.0, True, {}) if old else (2, 3.0, True, True, {}))
    with pytest.raises(RuntimeError):
        env.step(0)
    assert (env.acts, env.seeds) == ([1, 0], [3])


def test_what_a_wrong_answer_raises_is_what_it_raises_in_the_new_dialect() -> None:
    class Broken(rl.SARSA):  # type: ignore[name-defined, misc]
        def run_episode(self, seed: int) -> list[float]:
            obs, _ = self.env.reset(seed=seed)
            raise ValueError(f"at {obs}")

    with pytest.raises(ValueError, match="at 0"):
        episodes(Broken, stairs([[1]]), [[0], [0]], [0])


def test_agents_with_a_flag_before_the_info_are_shown_one() -> None:
    class Flagged(rl.CheatyMcCheater):  # type: ignore[name-defined, misc]
        def observe(self, action: int, reward: float, done: bool, info: dict[str, Any]) -> None:
            assert done is False
            self.best_arm = info["best_arm"] + action

    assert choices(Flagged(10, 0), [(3, 1.0)]) == [0, 3]


@pytest.mark.parametrize("module", [rl, mdps])
def test_examples_in_the_texts_are_right(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert tried
    assert not failed
