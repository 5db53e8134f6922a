"""The models whose circuits are known do what is said of them, and no part can be spared."""

import itertools
import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from exercises.given.circuits_examples import basis, tokens
from exercises.given.circuits_models import (
    SIDE,
    AdditionModel,
    BracketTokenizer,
    LinearRegression,
    Sums,
    board_probe,
    board_stream,
    bracket_model,
)
from exercises.given.othello import OthelloBoardState


def share_of_right_sums(model):
    pairs = torch.cartesian_prod(torch.arange(model.p), torch.arange(model.p))
    return (model(Sums(model.p).all_data)[:, -1, :-1].argmax(1) == pairs.sum(1) % model.p).float().mean().item()


def test_the_addition_model_adds_by_its_frequencies():
    model = AdditionModel()
    assert share_of_right_sums(model) == 1.0
    power = (basis(model.p) @ model.W_E[:-1])[1:].square().sum(1).reshape(-1, 2).sum(1)  # (frequency,)
    assert (power.topk(3).indices.sort().values + 1).tolist() == list(model.frequencies)
    assert power.topk(3).values.sum() / power.sum() > 0.999


@pytest.mark.parametrize("half", [slice(0, 3), slice(3, 6)])
@pytest.mark.parametrize("name", ["W_E", "W_U"])
def test_it_needs_cosines_and_sines(name, half):
    model = AdditionModel()
    weight = model.W_E[:, :-1] if name == "W_E" else model.W_U.T
    weight[:, half] = 0.0
    assert share_of_right_sums(model) < 0.6


def share_of_right_counts(model):
    right = []
    for size in range(5):
        for signs in itertools.product("()", repeat=size):
            logits = model(tokens("".join(signs))[None])[0, 0]
            right.append((logits[0] > logits[1]).item() == (signs.count("(") != signs.count(")")))
    return sum(right) / len(right)


def test_the_bracket_model_counts():
    assert share_of_right_counts(bracket_model()) == 1.0


@pytest.mark.parametrize("part", ["attn.W_V", "attn.W_O", "mlp.W_in", "mlp.W_out"])
def test_no_part_of_it_can_be_spared(part):
    model = bracket_model()
    model.blocks[0].get_parameter(part).zero_()
    assert share_of_right_counts(model) < 0.6


@pytest.mark.parametrize("neuron", [0, 1])
def test_each_neuron_sees_one_kind_of_failure(neuron):
    model = bracket_model()
    model.blocks[0].mlp.W_out[neuron] = 0.0
    assert 0.6 < share_of_right_counts(model) < 0.9


def boards():
    return torch.randint(-1, 2, (2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))


def read(stream):
    """-1, 0 or 1 for each square, by the probe's largest logit."""
    return torch.tensor([0, -1, 1])[torch.einsum("gmd,drco->gmrco", stream, board_probe()).argmax(-1)]


def test_the_board_is_read_by_its_probe():
    assert torch.equal(read(board_stream(boards())), boards())


@pytest.mark.parametrize("square", [0, 5, 15])
def test_a_square_is_kept_in_its_dimension_only(square):
    stream = board_stream(boards())
    stream[..., square] = 0.0
    without = boards()
    without.flatten(2)[..., square] = 0
    assert torch.equal(read(stream), without)


def test_without_the_constant_nothing_is_empty():
    stream = board_stream(torch.zeros(1, 1, SIDE, SIDE))
    assert not read(stream).any()
    stream[..., -1] = -1.0
    assert read(stream).all()


@pytest.mark.parametrize("intercept", [True, False])
def test_the_fitted_map_is_that_of_scikit_learn(intercept):
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    ours = LinearRegression(fit_intercept=intercept).fit(x, y)
    theirs = linear_model.LinearRegression(fit_intercept=intercept).fit(x, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_)
    np.testing.assert_allclose(ours.score(x, y), theirs.score(x, y))


def test_texts_are_filled_up_with_pads():
    assert BracketTokenizer().tokenize(["()", "("]).tolist() == [[0, 3, 4, 2], [0, 3, 2, 1]]


def test_the_loss_is_that_of_the_pairs_of_a_mode():
    sums = Sums(5)
    logits = torch.zeros(25, 5)
    logits[sums.is_train, sums.labels[sums.is_train]] = 100.0
    assert sums.test_logits(logits, mode="train") < 1e-6
    assert abs(sums.test_logits(logits, mode="test").item() - math.log(5)) < 1e-6


def test_othello_begins_as_the_rules_say():
    board = OthelloBoardState()
    assert board.get_valid_moves() == [19, 26, 37, 44]
    board.umpire(19)
    assert board.state[2:5, 3].tolist() == [1, 1, 1]
    assert board.get_valid_moves() == [18, 20, 34]
    with pytest.raises(ValueError, match="19 is no move"):
        board.umpire(19)


def test_who_has_no_move_is_passed_over():
    board = OthelloBoardState()
    board.state[:] = 0
    board.state[0, :4] = [0, -1, -1, 1]
    board.state[7, :3] = [1, -1, 0]
    board.umpire(0)
    assert (board.next_hand_color, board.get_valid_moves()) == (1, [58])


def test_the_shortest_game_leaves_no_white_piece():
    board = OthelloBoardState()
    board.update([44, 29, 20, 45, 38, 43, 52, 37, 34])  # e6 f4 e3 f6 g5 d6 e7 f5 c5
    assert not (board.state == -1).any()
    assert board.get_valid_moves() == []
