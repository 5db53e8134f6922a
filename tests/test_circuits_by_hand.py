"""The models whose circuits are known do what is said of them, and no part of a circuit can be spared."""

import pytest

pytest.importorskip("torch")

import torch as t

from exercises.given.circuits_by_hand import IOIDataset, induction_model, ioi_model

PARTS = ("W_Q", "W_K", "W_V", "W_O")


def continued(model):
    """How often the second half of a repeated text is foreseen."""
    half = t.randperm(9, generator=t.Generator().manual_seed(0)) + 1
    tokens = t.cat([t.zeros(1, dtype=t.long), half, half])[None]  # (1, seq)
    best = model(tokens)[0, 10:-1].argmax(-1)
    return (best == tokens[0, 11:]).float().mean().item(), model.run_with_cache(tokens, remove_batch_dim=True)[1]


def test_the_induction_circuit():
    share, cache = continued(induction_model())
    assert share == 1.0
    assert cache["pattern", 0][1].diagonal(-1).mean() > 0.99
    assert cache["pattern", 1][0].diagonal(-8)[2:].mean() > 0.99
    assert cache["pattern", 1][0][:10, 0].mean() > 0.99  # rests


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("head", [(0, 1), (1, 0)])
def test_no_part_of_the_induction_circuit_can_be_spared(part, head):
    model = induction_model()
    getattr(model.blocks[head[0]].attn, part)[head[1]] = 0.0
    assert continued(model)[0] < 0.5


def difference(model, data):
    logits = model(data.toks)[:, -1].gather(1, data.answer_tokens)
    return (logits[:, 0] - logits[:, 1]).mean().item()


@pytest.mark.parametrize("seed", range(3))
def test_the_circuit_for_indirect_objects(seed):
    model, data = ioi_model(), IOIDataset(8, seed)
    assert model.to_string(data.toks[0, 1:]).endswith(" gave it to ")
    assert (model(data.toks)[:, -1].argmax(-1) == data.answer_tokens[:, 0]).all()
    _, cache = model.run_with_cache(data.toks)
    rows = t.arange(data.N)
    assert cache["pattern", 0][rows, 1, data.word_idx["S2"], data.word_idx["S1"]].min() > 0.99
    assert cache["pattern", 1][rows, 0, data.word_idx["end"], data.word_idx["S2"]].min() > 0.99
    assert cache["pattern", 2][rows, 1, data.word_idx["end"], data.word_idx["IO"]].min() > 0.99
    assert abs(difference(model, IOIDataset(8, seed, abc=True))) < 1e-3  # nobody is repeated: IO and S are alike


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("head", [(0, 1), (1, 0), (2, 1)])
def test_no_part_of_the_circuit_for_indirect_objects_can_be_spared(part, head):
    model, data = ioi_model(), IOIDataset(8)
    whole = difference(model, data)
    getattr(model.blocks[head[0]].attn, part)[head[1]] = 0.0
    assert difference(model, data) < 0.5 * whole


@pytest.mark.parametrize("build", [induction_model, ioi_model])
def test_the_other_heads_are_empty(build):
    model = build()
    tokens = t.arange(7)[None]
    whole = model(tokens)
    busy = {(0, 1), (1, 0), (2, 1)}
    for layer in range(model.cfg.n_layers):
        for head in {0, 1} - {head for at, head in busy if at == layer}:
            for part in PARTS:
                assert not getattr(model.blocks[layer].attn, part)[head].any()
    assert t.equal(model(tokens), whole)
