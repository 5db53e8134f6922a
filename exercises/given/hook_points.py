"""Places in a model that values go through, where they can be seen and changed, and the values of one run.

Names are those of TransformerLens. The transformer with such places is in `hooked.py`.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from exercises.given.hooked import HookedTransformer

Hook = Callable[..., Tensor | None]  # hook(value, hook=the hook point): what takes the value's place, or None
PERMANENT = -1  # the level of hooks that stay


class HookPoint(nn.Module):
    """A place that values go through.

    Attributes:
        name: such as "blocks.0.attn.hook_pattern".
        fwd_hooks, bwd_hooks: what is called with each value, and with its gradient, in this order; each with a level.
        ctx: a dict in which a hook may keep what others are to see.
    """

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.fwd_hooks: list[tuple[Hook, int | None]] = []
        self.bwd_hooks: list[tuple[Hook, int | None]] = []
        self.ctx: dict[Any, Any] = {}

    def forward(self, value: Tensor) -> Tensor:
        """What the hooks make of the value. A hook that returns None may have changed it in place."""
        for hook, _ in self.fwd_hooks:
            changed = hook(value, hook=self)
            value = value if changed is None else changed
        if self.bwd_hooks and value.requires_grad:
            value = value.clone()
            for hook, _ in self.bwd_hooks:
                value.register_hook(lambda gradient, hook=hook: hook(gradient, hook=self))
        return value

    def add_hook(self, hook: Hook, dir: str = "fwd", is_permanent: bool = False, level: int | None = None) -> None:
        """Call `hook` with every value (with dir="bwd", its gradient) until remove_hooks."""
        (self.fwd_hooks if dir == "fwd" else self.bwd_hooks).append((hook, PERMANENT if is_permanent else level))

    def add_perma_hook(self, hook: Hook, dir: str = "fwd") -> None:
        """Add a hook that stays when others are removed."""
        self.add_hook(hook, dir, is_permanent=True)

    def remove_hooks(self, including_permanent: bool = False, level: int | None = None) -> None:
        """Remove all hooks but permanent ones, or just those of a level."""

        def stays(hook: tuple[Hook, int | None]) -> bool:
            return (hook[1] == PERMANENT and not including_permanent) or level not in (None, hook[1])

        self.fwd_hooks, self.bwd_hooks = list(filter(stays, self.fwd_hooks)), list(filter(stays, self.bwd_hooks))

    def clear_context(self) -> None:
        """Forget what hooks have kept."""
        self.ctx = {}

    def layer(self) -> int:
        """The number of the block it is in."""
        return int(self.name.split(".")[1])


def get_act_name(name: str, layer: int | None = None, layer_type: str | None = None) -> str:
    """The name of a hook point in full.

    >>> get_act_name("pattern", 0), get_act_name("resid_post", 1), get_act_name("scale", 1, "ln1")
    ('blocks.0.attn.hook_pattern', 'blocks.1.hook_resid_post', 'blocks.1.ln1.hook_scale')
    """
    if "hook_" in name:
        return name
    if short := re.fullmatch(r"([a-z_]+)(\d+)(\w*)", name):  # "k6", "scale0ln1"
        name, layer, layer_type = short[1], int(short[2]), short[3] or None
    name = {"attn": "pattern"}.get(name, name)
    if name in ("q", "k", "v", "z", "attn_scores", "pattern", "result"):
        layer_type = "attn"
    elif name in ("pre", "post"):
        layer_type = "mlp"
    elif name in ("scale", "normalized") and layer is None:
        layer_type = "ln_final"
    return ".".join(
        ([] if layer is None else [f"blocks.{layer}"]) + [layer_type or ""] * bool(layer_type) + [f"hook_{name}"]
    )


class ActivationCache(dict[Any, Tensor]):
    """What has gone through the hook points in one run, by their names.

    cache["blocks.0.attn.hook_pattern"], cache["pattern", 0] and cache["pattern", 0, "attn"] are the same; so are
    cache["hook_embed"] and cache["embed"]. cache["resid_post", -1] is that of the last block.
    """

    def __init__(self, cache_dict: dict[str, Tensor], model: "HookedTransformer", has_batch_dim: bool = True) -> None:
        super().__init__(cache_dict)
        self.cache_dict, self.model, self.has_batch_dim = self, model, has_batch_dim

    def __missing__(self, key: Any) -> Tensor:
        name, *rest = (key,) if isinstance(key, str) else key
        if rest and rest[0] is not None and rest[0] < 0:
            rest[0] += self.model.cfg.n_layers
        full = get_act_name(name, *rest)
        if full not in self:
            raise KeyError(full)
        return self[full]

    def remove_batch_dim(self) -> "ActivationCache":
        """Drop the first axis of all values; there must be one text in the batch."""
        if self.has_batch_dim:
            self.update({name: value[0] for name, value in self.items()})
            self.has_batch_dim = False
        return self

    def apply_ln_to_stack(
        self, residual_stack: Tensor, layer: int | None = None, mlp_input: bool = False, pos_slice: Any = None
    ) -> Tensor:
        """Treat parts of the residual stream as the LayerNorm before a layer has treated their sum in this run.

        Each part loses its mean and is divided by the scale of the sum: so the parts still add up to what the LayerNorm
        has made of it (before its w and b).

        Args:
            residual_stack: shape (…, batch, seq, d_model), or (…, batch, d_model) if pos_slice is a number.
            layer: whose LayerNorm it is; None or -1 for the final one.
            mlp_input: the one before the block's MLP, not before its attention.
            pos_slice: the position, or positions, that residual_stack is about; None for all.
        """
        if self.model.cfg.normalization_type is None:
            return residual_stack
        final = layer in (None, -1, self.model.cfg.n_layers)
        scale = self["scale"] if final else self["scale", layer, "ln2" if mlp_input else "ln1"]  # (batch, seq, 1)
        if pos_slice is not None:
            scale = scale[..., pos_slice, :]  # (batch, 1) or (batch, positions, 1)
        return (residual_stack - residual_stack.mean(-1, keepdim=True)) / scale
