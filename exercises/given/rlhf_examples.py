"""What the checks of the section `rlhf` build their examples with: tiny models, settings, and rollouts by a script.

The calls that a failing check shows use these functions, so that you can run them as they stand. They also ask the same
of all editions of the curriculum: by whether a function takes gen_len or prefix_len, and by what its class is made of.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from exercises.given.attention_hooks import AttentionHooks
from exercises.given.hooked import HookedTransformer, HookedTransformerConfig, HookPoint
from exercises.given.rollouts import ReplayMinibatch
from exercises.given.tokens import BOS, Tokenizer

PREFIX, PREFIX_LEN = "ab", 3  # with the token with which texts begin
SIGNS = (BOS, "a", "b", "c", ".")
HALVES = 9  # numbers are from -4 to 4, in steps of a half


def numbers(seed: int, *shape: int) -> Tensor:
    """Numbers that depend on the seed, from -4 to 4 in steps of a half."""
    source = torch.Generator().manual_seed(seed)
    return torch.randint(1 - HALVES, HALVES, shape, generator=source) / 2


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has a parameter of this name."""
    return name in inspect.signature(function).parameters


# %% Terms of an objective
def surrounded(x: Tensor) -> Tensor:
    """(batch, gen_len, …) as a part of (batch, PREFIX_LEN + gen_len, …): beside it stand numbers of no meaning."""
    length = PREFIX_LEN + x.shape[1]
    other = (
        torch.arange(float(length * x[0, 0].numel())).reshape(1, length, *x.shape[2:]).expand(len(x), -1, *x.shape[2:])
    )
    return torch.cat([other[:, : PREFIX_LEN - 1], x, other[:, -1:]], dim=1)


def term(function: Callable[..., Tensor], *tensors_and_coef: Any) -> Tensor:
    """A term of the objective: function(tensors, coefficient, gen_len), for tensors (batch, gen_len, …).

    Where the function takes prefix_len in its place, it gets whole sequences; where it takes neither, it gets neither.
    """
    *tensors, coef = tensors_and_coef
    if takes(function, "gen_len"):
        found = function(*tensors, coef, tensors[0].shape[1])
    elif takes(function, "prefix_len"):
        found = function(*map(surrounded, tensors), coef, PREFIX_LEN)
    else:
        found = function(*tensors, coef)
    return torch.as_tensor(found).squeeze()  # a tensor of one element is as good as a scalar


def slope(function: Callable[..., Any], first: Tensor, *rest: Any) -> Tensor | None:
    """The gradient of a term with respect to its first tensor; None if the term does not depend on it."""
    (first,) = leaves(first)
    return gradients(term(function, first, *rest), first)[0]


def leaves(*tensors: Tensor) -> list[Tensor]:
    """Copies whose gradients are recorded."""
    return [each.clone().requires_grad_() for each in tensors]


def gradients(value: Tensor, *of: Tensor) -> list[Tensor | None]:
    """The gradients of a value (its sum, if it has several elements); None where it does not depend on a tensor."""
    if not value.requires_grad:
        return [None for _ in of]
    return list(torch.autograd.grad(value.sum(), of, allow_unused=True))


def slopes(function: Callable[..., Any], *args: Any) -> list[Tensor | None]:
    """The gradients of function(*args), or of the first of what it returns, for each argument of real numbers."""
    real = [place for place, each in enumerate(args) if torch.is_tensor(each) and each.is_floating_point()]
    watched = dict(zip(real, leaves(*(args[place] for place in real)), strict=True))
    found = function(*(watched.get(place, each) for place, each in enumerate(args)))
    return gradients(found[0] if isinstance(found, tuple) else found, *watched.values())


# %% Models
class TinyLM(HookedTransformer):
    """A language model that looks at the last token only: the logits of what follows stand in a table.

    It has no layers and no hooks. Its texts are made of a, b, c and full stops.

    Args:
        seed: the table depends on it.
        script: tokens (batch, gen_len) that `generate` writes; without them it draws.

    Attributes:
        asked: what `generate` was asked for, each time.
    """

    def __init__(self, seed: int, script: Tensor | None = None) -> None:
        nn.Module.__init__(self)
        self.cfg: Any = SimpleNamespace(n_ctx=64, d_model=1, d_vocab=len(SIGNS), d_vocab_out=len(SIGNS), device="cpu")
        self.tokenizer = Tokenizer(SIGNS)
        self.table = nn.Parameter(numbers(seed, len(SIGNS), len(SIGNS)))
        self.script, self.asked = script, []

    def forward(self, input: Any, return_type: str = "logits", **_: Any) -> Any:
        """(batch, seq) to (batch, seq, 5)."""
        return self.table[self._tokens(input)]

    def generate(self, input: Any, max_new_tokens: int = 10, **asked: Any) -> Any:
        """Write on, by the script if there is one."""
        self.asked.append({"prompt": self._tokens(input)[0].tolist(), "max_new_tokens": max_new_tokens, **asked})
        if self.script is None:
            return super().generate(input, max_new_tokens, **asked)
        tokens = self._tokens(input)
        return torch.cat([tokens, self.script[: len(tokens), :max_new_tokens]], dim=1)


def chain(order: Sequence[int]) -> TinyLM:
    """A TinyLM that is sure of itself: after token i comes order[i]."""
    model = TinyLM(0)
    with torch.no_grad():
        model.table.copy_(9 * nn.functional.one_hot(torch.tensor(order), len(SIGNS)))
    return model


class TinyPolicy(TinyLM):
    """A TinyLM with a value for each token.

    Args:
        seed, script: as for TinyLM.
        both: called, it returns logits and values, as it was in older editions.
    """

    def __init__(self, seed: int, script: Tensor | None = None, both: bool = False) -> None:
        super().__init__(seed, script)
        self.both = both
        self.worth = nn.Parameter(numbers(seed + 1, len(SIGNS)))

    def forward_with_value_head(self, input_ids: Tensor, **_: Any) -> tuple[Tensor, Tensor]:
        """Logits (batch, seq, 5) and values (batch, seq)."""
        return self.table[input_ids], self.worth[input_ids]

    def forward(self, input: Any, return_type: str = "logits", **_: Any) -> Any:
        """The logits; or both."""
        return self.forward_with_value_head(input) if self.both else super().forward(input)

    @property
    def base_model(self) -> TinyLM:
        """The model without its values, as older editions have it."""
        base = TinyLM(0, self.script)
        base.table, base.asked = self.table, self.asked
        return base


def fill(model: nn.Module, seed: int) -> nn.Module:
    """Gives all parameters numbers that depend on the seed, their shapes and their order, not on names."""
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):
            parameter.copy_(numbers(seed + place, *parameter.shape) / 8)
    return model


def toy(kind: Callable[..., Any], seed: int) -> Any:
    """A model with a value head, of the size of HookedTransformer's small model, and filled."""
    if not hasattr(kind, "from_pretrained"):
        return fill(kind("toy"), seed)
    return fill(kind(cfg=HookedTransformer.from_pretrained("toy").cfg), seed)


def both(model: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """The logits and values of a model, in the way of its edition."""
    return (getattr(model, "forward_with_value_head", None) or model)(tokens)


def hooks_left(model: Any) -> int:
    """How many hooks there are in a model."""
    return sum(len(part.fwd_hooks) for part in model.modules() if isinstance(part, HookPoint))


# %% Optimizers
class Headed(nn.Module):
    """Two numbers: a model of one parameter, and a value head of one. Both start at 0."""

    def __init__(self) -> None:
        super().__init__()
        self.base_model, self.value_head = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def __getattr__(self, name: str) -> Any:
        """Some editions ask models for get_base_params() and get_value_head_params()."""
        if name.startswith("get_") and "param" in name:
            return (self.value_head if "head" in name else self.base_model).parameters
        return super().__getattr__(name)


def moved(get_optimizer: Callable[..., Any], base_lr: float, head_lr: float, slopes: Sequence[float]) -> list[float]:
    """Where a model and its head have gone after a step, from 0, if these are the gradients of the two."""
    model = Headed()
    if takes(get_optimizer, "args"):
        rates = {"base_lr": base_lr, "base_learning_rate": base_lr, "head_lr": head_lr, "head_learning_rate": head_lr}
        optimizer = get_optimizer(SimpleNamespace(**rates), model)
    else:
        optimizer = get_optimizer(model, base_lr, head_lr)
    for parameter, slope_of_it in zip(model.parameters(), slopes, strict=True):
        parameter.grad = torch.full_like(parameter, slope_of_it)
    optimizer.step()
    return [parameter.item() for parameter in model.parameters()]


def rates(get_optimizer_and_scheduler: Callable[..., Any], phases: int, **of_args: Any) -> list[list[float]]:
    """The learning rates of the model and of its head, in each phase from the first on."""
    model = Headed()
    optimizer, scheduler = get_optimizer_and_scheduler(settings(**of_args), model)
    found: list[list[float]] = [[], []]
    for phase in range(phases):
        if phase > 0:
            optimizer.step()
            scheduler.step()
        for parameter, its in zip(model.parameters(), found, strict=True):
            its += [float(g["lr"]) for g in optimizer.param_groups if any(p is parameter for p in g["params"])]
    return found


# %% Rollouts
def full_stops(samples: Iterable[str]) -> Tensor:
    """A reward: the number of full stops in each text."""
    return torch.tensor([float(text.count(".")) for text in samples])


def settings(**changed: Any) -> SimpleNamespace:
    """Settings of a trainer, under the names of all editions; some are changed."""
    usual = {
        "prefix": PREFIX, "prepend_bos": True, "gen_len": 2, "temperature": 0.5, "top_k": 3, "reward_fn": full_stops,
        "normalize_reward": False, "batch_size": 2, "num_minibatches": 1, "batches_per_learning_phase": 1,
        "kl_coef": 0.0, "clip_coef": 0.25, "vf_coef": 0.0, "ent_coef": 0.0, "base_lr": 0.5, "head_lr": 0.25,
        "warmup_steps": 2, "total_phases": 10, "final_scale": 0.5, "use_wandb": False, "device": "cpu", "seed": 0,
    }  # fmt: skip
    args = SimpleNamespace(**{**usual, **changed})
    args.minibatch_size = args.batch_size // args.num_minibatches
    args.base_learning_rate, args.head_learning_rate = args.base_lr, args.head_lr
    return args


def remembered(kind: Callable[..., Any], args: SimpleNamespace) -> Any:
    """A memory of args.batch_size samples. Row i has 10 i and a little more everywhere."""
    rows = 10 * torch.arange(float(args.batch_size))[:, None]  # (batch, 1)
    seq = PREFIX_LEN + args.gen_len
    sample_ids, values = (rows + torch.arange(seq)).long(), rows + torch.arange(seq) / 4  # (batch, seq) each
    logprobs, advantages = rows - torch.arange(args.gen_len), rows + 5 + torch.arange(args.gen_len)  # (batch, gen_len)
    ref_logits = values[:, :, None].repeat(1, 1, 2)  # (batch, seq, 2)
    return kind(
        args=args,
        sample_ids=sample_ids,
        logprobs=logprobs,
        advantages=advantages,
        values=values,
        ref_logits=ref_logits,
    )


def parts(minibatch: Any) -> list[Tensor]:
    """What a minibatch holds."""
    names = ("sample_ids", "logprobs", "advantages", "returns", "ref_logits")
    return [getattr(minibatch, name).detach() for name in names]


def sorted_parts(minibatches: Sequence[Any]) -> list[Tensor]:
    """What several minibatches hold, all rows together, in the order of their first tokens."""
    whole = [torch.cat(part) for part in zip(*map(parts, minibatches), strict=True)]
    return [part[whole[0][:, 0].argsort()] for part in whole]


def trainer(kind: Any, seed: int, args: SimpleNamespace, script: Tensor | None = None) -> Any:
    """A trainer of a TinyPolicy, with a TinyLM for reference; made without its __init__, which may load models."""
    asks = [each.__code__.co_names for each in vars(kind).values() if isinstance(each, FunctionType)]
    of_old = "Grpo" not in kind.__name__ and not any("forward_with_value_head" in names for names in asks)
    made = object.__new__(kind)
    model, ref_model = TinyPolicy(seed, script, both=of_old), TinyLM(seed + 2)
    prefix_len = PREFIX_LEN if args.prepend_bos else PREFIX_LEN - 1
    vars(made).update(args=args, model=model, ref_model=ref_model, prefix_len=prefix_len)
    vars(made).update(optimizer=None, scheduler=None, step=0, phase=0, samples=[])  # some answers count or log
    return made


def minibatch(seed: int, rows: int = 2, gen_len: int = 2) -> ReplayMinibatch:
    """Samples with all that was found out about them, as a trainer gets them to learn from.

    The advantages have mean 0 and standard deviation 1, so that to normalize them once more changes nothing.
    """
    made = numbers(seed + 3, 4, rows, gen_len)
    advantages = made[2] + torch.arange(rows * gen_len).reshape(rows, gen_len) / 4
    return ReplayMinibatch(
        sample_ids=torch.cat([torch.tensor([[0, 1, 2]]).expand(rows, -1), (2 * made[0]).long() % len(SIGNS)], dim=1),
        logprobs=-1.5 + made[1] / 8,  # (batch, gen_len)
        advantages=(advantages - advantages.mean()) / advantages.std(),  # (batch, gen_len)
        returns=made[3],  # (batch, gen_len)
        ref_logits=numbers(seed + 4, rows, PREFIX_LEN + gen_len, len(SIGNS)),
    )


def objective(kind: Any, seed: int, **coefs: float) -> Tensor:
    """What a trainer maximises on a minibatch, with these coefficients; those that are not given are zero."""
    made = trainer(kind, seed, settings(**coefs))
    return torch.as_tensor(made.compute_rlhf_objective(minibatch(seed))).detach().squeeze()


def pulls(kind: Any, seed: int, **coefs: float) -> list[Tensor | None]:
    """The gradients of a trainer's objective: of the model's logits, of its values, of the reference."""
    made = trainer(kind, seed, settings(**coefs))
    learned = minibatch(seed)
    learned.ref_logits = made.ref_model(learned.sample_ids).detach()
    found = torch.as_tensor(made.compute_rlhf_objective(learned))
    return gradients(found, made.model.table, made.model.worth, made.ref_model.table)


def rolled_out(kind: Any, seed: int, script: Tensor, **of_args: Any) -> Any:
    """The memory that a trainer's rollout leaves, if its model writes these tokens, (batch, gen_len)."""
    args = settings(batch_size=len(script), gen_len=script.shape[1], **of_args)
    return trainer(kind, seed, args, script).rollout_phase()


def asked_for(kind: Any, **of_args: Any) -> list[dict[str, Any]]:
    """What the model of a trainer was asked to write in a rollout, each time."""
    args = settings(batch_size=1, **of_args)
    made = trainer(kind, 0, args, torch.ones(1, args.gen_len, dtype=torch.int64))
    made.rollout_phase()
    names = ("prompt", "max_new_tokens", "temperature", "top_k")
    return [{name: asked.get(name) for name in names} for asked in made.model.asked]


# %% LoRA
def pair(seed: int, d_in: int, d_out: int, rank: int, n_inst: int | None = None) -> tuple[Tensor, Tensor]:
    """A and B, (d_in, rank) and (rank, d_out), with an axis of n_inst before them if it is given."""
    inst = () if n_inst is None else (n_inst,)
    return numbers(seed, *inst, d_in, rank), numbers(seed + 1, *inst, rank, d_out)


def lora(kind: Callable[..., Any], A: Tensor, B: Tensor, **settings: Any) -> Any:
    """A Lora with these matrices. Its own may be transposed, or parts of layers."""
    n_inst = A.shape[0] if A.ndim == 3 else None
    layer = kind(d_in=A.shape[-2], d_out=B.shape[-1], rank=A.shape[-1], n_inst=n_inst, **settings)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            value = A if "A" in name else B
            parameter.copy_(value if parameter.shape == value.shape else value.mT)
    return layer


class Change(nn.Module):
    """A linear map in the place of a Lora: its weight is (d_in, d_out), or one for each of several instances."""

    def __init__(self, d_in: int, d_out: int, n_inst: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(*(() if n_inst is None else (n_inst,)), d_in, d_out))

    def forward(self, x: Tensor) -> Tensor:
        """(…, d_in) to (…, d_out), or with the instances as the axis before the last."""
        return (x.unsqueeze(-2) @ self.weight).squeeze(-2)


def hooked_up(kind: Any, seed: int) -> Any:
    """LoraHooks on a transformer of two layers, where each Lora is a linear map with numbers of its own."""
    cfg = HookedTransformerConfig(n_layers=2, d_model=4, n_ctx=4, d_head=3, n_heads=2, d_vocab=5, attn_only=True)
    made = object.__new__(kind)
    AttentionHooks.__init__(made, fill(HookedTransformer(cfg), seed), Change)
    for place, change in enumerate(made.loras.values()):
        fill(change, seed + 100 * (1 + place))
    return made
