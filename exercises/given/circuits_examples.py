"""What the grader of `circuits` makes its examples with: tiny models, texts and waves that follow from a seed.

It stands here so that a call which the grader shows you can be pasted and run.
"""

import inspect
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from exercises.given.circuits_models import Sums
from exercises.given.hooked import HookedTransformer, HookedTransformerConfig
from exercises.given.othello import OthelloBoardState

START, PAD, END, OPEN, CLOSE = range(5)


class Data(NamedTuple):
    """A data set of which only the tokens are known."""

    toks: Tensor


def noise(seed: int, *shape: int) -> Tensor:
    """Numbers between -1 and 1."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def toy(seed: int, layers: int = 3, heads: int = 2) -> HookedTransformer:
    """A tiny bracket model with numbers between -1 and 1 in all its weights, also its biases. It says two logits."""
    sizes = {"n_layers": layers, "n_heads": heads, "d_model": 8, "d_head": 4, "d_mlp": 6, "n_ctx": 16}
    cfg = HookedTransformerConfig(**sizes, d_vocab=5, d_vocab_out=2, attention_dir="bidirectional")  # type: ignore[arg-type]
    model = HookedTransformer(cfg)
    chance = torch.Generator().manual_seed(seed)
    for weight in model.requires_grad_(False).parameters():
        weight.copy_(2 * torch.rand(weight.shape, generator=chance) - 1)
    for name, module in model.named_modules():
        module.name = name  # TransformerLens has this, and some answers ask a LayerNorm for it
    return model


def texts(seed: int, batch: int = 2, seq: int = 4) -> Data:
    """Tokens for a toy model, (batch, seq)."""
    return Data(torch.randint(5, (batch, seq), generator=torch.Generator().manual_seed(seed)))


def plain(seed: int) -> HookedTransformer:
    """A toy model whose LayerNorms have w = 1 and b = 0."""
    model = toy(seed)
    for name, weight in model.named_parameters():
        if ".ln" in name or name.startswith("ln"):
            weight.fill_(float(name.endswith("w")))
    return model


def adder(seed: int, p: int) -> HookedTransformer:
    """A tiny model of one block that reads x, y and "=", (batch, 3), and says p + 1 logits. "=" is embedded as 0."""
    sizes = {"n_layers": 1, "n_heads": 2, "d_model": 6, "d_head": 3, "d_mlp": 5, "n_ctx": 3}
    model = HookedTransformer(HookedTransformerConfig(**sizes, d_vocab=p + 1, normalization_type=None))  # type: ignore[arg-type]
    chance = torch.Generator().manual_seed(seed)
    for weight in model.requires_grad_(False).parameters():
        weight.copy_(2 * torch.rand(weight.shape, generator=chance) - 1)
    model.W_E[-1] = model.W_E[:, -1] = 0.0
    return model


def masked(toks: Tensor, pad_token: int) -> Tensor:
    """These tokens, with a start in front, in place of what was there, and a pad at the end."""
    toks = toks.clone()
    toks[:, 0], toks[:, -1] = START, pad_token
    return toks


def looks(function: Callable[..., Any], seed: int, pad_token: int, layer: int) -> tuple[Tensor, Tensor]:
    """Where position 1 looks in a model to which add_perma_hooks_to_mask_pad_tokens was applied, (text, head, key).

    That is after reset_hooks, and in the second of two runs. There are no numbers for a text of which position 1 is a
    pad; the truth values say whether anything is seen at position 0, which is none.
    """
    model, data = toy(seed), texts(seed, 2, 5)
    function(model, pad_token)
    model.reset_hooks()
    model(masked(data.toks.flip(1), pad_token))
    toks = masked(data.toks, pad_token)
    pattern = model.run_with_cache(toks)[1]["pattern", layer][:, :, 1]  # (text, head, key)
    return pattern * (toks[:, 1] != pad_token)[:, None, None], pattern[..., 0] > 0


def neurons(seed: int, p: int, strong: list[int]) -> Tensor:
    """The terms of neurons, (p, p, neuron), each strongest in the frequency that is named, without a constant."""
    terms = noise(seed, p, p, len(strong))
    for neuron, freq in enumerate(strong):
        rows = torch.tensor([0, 2 * freq - 1, 2 * freq])
        terms[rows[:, None], rows, neuron] *= 5.0
        terms[2 * freq, 0, neuron] = 6.0
    terms[0, 0] = 0.0
    return terms


def games(seed: int, count: int, moves: int) -> Tensor:
    """Games of Othello, by chance, (count, moves): each move is a square, 8 row + col."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        board, row = OthelloBoardState(), []
        for _ in range(moves):
            row.append(chance.choice(board.get_valid_moves()))
            board.umpire(row[-1])
        rows.append(row)
    return torch.tensor(rows)


def tokens(parens: str, pads: int = 0, end: bool = True) -> Tensor:
    """Brackets after a start, an end if there is one, and pads; (seq,)."""
    return torch.tensor([START, *(OPEN if sign == "(" else CLOSE for sign in parens), *[END] * end, *[PAD] * pads])


def basis(p: int) -> Tensor:
    """The Fourier basis of an odd p, (p, p), a row for each wave: constant, cosine and sine of 1, of 2, ..."""
    waves = torch.fft.fft(torch.eye(p, dtype=torch.float64), norm="ortho")  # (k, x)
    rows = [waves[0].real]
    for k in range(1, p // 2 + 1):
        rows += [2**0.5 * waves[k].real, -(2**0.5) * waves[k].imag]
    return torch.stack(rows).float()


def told(function: Callable[..., Any], *args: Any, **names: Any) -> Any:
    """function(*args), while its file has these names."""
    space = inspect.unwrap(function).__globals__
    own = {name: space[name] for name in names if name in space}
    space.update(names)
    try:
        return function(*args)
    finally:
        for name in names:
            space.pop(name, None)
        space.update(own)


def asked(function: Callable[..., Any], model: HookedTransformer, *args: Any) -> Any:
    """function(model, …), while its file has this model too."""
    return told(function, model, *args, model=model)


def metric(function: Callable[..., Any], patched_logits: Tensor, move: int, original: float, corrupted: float) -> float:
    """A patching_metric of these, while its file has what goes with it, under the names of all editions."""
    names = {"F0_index": move, "f0_index": move, "original_F0_log_prob": original, "clean_f0_log_prob": original}
    names |= {"clean_F0_log_prob": original, "corrupted_F0_log_prob": corrupted, "corrupted_f0_log_prob": corrupted}
    return float(told(function, patched_logits, **names))


def waved(function: Callable[..., Any], p: int, *args: Any) -> Any:
    """function(*args), while its file has this p and its fourier_basis."""
    return told(function, *args, p=p, fourier_basis=basis(p))


def summed(function: Callable[..., Any], p: int, seed: int, *args: Any) -> Any:
    """function(*args), while its file has what goes with p: all sums, and by the seed which of them were trained on."""
    sums = Sums(p, noise(seed, p * p) > 0)
    names = {name: getattr(sums, name) for name in ("all_data", "labels", "is_train", "test_logits")}
    return told(function, *args, p=p, fourier_basis=basis(p), key_freqs=[1, 2], **names)


class Watched(torch.optim.SGD):
    """An optimizer that changes nothing. Where dimension g of the stream is there for game g only, it knows from the
    gradient of a probe, (mode, d_model, …), which games made each step.

    Attributes:
        games: for each step a list of games.
    """

    def __init__(self, probe: Tensor) -> None:
        super().__init__([probe], lr=0.0)
        self.probe, self.games = probe, list[list[int]]()

    def step(self, closure: Any = None) -> None:
        """Write down which games the gradient is made of."""
        gradient = torch.zeros_like(self.probe) if self.probe.grad is None else self.probe.grad
        self.games.append(gradient.abs().sum((0, 2, 3, 4)).nonzero()[:, 0].tolist())
        super().step(closure)


def trained(function: Callable[..., Any], seed: int, games: int, epochs: int) -> tuple[list[float], Tensor]:
    """The losses of a train_linear_probe whose batches are all games, and the probe that it has trained."""
    probe = noise(seed, 3, 2, 1, 1, 2).requires_grad_()
    states = torch.randint(2, (games, 2, 1, 1), generator=torch.Generator().manual_seed(seed))
    losses = function(probe, torch.optim.SGD([probe], lr=0.5), noise(seed + 1, games, 2, 2), states, games, epochs)
    return [float(loss) for loss in losses], probe.detach()


def batches(function: Callable[..., Any], games: int, batch_size: int, epochs: int) -> list[list[int]]:
    """The games of each batch for which a train_linear_probe makes a step."""
    probe = torch.zeros(3, games, 1, 1, 2, requires_grad=True)
    resid, states = torch.eye(games)[:, None].repeat(1, 2, 1), torch.zeros(games, 2, 1, 1, dtype=torch.int64)
    optimizer = Watched(probe)
    function(probe, optimizer, resid, states, batch_size, epochs)
    return optimizer.games


def angles(function: Callable[..., Any], seed: int, layer: int, neuron: int) -> tuple[Tensor, Tensor]:
    """What a function of a model, a probe, a layer and a neuron returns, and by how much it has changed the probe."""
    probe = 3 * noise(seed + 1, 8, 8, 8)
    kept = probe.clone()
    return function(toy(seed), probe, layer, neuron), (probe - kept).abs().max()


def get_device() -> torch.device:
    """What answers import from transformer_lens.utils."""
    return torch.device("cpu")


def hooks_left(model: HookedTransformer) -> list[str]:
    """The names of hook points on which hooks are."""
    return [name for name, point in model.hook_dict.items() if point.fwd_hooks or point._forward_hooks]
