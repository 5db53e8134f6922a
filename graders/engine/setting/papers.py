"""The paper of a section: from the shelf what lies there, the rest set when it is asked for."""

import hashlib
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from graders.engine.authoring import shaking
from graders.engine.authoring.material import Material
from graders.engine.authoring.outline import agree, outline
from graders.engine.errors import GraderError
from graders.engine.setting.paper import Advance, Cover, Examples, Paper, Question
from graders.engine.setting.shelf import Shelf

_FORMAT = 3
# The modules of the engine that have a part in what stands on a paper.
_MAKERS = ("authoring/material", "authoring/outline", "authoring/reading", "authoring/section", "authoring/shaking",
           "authoring/strategies", "authoring/stubs",
           "setting/drawing", "setting/paper", "setting/papers", "setting/setting", "values/arrays", "values/codec",
           "values/decoding", "values/definitions", "values/encoding", "values/message", "values/messages",
           "values/wire", "worker/observing")  # fmt: skip
_TORCH = re.compile(r"^[ \t]*(?:import|from) torch\b", re.MULTILINE)
_DRAWN_WITH = ("hypothesis", "numpy", "msgspec")  # what they draw or encode may change with their release


def paper(material: Material, seed: int, examples: int, *, keep: bool = True) -> Paper:
    """The paper of a section.

    Args:
        material: the section.
        seed: of the drawn inputs.
        examples: how many to draw for a check.
        keep: use what lies on the shelf, and lay there what is set.

    Raises:
        GraderError: the files of the section cannot be read.
    """
    shelf = Shelf(material.course, material.name)
    cover = _cover(material, shelf) if keep else _made(material)

    def bring(names: Sequence[str], advance: Advance) -> Mapping[str, Examples]:
        found = shelf.examples({name: cover.keys[name] for name in names}, seed, examples) if keep else {}
        if lacking := [name for name in names if name not in found]:
            from graders.engine.setting.setting import (
                set_examples,  # Hypothesis is imported only where inputs are drawn
            )

            agree(outline(material.grader_source), material.section)
            new = set_examples(material, lacking, seed, examples, advance)
            if keep:
                shelf.keep_examples(new, cover.keys, seed, examples)
            found |= new
        return found

    return Paper(cover, seed, examples, bring)


def key(material: Material, seed: int, examples: int) -> str:
    """A name for all that a paper depends on: sources, engine, libraries, seed and number of examples."""
    return _digest(_cover_key(material), str(seed), str(examples))


def _cover(material: Material, shelf: Shelf) -> Cover:
    key = _cover_key(material)
    cover = shelf.cover(key)
    if cover is None:
        cover = _made(material)
        shelf.keep_cover(key, cover)
    return cover


def _made(material: Material) -> Cover:
    said = outline(material.grader_source)
    common = _common(material)
    exercises = {check.exercise for check in said.checks}
    given = {f"exercises.given.{path.stem}" for path in material.given}  # no worker could read them later
    if not exercises:
        raise GraderError(f"{material.name} has no checks")
    if given_away := said.lent.keys() & exercises:
        raise GraderError(f"{material.name} lends {', '.join(sorted(given_away))}, which learners are to write")
    questions = tuple(
        Question(
            name=check.name,
            exercise=check.exercise,
            title=check.title,
            points=check.points,
            extra=check.extra,
            most=check.examples,
            seconds=check.seconds,
            changes_inputs=check.changes_inputs,
            judged=check.judged,
            asks_by_name=check.asks_by_name,
        )
        for check in said.checks
    )
    return Cover(
        section=material.name,
        title=said.title,
        probes=material.probes,
        imports=tuple(sorted(shaking.imports(material.probes) | given)),
        untouched=material.untouched,
        aliases=said.aliases,
        needs=said.needs,
        lent=said.lent,
        questions=questions,
        keys={each.name: _digest(common, shaking.closure(material.grader_source, each.name)) for each in questions},
    )


def _cover_key(material: Material) -> str:
    return _digest(_common(material), material.grader_source)


def _common(material: Material) -> str:
    """What all examples of a section depend on besides the grader file: reference, given code, engine, libraries."""
    engine = [Path(__file__).parents[1] / f"{name}.py" for name in _MAKERS]
    texts = [path.read_text("utf-8") for path in (*material.given, *engine)]
    uses_torch = _TORCH.search(material.reference_source) or _TORCH.search(material.grader_source)
    versions = [version(name) for name in (*_DRAWN_WITH, *(["torch"] if uses_torch else []))]
    parts = [str(_FORMAT), material.name, platform.python_version(), platform.machine(), *versions]
    return _digest(*parts, material.reference_source, *texts)


def _digest(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(hashlib.blake2b(part.encode()).digest())
    return digest.hexdigest()
