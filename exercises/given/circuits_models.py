"""Models without training, whose weights are known: try your tools on them, and compare with the paragraphs below.

With them is what the exercises need besides: a straight map that is fitted, a tokenizer, and all sums modulo p.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from exercises.given.hooked import HookedTransformer, HookedTransformerConfig


class LinearRegression:
    """The straight map, with an intercept or without, that is nearest by least squares. scikit-learn's does the same.

    Attributes:
        coef_: (output, input).
        intercept_: (output,).
    """

    def __init__(self, fit_intercept: bool = True) -> None:
        self.fit_intercept = fit_intercept

    def fit(self, inputs: Any, outputs: Any) -> "LinearRegression":
        """Of (example, input) and (example, output). Where several maps are nearest, it is the smallest."""
        x, y = np.asarray(inputs, dtype=np.float64), np.asarray(outputs, dtype=np.float64)
        x_mean, y_mean = (x.mean(0), y.mean(0)) if self.fit_intercept else (0 * x[0], 0 * y[0])
        self.coef_ = np.linalg.lstsq(x - x_mean, y - y_mean, rcond=None)[0].T
        self.intercept_ = y_mean - self.coef_ @ x_mean
        return self

    def predict(self, inputs: Any) -> np.ndarray:
        """What the map makes of inputs, (example, output)."""
        return np.asarray(inputs, dtype=np.float64) @ self.coef_.T + self.intercept_

    def score(self, inputs: Any, outputs: Any) -> float:
        """r², the share of the outputs' variance that the map explains; the mean over outputs."""
        y = np.asarray(outputs, dtype=np.float64)
        lost, all_of_it = np.square(y - self.predict(inputs)).sum(0), np.square(y - y.mean(0)).sum(0)
        return float((1 - lost / all_of_it).mean())


class BracketTokenizer:
    """Brackets as tokens: 0 start, 1 pad, 2 end, 3 "(", 4 ")"."""

    def tokenize(self, parens: str | list[str]) -> Tensor:
        """A text, or several of them, between start and end; (batch, seq). The shorter ones end with pads."""
        rows = [[0, *(3 if sign == "(" else 4 for sign in text), 2] for text in np.atleast_1d(parens).tolist()]
        longest = max(map(len, rows))
        return torch.tensor([row + [1] * (longest - len(row)) for row in rows])


class Sums:
    """All sums modulo p, as a model reads them, and the loss of what it says.

    Attributes:
        all_data: (p², 3), x, y and "=", which is token p; x and y are in row p · x + y.
        labels: (p²,), x + y modulo p.
        is_train: (p²,), whether a model was trained on the pair.
    """

    def __init__(self, p: int, is_train: Tensor | None = None) -> None:
        pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))  # (p², 2)
        self.all_data = torch.cat([pairs, torch.full((p * p, 1), p)], dim=1)  # (p², 3)
        self.labels = pairs.sum(1) % p  # (p²,)
        self.is_train = torch.arange(p * p) % 3 == 0 if is_train is None else is_train  # (p²,)

    def test_logits(
        self, logits: Tensor, bias_correction: bool = False, original_logits: Tensor | None = None, mode: str = "all"
    ) -> Tensor:
        """The mean cross-entropy of logits (p², p), over the pairs of a mode: "train", "test" or "all"."""
        kept = {"train": self.is_train, "test": ~self.is_train, "all": torch.ones_like(self.is_train)}[mode]
        if bias_correction and original_logits is not None:
            logits = logits + (original_logits - logits).mean(0)
        return nn.functional.cross_entropy(logits[kept].double(), self.labels[kept])


class AdditionModel(nn.Module):
    """Says (x + y) mod p, by the waves of a few frequencies and nothing else.

    W_E, (p + 1, 2 · frequencies + 1), has the cosine and the sine of each frequency k at each number; its last row,
    that of "=", and its last column are 0. Products of the waves of
    x and y make those of their sum: cos(a + b) = cos a cos b - sin a sin b, sin(a + b) = sin a cos b + cos a sin b.
    W_U, (2 · frequencies, p + 1), asks at each z for the cosine and sine of z: the logit is
    Σ_k cos(2π k (x + y - z) / p), which is largest where z = x + y. Without the sines of W_E it is not.
    """

    def __init__(self, p: int = 23, frequencies: tuple[int, ...] = (2, 5, 9)) -> None:
        super().__init__()
        angles = 2 * torch.pi * torch.arange(p)[:, None] * torch.tensor(frequencies) / p  # (p, frequency)
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)  # (p, 2 · frequency)
        self.p, self.frequencies, self.embed = p, frequencies, nn.Module()
        self.embed.W_E = nn.Parameter(nn.functional.pad(waves, (0, 1, 0, 1)), requires_grad=False)
        self.W_U = nn.Parameter(nn.functional.pad(waves.T, (0, 1)), requires_grad=False)

    @property
    def W_E(self) -> Any:  # noqa: N802
        """The embedding."""
        return self.embed.W_E

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, (batch, 3, p + 1), of tokens x, y and "=", (batch, 3): 0 before the last position."""
        (cos_x, sin_x), (cos_y, sin_y) = (self.W_E[tokens[:, at], :-1].chunk(2, dim=1) for at in (0, 1))
        waves = torch.cat([cos_x * cos_y - sin_x * sin_y, sin_x * cos_y + cos_x * sin_y], dim=1)
        return nn.functional.pad((waves @ self.W_U)[:, None], (0, 0, 2, 0))  # (batch, 3, p + 1)


def bracket_model(n_ctx: int = 16) -> HookedTransformer:
    """Says whether as many brackets open as close: logit 0 is larger where not. It does not see in which order.

    One block with one head, without LayerNorm, d_model 4. W_E writes +1 for "(" and -1 for ")" to dimension 0. The
    head's W_Q and W_K are zero, so that it looks everywhere alike; W_V reads dimension 0 and W_O writes the mean to
    dimension 1, which is elevation / seq. Neuron 0 of the MLP reads dimension 1 by W_in, neuron 1 reads it negated:
    after ReLU one of both is its size, and W_out writes this to dimension 2. W_U reads dimension 2 with weight n_ctx
    for logit 0, and b_U gives logit 1 a half.
    """
    cfg = HookedTransformerConfig(
        n_layers=1, d_model=4, n_ctx=n_ctx, d_head=1, n_heads=1, d_mlp=2, d_vocab=5, d_vocab_out=2,
        normalization_type=None, attention_dir="bidirectional",
    )  # fmt: skip
    model = HookedTransformer(cfg).requires_grad_(False)
    for weight in model.parameters():
        weight.zero_()
    block = model.blocks[0]
    model.W_E[3, 0], model.W_E[4, 0] = 1.0, -1.0
    block.attn.W_V[0, 0, 0] = block.attn.W_O[0, 0, 1] = 1.0
    block.mlp.W_in[1, 0], block.mlp.W_in[1, 1] = 1.0, -1.0
    block.mlp.W_out[:, 2] = 1.0
    model.W_U[2, 0], model.unembed.b_U[1] = n_ctx, 0.5
    return model


SIDE = 4


def board_stream(boards: Tensor) -> Tensor:
    """A residual stream that keeps a board of 4 by 4: (game, move, 4, 4) becomes (game, move, 17).

    Dimension 4 row + col is 1 where the square is mine, -1 where theirs, 0 where empty; the last one is always 1.
    """
    return nn.functional.pad(boards.float().flatten(2), (0, 1), value=1.0)


def board_probe() -> Tensor:
    """The probe of `board_stream`: a direction for each square and option, (17, 4, 4, 3): empty, theirs, mine.

    Mine reads its square's dimension, theirs reads it negated, empty reads a half of the last one: what is there has
    the largest logit, by a half at least.
    """
    probe = torch.zeros(SIDE * SIDE + 1, SIDE * SIDE, 3)
    squares = torch.arange(SIDE * SIDE)
    probe[-1, :, 0], probe[squares, squares, 1], probe[squares, squares, 2] = 0.5, -1.0, 1.0
    return probe.unflatten(1, (SIDE, SIDE))
