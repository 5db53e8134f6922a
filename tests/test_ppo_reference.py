"""The reference of `ppo` against definitions that are written otherwise, and what its section hands out."""

import doctest
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Categorical

from exercises.given import fake_envs, ppo_examples
from exercises.given.ppo_examples import Rollout, by_rounds, columns, handed_out
from graders.engine.authoring.material import Material
from graders.engine.course import Course

MATERIAL = Material(Course(), "ppo")
ppo = MATERIAL.reference_module
ours = settings(database=None, deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
fractions = st.sampled_from((0.0, 0.3, 0.9, 1.0))


def rollout(seed: int, steps: int, envs: int) -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=source, dtype=torch.float64)

    flags = (torch.rand((steps + 1, envs), generator=source) < 0.3).double()
    return {
        "next_value": numbers(envs), "next_terminated": flags[-1], "rewards": numbers(steps, envs),
        "values": numbers(steps, envs), "terminated": flags[:-1],
    }  # fmt: skip


def by_definition(next_value: Tensor, next_terminated: Tensor, rewards: Tensor, values: Tensor, terminated: Tensor,
                  gamma: float, gae_lambda: float) -> Tensor:  # fmt: skip
    """Equation 16 of the GAE paper: the sum of (γλ)^l δ_{t+l} over the rest of the episode, for each t by itself."""
    steps, envs = rewards.shape
    ends = torch.cat([terminated[1:], next_terminated[None]])
    following = torch.cat([values[1:], next_value[None]])
    advantages = torch.zeros_like(rewards)
    for n in range(envs):
        for t in range(steps):
            for later in range(t, steps):
                if ends[t:later, n].any():
                    break
                delta = rewards[later, n] - values[later, n]
                if not ends[later, n]:
                    delta = delta + gamma * following[later, n]
                advantages[t, n] += (gamma * gae_lambda) ** (later - t) * delta
    return advantages


@ours
@given(st.integers(0, 2**20), st.integers(1, 7), st.integers(1, 3), fractions, fractions)
def test_advantages_are_those_of_the_definition(
    seed: int, steps: int, envs: int, gamma: float, gae_lambda: float
) -> None:
    case = rollout(seed, steps, envs)
    found = ppo.compute_advantages(**case, gamma=gamma, gae_lambda=gae_lambda)
    torch.testing.assert_close(found, by_definition(**case, gamma=gamma, gae_lambda=gae_lambda))


@ours
@given(st.integers(0, 2**20), st.integers(1, 7), fractions)
def test_with_lambda_1_an_advantage_is_the_return_less_the_value(seed: int, steps: int, gamma: float) -> None:
    case = rollout(seed, steps, 2)
    returns, later = [], case["next_value"]
    ends = torch.cat([case["terminated"][1:], case["next_terminated"][None]])
    for reward, end in zip(case["rewards"].flip(0), ends.flip(0), strict=True):
        later = reward + gamma * (1 - end) * later
        returns.insert(0, later)
    found = ppo.compute_advantages(**case, gamma=gamma, gae_lambda=1.0)
    torch.testing.assert_close(found, torch.stack(returns) - case["values"])


@pytest.mark.parametrize("gamma", [0.0, 0.9])
def test_with_lambda_0_an_advantage_is_one_surprise(gamma: float) -> None:
    case = rollout(0, 5, 3)
    following = torch.cat([case["values"][1:], case["next_value"][None]])
    goes_on = 1 - torch.cat([case["terminated"][1:], case["next_terminated"][None]])
    found = ppo.compute_advantages(**case, gamma=gamma, gae_lambda=0.0)
    torch.testing.assert_close(found, case["rewards"] + gamma * goes_on * following - case["values"])


def test_a_truncated_episode_is_worth_what_it_would_have_been_without_the_time_limit() -> None:
    """Steps of reward 1 without an end are worth 1 / (1 - γ); cut off after any of them, the advantage stays 0."""
    gamma, value = 0.9, torch.full((4, 1), 10.0)
    cut = torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    rewards = ppo.bootstrap_truncated(torch.ones(4, 1), torch.zeros(4, 1), cut, value, gamma)
    flags = torch.cat([torch.zeros(1, 1), cut[:-1]])
    found = ppo.compute_advantages(value[0], cut[-1], rewards, value, flags, gamma, 0.95)
    torch.testing.assert_close(found, torch.zeros(4, 1))


@ours
@given(st.integers(0, 2**20), st.sampled_from((0.1, 0.2, 0.5)))
def test_no_more_is_gained_beyond_the_clipping_and_all_can_be_repaired(seed: int, clip_coef: float) -> None:
    """The gradient of each step's term is zero exactly where the ratio has gone too far in the direction that pays."""
    torch.manual_seed(seed)
    logits = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    actions, old = torch.randint(3, (6,)), torch.randn(6, 3, dtype=torch.float64).log_softmax(-1)[:, 0]
    advantages = torch.randn(6, dtype=torch.float64)
    value = ppo.calc_clipped_surrogate_objective(Categorical(logits=logits), actions, advantages, old, clip_coef)
    (gradient,) = torch.autograd.grad(value, logits)
    ratio = (Categorical(logits=logits).log_prob(actions) - old).exp().detach()
    sign = (advantages - advantages.mean()).sign()
    assert torch.equal(gradient.abs().sum(-1) == 0, sign * (ratio - 1) > clip_coef)


def test_a_memory_forgets_nothing_and_mixes_nothing_up() -> None:
    case = rollout(1, 4, 3)
    actions = torch.arange(12).reshape(4, 3)
    kept = Rollout(actions, case["values"], case["values"], case["rewards"], case["terminated"], case["next_value"],
                   case["next_terminated"])  # fmt: skip
    table = by_rounds(columns(handed_out(ppo.ReplayMemory, kept, 4, 3), "obs", "actions", "logprobs"), 12)
    assert torch.equal(table[:, :, 0], table[:, :, 1])
    assert torch.equal(table[0], table[1])
    torch.testing.assert_close(table[0, :, 2], case["values"].flatten().float())


def test_a_trainer_trains() -> None:
    args = ppo.PPOArgs(env_id="Probe4-v0", num_envs=4, total_phases=12, lr=5e-3)
    trainer = ppo.PPOTrainer(args)
    rewards = trainer.train()
    assert rewards[-1] > 0.9 > 0.5 > rewards[0]
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.0)


@pytest.mark.parametrize("module", [ppo, fake_envs, ppo_examples])
def test_the_examples_of_docstrings_are_right(module: Any) -> None:
    torch.manual_seed(0)
    np.random.seed(0)
    assert doctest.testmod(module).failed == 0
