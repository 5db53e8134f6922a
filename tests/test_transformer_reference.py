"""The reference of `transformer` against what it should be: PyTorch's own parts, itself without a cache, all texts."""

import doctest
import itertools

import pytest
import torch
from torch.nn import functional

from exercises.given.transformer_editions import search
from exercises.given.transformer_examples import ToyModel, build, noise, read
from exercises.given.transformers import CharTokenizer, MarkovSource
from graders.engine.authoring.material import Material
from graders.engine.course import Course

transformer = Material(Course(), "transformer").reference_module

SIZES = {"d_model": 6, "n_heads": 2, "d_head": 4, "d_mlp": 5, "d_vocab": 7, "n_layers": 3, "n_ctx": 9}


@pytest.mark.parametrize("seed", range(3))
def test_attention_is_that_of_torch(seed):
    attention, x = build(transformer.Attention, seed, **SIZES), noise(seed, 2, 5, 6)
    q, k, v = (
        torch.einsum("bsd,hdk->bhsk", x, getattr(attention, f"W_{name}")) + getattr(attention, f"b_{name}")[:, None]
        for name in "QKV"
    )
    z = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(
        attention(x), torch.einsum("bhsk,hkd->bsd", z, attention.W_O) + attention.b_O, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("seed", range(3))
def test_other_parts_are_those_of_torch(seed):
    norm, x = build(transformer.LayerNorm, seed, **SIZES), noise(seed, 2, 5, 6)
    torch.testing.assert_close(norm(x), functional.layer_norm(x, (6,), norm.w, norm.b, 1e-5), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(transformer.gelu_new(x), functional.gelu(x, approximate="tanh"))
    logits, tokens = noise(seed, 2, 5, 7), torch.arange(10).reshape(2, 5) % 7
    losses = functional.cross_entropy(logits[:, :-1].mT, tokens[:, 1:], reduction="none")
    torch.testing.assert_close(transformer.get_log_probs(logits, tokens), -losses)


@pytest.mark.parametrize("pieces", [[9], [1] * 9, [3, 1, 5]])
def test_a_cache_changes_nothing(pieces):
    model, tokens = build(transformer.DemoTransformer, 1, **SIZES), torch.arange(18).reshape(2, 9) % 7
    logits, cache = read(transformer.forward_with_cache, model, tokens, pieces)
    torch.testing.assert_close(logits, model(tokens).detach(), rtol=1e-4, atol=1e-4)
    assert [layer.k.shape for layer in cache] == [(2, 9, 2, 4)] * 3


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_best_of_all_texts(seed):
    model, tokenizer = ToyModel(seed, 4), CharTokenizer("abcd")
    ((total, text),) = search(transformer, model, tokenizer, "a", 1, 4, 2)
    texts = torch.tensor([[0, *more] for more in itertools.product(range(4), repeat=2)])
    totals = transformer.get_log_probs(model(texts), texts).sum(dim=1)
    assert text == tokenizer.decode(texts[totals.argmax()])
    assert total == pytest.approx(totals.max().item(), abs=1e-5)


def test_the_source_has_the_entropy_it_says():
    source = MarkovSource(4, seed=3)
    texts = source.sample(2000, 20, seed=1)
    surprise = -source.next[texts[:, :-2], texts[:, 1:-1], texts[:, 2:]].log().mean().item()
    assert surprise == pytest.approx(source.entropy_rate, rel=0.02)


def test_the_examples_in_the_texts_are_right():
    assert doctest.testmod(transformer).failed == 0
