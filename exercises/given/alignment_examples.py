"""What examples of the section `alignment` are built with: short calls that can be pasted."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


def hidden(seed: int, batch: int = 2, seq: int = 3, d_model: int = 4) -> Tensor:
    """States of a few tokens, small whole numbers."""
    return torch.randint(-9, 10, (batch, seq, d_model), generator=torch.Generator().manual_seed(seed)).float()


def predictions(seed: int, n: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Logits of three classes, and labels that were drawn as if the logits were those divided by the temperature."""
    rng = np.random.default_rng(seed)
    told = rng.normal(0.0, 2.0, (n, 3))  # (example, class)
    weights = np.exp(told)
    shares = (weights / weights.sum(axis=1, keepdims=True)).cumsum(axis=1)
    labels = (rng.random((n, 1)) > shares[:, :2]).sum(axis=1)
    return torch.tensor(told * temperature, dtype=torch.float32), torch.tensor(labels)


def beyond(seed: int, right: bool) -> tuple[Tensor, Tensor]:
    """Small logits that are always right, or always as wrong as can be: no temperature is the best."""
    logits = predictions(seed, 20, 1.0)[0] / 16
    return logits, logits.argmax(dim=1) if right else logits.argmin(dim=1)


def probabilities(seed: int, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a few examples, some of them certain, and labels."""
    rng = np.random.default_rng(seed)
    weights = rng.random((n, classes)) ** rng.choice([1, 2, 9], (n, 1))
    return weights / weights.sum(axis=1, keepdims=True), rng.integers(classes, size=n)


def attention(seed: int, chunks: int) -> np.ndarray:
    """Attention between chunks: nobody looks ahead, and all rows sum to one."""
    weights = np.tril(np.random.default_rng(seed).random((chunks, chunks)) + 0.1)
    return weights / weights.sum(axis=1, keepdims=True)


def walk(seed: int, count: int, every: int, still: Sequence[int] = ()) -> dict[str, dict[str, Tensor]]:
    """Checkpoints of an adapter, in any order. At the numbers in `still` its matrices are those of the one before."""
    rng = np.random.default_rng(seed)
    found, parts = [], {"A": torch.zeros(2, 3), "B": torch.zeros(3, 2)}
    for number in range(1, count + 1):
        if number not in still:
            moves = {
                name: torch.tensor(rng.integers(1, 9, part.shape) * rng.choice([-1, 1]) / 8)
                for name, part in parts.items()
            }
            parts = {name: part + moves[name] for name, part in parts.items()}
        found.append((f"checkpoint-{number * every}", parts))
    return dict(sorted(found))


def boxed(answers: Sequence[str]) -> list[str]:
    """Chains of thought that end with these answers."""
    return [f"Let me see. It is \\boxed{{{answer}}}." if answer else "I do not know." for answer in answers]


def failing(messages: Sequence[str]) -> Callable[..., Any]:
    """A function that fails with these messages, one a call, and then returns its arguments."""
    left = list(messages)

    def call(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise RuntimeError(left.pop(0))
        return args, kwargs

    return call


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns, or "raised", whatever it raises."""
    try:
        return function(*args)
    except Exception:
        return "raised"


@contextmanager
def pauses(solution: Any) -> Iterator[list[float]]:
    """A list of how long time.sleep was to last, for a while in which it does not last at all."""
    made: list[float] = []
    real = time.sleep
    mine = [name for name, value in vars(solution).items() if value is real]
    try:
        time.sleep = made.append  # type: ignore[assignment]
        vars(solution).update(dict.fromkeys(mine, made.append))
        yield made
    finally:
        time.sleep = real
        vars(solution).update(dict.fromkeys(mine, real))


def in_turn(answers: Sequence[Sequence[int]]) -> Callable[[Any], Sequence[int]]:
    """A protocol that answers one after the other, and begins again."""
    asked = iter(list(answers) * 1000)
    return lambda submissions: next(asked)
