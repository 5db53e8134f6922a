"""What the grader of `transformer` builds its examples with: tiny modules with drawn weights, and a toy language model.

It stands here so that a call which the grader shows you can be pasted and run.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from exercises.given.transformers import Config

TINY = {
    **{"d_model": 6, "d_vocab": 7, "n_ctx": 8, "d_head": 3, "d_mlp": 5, "n_heads": 2, "n_layers": 2},
    **{"layer_norm_eps": 1e-5, "init_range": 0.02},
}
SHAPES = {  # of the parameters, by their names
    "w": ("d_model",),
    "b": ("d_model",),
    "W_E": ("d_vocab", "d_model"),
    "W_pos": ("n_ctx", "d_model"),
    **{f"W_{name}": ("n_heads", "d_model", "d_head") for name in "QKV"},
    **{f"b_{name}": ("n_heads", "d_head") for name in "QKV"},
    "W_O": ("n_heads", "d_head", "d_model"),
    "b_O": ("d_model",),
    "W_in": ("d_model", "d_mlp"),
    "b_in": ("d_mlp",),
    "W_out": ("d_mlp", "d_model"),
    "b_out": ("d_model",),
    "W_U": ("d_model", "d_vocab"),
    "b_U": ("d_vocab",),
}
OWNED = {  # the parameters of the modules
    "LayerNorm": "w b",
    "Embed": "W_E",
    "PosEmbed": "W_pos",
    "Attention": "W_Q W_K W_V W_O b_Q b_K b_V b_O",
    "MLP": "W_in W_out b_in b_out",
    "Unembed": "W_U b_U",
}


def noise(seed: int, *shape: int) -> Tensor:
    """Numbers between -1 and 1."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def make(kind: type[nn.Module], **sizes: Any) -> nn.Module:
    """A module of a tiny model. `kind` is its class; `sizes` are fields of Config that are not those of TINY."""
    own = getattr(sys.modules.get(kind.__module__), "Config", Config)
    fields = getattr(own, "__dataclass_fields__", {})
    return kind((own if fields.keys() >= TINY.keys() else Config)(**{**TINY, **sizes}))


def build(kind: type[nn.Module], seed: int = 0, **sizes: Any) -> nn.Module:
    """The same with numbers between -1 and 1 in its parameters, which follow from the seed and from their names.

    Raises:
        AttributeError: a parameter that the text names is not there.
        ValueError: a parameter has another shape than in the text.
    """
    module, sizes = make(kind, **sizes), {**TINY, **sizes}
    parameters = dict(module.named_parameters())
    for name in OWNED.get(kind.__name__, "").split():
        if name not in parameters:
            raise AttributeError(f"{kind.__name__} has no parameter {name!r}")
    for name, parameter in parameters.items():
        axes = SHAPES.get(name.rpartition(".")[2])
        if axes is None:
            continue
        shape = tuple(sizes[axis] for axis in axes)
        if parameter.shape != shape:
            raise ValueError(f"{name} has the shape {tuple(parameter.shape)}, expected {shape}: {axes}")
        with torch.no_grad():
            parameter.copy_(noise(zlib.crc32(name.encode(), seed), *shape))
    return module


def start(kind: type[nn.Module], **sizes: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """With what a module starts: thousands of its weights, a column for each parameter, and its biases."""
    parameters = {name: value.detach() for name, value in make(kind, **sizes).named_parameters() if name in SHAPES}
    weights = [value.flatten()[:6000] for name, value in parameters.items() if name.startswith("W_")]
    return torch.stack(weights, dim=1), {name: value for name, value in parameters.items() if name.startswith("b_")}


def slopes(module: nn.Module) -> dict[str, float | None]:
    """How long the gradient of each parameter is that the text names; None where there is none."""
    return {
        name: None if parameter.grad is None else parameter.grad.norm().item()
        for name, parameter in module.named_parameters()
        if name in SHAPES
    }


class ToyModel(nn.Module):
    """A language model for examples: at each position its logits follow from all tokens up to there, like no other's.

    Args:
        seed: of the logits.
        d_vocab, n_ctx: fields of its `cfg`; it refuses more than n_ctx tokens.
    """

    ROWS = 97

    def __init__(self, seed: int, d_vocab: int, n_ctx: int = 64):
        """Draw the logits: whole numbers and halves from -4 to 4, a little apart from each other."""
        super().__init__()
        self.cfg = Config(d_vocab=d_vocab, n_ctx=n_ctx)
        rows = np.random.default_rng(seed).integers(-8, 9, (self.ROWS, d_vocab)) / 2 + np.arange(d_vocab) / 64
        self.table = nn.Parameter(torch.from_numpy(rows.astype(np.float32)))
        self.modes: set[tuple[bool, bool]] = set()  # (in training mode, with gradients) of its calls

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, (batch, seq, d_vocab), of tokens (batch, seq)."""
        self.modes.add((self.training, torch.is_grad_enabled()))
        seq = tokens.shape[1]
        if seq > self.cfg.n_ctx:
            raise ValueError(f"the model was shown {seq} tokens, and n_ctx is {self.cfg.n_ctx}")
        places = torch.arange(3, seq + 3)  # so that the same tokens in another order are something else
        return self.table[((tokens + 1) * places**2).cumsum(dim=1) % self.ROWS]


def many(draw: Callable[[], Any], times: int = 400) -> Tensor:
    """What comes out of a random draw, again and again: whole numbers, shape (times,)."""
    return torch.tensor([int(draw()) for _ in range(times)])


class Line(nn.Module):
    """A part of a model that is easy to follow: factor · x + 1."""

    def __init__(self, factor: float):
        """Keep the factor."""
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The value of the line at each number."""
        return self.factor * x + 1


def completions(beams: Any) -> list[tuple[list[int], float]]:
    """The tokens of each beam and its log-probability, in the order of the tokens."""
    return sorted(zip(beams.tokens.tolist(), beams.logprob_sums.tolist(), strict=True))


def chosen(logprobs: Tensor, tokens: Tensor) -> list[list[tuple[int, float]]]:
    """The tokens that are chosen for each beam and their log-probabilities, in the order of the tokens."""
    return [sorted(zip(*row, strict=True)) for row in zip(tokens.tolist(), logprobs.tolist(), strict=True)]


def read(forward: Callable[..., Any], model: nn.Module, tokens: Tensor, pieces: list[int]) -> tuple[Tensor, Any]:
    """What forward_with_cache says of a text that is cut into pieces, and what it knows of it then."""
    found, cache = [], None
    for piece in tokens.split(pieces, dim=1):
        logits, cache = forward(model, piece, cache)
        found.append(logits.detach())
    return torch.cat(found, dim=1), cache
