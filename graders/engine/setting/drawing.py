"""Draws the inputs of checks with Hypothesis: the one place that drives it.

The inputs follow from the check's strategies, the seed and the number of examples, and from nothing else: no database,
no profile of the environment, and not the literals of whatever local modules happen to be loaded, which Hypothesis
would otherwise mix in.
"""

import os
import tempfile
import zlib
from collections.abc import Callable
from typing import Any

# Set before Hypothesis is imported: it would leave a folder where the command is run.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.path.join(tempfile.gettempdir(), "hypothesis-unused"))

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.internal.conjecture import providers

from graders.engine.authoring.section import Check

_NO_LITERALS = type(providers._local_constants)()
providers._get_local_constants = lambda: _NO_LITERALS


def seed_of(*parts: object) -> int:
    """A seed below 2**32 that depends on each of `parts`, the same in every process."""
    return zlib.crc32(repr(parts).encode())


def draw(
    check: Check, body: Callable[..., None], *, section: str, seed: int, examples: int, shrink: bool = False
) -> None:
    """Calls `body(**inputs)` on the inputs of `check`, one drawn example after the other.

    Args:
        check: whose strategies draw the inputs. Without strategies, `body` is called once.
        body: stands in for the probe. With `shrink`, its exceptions make Hypothesis look for smaller inputs.
        section: the section's name; with the check's name and `seed` it seeds the drawing.
        seed: the seed of the run.
        examples: how many examples to draw at the most.
        shrink: go on after a failure, to smaller inputs; the failure of the smallest is raised at the end.
    """
    if check.drawn is None:
        body()
        return
    chosen = settings(
        max_examples=min(examples, check.examples or examples),
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        backend="hypothesis",
    )

    def test(**inputs: Any) -> None:
        body(**inputs)

    strategies = check.drawn.hypothesis._given_kwargs  # type: ignore[attr-defined]
    chosen(seeded(seed_of(section, check.name, seed))(given(**strategies)(test)))()
