"""A transformer whose inside can be seen and changed while it runs: the sections on interpretability are about it.

It is our own, small and written to be read, with names and shapes of the library TransformerLens (Nanda and Bloom,
2022) up to its version 3, so that code which uses what is here runs with either. `HookedTransformer.forward` is the
whole computation. Every value on the way goes through a `HookPoint`, which shows it to functions, called hooks, that
were added there, and hands it on. A hook may change what it is shown.

    logits, cache = model.run_with_cache(tokens)      # logits: (batch, seq, d_vocab_out)
    cache["blocks.0.attn.hook_pattern"]               # (batch, head, query, key); so is cache["pattern", 0]

    def silence_head_2(z, hook):                      # z: (batch, seq, head, d_head)
        z[:, :, 2] = 0.0
    model.run_with_hooks(tokens, fwd_hooks=[("blocks.0.attn.hook_z", silence_head_2)])

What the library has and this has not: loading models, folding weights, caching keys and values.
"""
# ruff: noqa: N812, N815

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as t
import torch.nn.functional as F
from torch import Tensor, nn

from exercises.given.factored import FactoredMatrix
from exercises.given.hook_points import ActivationCache, Hook, HookPoint, get_act_name
from exercises.given.tokens import SIGNS, Tokenizer

__all__ = [
    "ActivationCache",
    "FactoredMatrix",
    "HookPoint",
    "HookedTransformer",
    "HookedTransformerConfig",
    "Tokenizer",
    "gelu_new",
    "get_act_name",
    "to_numpy",
]

Name = str | Callable[[str], bool]  # of a hook point, or a condition that the names of several fulfil


# %% Parts of a transformer
@dataclass
class HookedTransformerConfig:
    """What a transformer is like."""

    n_layers: int
    d_model: int
    n_ctx: int  # the most tokens a text may have
    d_head: int
    n_heads: int = -1  # -1: d_model // d_head
    d_mlp: int | None = None  # None: four times d_model
    act_fn: str = "relu"  # of the MLP; or "gelu", "gelu_new"
    d_vocab: int = len(SIGNS)
    d_vocab_out: int = -1  # -1: d_vocab
    attn_only: bool = False  # without MLPs
    normalization_type: str | None = "LN"  # or None
    attention_dir: str = "causal"  # or "bidirectional"
    positional_embedding_type: str = "standard"  # "shortformer": added to what queries and keys see, nowhere else
    eps: float = 1e-5
    seed: int | None = None
    device: Any = "cpu"
    use_attn_result: bool = True  # always so here
    tokenizer_name: str | None = None  # answers say it; means nothing here

    def __post_init__(self) -> None:
        self.n_heads = self.d_model // self.d_head if self.n_heads == -1 else self.n_heads
        self.d_mlp = self.d_mlp or 4 * self.d_model
        self.d_vocab_out = self.d_vocab if self.d_vocab_out == -1 else self.d_vocab_out
        self.attn_scale = math.sqrt(self.d_head)


def gelu_new(x: Tensor) -> Tensor:
    """GPT-2's GELU, with the approximation by a tanh."""
    return F.gelu(x, approximate="tanh")


ACTS = {"relu": F.relu, "gelu": F.gelu, "gelu_new": gelu_new}


def drawn(cfg: HookedTransformerConfig, *shape: int) -> nn.Parameter:
    """A weight, from N(0, 0.8² / d_model) as in TransformerLens."""
    return nn.Parameter(t.randn(shape, device=cfg.device) * 0.8 / math.sqrt(cfg.d_model))


def zeros(cfg: HookedTransformerConfig, *shape: int) -> nn.Parameter:
    """A bias."""
    return nn.Parameter(t.zeros(shape, device=cfg.device))


class Embed(nn.Module):
    """Each token becomes its row of W_E."""

    def __init__(self, cfg: HookedTransformerConfig) -> None:
        super().__init__()
        self.W_E = drawn(cfg, cfg.d_vocab, cfg.d_model)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.W_E[tokens]  # (batch, seq, d_model)


class PosEmbed(nn.Module):
    """Each position has a row of W_pos."""

    def __init__(self, cfg: HookedTransformerConfig) -> None:
        super().__init__()
        self.W_pos = drawn(cfg, cfg.n_ctx, cfg.d_model)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.W_pos[: tokens.shape[1]].repeat(len(tokens), 1, 1)  # (batch, seq, d_model)


class LayerNorm(nn.Module):
    """Mean 0 and variance 1 along the last axis, then the factor w and the summand b."""

    def __init__(self, cfg: HookedTransformerConfig) -> None:
        super().__init__()
        self.eps, self.w, self.b = cfg.eps, nn.Parameter(zeros(cfg, cfg.d_model).data + 1), zeros(cfg, cfg.d_model)
        self.hook_scale, self.hook_normalized = HookPoint(), HookPoint()  # (batch, seq, 1), (batch, seq, d_model)

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean(-1, keepdim=True)
        scale = self.hook_scale((x.pow(2).mean(-1, keepdim=True) + self.eps).sqrt())  # (batch, seq, 1)
        return self.hook_normalized(x / scale) * self.w + self.b


class Attention(nn.Module):
    """Heads that look somewhere (pattern), read there (v, mixed to z), and write what they have read (result)."""

    def __init__(self, cfg: HookedTransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.W_Q, self.W_K, self.W_V = (drawn(cfg, cfg.n_heads, cfg.d_model, cfg.d_head) for _ in range(3))
        self.W_O = drawn(cfg, cfg.n_heads, cfg.d_head, cfg.d_model)
        self.b_Q, self.b_K, self.b_V = (zeros(cfg, cfg.n_heads, cfg.d_head) for _ in range(3))
        self.b_O = zeros(cfg, cfg.d_model)
        self.hook_q, self.hook_k, self.hook_v = HookPoint(), HookPoint(), HookPoint()
        self.hook_attn_scores, self.hook_pattern = HookPoint(), HookPoint()
        self.hook_z, self.hook_result = HookPoint(), HookPoint()

    def forward(self, query_input: Tensor, key_input: Tensor, value_input: Tensor) -> Tensor:
        """All of shape (batch, seq, d_model). Queries and keys may see positions that values do not see."""

        def read(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
            return t.einsum("bsd,hde->bshe", x, W) + b  # (batch, seq, head, d_head)

        q = self.hook_q(read(query_input, self.W_Q, self.b_Q))
        k = self.hook_k(read(key_input, self.W_K, self.b_K))
        v = self.hook_v(read(value_input, self.W_V, self.b_V))
        scores = t.einsum("bqhe,bkhe->bhqk", q, k) / self.cfg.attn_scale  # (batch, head, query, key)
        if self.cfg.attention_dir == "causal":
            later = t.ones_like(scores, dtype=t.bool).triu(1)  # (batch, head, query, key)
            scores = scores.masked_fill(later, -t.inf)
        pattern = self.hook_pattern(self.hook_attn_scores(scores).softmax(-1))  # (batch, head, query, key)
        z = self.hook_z(t.einsum("bhqk,bkhe->bqhe", pattern, v))  # (batch, seq, head, d_head)
        result = self.hook_result(t.einsum("bshe,hed->bshd", z, self.W_O))  # (batch, seq, head, d_model)
        return result.sum(2) + self.b_O  # (batch, seq, d_model)


class MLP(nn.Module):
    """Neurons that read from the residual stream (W_in) and write to it (W_out)."""

    def __init__(self, cfg: HookedTransformerConfig) -> None:
        super().__init__()
        d_mlp = cfg.d_mlp or 0
        self.act_fn = ACTS[cfg.act_fn]
        self.W_in, self.b_in = drawn(cfg, cfg.d_model, d_mlp), zeros(cfg, d_mlp)
        self.W_out, self.b_out = drawn(cfg, d_mlp, cfg.d_model), zeros(cfg, cfg.d_model)
        self.hook_pre, self.hook_post = HookPoint(), HookPoint()

    def forward(self, x: Tensor) -> Tensor:
        pre = self.hook_pre(x @ self.W_in + self.b_in)  # (batch, seq, d_mlp)
        return self.hook_post(self.act_fn(pre)) @ self.W_out + self.b_out  # (batch, seq, d_model)


class TransformerBlock(nn.Module):
    """Attention, and then an MLP if there is one. Both read from the residual stream and add to it."""

    def __init__(self, cfg: HookedTransformerConfig) -> None:
        super().__init__()
        self.hook_resid_pre, self.hook_attn_out, self.hook_resid_post = HookPoint(), HookPoint(), HookPoint()
        self.ln1, self.attn, self.mlp = norm(cfg), Attention(cfg), None
        if not cfg.attn_only:
            self.hook_resid_mid, self.hook_mlp_out = HookPoint(), HookPoint()
            self.ln2, self.mlp = norm(cfg), MLP(cfg)

    def forward(self, resid: Tensor, places: Tensor | float) -> Tensor:
        """`places`: what queries and keys see besides."""
        resid = self.hook_resid_pre(resid)  # (batch, seq, d_model), as all here
        x = self.ln1(resid)
        resid = resid + self.hook_attn_out(self.attn(x + places, x + places, x))
        if self.mlp is not None:
            resid = self.hook_resid_mid(resid)
            resid = resid + self.hook_mlp_out(self.mlp(self.ln2(resid)))
        return self.hook_resid_post(resid)


class Unembed(nn.Module):
    """What is in the residual stream becomes a logit for each token."""

    def __init__(self, cfg: HookedTransformerConfig) -> None:
        super().__init__()
        self.W_U, self.b_U = drawn(cfg, cfg.d_model, cfg.d_vocab_out), zeros(cfg, cfg.d_vocab_out)

    def forward(self, resid: Tensor) -> Tensor:
        return resid @ self.W_U + self.b_U  # (batch, seq, d_vocab_out)


def norm(cfg: HookedTransformerConfig) -> nn.Module:
    """A LayerNorm, or nothing in its place."""
    return nn.Identity() if cfg.normalization_type is None else LayerNorm(cfg)


def stacked(part: str, name: str) -> Any:
    """A weight of all blocks, the layer its first axis."""
    return property(lambda model: t.stack([getattr(getattr(block, part), name) for block in model.blocks]))


# %% The transformer
class HookedTransformer(nn.Module):
    """The transformer. model.W_Q has the weights of all layers, model.blocks[0].attn.W_Q those of one.

    Args:
        cfg: what it is like, as a HookedTransformerConfig or a dict.
        tokenizer: cuts texts into tokens; None for single signs.
    """

    W_Q, W_K, W_V = (
        stacked("attn", "W_Q"),
        stacked("attn", "W_K"),
        stacked("attn", "W_V"),
    )  # (layer, head, d_model, d_head)
    b_Q, b_K, b_V = stacked("attn", "b_Q"), stacked("attn", "b_K"), stacked("attn", "b_V")  # (layer, head, d_head)
    W_O, b_O = stacked("attn", "W_O"), stacked("attn", "b_O")  # (layer, head, d_head, d_model), (layer, d_model)
    W_in, b_in = stacked("mlp", "W_in"), stacked("mlp", "b_in")  # (layer, d_model, d_mlp), (layer, d_mlp)
    W_out, b_out = stacked("mlp", "W_out"), stacked("mlp", "b_out")  # (layer, d_mlp, d_model), (layer, d_model)
    W_E = property(lambda model: model.embed.W_E)  # (d_vocab, d_model)
    W_pos = property(lambda model: model.pos_embed.W_pos)  # (n_ctx, d_model)
    W_U, b_U = (
        property(lambda model: model.unembed.W_U),
        property(lambda model: model.unembed.b_U),
    )  # (d_model, d_vocab_out)

    def __init__(self, cfg: HookedTransformerConfig | dict[str, Any], tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.cfg = cfg = HookedTransformerConfig(**cfg) if isinstance(cfg, dict) else cfg
        self.tokenizer = tokenizer or Tokenizer()
        self.context_level = 0  # how deep blocks of hooks are nested
        if cfg.seed is not None:
            t.manual_seed(cfg.seed)
        self.hook_tokens, self.hook_embed, self.hook_pos_embed = HookPoint(), HookPoint(), HookPoint()
        self.embed, self.pos_embed = Embed(cfg), PosEmbed(cfg)
        self.blocks = nn.ModuleList(TransformerBlock(cfg) for _ in range(cfg.n_layers))
        self.ln_final, self.unembed = norm(cfg), Unembed(cfg)
        self.hook_dict = {name: each for name, each in self.named_modules() if isinstance(each, HookPoint)}
        for name, point in self.hook_dict.items():
            point.name = name

    @classmethod
    def from_pretrained(cls, *_: Any, **__: Any) -> "HookedTransformer":
        """Nothing is loaded: a small untrained model takes the place of any."""
        return cls(HookedTransformerConfig(n_layers=2, d_model=16, n_ctx=64, d_head=4, act_fn="gelu_new", seed=0))

    def forward(self, input: Any, return_type: str | None = "logits") -> Any:
        """Run.

        Args:
            input: tokens, (batch, seq) or (seq,); or a text, or a list of texts.
            return_type: "logits" (batch, seq, d_vocab_out); "loss", the mean cross-entropy of each next token; "both";
                or None, for nothing.
        """
        tokens = self.hook_tokens(self._tokens(input))  # (batch, seq)
        resid = self.hook_embed(self.embed(tokens))  # (batch, seq, d_model)
        places = self.hook_pos_embed(self.pos_embed(tokens))  # (batch, seq, d_model)
        if self.cfg.positional_embedding_type == "standard":
            resid, places = resid + places, 0.0
        for block in self.blocks:
            resid = block(resid, places)
        logits = self.unembed(self.ln_final(resid))  # (batch, seq, d_vocab_out)
        if return_type in (None, "logits"):
            return logits if return_type else None
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
        return loss if return_type == "loss" else (logits, loss)

    # Hooks
    def add_hook(
        self, name: Name, hook: Hook, dir: str = "fwd", is_permanent: bool = False, level: int | None = None
    ) -> None:
        """Add a hook to the point of a name, or to all whose names fulfil a condition, until reset_hooks."""
        for point in [self.hook_dict[name]] if isinstance(name, str) else self.hook_dict.values():
            if isinstance(name, str) or name(point.name):
                point.add_hook(hook, dir, is_permanent, level)

    def add_perma_hook(self, name: Name, hook: Hook, dir: str = "fwd") -> None:
        """Add a hook that stays through reset_hooks."""
        self.add_hook(name, hook, dir, is_permanent=True)

    def reset_hooks(
        self, clear_contexts: bool = True, including_permanent: bool = False, level: int | None = None
    ) -> None:
        """Remove all hooks but permanent ones, or just those of a level."""
        for point in self.hook_dict.values():
            point.remove_hooks(including_permanent, level)
            if clear_contexts:
                point.clear_context()

    @contextmanager
    def hooks(
        self,
        fwd_hooks: Sequence[tuple[Name, Hook]] = (),
        bwd_hooks: Sequence[tuple[Name, Hook]] = (),
        reset_hooks_end: bool = True,
        clear_contexts: bool = False,
    ) -> Iterator["HookedTransformer"]:
        """`with model.hooks([(name, hook), …]):` has these hooks inside, and removes them in the end.

        Their level says how deep such blocks are nested: 1, as long as there is one. Others of that level, which were
        added by add_hook(…, level=1), are removed with them.
        """
        self.context_level += 1
        try:
            for name, hook in fwd_hooks:
                self.add_hook(name, hook, "fwd", level=self.context_level)
            for name, hook in bwd_hooks:
                self.add_hook(name, hook, "bwd", level=self.context_level)
            yield self
        finally:
            if reset_hooks_end:
                self.reset_hooks(clear_contexts, level=self.context_level)
            self.context_level -= 1

    def run_with_hooks(
        self, *args: Any, fwd_hooks: Any = (), bwd_hooks: Any = (), reset_hooks_end: bool = True, **named: Any
    ) -> Any:
        """As forward, with these hooks."""
        with self.hooks(fwd_hooks, bwd_hooks, reset_hooks_end):
            return self(*args, **named)

    def run_with_cache(
        self, *args: Any, names_filter: Any = None, remove_batch_dim: bool = False, **named: Any
    ) -> tuple[Any, ActivationCache]:
        """As forward, and keep what goes through the hook points.

        Args:
            names_filter: through which: a name, a list of names, or a condition; None for all.
            remove_batch_dim: drop the first axis of what is kept.

        Returns:
            What forward returns, and the cache.
        """
        names = [names_filter] if isinstance(names_filter, str) else names_filter
        kept: dict[str, Tensor] = {}

        def wanted(name: str) -> bool:
            return names is None or (names(name) if callable(names) else name in names)

        def keep(value: Tensor, hook: HookPoint) -> None:
            kept[hook.name] = value.detach()

        output = self.run_with_hooks(*args, fwd_hooks=[(wanted, keep)], **named)
        cache = ActivationCache(kept, self)
        return output, cache.remove_batch_dim() if remove_batch_dim else cache

    # Text
    def _tokens(self, input: Any) -> Tensor:
        tokens = input if isinstance(input, Tensor) else self.to_tokens(input)
        return tokens if tokens.ndim > 1 else tokens[None]  # (batch, seq)

    def to_tokens(self, input: str | Sequence[str], prepend_bos: bool = True) -> Tensor:
        """Tokens of a text, (1, seq), or of several, (batch, seq); the shorter ones are filled up at their ends."""
        bos = [self.tokenizer.bos_token_id] * prepend_bos
        rows = [bos + self.tokenizer.encode(text) for text in ([input] if isinstance(input, str) else input)]
        longest = max(map(len, rows))
        fill = [self.tokenizer.pad_token_id]
        return t.tensor([row + fill * (longest - len(row)) for row in rows], device=self.cfg.device)

    def to_string(self, tokens: Any) -> Any:
        """The text of tokens (seq,); a list of texts for (batch, seq)."""
        tokens = t.as_tensor(tokens)
        return [self.to_string(row) for row in tokens] if tokens.ndim > 1 else self.tokenizer.decode(tokens.reshape(-1))

    def to_str_tokens(self, input: Any, prepend_bos: bool = True) -> list[str]:
        """Each token of a text, or of tokens (seq,) or (1, seq), as text."""
        tokens = self.to_tokens(input, prepend_bos) if isinstance(input, str) else t.as_tensor(input)
        return [self.tokenizer.tokens[each] for each in tokens.reshape(-1).tolist()]

    @t.inference_mode()
    def generate(
        self, input: Any, max_new_tokens: int = 10, stop_at_eos: bool = True, top_k: int | None = None,
        temperature: float = 1.0, do_sample: bool = True, **_: Any,
    ) -> Any:  # fmt: skip
        """Write on, token by token. A text for a text, tokens (batch, seq + max_new_tokens) for tokens.

        With stop_at_eos a text that has ended is filled up, and it is over as soon as all have.
        """
        tokens, eos = self._tokens(input), self.tokenizer.eos_token_id
        ended = t.zeros(len(tokens), dtype=t.bool)  # (batch,)
        for _ in range(max_new_tokens):
            logits = self(tokens[:, -self.cfg.n_ctx :])[:, -1] / temperature  # (batch, d_vocab)
            if top_k is not None:
                logits = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -t.inf)
            new = t.multinomial(logits.softmax(-1), 1)[:, 0] if do_sample else logits.argmax(-1)  # (batch,)
            tokens = t.cat([tokens, new.masked_fill(ended, eos)[:, None]], dim=1)  # (batch, seq + 1)
            ended |= (new == eos) & stop_at_eos
            if ended.all():
                break
        return self.to_string(tokens[0]) if isinstance(input, str) else tokens


def to_numpy(values: Any) -> np.ndarray:
    """As an array."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
