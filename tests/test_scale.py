"""What a large course needs: the simulation against what theory says, and the figures of docs/scale.md against it."""

import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import PROJECT

from graders.engine.worker import sandbox

sys.path.append(str(PROJECT / "benchmarks"))

import pushes
import waiting

FIGURES = PROJECT / "docs" / "scale.json"
PAGE = PROJECT / "docs" / "scale.md"
COUNT = 400_000


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def exponential(generator: np.random.Generator, count: int, mean: float) -> np.ndarray:
    return -np.log1p(-generator.random(count)) * mean


def erlang_c(cores: int, load: float) -> float:
    """The chance that one who comes has to wait, by Erlang's formula."""
    terms = [load**k / math.factorial(k) for k in range(cores)]
    last = load**cores / math.factorial(cores) * cores / (cores - load)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("cores", "load"), [(1, 0.5), (1, 0.8), (4, 3.0), (20, 17.0)])
def test_waits_are_those_of_erlang_where_all_is_chance(generator, cores, load):
    times = np.cumsum(exponential(generator, COUNT, 1 / load))
    found = waiting.waits(times, exponential(generator, COUNT, 1.0), cores)
    chance = erlang_c(cores, load)
    assert np.mean(found > 0) == pytest.approx(chance, rel=0.05)
    assert found.mean() == pytest.approx(chance / (cores - load), rel=0.1)
    beyond = 1 / (cores - load)  # and the tail falls as it should
    assert np.mean(found > beyond) == pytest.approx(chance * math.exp(-(cores - load) * beyond), rel=0.1)


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_waits_are_those_of_pollaczek_and_khinchine_where_all_take_as_long(generator, load):
    times = np.cumsum(exponential(generator, COUNT, 1 / load))
    found = waiting.waits(times, np.ones(COUNT), 1)
    assert found.mean() == pytest.approx(load / (2 * (1 - load)), rel=0.1)


def test_who_comes_first_is_first():
    assert waiting.waits([0, 1, 1, 2, 9], [5, 5, 1, 1, 1], 2).tolist() == [0, 0, 4, 4, 0]
    assert waiting.waits([0, 1, 1, 2, 9], [5, 5, 1, 1, 1], 1).tolist() == [0, 4, 9, 9, 3]


def test_a_run_takes_what_has_come_and_the_next_one_what_came_meanwhile():
    times, services = [0.0, 1.0, 2.0, 3.0, 50.0], [4.0, 1.0, 1.0, 7.0, 1.0]
    # From 0 to 6 one alone, two seconds to start with; then three on two cores, from 6 to 8 + 1 + 7; then the last.
    assert waiting.waits_in_runs(times, services, 2, 2.0).tolist() == [2, 7, 6, 6, 2]


def test_runs_without_a_start_wait_longer_than_what_is_handed_on_as_it_comes(generator):
    times = np.cumsum(exponential(generator, 5000, 0.3)).tolist()
    services = exponential(generator, 5000, 1.0).tolist()
    as_they_come, in_runs = waiting.waits(times, services, 4), waiting.waits_in_runs(times, services, 4, 0.0)
    assert in_runs.mean() > as_they_come.mean()
    assert in_runs.min() >= 0


def test_the_fewest_cores_are_found(generator):
    times = np.cumsum(exponential(generator, 20_000, 0.1)).tolist()
    services = exponential(generator, 20_000, 1.0).tolist()
    cores = waiting.cores_for(times, services, 0.99, 0.5)
    assert np.quantile(waiting.waits(times, services, cores), 0.99) <= 0.5
    assert np.quantile(waiting.waits(times, services, cores - 1), 0.99) > 0.5
    assert waiting.cores_for([0.0, 10.0], [1.0, 1.0], 0.99, 0.0) == 1


@pytest.mark.parametrize("rate", [waiting.ordinary, waiting.deadline])
def test_pushes_come_at_the_rate_of_their_hour(generator, rate):
    mean = 5.0
    times = waiting.arrivals(rate, mean, generator)
    assert np.all(np.diff(times) >= 0)
    assert 0 <= times[0] <= times[-1] < 24 * 3600
    for hour, count in enumerate(np.bincount((times // 3600).astype(int), minlength=24)):
        expected = 3600 * mean * rate(np.linspace(hour, hour + 1, 1001)).mean()
        assert abs(count - expected) < 5 * math.sqrt(expected)


def test_a_day_has_as_many_pushes_as_it_should_and_more_before_a_deadline():
    hours = np.linspace(0, 24, 100_001)
    assert waiting.ordinary(hours).mean() == pytest.approx(1, abs=1e-3)
    assert waiting.ordinary(hours).min() > 0
    assert waiting.deadline(hours)[-1] == pytest.approx(6 * waiting.ordinary(hours)[-1])


def test_shares_are_shares():
    assert sum(pushes.KINDS.values()) == pytest.approx(1)
    assert sum(share for _, share in waiting.ZONES) == pytest.approx(1)


def scale(*words: object) -> str:
    command = [sys.executable, PROJECT / "benchmarks" / "scale.py", *words]
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_the_page_shows_what_the_simulation_says():
    said, page = scale("simulate", FIGURES), PAGE.read_text("utf-8")
    shown = page.partition("```\n100,000 learners")[2].partition("```")[0]
    assert f"100,000 learners{shown}" == said
    for name, costs in json.loads(FIGURES.read_text())["sections"].items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
        medians = [f"{float(np.median(costs['held'][kind])):.2f}" for kind in pushes.KINDS]
        assert re.findall(r"\d+\.\d\d", row) == medians


@pytest.mark.slow
@pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support()))
def test_what_one_submission_costs_is_measured(tmp_path: Path):
    said = scale("measure", tmp_path / "figures", "tensors", "--rounds", 1)
    figures = json.loads((tmp_path / "figures").read_text())
    costs = figures["sections"]["tensors"]
    assert costs["held"].keys() == costs["cpu"].keys() == pushes.KINDS.keys()
    held = {kind: seconds for kind, (seconds,) in costs["held"].items()}
    assert held["untouched"] < held["all right"] < held["half done, one loops"]
    assert all(sum(costs["cpu"][kind]) > 0 for kind in pushes.KINDS)
    assert min(costs["memory"], costs["record"], figures["keeps"]) > 0
    assert np.isfinite([figures["client"], figures["scheduler"]]).all()  # differences, which other work may turn round
    assert [line.split("  ")[1] for line in said.splitlines()[1:6]] == [*itertools.islice(pushes.KINDS, 5)]
    assert "100 learners, 1 pushes" in scale("simulate", tmp_path / "figures", "--learners", 100, "--pushes", 1)
