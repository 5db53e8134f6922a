"""The engine: what an author of a section needs stands here, everything else is in the modules.

The names are looked up when they are first used, so that the process which runs learners' code, and a run that needs no
judge, do not load what they do not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graders.engine.authoring.closing import Criterion, as_array, checkpoint
    from graders.engine.authoring.judges import close, distributed_as, exact, up_to_sign
    from graders.engine.authoring.section import Section, edit
    from graders.engine.authoring.strategies import HALVES, NONZERO, POSITIVE, WHOLE, arrays, shapes, tensors
    from graders.engine.comparing.comparison import difference

_HOME = {
    "Criterion": "closing",
    "as_array": "closing",
    "checkpoint": "closing",
    "Section": "section",
    "edit": "section",
    "close": "judges",
    "difference": "judges",
    "distributed_as": "judges",
    "exact": "judges",
    "up_to_sign": "judges",
    **dict.fromkeys(("HALVES", "NONZERO", "POSITIVE", "WHOLE", "arrays", "shapes", "tensors"), "strategies"),
}

__all__ = [
    "HALVES",
    "NONZERO",
    "POSITIVE",
    "WHOLE",
    "Criterion",
    "Section",
    "arrays",
    "as_array",
    "checkpoint",
    "close",
    "difference",
    "distributed_as",
    "edit",
    "exact",
    "shapes",
    "tensors",
    "up_to_sign",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.authoring.{_HOME[name]}"), name)
