"""The paper of a section: the sealed examples, inputs and expected observations, as data only.

A paper is a value: the same seed and the same sources give the same paper, byte for byte. It is kept on disk under a
key of everything it depends on, so it is set once, and grading a right answer costs little more than running it.
"""

import hashlib
import os
import platform
import re
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from graders.engine.authoring.material import Material

_FORMAT = 2
# The modules of the engine that have a part in what stands on a paper.
_MAKERS = ("authoring/material", "authoring/section", "authoring/shaking", "authoring/strategies", "authoring/stubs",
           "setting/drawing", "setting/paper", "setting/setting", "values/arrays", "values/codec", "values/decoding",
           "values/definitions", "values/encoding", "values/message", "values/messages", "values/wire",
           "worker/observing")  # fmt: skip
_TORCH = re.compile(r"^[ \t]*(?:import|from) torch\b", re.MULTILINE)
_KEPT_PAPERS = 8  # of one section: seeds and versions one goes back to
_DRAWN_WITH = ("hypothesis", "numpy", "msgspec")  # what they draw or encode may change with their release


class Item(msgspec.Struct, frozen=True):
    """A check's part of a paper: what a learner is told about it, and its examples."""

    name: str
    exercise: str
    title: str
    points: float
    seconds: float
    changes_inputs: bool
    judged: bool  # by a judge of its own
    asks_by_name: bool  # the probe names the exercise: without one of this name it cannot pass
    inputs: tuple[bytes, ...]
    expected: tuple[bytes, ...]


class Paper(msgspec.Struct, frozen=True):
    """The sealed examples of a section, and what else a worker is sent."""

    section: str
    title: str
    probes: str  # the source of the probes, and nothing else of the grader file
    imports: tuple[str, ...]  # what the probes import
    untouched: str  # the exercise file as a learner first gets it
    aliases: dict[str, str]
    lent: dict[str, str]
    seed: int
    examples: int
    items: tuple[Item, ...]


def paper(material: Material, seed: int, examples: int, advance: Callable[[str], None] = lambda title: None) -> Paper:
    """The paper of a section: from the disk where it lies there, else newly set and kept.

    Args:
        material: the section.
        seed: of the drawn inputs.
        examples: how many to draw for a check.
        advance: called with the title of each check when it is set; not at all if the paper lies there.
    """
    path = _cache(material) / f"{material.name}-{key(material, seed, examples)}.paper"
    kept = _kept(path)
    if kept is None:
        from graders.engine.setting.setting import set_paper  # Hypothesis is imported only where inputs are drawn

        kept = set_paper(material, seed, examples, advance)
        _keep(path, kept)
    return kept


def key(material: Material, seed: int, examples: int) -> str:
    """A name for all that the paper depends on: sources, engine, libraries, seed and number of examples."""
    engine = [Path(__file__).parents[1] / f"{name}.py" for name in _MAKERS]
    texts = [text.encode() for text in (material.grader_source, material.reference_source)]
    texts += [path.read_bytes() for path in (*material.given, *engine)]
    uses_torch = _TORCH.search(material.reference_source) or _TORCH.search(material.grader_source)
    versions = [version(name) for name in (*_DRAWN_WITH, *(["torch"] if uses_torch else []))]
    parts = [_FORMAT, material.name, seed, examples, platform.python_version(), platform.machine(), *versions]
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=16)
    for text in texts:
        digest.update(hashlib.blake2b(text).digest())
    return digest.hexdigest()


def _cache(material: Material) -> Path:
    return material.course.root / ".papers"


def _kept(path: Path) -> Paper | None:
    try:
        seal, data = (content := path.read_bytes())[:32], content[32:]
        if hashlib.blake2b(data, digest_size=32).digest() == seal:
            return msgspec.msgpack.decode(data, type=Paper)
    except (OSError, msgspec.MsgspecError):
        pass  # not there, or damaged: it is set again
    return None


def _keep(path: Path, value: Paper) -> None:
    data = msgspec.msgpack.encode(value)
    try:
        path.parent.mkdir(exist_ok=True)
        papers = sorted(path.parent.glob(f"{value.section}-*.paper"), key=lambda old: old.stat().st_mtime)
        for old in papers[: -_KEPT_PAPERS + 1]:
            old.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.blake2b(data, digest_size=32).digest() + data)
        os.replace(file.name, path)  # at once, so that nobody reads half a paper
    except OSError:
        pass  # a folder that cannot be written costs time, nothing else
