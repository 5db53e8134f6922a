"""The reference of `alignment` against libraries and brute force."""

import itertools

import numpy as np
import pytest
import torch

from exercises.given.alignment_examples import predictions, probabilities
from exercises.given.decoders import ToyModel, hooks_on, passed
from reference import alignment


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import cohen_kappa_score

    a, b = np.random.default_rng(seed).integers(3, size=(2, 20)).tolist()
    assert alignment.cohens_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))


@pytest.mark.parametrize(("k", "n"), [(0, 3), (3, 3), (1, 4), (7, 30)])
def test_the_interval_is_that_of_scipy(k: int, n: int) -> None:
    from scipy.stats import binomtest

    found = binomtest(k, n).proportion_ci(method="wilson")
    assert alignment.wilson_interval(k, n, 1.959963984540054) == pytest.approx((found.low, found.high))


def test_the_curve_is_the_mean_over_all_sets() -> None:
    proxy, gold = np.random.default_rng(0).normal(size=(2, 6))
    for n in range(1, 7):
        best = [max(chosen, key=proxy.__getitem__) for chosen in itertools.combinations(range(6), n)]
        found = alignment.overoptimization_curve(proxy, gold, [n])
        assert [row[0] for row in found] == pytest.approx([proxy[best].mean(), gold[best].mean()])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_no_other_temperature_is_better(temperature: float) -> None:
    logits, labels = predictions(0, 60, temperature)
    best = alignment.fit_temperature(logits, labels)
    losses = [torch.nn.functional.cross_entropy(logits / (best * off), labels).item() for off in (1.0, 0.97, 1.03)]
    assert min(losses) == losses[0]


def test_calibration_error_of_bins_by_hand() -> None:
    probs, labels = probabilities(1, 200, 3)
    sure, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    inside = [(sure >= low / 10) & (sure < (low + 1) / 10 + (low == 9)) for low in range(10)]
    error = sum(rows.mean() * abs(right[rows].mean() - sure[rows].mean()) for rows in inside if rows.any())
    assert alignment.expected_calibration_error(probs, labels) == pytest.approx(error)


def test_each_layer_of_the_toy_model_moves_states_and_adds_one() -> None:
    for in_tuple in (True, False):
        moved = passed(ToyModel(2, in_tuple), torch.tensor([[[1.0, 2.0, 3.0]]]))
        assert moved.tolist() == [[[4.0, 5.0, 3.0]]]
    assert hooks_on(ToyModel()) == 0
