"""Judges: they accept what is right, say what is wrong, and raise false alarms no more often than stated."""

import math

import numpy as np
import pytest

from graders.engine.authoring import bounds, judges
from graders.engine.authoring.judges import close, distributed_as, exact, up_to_sign
from graders.engine.errors import GraderError
from graders.engine.values.arrays import TorchArray
from graders.engine.values.codec import Opaque
from tests.values import Pair

N = 4000


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def normal_cdf(points, mean=0.0, spread=1.0):
    return np.array([0.5 * (1 + math.erf((x - mean) / spread / math.sqrt(2))) for x in points])


def test_close_uses_its_tolerances():
    one, near = np.ones(2), np.ones(2) + 1e-4
    assert close()(near, one, {})
    assert close(rtol=1e-3)(near, one, {}) is None
    assert close(rtol=0, atol=1e-3)(near, one, {}) is None


def test_exact_takes_no_tolerance():
    assert exact()(np.ones(2), np.ones(2), {}) is None
    assert exact()(np.array([1 + 2**-52]), np.array([1.0]), {})
    assert exact()(np.array([1e300, 1e-300]), np.array([1e300, 0.0]), {})


@pytest.mark.parametrize("value", [np.array([1.0, -2.0]), 1.5, [np.ones(2), 3], Pair(1j, 2), {"a": (1.0, "x", None)}])
def test_up_to_sign_takes_the_negative_of_the_whole_value(value):
    assert up_to_sign()(value, value, {}) is None
    assert up_to_sign()(judges._negated(value), value, {}) is None


def test_up_to_sign_takes_one_sign_only():
    value = np.array([1.0, -2.0])
    words = up_to_sign()(np.abs(value), value, {})
    assert words == "the sign of 1 of 2 values is flipped (its negative would do as well)"
    assert up_to_sign()([1.0, -2.0], [1.0, 2.0], {})
    tensor = TorchArray.of(np.float32([1, 2]), "float32")
    assert up_to_sign()(-tensor, tensor, {}) is None
    assert up_to_sign()(True, False, {}) == "True instead of False (its negative would do as well)"


@pytest.mark.parametrize("columns", [(), (3,), (2, 2)])
def test_a_fair_sampler_passes(rng, columns):
    for draw in (rng.normal, lambda size: rng.integers(0, 3, size), lambda size: rng.integers(0, 2, size) > 0):
        mine, other = draw(size=(N, *columns)), draw(size=(N, *columns))
        assert distributed_as()(mine, other, {}) is None


def test_samples_of_the_wrong_form(rng):
    samples = rng.normal(size=N)
    assert distributed_as()(samples.astype("f4"), samples, {}) == "dtype float32, expected float64"
    assert distributed_as()(samples[1:], samples, {}) == f"shape ({N - 1},), expected ({N},)"
    assert distributed_as()([1], samples, {}) == f"a list, expected an array of shape ({N},)"
    assert distributed_as()(Opaque("generator"), samples, {}) == "a generator came out, not data"
    tensor = TorchArray.of(samples, "float64")
    assert distributed_as()(samples, tensor, {}) == f"an array of shape ({N},), expected a tensor of shape ({N},)"
    assert distributed_as()(tensor, tensor, {}) is None


@pytest.mark.parametrize(
    ("mend", "start"),
    [
        (lambda x: x + 0.5, "the samples have mean 0.485, expected about 0.0163"),
        (lambda x: 2 * x, "the spread (standard deviation) of the samples is 2"),
        (np.zeros_like, "the spread (standard deviation) of the samples is 0, expected about 1"),
        (lambda x: np.sign(x), "mean and spread of the samples are right, the shape of their distribution is not"),
        (lambda x: np.where(x > 1, np.nan, x), "15"),
    ],
)
@pytest.mark.parametrize("judge", [distributed_as(), distributed_as(cdf=lambda inputs: normal_cdf)])
def test_a_biased_sampler_fails_in_words(rng, mend, start, judge):
    mine, other = rng.normal(size=N), rng.normal(size=N)
    words = judge(mend(mine), other, {})
    assert words.startswith(start)
    assert words.endswith(" % of the samples are NaN") if start == "15" else "of them are " in words


def test_samples_outside_the_range_are_named(rng):
    other = rng.uniform(-1, 1, N)
    mine = np.where(np.abs(other) > 0.8, 1.1 * other, other * 0.9)
    words = distributed_as(false_alarm=0.5)(mine, other, {})
    assert words.startswith("9.25 % of the samples lie outside -1 to 0.999")


def test_one_bad_column_is_named(rng):
    mine, other = rng.normal(size=(N, 3)), rng.normal(size=(N, 3))
    mine[:, 2] += 1
    assert distributed_as()(mine, other, {}).startswith("column 2: the samples have mean 1")


def test_the_cdf_gets_the_inputs(rng):
    judge = distributed_as(cdf=lambda inputs: lambda points: normal_cdf(points, inputs["mean"]))
    samples = rng.normal(3, size=N)
    assert judge(samples, samples, {"mean": 3.0}) is None
    assert judge(samples, samples, {"mean": 4.0})


def test_the_cdf_of_a_discrete_distribution(rng):
    def coin(inputs):
        return lambda points: np.where(points < 0, 0, np.where(points < 1, 0.5, 1))

    fair, biased = rng.integers(0, 2, N), (rng.random(N) < 0.7).astype(np.int64)
    assert distributed_as(cdf=coin)(fair, fair, {}) is None
    assert distributed_as(cdf=coin)(biased, fair, {})
    words = distributed_as(cdf=coin)(np.ones(N, np.int64), fair, {})
    assert words.endswith("(0 % of them are below 1, expected about 50 %)")


def test_categories(rng):
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    judge = distributed_as(probabilities=lambda inputs: inputs["p"])
    fair = rng.choice(5, N, p=p)
    assert judge(fair, fair, {"p": p}) is None
    wrong = rng.choice(5, N, p=[0.4, 0.2, 0.3, 0.1, 0])
    words = judge(wrong, fair, {"p": p})
    assert words.startswith("category 0 came out in ")
    assert words.endswith(" % of the samples, expected about 10 %")
    impossible = fair.copy()
    impossible[0] = 4
    assert judge(impossible, fair, {"p": p}) == "category 4 came out in 0.025 % of the samples, expected about 0 %"
    impossible[0] = 7
    assert judge(impossible, fair, {"p": p}) == "7 came out, expected a category from 0 to 4"
    both = np.stack([fair, wrong], axis=1)
    assert judge(both, both, {"p": p}).startswith("column 1: category 0")
    assert judge(both, both, {"p": [p, [0.4, 0.2, 0.3, 0.1, 0]]}) is None


def test_a_category_that_always_comes_out():
    ones = np.ones(N, int)
    assert distributed_as(probabilities=lambda inputs: [0, 1])(ones, ones, {}) is None
    assert distributed_as(probabilities=lambda inputs: [1, 0])(ones, ones, {})


def test_authors_mistakes_are_theirs():
    with pytest.raises(ValueError, match="either"):
        distributed_as(cdf=lambda inputs: normal_cdf, probabilities=lambda inputs: [1])
    for expected in (1.0, [1.0], np.array(1.0)):
        with pytest.raises(GraderError, match="array of samples"):
            distributed_as()(expected, expected, {})
    with pytest.raises(GraderError, match="too few"):
        distributed_as()(np.arange(30.0), np.arange(30.0), {})
    for samples in (np.ones(5, complex), np.ones(0)):
        with pytest.raises(GraderError, match="real numbers"):
            distributed_as()(samples, samples, {})


ALARM = 0.2


@pytest.mark.parametrize(
    ("judge", "draw"),
    [
        (distributed_as(false_alarm=ALARM), lambda rng: rng.normal(size=200)),
        (distributed_as(false_alarm=ALARM), lambda rng: rng.normal(size=(200, 4))),
        (distributed_as(false_alarm=ALARM), lambda rng: rng.integers(0, 3, 200)),
        (distributed_as(cdf=lambda inputs: lambda x: np.clip(x, 0, 1), false_alarm=ALARM), lambda rng: rng.random(200)),
        (
            distributed_as(probabilities=lambda inputs: [0.05, 0.15, 0.8], false_alarm=ALARM),
            lambda rng: rng.choice(3, 200, p=[0.05, 0.15, 0.8]),
        ),
    ],
)
def test_false_alarms_are_as_rare_as_stated(judge, draw):
    rng = np.random.default_rng(1)
    alarms = sum(judge(draw(rng), draw(rng), {}) is not None for _ in range(200))
    assert alarms / 200 <= ALARM


def test_the_bound_of_massart_is_reached():
    """Against the true distribution the bound is nearly tight, so the judge is not toothless by a factor."""
    rng = np.random.default_rng(2)
    judge = distributed_as(cdf=lambda inputs: lambda x: np.clip(x, 0, 1), false_alarm=ALARM)
    words = [judge(samples, samples, {}) or "" for samples in rng.random((500, 200))]
    assert sum("of them are" in each for each in words) / 500 > ALARM / 2 / 2  # its half of the false alarms


def test_the_reach_is_the_one_in_the_docstring():
    assert 2 * bounds.reach(1000, 1e-6 / 2 / 2) == pytest.approx(0.178, abs=1e-3)
    assert 2 * bounds.reach(10_000, 1e-6 / 2 / 2) == pytest.approx(0.056, abs=1e-3)
    assert bounds.reach(1000, 1e-6 / 2) == pytest.approx(0.087, abs=1e-3)


# %% Samples that nobody has drawn


def test_the_right_distribution_in_some_order_is_no_sample(rng):
    quantiles = (np.arange(N) + 0.5) / N
    uniform = distributed_as(cdf=lambda inputs: lambda x: np.clip(x, 0, 1))
    assert uniform(quantiles, rng.random(N), {}) == "the samples come in rising order"
    assert distributed_as()(np.sort(rng.normal(size=N)), rng.normal(size=N), {}) == "the samples come in rising order"
    p = [0.1, 0.2, 0.3, 0.4]
    sorted_categories = np.repeat(np.arange(4), [N // 10, N // 5, 3 * N // 10, 2 * N // 5])
    words = distributed_as(probabilities=lambda inputs: p)(sorted_categories, rng.choice(4, N, p=p), {})
    assert words == "the samples come in rising order"


def test_what_is_wrong_with_the_distribution_is_said_first(rng):
    assert distributed_as()(np.arange(N) / N + 1, rng.random(N), {}).startswith("the samples have mean 1.5")


def test_two_calls_have_to_differ(rng):
    """As the docstring says: a column for each call."""
    judge = distributed_as(columns=("one call", "the next call"))
    one, next_one = rng.normal(size=(2, N))
    expected = rng.normal(size=(N, 2))
    assert judge(np.stack([one, next_one], axis=1), expected, {}) is None
    assert judge(np.stack([one, one], axis=1), expected, {}) == "the next call repeats one call"
    shuffled = np.stack([one, rng.permutation(one)], axis=1)
    assert (
        judge(shuffled, expected, {}) == f"{N} of {N} values in the next call are those in one call, expected about 0"
    )
    wrong = judge(np.stack([one, next_one + 1], axis=1), expected, {})
    assert wrong.startswith("the next call: the samples have mean")


def test_columns_have_as_many_names_as_there_are(rng):
    samples = rng.normal(size=(N, 3))
    with pytest.raises(GraderError, match="there are 3 columns, and 2 have names"):
        distributed_as(columns=("weight", "bias"))(samples, samples, {})
