"""What older answers need of PyTorch Lightning: a module that is told things and writes nothing down."""

from typing import Any

from torch import nn


class LightningModule(nn.Module):
    """Takes part in a training whose loop somebody else writes: training_step returns a loss, and no more."""

    def log(self, *_: Any, **__: Any) -> None:
        """Nothing is kept."""

    log_dict = log

    def save_hyperparameters(self, *_: Any, **__: Any) -> None:
        """Nothing is kept."""
