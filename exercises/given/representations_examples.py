"""What the checks of the section `representations` build their examples with: numbers, and models filled with numbers.

The calls that a failing check shows use these functions, so that you can run them as they stand.
"""

import inspect
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from exercises.given.toys import Dictionary, Layers, Toy, ToyModelConfig, ToySAEConfig

FEATS, HIDDEN, LATENTS = 4, 2, 5  # sizes of toy models and autoencoders, unless others are given
WEIGHTS = ("W", "W1", "W2", "W_enc", "W_gate", "W_dec", "b_final", "b_enc", "b_gate", "b_mag", "b_dec", "r_mag",
           "log_theta")  # fmt: skip
UNIT_ROWS = torch.tensor([[0.6, 0.8], [-0.8, 0.6], [1.0, 0.0], [0.0, -1.0], [0.8, -0.6], [-0.6, -0.8]])


# %% Numbers
def halves(seed: int, *shape: int) -> Tensor:
    """Multiples of 1/2 between -2 and 2, none of them 0."""
    drawn = torch.randint(1, 9, shape, generator=torch.Generator().manual_seed(seed))
    return (drawn - 4 - (drawn < 5).int()) / 2


def units(seed: int, *shape: int) -> Tensor:
    """Vectors of length 1 along the last axis; at most two numbers of each are not 0."""
    source = torch.Generator().manual_seed(seed)
    rows = UNIT_ROWS[torch.randint(len(UNIT_ROWS), shape[:-1], generator=source)]
    return torch.cat([rows, torch.zeros(*shape[:-1], shape[-1] - 2)], dim=-1)


class Cloud(NamedTuple):
    """Activations, shape (n, d), and their labels, shape (n,)."""

    acts: Tensor
    labels: Tensor


def clusters(seed: int, n: int = 24, d: int = 3) -> Cloud:
    """Two clusters of n / 2 points each. A nuisance along the first axis, the same for both, is larger than what
    divides them. Each point has a twin in the other cluster, on the other side of the centre; the centre is not 0.
    """
    source = torch.Generator().manual_seed(seed)
    half = torch.randn(n // 2, d, generator=source) * torch.tensor([4.0, *[1.0] * (d - 2), 0.5])
    half += torch.randn(d, generator=source) * torch.tensor([0.5, *[1.0] * (d - 1)])
    centre = torch.randint(-2, 3, (d,), generator=source)
    return Cloud(torch.cat([centre + half, centre - half]), torch.arange(n) // (n // 2))


class Verdicts(NamedTuple):
    """A probe that says the same of each activation."""

    verdict: float

    @classmethod
    def from_data(cls, acts: Tensor, labels: Tensor, *_: Any, **__: Any) -> "Verdicts":
        """The label of most activations it has seen."""
        return cls(float(labels.float().mean() > 0.5))

    def pred(self, x: Tensor) -> Tensor:
        """Its verdict, for each."""
        return torch.full((len(x),), self.verdict)


def majorities(train: Sequence[Sequence[int]], test: Sequence[Sequence[int]]) -> tuple[Any, ...]:
    """What compute_generalization_matrix takes: data sets a, b, c, … with these labels, and the class Verdicts."""
    names = "abcdef"[: len(train)]
    labels = [{name: torch.tensor(row) for name, row in zip(names, rows, strict=True)} for rows in (train, test)]
    acts = [{name: torch.ones(len(row), 2) for name, row in part.items()} for part in labels]
    return acts[0], labels[0], acts[1], labels[1], list(names), Verdicts


# %% Hooks
class Source(nn.Module):
    """Returns hidden states, alone or as the first of a tuple."""

    def forward(self, hidden: Tensor, plain: bool) -> Any:
        """The hidden states."""
        return hidden.clone() if plain else (hidden.clone(), "attention")


def hooked(hook: Callable[..., Any], hidden: Tensor, plain: bool = False) -> Any:
    """What a module returns whose output, hidden states, goes through a hook. A hook that cannot take tuples gets the
    hidden states alone, and so does one of two arguments, as TransformerLens has them.
    """
    if len(inspect.signature(hook).parameters) == 2:
        return changed(hook, hidden) if plain else (changed(hook, hidden), "attention")
    source = Source()
    source.register_forward_hook(hook)
    try:
        return source(hidden, plain)
    except (AttributeError, IndexError, TypeError):
        if plain:
            raise
        return source(hidden, True), "attention"


def steered(hook: Any, hidden: Tensor, layers: int = 3, plain: bool = False) -> list[Tensor]:
    """What some layers make of hidden states: while a hook is enabled, and after it was disabled."""
    model, found = Layers(layers, plain), []
    for names in (("enable", "register", "attach"), ("disable", "remove", "detach")):
        name = next((each for each in names if hasattr(hook, each)), names[0])
        getattr(hook, name)(*[model][: len(inspect.signature(getattr(hook, name)).parameters)])
        found.append(model(hidden))
    return found


def changed(hook: Callable[..., Any], x: Tensor, *args: Any, **named: Any) -> Tensor:
    """What a hook makes of x, in place or not. Where it is called from is None."""
    x = x.clone()
    out = hook(x, None, *args, **named)
    return x if out is None else out


def latents(seed: int, d: int) -> Any:
    """An autoencoder of which nothing is there but W_dec, with four latents."""
    return SimpleNamespace(W_dec=halves(seed, 4, d))


# %% Models
def fill(model: Any, seed: int, unit: bool = False) -> Any:
    """Gives the parameters of a model numbers that depend on their names and shapes: halves, none of them 0.

    With `unit`, the rows of W_dec have length 1.
    """
    for number, name in enumerate(WEIGHTS):
        own = f"_{name}" if name == "W_dec" and getattr(model, "_W_dec", None) is not None else name
        value = getattr(model, own, None)
        if isinstance(value, nn.Parameter):
            drawn = halves(100 * seed + number, *value.shape)
            if name == "W_dec" and unit:
                drawn = units(100 * seed + number, *value.shape)
            elif name in ("W_enc", "W_gate") and unit and getattr(model.cfg, "tied_weights", False):
                drawn = units(100 * seed + number, value.shape[0], value.shape[2], value.shape[1]).mT
            elif name == "log_theta":
                drawn = drawn.abs().log()
            value.data.copy_(drawn)
    return model


def toy(
    kind: Callable[..., Any],
    seed: int,
    inst: int,
    feats: int = FEATS,
    hidden: int = HIDDEN,
    probability: Any = None,
    importance: Tensor | None = None,
) -> Any:
    """A toy model of a class, filled. The probability of its features is 1 unless another is given."""
    cfg = ToyModelConfig(inst, feats, hidden)
    probability = torch.tensor(1.0 if probability is None else probability)
    importance = torch.ones(inst, feats) if importance is None else importance
    probability = (probability if probability.ndim else probability.expand(inst, 1)).expand(inst, feats).clone()
    return fill(kind(cfg, probability, importance), seed)


def pairs(
    function: Callable[..., Tensor], probability: Sequence[float], batch: int, count: int, more: int = 1
) -> Tensor:
    """Features drawn by a function like generate_correlated_features, for instances with these probabilities.

    Args:
        function: of a toy model, the size of the batch, and a number of pairs or features.
        probability: for each instance.
        batch, count: what else the function takes.
        more: how many features there are besides.
    """
    column = torch.tensor(probability)[:, None]
    model = Toy(ToyModelConfig(len(probability), 2 * count + more, 2), column)
    model.config = model.cfg  # its name in older answers, where probabilities had one column
    try:
        return function(model, batch, count)
    except RuntimeError as error:
        model.feature_probability = column
        try:
            return function(model, batch, count)
        except Exception:
            raise error from None


class Scripted(Toy):
    """A toy model all of whose batches begin with the same features, whole numbers; all instances are equal."""

    def __init__(self, inst: int, hidden: int, seed: int) -> None:
        super().__init__(ToyModelConfig(inst, FEATS, hidden))
        self.seed = seed
        self.W.data.copy_(halves(seed, 1, hidden, FEATS).expand(inst, -1, -1))

    def generate_batch(self, batch_size: int) -> Tensor:
        """Features, shape (batch, inst, feats)."""
        return 2 * halves(self.seed + 1, batch_size, *self.W.shape[::2])


def sae(
    kind: Callable[..., Any], seed: int, inst: int = 1, d_in: int = HIDDEN, unit: bool = False, **settings: Any
) -> Any:
    """An autoencoder of a class, filled; `settings` are of its ToySAEConfig. `unit`: rows of W_dec have length 1."""
    cfg = ToySAEConfig(inst, d_in, **{"d_sae": LATENTS, "ste_epsilon": 0.75, **settings})
    model = Scripted(inst, d_in, seed)
    made = kind(cfg, model) if len(inspect.signature(kind).parameters) > 1 else kind(cfg)
    return fill(made, seed, unit)


def rows(made: Any) -> Tensor:
    """The normalised decoder. Answers of 2023 and 2024 have no attribute of this name, but methods that normalise."""
    if hasattr(made, "normalize_and_return_W_dec"):
        return made.normalize_and_return_W_dec()
    if not hasattr(type(made), "W_dec_normalized") and hasattr(made, "normalize_decoder"):
        made.normalize_decoder()
        return made.W_enc.mT if made.cfg.tied_weights else made.W_dec
    return made.W_dec_normalized


def hidden(made: Any, kind: Callable[..., Any], seed: int, inst: int, batch: int) -> Tensor:
    """A batch of hidden activations. In answers of 2023 autoencoders know no model; the model's make them there."""
    if len(inspect.signature(kind).parameters) == 1:
        model = Scripted(inst, HIDDEN, seed)
        return torch.einsum("bif,ihf->bih", model.generate_batch(batch), model.W)
    return made.generate_batch(batch)


class Explained(NamedTuple):
    """What an autoencoder returns."""

    terms: dict[str, Tensor]
    loss: Tensor
    acts: Tensor
    reconstructed: Tensor


def explained(made: Any, h: Tensor) -> Explained:
    """What an autoencoder makes of h. Answers of 2023 return both terms of the loss one by one."""
    if hasattr(made, "normalize_decoder"):
        rows(made)
    out = made(h)
    if len(out) == 5:
        out = ({"L_reconstruction": out[1], "L_sparsity": out[0]}, *out[2:])
    return Explained(*out)


def slopes(made: Any, loss: Tensor, *names: str) -> list[Tensor]:
    """The gradients of a loss for some parameters, zeros where there is none."""
    parameters = [getattr(made, f"_{name}" if hasattr(made, f"_{name}") else name) for name in names]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [torch.zeros_like(p) if slope is None else slope for p, slope in zip(parameters, found, strict=True)]


class Lossy(Dictionary):
    """An autoencoder whose batches, and losses, are given: tables of shape (batch, inst, d_in) and (batch, inst)."""

    def __init__(self, h: Tensor, losses: Tensor, seed: int, latents: int = LATENTS) -> None:
        inst, d_in = h.shape[1:]
        super().__init__(ToySAEConfig(inst, d_in, latents), Scripted(inst, d_in, seed))
        self.h, self.losses = h, losses
        fill(self, seed)

    def generate_batch(self, batch_size: int) -> Tensor:
        """The first of the table's activations."""
        return self.h[:batch_size]

    def forward(self, h: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """The losses of the table; nothing else is known."""
        losses = self.losses[: len(h)]
        return {"L_reconstruction": losses, "L_sparsity": losses * 0}, losses.mean(0).sum(), losses, h


def lossy(seed: int, inst: int, worst: Sequence[int], zero: bool = False, latents: int = LATENTS) -> Lossy:
    """An autoencoder that explains all activations but one of each instance, `worst`; with `zero`, really all."""
    losses = torch.zeros(6, inst)
    losses[list(worst)[:inst], range(inst)] = 0.0 if zero else 0.5
    return Lossy(halves(seed + 1, 6, inst, 3) * 3, losses, seed, latents)


def fired(alive: Sequence[Sequence[int]], latents: int = LATENTS, window: int = 3) -> Tensor:
    """Shares of activity, shape (window, inst, latents): those that are alive in an instance fired in one step."""
    shares = torch.zeros(window, len(alive), latents)
    for inst, row in enumerate(alive):
        for latent in row:
            shares[latent % window, inst, latent] = 0.25
    return shares


class Weights(NamedTuple):
    """The parameters of an autoencoder."""

    W_enc: Tensor
    W_dec: Tensor
    b_enc: Tensor
    b_dec: Tensor


def weights(made: Any) -> Weights:
    """The parameters of an autoencoder, as they are now."""
    return Weights(*(getattr(made, name).detach().clone() for name in Weights._fields))


def jump(
    function: Any, z: Sequence[Sequence[float]], theta: Sequence[float], eps: float, grad: Sequence[Sequence[float]]
) -> list[Tensor]:
    """What an autograd function makes of z (batch, d_sae), and the gradients of z and of theta (d_sae,)."""
    z_, theta_ = torch.tensor(z).requires_grad_(), torch.tensor(theta).requires_grad_()
    out = function.apply(z_, theta_, eps)
    if out.requires_grad:
        out.backward(torch.tensor(grad))
    return [out.detach(), *(torch.zeros_like(p) if p.grad is None else p.grad for p in (z_, theta_))]


def method(solution: Any, name: str, owner: str = "ToyModel") -> Callable[..., Any]:
    """A function of a solution whose first argument is `self`: it may also stand as a method in the class it is for."""
    return getattr(solution, name) if hasattr(solution, name) else getattr(getattr(solution, owner), name)
