"""The given transformer with hook points: by itself, and beside the library whose names it has (extra `lens`)."""

import doctest
import importlib
import math

import pytest

pytest.importorskip("torch")

import torch as t

from exercises.given.factored import FactoredMatrix
from exercises.given.hooked import HookedTransformer, HookedTransformerConfig, get_act_name

KINDS = {
    "attention only, shortformer": {
        "attn_only": True,
        "normalization_type": None,
        "positional_embedding_type": "shortformer",
    },
    "attention only": {"attn_only": True, "normalization_type": None},
    "with MLPs and LayerNorm": {"act_fn": "gelu_new", "normalization_type": "LN", "d_mlp": 24},
    "bidirectional classifier": {
        "act_fn": "relu",
        "normalization_type": "LN",
        "attention_dir": "bidirectional",
        "d_vocab_out": 2,
    },
}
SIZES = {"n_layers": 2, "d_model": 12, "n_ctx": 9, "d_head": 4, "n_heads": 3, "d_vocab": 11}


def scrambled(kind):
    """A model whose biases and factors are drawn too."""
    model = HookedTransformer(HookedTransformerConfig(**SIZES, **KINDS[kind], seed=1))
    with t.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5)
    return model


@pytest.fixture(params=KINDS)
def model(request):
    return scrambled(request.param)


@pytest.fixture
def tokens():
    return t.randint(0, SIZES["d_vocab"], (2, 7), generator=t.Generator().manual_seed(3))


@pytest.mark.parametrize("module", ["factored", "hook_points", "hooked", "tokens"])
def test_examples_of_the_docstrings(module):
    assert doctest.testmod(importlib.import_module(f"exercises.given.{module}")).failed == 0


def test_a_hook_that_returns_none_keeps_its_edit_in_place(model, tokens):
    def silence(z, hook):
        z[:, :, 1] = 0.0

    def silenced(z, hook):
        silence(z := z.clone(), hook)
        return z

    plain = model(tokens)
    edited, replaced = (
        model.run_with_hooks(tokens, fwd_hooks=[("blocks.1.attn.hook_z", each)]) for each in (silence, silenced)
    )
    assert t.equal(edited, replaced)
    assert not t.allclose(edited, plain)
    assert t.equal(model(tokens), plain)


def test_hooks_are_gone_after_an_exception(model, tokens):
    def fails(value, hook):
        raise ValueError("as wanted")

    with pytest.raises(ValueError, match="as wanted"):
        model.run_with_hooks(tokens, fwd_hooks=[(lambda name: name.endswith("hook_z"), fails)])
    assert not any(point.fwd_hooks for point in model.hook_dict.values())


def test_levels_and_permanent_hooks(model, tokens):
    seen = []

    def note(word):
        return lambda value, hook: seen.append(word)

    model.add_perma_hook("hook_embed", note("permanent"))
    model.add_hook("hook_embed", note("added"))
    model.add_hook("hook_embed", note("added for level 1"), level=1)
    with model.hooks([("hook_embed", note("inside"))]):
        model(tokens)
    model(tokens)
    model.reset_hooks()
    model(tokens)
    assert seen == ["permanent", "added", "added for level 1", "inside", "permanent", "added", "permanent"]
    model.reset_hooks(including_permanent=True)
    assert not any(point.fwd_hooks for point in model.hook_dict.values())


def test_gradients_go_through_backward_hooks(model, tokens):
    seen = {}

    def keep(gradient, hook):
        seen[hook.name] = gradient

    with model.hooks(bwd_hooks=[("blocks.0.hook_resid_pre", keep)]):
        model(tokens).sum().backward()
    assert seen["blocks.0.hook_resid_pre"].shape == (2, 7, 12)
    assert not any(point.bwd_hooks for point in model.hook_dict.values())


def test_names_of_the_cache(model, tokens):
    logits, cache = model.run_with_cache(tokens)
    assert t.equal(logits, model(tokens))
    assert cache.keys() == model.hook_dict.keys()
    assert cache["pattern", 0] is cache["blocks.0.attn.hook_pattern"] is cache["pattern", 0, "attn"]
    assert cache["embed"] is cache["hook_embed"]
    assert cache["resid_post", -1] is cache["blocks.1.hook_resid_post"]
    with pytest.raises(KeyError):
        cache["pattern", 2]
    kept = model.run_with_cache(tokens, names_filter="hook_embed", return_type=None)
    assert kept[0] is None
    assert list(kept[1]) == ["hook_embed"]
    some = model.run_with_cache(tokens, names_filter=lambda name: name.endswith("hook_q"))[1]
    assert list(some) == [get_act_name("q", 0), get_act_name("q", 1)]
    assert model.run_with_cache(tokens[:1], remove_batch_dim=True)[1]["pattern", 1].shape == (3, 7, 7)


def test_parts_of_the_residual_stream_add_up(model, tokens):
    logits, cache = model.run_with_cache(tokens)
    cfg = model.cfg
    parts = [cache["embed"]] + [cache["pos_embed"]] * (cfg.positional_embedding_type == "standard")
    for layer in range(cfg.n_layers):
        parts += [*cache["result", layer].unbind(2), model.b_O[layer].expand(2, 7, -1)]
        parts += [] if cfg.attn_only else [cache["mlp_out", layer]]
    stack = t.stack(parts)  # (part, batch, seq, d_model)
    t.testing.assert_close(stack.sum(0), cache["resid_post", -1], rtol=1e-4, atol=1e-4)
    final = cache.apply_ln_to_stack(stack[:, :, -1], layer=-1, pos_slice=-1).sum(0)  # (batch, d_model)
    if cfg.normalization_type:
        final = final * model.ln_final.w + model.ln_final.b
    t.testing.assert_close(final @ model.W_U + model.b_U, logits[:, -1], rtol=1e-4, atol=1e-4)


def test_text():
    model = HookedTransformer.from_pretrained("gpt2-small")
    tokens = model.to_tokens(["ab", "c"])
    assert model.to_string(tokens[0]) == "<|endoftext|>ab"
    assert model.to_str_tokens("ab") == ["<|endoftext|>", "a", "b"]
    assert tokens[1, 2] == model.tokenizer.pad_token_id
    assert model("ab").shape == (1, 3, model.cfg.d_vocab)
    longer = model.generate(tokens, max_new_tokens=4, stop_at_eos=False, top_k=1)
    assert longer.shape == (2, 7)
    assert t.equal(longer, model.generate(tokens, max_new_tokens=4, stop_at_eos=False, do_sample=False))
    assert model.generate("ab", 2).startswith("<|endoftext|>ab")


def test_loss(tokens):
    model = scrambled("attention only")
    logits, loss = model(tokens, return_type="both")
    expected = -logits[:, :-1].log_softmax(-1).gather(2, tokens[:, 1:, None]).mean()
    t.testing.assert_close(loss, expected)
    assert t.equal(model(tokens, return_type="loss"), loss)


def matrices():
    return t.arange(24.0).reshape(2, 3, 4), t.arange(40.0).reshape(2, 4, 5) % 7


INDICES = (0, (0,), (1, 2), (0, slice(1, 3)), (slice(None), 1, -1), t.tensor([1, 0]), (0, t.tensor([2, 0]), 3))


def test_factored_matrices_are_their_products():
    a, b = matrices()
    product, whole = FactoredMatrix(a, b), a @ b
    left, right = t.arange(6.0).reshape(2, 3), t.arange(10.0).reshape(5, 2)
    assert tuple(product.shape) == (2, 3, 5)
    assert (product.ldim, product.mdim, product.rdim, product.ndim) == (3, 4, 5, 3)
    assert t.equal(product.AB, whole)
    assert t.equal(product.T.AB, whole.mT)
    assert t.equal((left @ product @ right).AB, left @ whole @ right)
    assert t.equal((product @ product.T).AB, whole @ whole.mT)
    assert t.equal(product @ right[:, 0], whole @ right[:, 0])
    assert t.equal(t.arange(3.0) @ product, t.arange(3.0) @ whole)
    assert t.equal((2 * product).AB, 2 * whole)
    assert t.equal(product[1, 2].AB, whole[1, 2:3])
    assert t.equal(product[:, :, 4].AB, whole[:, :, 4:5])
    t.testing.assert_close(product.norm(), whole.norm(dim=(-2, -1)))
    assert math.prod(product[t.tensor([1, 0])].shape) == whole.numel()


# What follows needs the library.
@pytest.fixture(scope="session")
def lens():
    lens = pytest.importorskip("transformer_lens", reason="the extra `lens` is not installed")
    if int(getattr(lens, "__version__", "3").partition(".")[0]) > 3:
        pytest.skip("HookedTransformer is no part of TransformerLens 4")
    return lens


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_transformer_lens(lens, kind, tokens):
    ours = scrambled(kind)
    theirs = lens.HookedTransformer(lens.HookedTransformerConfig(**SIZES, **KINDS[kind], use_attn_result=True))
    assert ours.state_dict().keys() <= theirs.state_dict().keys()
    theirs.load_state_dict(ours.state_dict(), strict=False)
    logits, cache = ours.run_with_cache(tokens)
    wanted, whole = theirs.run_with_cache(tokens)
    t.testing.assert_close(logits, wanted, rtol=1e-4, atol=1e-4)
    for name in cache.keys() - {"hook_tokens"}:
        t.testing.assert_close(
            cache[name], whole[name], rtol=1e-4, atol=1e-4, msg=lambda words, name=name: f"{name}: {words}"
        )
    for name in ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_U", "b_Q", "b_K", "b_V", "b_O", "b_U"):
        assert t.equal(getattr(ours, name), getattr(theirs, name)), name
    if not ours.cfg.attn_only:
        for name in ("W_in", "b_in", "W_out", "b_out"):
            assert t.equal(getattr(ours, name), getattr(theirs, name)), name
    if ours.cfg.d_vocab_out == ours.cfg.d_vocab:
        t.testing.assert_close(
            ours(tokens, return_type="loss"), theirs(tokens, return_type="loss"), rtol=1e-4, atol=1e-4
        )
    for options in ({"layer": -1}, {"layer": 0, "mlp_input": not ours.cfg.attn_only}, {"layer": 1}):
        stack = t.randn(4, 2, 12)
        ours_, theirs_ = (each.apply_ln_to_stack(stack, pos_slice=-1, **options) for each in (cache, whole))
        t.testing.assert_close(ours_, theirs_)

    def halve(z, hook):
        z[:, :, 1] *= 0.5 + hook.layer()

    hooks = [(lambda name: name.endswith("hook_z"), halve), (get_act_name("resid_pre", 1), lambda x, hook: x * 2)]
    t.testing.assert_close(
        *(each.run_with_hooks(tokens, fwd_hooks=hooks) for each in (ours, theirs)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_names_are_those_of_transformer_lens(lens):
    from transformer_lens import utils

    for names in (("pattern", 0), ("attn", 1), ("resid_pre", 1), ("z", 0, "attn"), ("scale", 1, "ln2"), ("normalized",),
                  ("embed",), ("post", 0), ("mlp_out", 1), ("k6",), ("hook_embed",)):  # fmt: skip
        assert get_act_name(*names) == utils.get_act_name(*names), names


def test_factored_matrices_are_those_of_transformer_lens(lens):
    ours, theirs = FactoredMatrix(*matrices()), lens.FactoredMatrix(*matrices())
    for index in INDICES:
        t.testing.assert_close(ours[index].AB, theirs[index].AB)
        assert ours[index].shape == theirs[index].shape
    left, right = t.arange(6.0).reshape(2, 3), t.arange(10.0).reshape(5, 2)
    for take in (lambda m: m.T, lambda m: m @ right, lambda m: left @ m, lambda m: m @ m.T, lambda m: m * 3.0):
        t.testing.assert_close(take(ours).AB, take(theirs).AB)
        assert (take(ours).ldim, take(ours).mdim, take(ours).rdim) == (
            take(theirs).ldim,
            take(theirs).mdim,
            take(theirs).rdim,
        )
    t.testing.assert_close(ours.norm(), theirs.norm())
