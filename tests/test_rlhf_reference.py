"""The reference of `rlhf` against definitions that are not its own."""

import itertools

import pytest
import torch
from torch.distributions import Categorical, kl_divergence

from reference import rlhf

SEEDS = range(5)


def logits(seed: int, *shape: int) -> torch.Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("seed", SEEDS)
def test_divergence_and_entropy_are_those_of_torch(seed: int) -> None:
    policy, reference = logits(seed, 2, 3, 5), logits(seed + 100, 2, 3, 5)
    divergence = kl_divergence(Categorical(logits=policy), Categorical(logits=reference)).mean()
    assert rlhf.calc_kl_penalty(policy, reference, 2.0, 3).item() == pytest.approx(2 * divergence.item())
    entropy = Categorical(logits=policy).entropy().mean()
    assert rlhf.calc_entropy_bonus(policy, 2.0, 3).item() == pytest.approx(2 * entropy.item())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_and_the_third_estimator_are_right_on_average(seed: int) -> None:
    policy, reference = logits(seed, 5).log_softmax(-1), logits(seed + 100, 5).log_softmax(-1)
    k1, k2, k3 = ((policy.exp() * each).sum().item() for each in rlhf.token_kl_estimators(policy, reference))
    divergence = (policy.exp() * (policy - reference)).sum().item()
    assert (k1, k3) == (pytest.approx(divergence), pytest.approx(divergence))
    assert k2 != pytest.approx(divergence)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_probabilities_of_all_answers_add_up_to_one(seed: int) -> None:
    table = logits(seed, 3, 3)  # what follows a token depends on that token alone
    answers = torch.tensor([[0, *answer] for answer in itertools.product(range(3), repeat=3)])
    assert rlhf.response_logprob(table[answers], answers, 1).exp().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_learning_advantages_add_up_to_what_was_earned_beyond_what_was_expected(seed: int) -> None:
    values, rewards = logits(seed, 4, 7), logits(seed + 1, 4)
    advantages = rlhf.compute_advantages(values, rewards, 3)
    assert torch.allclose(advantages.sum(dim=1), rewards - values[:, 2])


def test_dpo_is_bradley_and_terry_on_implicit_rewards() -> None:
    four = logits(0, 4, 6)
    loss, chosen, rejected = rlhf.dpo_loss(*four, beta=0.3)
    assert loss.item() == pytest.approx(rlhf.bradley_terry_loss(chosen, rejected).item())
