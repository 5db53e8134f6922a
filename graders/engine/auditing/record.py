"""On which sources the whole audit of a section has held: the repository says it, so that others need only a sample.

`tests/audited.toml` has a line a section, with a digest of everything its verdicts depend on. Where that is still the
same, a sample of mutants is enough to show that nothing has come loose; where it is not, all of them are tried again.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path

from graders.engine.authoring.material import Material
from graders.engine.mutating.mutants import Mutant

# The folders of the engine that verdicts follow from.
_ENGINE = ("authoring", "comparing", "marking", "mutating", "setting", "sitting", "values", "worker")
_HEAD = "# Written by `python grade.py audit`: the sources on which every mutant was tried and the audit held.\n\n"


def digest(material: Material) -> str:
    """Stands for all that the verdicts on a section's mutants depend on."""
    root = Path(__file__).parents[1]
    engine = [path for folder in _ENGINE for path in sorted((root / folder).rglob("*.py"))]
    found = hashlib.blake2b(digest_size=16)
    for path in (material.grader, material.reference, _equivalents(material), *material.given, *engine):
        found.update(hashlib.blake2b(path.read_bytes() if path.exists() else b"").digest())
    return found.hexdigest()


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


def sample(mutants: Sequence[Mutant], size: int) -> list[Mutant]:
    """So many of the mutants, or all; the choice follows from their texts, in the order in which they stand."""
    drawn = sorted(mutants, key=lambda mutant: hashlib.blake2b(f"{mutant.exercise}\n{mutant.diff}".encode()).digest())
    chosen = {id(mutant) for mutant in drawn[:size]}
    return [mutant for mutant in mutants if id(mutant) in chosen]


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
