"""What the section `representations` hands you: sizes and parameters of toy models and of sparse autoencoders, a small
stack of layers to hang hooks on, and a loop that trains.

Toy models and autoencoders come as several instances at once: each is a model of its own, with its own numbers along
the axis `inst`, and all are trained in one go. So one run compares, say, ten degrees of sparsity.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

THETA_INIT = 0.1  # where the thresholds of a JumpReLU begin


@dataclass
class ToyModelConfig:
    """Sizes of a toy model; the pairs are for a model whose features come in pairs."""

    n_inst: int
    n_features: int = 5
    d_hidden: int = 2
    n_correlated_pairs: int = 0
    n_anticorrelated_pairs: int = 0
    feat_mag_distrib: str = "unif"

    @property
    def n_instances(self) -> int:
        """An older name of n_inst."""
        return self.n_inst

    @property
    def n_hidden(self) -> int:
        """An older name of d_hidden."""
        return self.d_hidden


@dataclass
class ToySAEConfig:
    """Sizes and settings of sparse autoencoders."""

    n_inst: int
    d_in: int
    d_sae: int
    sparsity_coeff: float = 0.2  # how much the penalty of activity weighs in the loss
    weight_normalize_eps: float = 1e-8  # keeps lengths that are divided by from being zero
    tied_weights: bool = False  # the decoder is the transposed encoder
    ste_epsilon: float = 0.01  # the width of the kernel in which a threshold feels gradients

    @property
    def n_instances(self) -> int:
        """An older name of n_inst."""
        return self.n_inst

    @property
    def n_input_ae(self) -> int:
        """An older name of d_in."""
        return self.d_in

    @property
    def n_hidden_ae(self) -> int:
        """An older name of d_sae."""
        return self.d_sae

    @property
    def l1_coeff(self) -> float:
        """An older name of sparsity_coeff."""
        return self.sparsity_coeff


class Toy(nn.Module):
    """What toy models have in common: sizes, how often each feature occurs, how much it matters, and parameters.

    Attributes:
        cfg: a ToyModelConfig.
        feature_probability, importance: float, shape (inst, feats).
        W: a parameter, shape (inst, d_hidden, feats); column f says where feature f lies in the hidden space.
        b_final: a parameter, shape (inst, feats); zero at the start.
    """

    def __init__(
        self,
        cfg: ToyModelConfig,
        feature_probability: float | Tensor = 0.01,
        importance: float | Tensor = 1.0,
        device: Any = "cpu",
    ) -> None:
        """Numbers, and tensors that broadcast to (inst, feats), are spread over all instances and features."""
        super().__init__()
        self.cfg = cfg
        shape = (cfg.n_inst, cfg.n_features)
        self.feature_probability = torch.as_tensor(feature_probability, device=device).broadcast_to(shape)
        self.importance = torch.as_tensor(importance, device=device).broadcast_to(shape)
        self.W = nn.Parameter(nn.init.xavier_normal_(torch.empty(cfg.n_inst, cfg.d_hidden, cfg.n_features)))
        self.b_final = nn.Parameter(torch.zeros(shape))
        self.to(device)


class Dictionary(nn.Module):
    """What sparse autoencoders have in common: sizes, the toy model that they explain, and parameters.

    Attributes:
        cfg: a ToySAEConfig.
        model: the toy model, no longer trained. All its instances are made equal to the first.
        W_enc: a parameter, shape (inst, d_in, d_sae).
        W_dec: shape (inst, d_sae, d_in), the parameter _W_dec or, with tied weights, W_enc transposed.
        b_enc, b_dec: parameters, shapes (inst, d_sae) and (inst, d_in); zero at the start.
    """

    def __init__(self, cfg: ToySAEConfig, model: nn.Module) -> None:
        super().__init__()
        self.cfg, self.model = cfg, model.requires_grad_(False)
        model.W.data[1:], model.b_final.data[1:] = model.W.data[:1], model.b_final.data[:1]
        self.W_enc = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(cfg.n_inst, cfg.d_in, cfg.d_sae)))
        decoder = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(cfg.n_inst, cfg.d_sae, cfg.d_in)))
        self._W_dec = None if cfg.tied_weights else decoder
        self.b_enc = nn.Parameter(torch.zeros(cfg.n_inst, cfg.d_sae))
        self.b_dec = nn.Parameter(torch.zeros(cfg.n_inst, cfg.d_in))

    @property
    def W_dec(self) -> Tensor:  # noqa: N802
        """The decoder, shape (inst, d_sae, d_in): row l is what latent l writes."""
        return self.W_enc.mT if self._W_dec is None else self._W_dec


class Block(nn.Module):
    """A layer that moves the numbers of each hidden state one place on. Like layers of large models it returns a tuple,
    unless it is plain.
    """

    def __init__(self, plain: bool = False) -> None:
        super().__init__()
        self.plain = plain

    def forward(self, hidden: Tensor) -> Tensor | tuple[Tensor, str]:
        """Hidden states, shape (batch, seq, d), alone or in a tuple with what else a layer may return."""
        moved = hidden.roll(1, dims=-1)
        return moved if self.plain else (moved, "attention")


class Layers(nn.Module):
    """A stack of layers, `model.layers`, with the hidden states as output: a place for hooks."""

    def __init__(self, count: int, plain: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(plain) for _ in range(count))

    @property
    def model(self) -> "Layers":
        """In models of the Hugging Face library the layers lie one level deeper: `model.model.layers`."""
        return self

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states after the last layer, shape (batch, seq, d)."""
        for layer in self.layers:
            out = layer(hidden)
            hidden = out if isinstance(out, Tensor) else out[0]
        return hidden


def optimize(model: Any, steps: int = 1000, batch_size: int = 256, lr: float = 1e-2) -> list[float]:
    """Trains your ToyModel, or an autoencoder of yours, on batches that it generates. Returns the losses."""
    optimizer, losses = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=lr), []
    for _ in range(steps):
        batch = model.generate_batch(batch_size)
        out = model(batch)
        loss = model.calculate_loss(out, batch) if hasattr(model, "calculate_loss") else out[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
