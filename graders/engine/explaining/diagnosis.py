"""Names the misunderstanding that a failure looks like."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from graders.engine.authoring.material import Material
from graders.engine.authoring.section import Mistake
from graders.engine.comparing.judging import Failure, Rule
from graders.engine.explaining.trials import Trials
from graders.engine.setting.paper import Item, Paper
from graders.engine.values import codec
from graders.engine.values.messages import Seen

_REFUSALS = ("TypeError", "ValueError", "AssertionError")  # of what a function is given
_COMMON = ("TypeError", "ValueError", "RuntimeError", "AttributeError", "NameError", "IndexError", "UnboundLocalError")
_PRODUCT = re.compile(r"matmul: |not aligned|mat1 and mat2|size mismatch, ")
_RAISES = re.compile(r"(^|: )raise\b")
_WORD = re.compile(r"[^\W\d]+")
MAX_COMPARED = 12  # failing examples on which a mistake must show the same as the submission
_MAX_PASSING = 30  # examples of a check that the submission passes, which the mistake must pass as well


class Diagnosis:
    """The known mistakes of a section, tried on what a submission showed.

    Args:
        material, paper: the section.
        trials: where they are acted out.
        right: the checks that the submission passes. A mistake that fails one of them is not the one it has made.
    """

    def __init__(self, material: Material, paper: Paper, trials: Trials, right: Collection[str]):
        self._material, self._paper, self._trials, self._right = material, paper, trials, right
        self._named: list[Mistake] = []
        self._passing: dict[tuple[str, tuple[object, ...]], bool] = {}

    def mistake(self, check: Item, rule: Rule, failures: Sequence[Failure]) -> Mistake | None:
        """The mistake that shows what the submission showed on all of `failures`, or the first few of many."""
        compared = [failure for failure in failures if failure.seen][:MAX_COMPARED]
        if not compared:
            return None
        candidates = [each for each in self._material.section.mistakes if each.exercise == check.exercise]
        candidates.sort(key=lambda each: each not in self._named)  # one belief may well show in several checks
        found = next((each for each in candidates if self._fits(each, check, rule, compared)), None)
        if found and found not in self._named:
            self._named.append(found)
        return found

    def _fits(self, candidate: Mistake, check: Item, rule: Rule, compared: Sequence[Failure]) -> bool:
        shown = self._trials.shown(check.name, [failure.inputs for failure in compared], candidate)
        if shown is None or not all(
            _is_same(rule, failure, seen) for failure, seen in zip(compared, shown, strict=True)
        ):
            return False
        return self._passes_what_is_right(candidate)

    def _passes_what_is_right(self, candidate: Mistake) -> bool:
        key = (candidate.exercise, candidate.edits)
        if key not in self._passing:
            questions = [
                question
                for question in self._paper.questions
                if question.exercise == candidate.exercise and question.name in self._right
            ]
            self._passing[key] = all(self._passes(candidate, item) for item in self._paper.some(questions))
        return self._passing[key]

    def _passes(self, candidate: Mistake, item: Item) -> bool:
        inputs, expected = item.inputs[:_MAX_PASSING], item.expected[:_MAX_PASSING]
        shown = self._trials.shown(item.name, inputs, candidate)
        if shown is None:
            return False
        rule = Rule(self._material.section.checks[item.name].judge, item.changes_inputs)
        return rule.accepts(inputs, expected, shown)


def _refuses_alike(observed: object, shown: object) -> bool:
    """Whether an assertion of the submission refuses what the mistake refuses with an exception of its own: exercises
    are handed out with assertions about what they are given, and who gets there believes the same."""
    match observed, shown:
        case codec.Raised(type="AssertionError"), codec.Raised(type=kind) if kind in _REFUSALS:
            return _own_line(observed).startswith("assert")
    return False


def _breaks_otherwise(observed: object, shown: object) -> bool:
    """Whether both end in an exception that very many faults end in, and not with the same words: that the types are
    equal proves nothing, if the submission does not raise it itself. Numbers in the words do not count."""
    match observed, shown:
        case codec.Raised(type=kind, message=message), codec.Raised(message=other) if kind in _COMMON:
            return _words(message) != _words(other) and not _RAISES.search(_own_line(observed))
    return False


def _own_line(raised: codec.Raised) -> str:
    """The line of the submission that an exception came from."""
    return raised.trace.rpartition("\n")[2].strip()


def _words(message: str) -> list[str]:
    if _PRODUCT.search(message):  # libraries say the same of it in other words
        return ["shapes", "do", "not", "fit"]
    return _WORD.findall(message.partition("\n")[0])


def _is_same(rule: Rule, failure: Failure, shown: Seen) -> bool:
    assert failure.seen is not None  # the caller has left those out
    if shown.changed != failure.seen.changed:
        return False
    both = codec.decode(failure.seen.observation), codec.decode(shown.observation)
    if _refuses_alike(*both):
        return True
    if _breaks_otherwise(*both):
        return False
    observed = Seen(failure.seen.observation)
    return replace(rule, changes_inputs=True).failure(failure.inputs, shown.observation, observed) is None
