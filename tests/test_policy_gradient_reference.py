"""The reference of `policy_gradient` against definitions in quadratic time, autograd, and what theorems say."""

import doctest
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from exercises.given.probes import vector_envs
from graders.engine.authoring.material import Material
from graders.engine.course import Course

rl = Material(Course(), "policy_gradient").reference_module


def by_definition(rewards: Tensor, cut: Tensor, ahead: Tensor, gamma: float) -> Tensor:
    """Each return is a sum of its own, up to the first step that is cut; there comes `ahead` after the reward."""
    returns = torch.zeros_like(rewards)
    for env, first in torch.cartesian_prod(*map(torch.arange, rewards.shape)).tolist():
        ends = cut[env, first:].nonzero()
        last = first + int(ends[0]) if len(ends) else rewards.shape[1] - 1
        powers = gamma ** torch.arange(last - first + 2, dtype=rewards.dtype)
        returns[env, first] = (powers * torch.cat([rewards[env, first : last + 1], ahead[env, last : last + 1]])).sum()
    return returns


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((0.0, 0.5, 0.9, 1.0)))
def test_returns_are_the_sums_of_their_definition(seed: int, gamma: float) -> None:
    torch.manual_seed(seed)
    rewards, values = torch.randn(2, 3, 7, dtype=torch.float64)
    terminated, truncated = torch.rand(2, 3, 7) < 0.3
    nothing = torch.zeros_like(rewards)
    found = rl.compute_returns(rewards, terminated | truncated, gamma)
    torch.testing.assert_close(found, by_definition(rewards, terminated | truncated, nothing, gamma))
    found = rl.compute_bootstrapped_returns(rewards, terminated, truncated, values, gamma)
    ahead = values.masked_fill(terminated, 0.0)
    torch.testing.assert_close(found, by_definition(rewards, terminated | truncated, ahead, gamma))


def test_scores_are_gradients_and_cancel_on_average() -> None:
    logits = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    scores = rl.score_function(logits, torch.arange(3))
    torch.testing.assert_close(scores, torch.autograd.functional.jacobian(lambda x: x.log_softmax(0), logits))
    torch.testing.assert_close(logits.softmax(0) @ scores, torch.zeros(3, dtype=torch.float64))


def test_the_estimator_finds_the_gradient_and_the_baseline_its_least_variance() -> None:
    torch.manual_seed(0)
    logits, payoffs = torch.tensor([0.5, -1.0, 1.0]), torch.tensor([10.0, 12.0, 9.0])
    exact = torch.autograd.functional.jacobian(lambda x: rl.expected_payoff(x, payoffs), logits)
    actions = torch.distributions.Categorical(logits=logits).sample((50_000,))
    best = rl.optimal_baseline(rl.score_function(logits, actions), payoffs[actions]).item()
    variances = []
    for baseline in (0.0, best - 1, best, best + 1):
        estimates = rl.score_function_estimator(logits, payoffs, 50_000, baseline)
        torch.testing.assert_close(estimates.mean(dim=0), exact, atol=0.1, rtol=0)
        variances.append(estimates.var(dim=0).sum().item())
    assert min(variances) == variances[2]
    assert variances[0] > 20 * variances[2]


def test_the_numbers_of_the_text_on_baselines() -> None:
    torch.manual_seed(0)
    zero, middle = (
        rl.score_function_estimator(torch.zeros(2), torch.tensor([10.0, 11.0]), 20_000, baseline)
        for baseline in (0.0, 10.5)
    )
    assert zero.var(dim=0).tolist() == pytest.approx([27.5, 27.5], rel=0.02)
    assert middle.tolist() == [[-0.25, 0.25]] * len(middle)


def test_the_gradient_of_the_objective_is_that_of_the_expected_payoff() -> None:
    logits, payoffs = torch.tensor([0.5, -1.0, 1.0], requires_grad=True), torch.tensor([3.0, -2.0, 1.0])
    (exact,) = torch.autograd.grad(rl.expected_payoff(logits, payoffs), logits)
    torch.manual_seed(0)
    actions = torch.distributions.Categorical(logits=logits).sample((4, 20_000))
    logprobs = logits.log_softmax(0)[actions]
    objective = rl.compute_reinforce_loss(payoffs[actions], logprobs, torch.ones(4, 20_000))
    torch.testing.assert_close(torch.autograd.grad(objective, logits)[0], exact, atol=0.02, rtol=0)


def test_importance_weights_make_up_for_another_policy() -> None:
    now, then = torch.tensor([0.5, -1.0]).log_softmax(0), torch.tensor([0.0, 0.0]).log_softmax(0)
    weights = rl.compute_importance_weights(now[None], SimpleNamespace(logprobs=then[None]))
    torch.testing.assert_close(then.exp() * weights[0], now.exp())


@pytest.mark.parametrize("env_id", ["Probe4-v0", "Probe5-v0"])
def test_easy_environments_are_solved(env_id: str) -> None:
    torch.manual_seed(0)
    pi = rl.PolicyNetwork((1,), 2, [32])
    trainer = rl.VPGTrainer(rl.VPGArgs(max_steps=8, gamma=0.0), vector_envs(env_id, 8), pi)
    for _ in range(60):
        tau = trainer.training_step()
    assert tau.rewards.mean() > 0.9


def test_a_critic_learns_what_is_to_be_expected() -> None:
    torch.manual_seed(0)
    critic = rl.ValueNetwork((1,), [8])
    agent = rl.VPGAgent(vector_envs("Probe3-v0", 4), nn.Linear(1, 1), 8)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.02)
    tau, none = agent.gen_rollout(), torch.zeros(4, 8, dtype=torch.bool)
    next_obs = torch.cat([tau.obs[:, 1:], tau.obs[:, :1]], dim=1)
    for _ in range(300):
        targets = rl.compute_bootstrapped_returns(tau.rewards, tau.dones, none, critic(next_obs), 0.5)
        loss = (critic(tau.obs) - targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert critic(torch.tensor([[0.0], [1.0]])).tolist() == pytest.approx([0.5, 1.0], abs=0.05)


def test_examples_in_the_texts_are_right() -> None:
    failed, tried = doctest.testmod(rl)
    assert tried
    assert not failed
