"""What changes the attention of every layer of a transformer from outside, by hooks. What they add, a subclass says."""

from collections.abc import Callable

from torch import Tensor, nn

from exercises.given.hooked import HookedTransformer, HookPoint, get_act_name


class AttentionHooks:
    """Hooks at q, k, v and the output of the attention of every layer, and a small module for each.

    Attributes:
        model: the transformer.
        loras: a module for each hook point that is changed, by its name. At "blocks.0.attn.hook_q", hook_k and hook_v
            it leads from d_model to d_head, with an instance for each head; at "blocks.0.hook_attn_out" from
            n_heads · d_head to d_model.
        inputs: by the same names, what the layer's own linear map was last given: for q, k and v (batch, seq, d_model),
            for the output z with its heads side by side, (batch, seq, n_heads · d_head).
    """

    def __init__(self, model: HookedTransformer, make: Callable[[int, int, int | None], nn.Module]) -> None:
        """Make the modules: make(d_in, d_out, instances) each, where None stands for a module without instances."""
        cfg, self.model = model.cfg, model
        self.loras: dict[str, nn.Module] = {}
        self.inputs: dict[str, Tensor] = {}
        for layer in range(cfg.n_layers):
            for letter in "qkv":
                self.loras[get_act_name(letter, layer)] = make(cfg.d_model, cfg.d_head, cfg.n_heads)
            self.loras[get_act_name("attn_out", layer)] = make(cfg.n_heads * cfg.d_head, cfg.d_model, None)

    def keep_input(self, activation: Tensor, hook: HookPoint) -> None:
        """A hook: keeps what the maps to q, k and v, or the map to the output, are given."""
        layer = hook.layer()
        if hook.name.endswith("hook_z"):
            self.inputs[get_act_name("attn_out", layer)] = activation.flatten(2)  # (batch, seq, n_heads · d_head)
            return
        norm = self.model.blocks[layer].ln1
        for letter in "qkv":
            self.inputs[get_act_name(letter, layer)] = activation * norm.w + norm.b  # (batch, seq, d_model)

    def __call__(self, tokens: Tensor) -> Tensor:
        """The logits of the model with all changes, (batch, seq, d_vocab)."""
        watched = [name for name in self.model.hook_dict if name.endswith(("hook_z", "ln1.hook_normalized"))]
        changed = [(name, self.lora_hook_out if name.endswith("out") else self.lora_hook_qkv) for name in self.loras]
        return self.model.run_with_hooks(tokens, fwd_hooks=[*((name, self.keep_input) for name in watched), *changed])

    def lora_hook_qkv(self, activation: Tensor, hook: HookPoint) -> Tensor:
        """What q, k or v becomes, (batch, seq, n_heads, d_head)."""
        raise NotImplementedError

    def lora_hook_out(self, activation: Tensor, hook: HookPoint) -> Tensor:
        """What the output of the attention becomes, (batch, seq, d_model)."""
        raise NotImplementedError
