"""A model to put hooks on, for the section `alignment`: it has the shape of a language model and no secrets."""

import torch
from torch import Tensor, nn


class Layer(nn.Module):
    """Moves every state one coordinate on and adds one: what comes out shows which layers an edit has passed.

    Some decoder layers return their states in a tuple, with other things behind them, and some return the states alone.
    """

    def __init__(self, in_tuple: bool) -> None:
        super().__init__()
        self.in_tuple = in_tuple

    def forward(self, hidden: Tensor) -> Tensor | tuple[Tensor, str]:
        """(batch, seq, d_model) -> the same shape."""
        moved = hidden.roll(1, dims=-1) + 1
        return (moved, "cache") if self.in_tuple else moved


class Decoder(nn.Module):
    """What holds the layers, under the name that Hugging Face's models have for them."""

    def __init__(self, count: int, in_tuple: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(in_tuple) for _ in range(count))


class ToyModel(nn.Module):
    """A stack of layers at `model.model.layers`. It takes states in the place of tokens, and returns states.

    Args:
        count: how many layers there are.
        in_tuple: whether each returns its states as the first item of a tuple.
    """

    def __init__(self, count: int = 3, in_tuple: bool = True) -> None:
        super().__init__()
        self.model = Decoder(count, in_tuple)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, seq, d_model) -> the same shape."""
        for layer in self.model.layers:
            if layer.in_tuple:
                hidden, _ = layer(hidden)
            else:
                hidden = layer(hidden)
        return hidden


def layers_of(model: nn.Module) -> nn.ModuleList:
    """The layers of a model, in order."""
    return model.model.layers


def hooks_on(model: nn.Module) -> int:
    """How many hooks there are on a model and its parts."""
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())


@torch.no_grad()
def passed(model: nn.Module, hidden: Tensor) -> Tensor:
    """What the model makes of states, without a graph."""
    return model(hidden)
