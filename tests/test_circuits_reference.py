"""The reference of `circuits`: its examples, and what theorems say of waves and of a probe that is trained."""

import doctest

import torch

from exercises.given.circuits_models import AdditionModel, board_probe, board_stream
from graders.engine.authoring.material import Material
from graders.engine.course import Course

circuits = Material(Course(), "circuits").reference_module


def test_examples_in_the_texts_are_right() -> None:
    failed, tried = doctest.testmod(circuits)
    assert tried > 40
    assert not failed


def test_terms_of_frequencies_make_up_a_function_of_a_sum() -> None:
    p = circuits.p
    sums = torch.arange(p)[:, None] + torch.arange(p)
    function = torch.randn(p, generator=torch.Generator().manual_seed(0))[sums % p].flatten()  # (p²,)
    parts = [circuits.project_onto_frequency(function, freq) - function.mean() for freq in (1, 2)]
    torch.testing.assert_close(sum(parts) + function.mean(), function)
    waves = torch.stack([wave.flatten() for freq in (1, 2) for wave in circuits.get_trig_sum_directions(freq)])
    torch.testing.assert_close(waves.T @ (waves @ function) + function.mean(), function)


def test_a_model_needs_its_own_frequency_only() -> None:
    whole = circuits.test_logits(AdditionModel(5, (2,))(circuits.all_data)[:, -1, :-1], mode="train").item()
    one, two = circuits.excl_loss(AdditionModel(5, (2,)), [1, 2])
    assert abs(one - whole) < 1e-4 < two - whole


def test_a_trained_probe_reads_the_board() -> None:
    chance = torch.Generator().manual_seed(0)
    boards = torch.randint(-1, 2, (64, 2, 4, 4), generator=chance)
    resid, states = board_stream(boards), boards % 3  # empty, mine, theirs
    torch.manual_seed(0)
    probe = torch.zeros(3, *board_probe().shape, requires_grad=True)
    losses = circuits.train_linear_probe(probe, torch.optim.AdamW([probe], lr=0.1), resid, states, 16, 20)
    assert len(losses) == 80
    assert losses[-1] < 0.2 * losses[0]
    assert circuits.probe_accuracies(resid, probe[2], states).min() > 0.99
