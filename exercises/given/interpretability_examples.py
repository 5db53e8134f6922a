"""What the grader of `interpretability` makes its examples with: tiny models, caches and texts that follow from a seed.

It stands here so that a call which the grader shows you can be pasted and run.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch as t
from torch import Tensor

from exercises.given.circuits_by_hand import IOIDataset, ioi_model
from exercises.given.hooked import (
    ActivationCache,
    FactoredMatrix,
    HookedTransformer,
    HookedTransformerConfig,
    HookPoint,
)
from exercises.given.tokens import BOS, Tokenizer

WORDS = ("a", "b", BOS, "c", "d", "e", "f")  # the token that begins texts is number 2


class Unset:
    """Stands for names that older answers mention in their definitions, and that are given in each call."""


UNSET = Unset()


# %% Models and texts
def noise(seed: int, *shape: int) -> Tensor:
    """Numbers between -1 and 1."""
    return 2 * t.rand(shape, generator=t.Generator().manual_seed(seed)) - 1


def toy(seed: int, layers: int = 2, heads: int = 3, mlp: bool = False, n_ctx: int = 16) -> HookedTransformer:
    """A tiny model with numbers between -1 and 1 in all its weights, also its biases.

    With mlp=True it has MLPs and LayerNorms; otherwise neither, and positions are added to queries and keys only.
    """
    kind = {"act_fn": "relu"} if mlp else {
        "attn_only": True, "normalization_type": None, "positional_embedding_type": "shortformer",
    }  # fmt: skip
    sizes = {"n_layers": layers, "n_heads": heads, "d_model": 8, "d_head": 4, "d_mlp": 6, "n_ctx": n_ctx}
    model = HookedTransformer(HookedTransformerConfig(**sizes, **kind, d_vocab=len(WORDS)), Tokenizer(WORDS))  # type: ignore[arg-type]
    chance = t.Generator().manual_seed(seed)
    for weight in model.requires_grad_(False).parameters():
        weight.copy_(2 * t.rand(weight.shape, generator=chance) - 1)
    return model


def texts(seed: int, batch: int = 2, seq: int = 4) -> Tensor:
    """Tokens for a toy model, (batch, seq)."""
    return t.randint(len(WORDS), (batch, seq), generator=t.Generator().manual_seed(seed))


def repeated(seed: int, seq_len: int, batch: int = 2) -> Tensor:
    """Texts whose second half repeats the first, (batch, 1 + 2 * seq_len)."""
    half = texts(seed, batch, seq_len)  # (batch, seq_len)
    return t.cat([t.full((batch, 1), 2), half, half], dim=1)


def ran(seed: int) -> ActivationCache:
    """The cache of a toy model for one text, without a batch axis."""
    return toy(seed).run_with_cache(texts(seed, batch=1), remove_batch_dim=True)[1]


class Texts(NamedTuple):
    """A data set of which only the tokens are known."""

    toks: Tensor


# %% Attention patterns
@functools.cache
def looks(where: str, size: int) -> Tensor:
    """The pattern, (q, k), of a head that looks nearly always at one place, by a letter.

    c: at the current token, p: the previous one, f: the first; l: the same as c, but from the last token at the first;
    i: where an induction head looks in a repeated text of this size, the first token where there is none; r: the same,
    one place further back; anything else: everywhere.
    """
    rows, half = t.arange(size), (size - 1) // 2
    back = {"c": 0, "l": 0, "p": 1, "f": size, "i": half - 1, "r": half}
    even = t.ones(size, size).tril() + 0.1 * t.eye(size)[(rows + 1) // 2]  # (q, k); a little more half-way back
    even = even / even.sum(1, keepdim=True)
    if where not in back:
        return even
    seen = (rows - back[where]).clamp(min=0)  # (q,)
    if where == "l":
        seen[-1] = 0
    return 0.97 * t.eye(size)[seen] + 0.03 * even


def patterns(*layers: str, size: int = 60) -> ActivationCache:
    """A cache without a batch axis, with one letter of `looks` for each head of each layer."""
    cfg = HookedTransformerConfig(len(layers), 1, size, 1, len(layers[0]), d_vocab=1, attn_only=True)
    model = HookedTransformer(cfg, Tokenizer((BOS,)))
    kept = {
        f"blocks.{layer}.attn.hook_pattern": t.stack([looks(where, size) for where in heads])
        for layer, heads in enumerate(layers)
    }
    return ActivationCache(kept, model, has_batch_dim=False)


def stripes(seed: int, seq_len: int, heads: int = 12, batch: int = 2) -> Tensor:
    """Patterns, (batch, head, q, k), that look now more, now less where induction heads look.

    On the way from the first half to the second two tokens look there exactly as much as the second half on average.
    """
    size = 1 + 2 * seq_len
    shares = (noise(seed, batch, heads, seq_len) + 1) / 2  # of the attention in the second half
    middle = shares.mean(-1, keepdim=True).expand(-1, -1, 2)
    stripe = t.diag_embed(t.cat([middle, shares], dim=2), offset=1 - seq_len)  # (batch, head, q, k)
    rest = t.ones(size, size).tril() * (t.diag_embed(t.ones(seq_len + 2), offset=1 - seq_len) == 0)  # (q, k)
    return stripe + (1 - stripe.sum(-1, keepdim=True)) * rest / rest.sum(-1, keepdim=True)


# %% Calling
def told(function: Callable[..., Any], *args: Any, **names: Any) -> Any:
    """function(*args), without the last ones if it does not take so many.

    Meanwhile its file has these names, and as `model` (or `gpt2_small`), with `cfg`, that of the arguments.
    """
    model = next((each for each in args if isinstance(each, HookedTransformer)), None)
    model = model or next((each.model for each in args if isinstance(each, ActivationCache)), None)
    if model is not None:
        names = {"model": model, "gpt2_small": model, "cfg": model.cfg, **names}
    space = inspect.unwrap(function).__globals__
    own = {name: space[name] for name in names if name in space}
    space.update(names)
    try:
        takes = inspect.signature(function).parameters.values()
        return function(*(args if any(each.kind == each.VAR_POSITIONAL for each in takes) else args[: len(takes)]))
    finally:
        for name in names:
            space.pop(name, None)
        space.update(own)


def through(hook_fn: Callable[..., Any], name: str, value: Tensor, *args: Any, **named: Any) -> Tensor:
    """What comes out of the hook point of that name, if `value` goes through it and hook_fn is there.

    `args` and `named` are what hook_fn takes besides the value and the hook.
    """
    point = HookPoint()
    point.name = name
    point.add_hook(lambda value, hook: hook_fn(value, hook, *args, **named))
    return point(value.clone())


def run(seed: int, name: str = "hook_z", shape: Sequence[int] = (2, 3, 4, 5), layers: int = 2) -> ActivationCache:
    """A cache with numbers between -1 and 1 of the given shape for one hook point of each layer."""
    names = [f"blocks.{layer}.{'attn.' * (name != 'hook_resid_pre')}{name}" for layer in range(layers)]
    return ActivationCache({each: noise(seed + i, *shape) for i, each in enumerate(names)}, toy(0, heads=shape[2]))


def silence(value: Tensor, hook: HookPoint, head_index_to_ablate: int) -> None:
    """An ablation: zeros."""
    value[:, :, head_index_to_ablate] = 0.0


def double(value: Tensor, hook: HookPoint, head_index_to_ablate: int) -> Tensor:
    """Another one, which is not in place."""
    return value * (1 + t.eye(value.shape[2])[head_index_to_ablate][:, None])


def fails(*_: Any, **__: Any) -> Any:
    """Raises a ValueError, whatever it is given."""
    raise ValueError("as wanted")


class Weighing:
    """A patching metric: a sum of all logits, each weighed with a number that follows from the seed."""

    def __init__(self, seed: int) -> None:
        """Keep the seed."""
        self.seed = seed

    def __call__(self, logits: Tensor) -> Tensor:
        """One number, of logits (batch, seq, d_vocab)."""
        return (logits * noise(self.seed, *logits.shape)).sum()


def patching(seed: int, broken: bool = False) -> tuple[Any, ...]:
    """A model with MLPs, corrupted tokens, the cache of other, clean ones, and a metric; a broken one always fails."""
    model = toy(seed, mlp=True)
    clean_cache = model.run_with_cache(texts(seed + 1))[1]
    return model, texts(seed + 2), clean_cache, fails if broken else Weighing(seed)


def path_patching(seed: int, layers: int = 2, caches: bool = True, broken: bool = False) -> tuple[Any, ...]:
    """A model with MLPs, a metric, new and original texts, and the caches of both, or None in their place."""
    model = toy(seed, layers, mlp=True)
    new, orig = Texts(texts(seed + 1)), Texts(texts(seed + 2))
    both = [model.run_with_cache(data.toks)[1] if caches else None for data in (new, orig)]
    return model, fails if broken else Weighing(seed), new, orig, *both


def giving() -> tuple[Any, ...]:
    """The circuit for indirect objects, for get_path_patch_head_to_heads: what it takes after the receivers.

    The metric is the mean logit of the right name; in the new texts nobody is repeated.
    """
    model, data, abc = ioi_model(), IOIDataset(4), IOIDataset(4, abc=True)
    caches = [model.run_with_cache(each.toks)[1] for each in (abc, data)]
    return model, lambda logits: logits[range(4), -1, data.io_tokenIDs].mean(), abc, data, *caches


def hooks_after(function: Callable[..., Any], *args: Any, **names: Any) -> tuple[str, list[str]]:
    """What `told` raised, and the hook points of the model among the arguments where hooks are left then."""
    raised = ""
    try:
        told(function, *args, **names)
    except Exception as error:
        raised = type(error).__name__
    (model,) = (each for each in args if isinstance(each, HookedTransformer))
    return raised, [name for name, point in model.hook_dict.items() if point.fwd_hooks or point._forward_hooks]


# %% Matrices
def whole(circuit: FactoredMatrix | Tensor) -> Tensor:
    """The product that a FactoredMatrix stands for."""
    return getattr(circuit, "AB", circuit)


def copier(seed: int, words: int = 7) -> FactoredMatrix:
    """An OV circuit that copies some tokens, (words, words)."""
    keys = noise(seed, words, 3)
    return FactoredMatrix(keys, keys.T + 0.5 * noise(seed + 1, 3, words))


def parts(seed: int, seq: int = 4, heads: int = 2) -> tuple[Tensor, ...]:
    """What is unembedded, part by part, W_U, and tokens: the arguments of logit_attribution."""
    shapes = [(seq, 5), (seq, heads, 5), (seq, heads, 5), (5, len(WORDS))]
    return *(noise(seed + i, *shape) for i, shape in enumerate(shapes)), texts(seed, 1, seq)[0]
