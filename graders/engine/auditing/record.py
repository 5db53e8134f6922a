"""On which sources the whole audit of a section has held: the repository says it, so that others need only a sample.

`tests/audited.toml` has a line a section, with a digest of its files. Where that is still the same, a sample is enough
to show that nothing has come loose; where it is not, everything is tried again.
"""

import hashlib
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from graders.engine.authoring.material import Material

T = TypeVar("T")
_HEAD = "# Written by `python grade.py audit`: the sources on which every mutant was tried and the audit held.\n\n"


def digest(material: Material) -> str:
    """Stands for all that a section's audit was about: its files, and which mutants there are.

    The rest of the engine is left out. Where a change of it lets something through, a sample shows that too.
    """
    mutating = sorted((Path(__file__).parents[1] / "mutating").glob("*.py"))
    own = (material.grader, material.reference, material.checkpoint_file, _equivalents(material))
    found = hashlib.blake2b(digest_size=16)
    for path in (*own, *alternatives(material), *material.given, *mutating):
        found.update(hashlib.blake2b(path.read_bytes() if path.exists() else b"").digest())
    return found.hexdigest()


def alternatives(material: Material) -> list[Path]:
    """Solutions that are written in other ways than the reference."""
    return sorted((material.course.root / "tests" / "alternatives").glob(f"{material.name}_*.py"))


def holds(material: Material) -> bool:
    """Whether the whole audit has held on just these sources."""
    return _read(material).get(material.name) == digest(material)


def write(material: Material) -> None:
    """Says that the whole audit has held on these sources."""
    if not _file(material).parent.is_dir():
        return  # a course without tests keeps no record
    entries = _read(material) | {material.name: digest(material)}
    lines = [f'{name} = "{entries[name]}"\n' for name in material.course.sections if name in entries]
    _file(material).write_text(_HEAD + "".join(lines), "utf-8")


def sample(everything: Sequence[T], size: int, text: Callable[[T], str]) -> list[T]:
    """So many of several things, or all; the choice follows from their texts, in the order in which they stand."""
    drawn = sorted(everything, key=lambda each: hashlib.blake2b(text(each).encode()).digest())
    chosen = {id(each) for each in drawn[:size]}
    return [each for each in everything if id(each) in chosen]


def explained(material: Material) -> dict[tuple[str, str], str]:
    """The survivors that are no mistakes, by exercise and diff, with the reason."""
    path = _equivalents(material)
    if not path.exists():
        return {}
    entries = tomllib.loads(path.read_text("utf-8")).get("equivalent", [])
    return {(entry["exercise"], bare(entry["diff"])): entry["reason"] for entry in entries}


def bare(diff: str) -> str:
    """A diff without its indentation, to be compared."""
    return "\n".join(line[:1] + line[1:].strip() for line in diff.strip().splitlines())


def _equivalents(material: Material) -> Path:
    return material.course.root / "tests" / "equivalents" / f"{material.name}.toml"


def _file(material: Material) -> Path:
    return material.course.root / "tests" / "audited.toml"


def _read(material: Material) -> dict[str, str]:
    path = _file(material)
    return dict(tomllib.loads(path.read_text("utf-8"))) if path.exists() else {}
