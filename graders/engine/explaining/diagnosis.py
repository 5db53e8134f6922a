"""Names the misunderstanding that a failure looks like."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from graders.engine.authoring.material import Material
from graders.engine.authoring.section import Mistake
from graders.engine.comparing.judging import Failure, Rule
from graders.engine.explaining.pairs import Effect, Effects, plausible
from graders.engine.explaining.trials import Trials, Unchangeable
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
MAX_PAIRS_OF_ONE, MAX_PAIRS = 60, 240  # pairs of mistakes that are tried for an exercise, and for a section
MAX_SLOW = 3  # of an exercise, pairs that take a worker of their own to be tried


class _Looked(NamedTuple):
    """A failing check for which a mistake was looked for."""

    check: Item
    rule: Rule
    compared: Sequence[Failure]  # on which a mistake has to show the same as the submission
    named: Mistake | None  # the one that was found
    alone: Effects  # what each does there alone, where none was found


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
        self._looked: list[_Looked] = []
        self._passing: dict[tuple[Mistake, ...], bool] = {}
        self._pairs_left = MAX_PAIRS

    def mistake(
        self, check: Item, rule: Rule, failures: Sequence[Failure], passing: Sequence[tuple[bytes, bytes]]
    ) -> Mistake | None:
        """The mistake that shows what the submission showed on all of `failures`, or the first few of many.

        Args:
            check: the check that failed.
            rule: how it is judged.
            failures: its failing examples.
            passing: examples of it that the submission passes, with what is expected: the mistake passes them too.
        """
        compared = [failure for failure in failures if failure.seen][:MAX_COMPARED]
        if not compared:
            return None
        candidates = [each for each in self._material.section.mistakes if each.exercise == check.exercise]
        candidates.sort(key=lambda each: each not in self._named)  # one belief may well show in several checks
        shown_by: dict[Mistake, list[Seen]] = {}
        found = None
        for each in candidates:
            if (shown := self._shown([each], check, compared)) is None:
                continue
            fits = _are_same(rule, compared, shown) and self._agrees(each, check, rule, passing)
            if fits and self._passes_what_is_right(each):
                found = each
                break
            shown_by[each] = shown
        if found and found not in self._named:
            self._named.append(found)
        plain = replace(rule, judge=None)  # judges may take long, and this is but a weighing
        alone = {} if found else {each: _effects(plain, compared, shown) for each, shown in shown_by.items()}
        self._looked.append(_Looked(check, rule, compared, found, alone))
        return found

    def pair(self, exercise: str) -> dict[str, tuple[Mistake, ...]]:
        """Two mistakes that together show what the submission showed, for the core checks of an exercise for which no
        single one was found, by their names; nothing where no two do, or others do so as well.

        They have to show the same in all these checks; in those that go beyond the text, and where a single one was
        found, they may as well do nothing. If they show the same there too, no third mistake is named there.
        """
        looked = [each for each in self._looked if each.check.exercise == exercise]
        unnamed = [each for each in looked if not each.named and not each.check.extra]
        if not unnamed:
            return {}
        names = [each.check.name for each in unnamed]
        others = [each for each in looked if each.check.name not in names]
        fitting = (pair for pair in self._possible(unnamed, others) if self._is_pair(pair, unnamed, others))
        found = list(islice(fitting, 2))
        if len(found) != 1:
            return {}
        (pair,) = found
        alike = [each for each in others if each.named not in pair and self._does(pair, each, {"same"})]
        return dict.fromkeys(names, pair) | {each.check.name: self._enough(pair, each) for each in alike}

    def _enough(self, pair: tuple[Mistake, Mistake], looked: _Looked) -> tuple[Mistake, ...]:
        """The one of the two that shows the same alone, if one does; else both."""
        return next(((each,) for each in pair if self._does((each,), looked, {"same"})), pair)

    def _possible(self, unnamed: Sequence[_Looked], others: Sequence[_Looked]) -> Iterator[tuple[Mistake, Mistake]]:
        """The pairs that show the same at a glance, on one example. There are not too many that are tried."""
        first = unnamed[0]._replace(compared=unnamed[0].compared[:1])
        inputs = [failure.inputs for failure in first.compared]
        elsewhere = {mistake for each in others for mistake, does in each.alone.items() if {*does} != {"none"}}
        elsewhere |= {each.named for each in others if each.named}
        pairs = plausible([each.alone for each in unnamed], elsewhere)
        apart = (pair for pair in pairs if self._material.are_apart(*pair))
        most_slow = MAX_SLOW
        for pair in islice(apart, min(MAX_PAIRS_OF_ONE, self._pairs_left)):
            self._pairs_left -= 1
            try:
                shown = self._trials.glimpsed(first.check.name, inputs, *pair)
                if shown and _are_same(first.rule, first.compared, shown):
                    yield pair
            except Unchangeable:
                most_slow -= 1
                if most_slow >= 0 and self._does(pair, first, {"same"}):
                    yield pair
            self._trials.leave(*pair)

    def _is_pair(self, pair: Sequence[Mistake], asked: Sequence[_Looked], others: Sequence[_Looked]) -> bool:
        return (
            all(self._does(pair, each, {"same"}) for each in asked)
            and all(self._does(pair, each, {"same"}, {"none"}) for each in others)
            and self._passes_what_is_right(*pair)
        )

    def _does(self, pair: Sequence[Mistake], looked: _Looked, *wanted: set[Effect]) -> bool:
        shown = self._shown(pair, looked.check, looked.compared)
        return shown is not None and {*_effects(looked.rule, looked.compared, shown)} in wanted

    def _shown(self, mistakes: Sequence[Mistake], check: Item, compared: Sequence[Failure]) -> list[Seen] | None:
        return self._trials.shown(check.name, [failure.inputs for failure in compared], *mistakes)

    def _agrees(self, mistake: Mistake, check: Item, rule: Rule, passing: Sequence[tuple[bytes, bytes]]) -> bool:
        """Whether a mistake passes the examples of a failing check that the submission passes."""
        inputs, expected = [each[0] for each in passing], [each[1] for each in passing]
        return not inputs or self._accepts(check.name, rule, inputs, expected, mistake)

    def _passes_what_is_right(self, *mistakes: Mistake) -> bool:
        if mistakes not in self._passing:
            questions = [
                question
                for question in self._paper.questions
                if question.exercise == mistakes[0].exercise and question.name in self._right
            ]
            self._passing[mistakes] = all(self._passes(mistakes, item) for item in self._paper.some(questions))
        return self._passing[mistakes]

    def _passes(self, mistakes: Sequence[Mistake], item: Item) -> bool:
        inputs, expected = item.inputs[:_MAX_PASSING], item.expected[:_MAX_PASSING]
        rule = Rule(self._material.section.checks[item.name].judge, item.changes_inputs)
        return self._accepts(item.name, rule, inputs, expected, *mistakes)

    def _accepts(
        self, check: str, rule: Rule, inputs: Sequence[bytes], expected: Sequence[bytes], *mistakes: Mistake
    ) -> bool:
        shown = self._trials.shown(check, inputs, *mistakes)
        return shown is not None and rule.accepts(inputs, expected, shown)


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


def _are_same(rule: Rule, compared: Sequence[Failure], shown: Sequence[Seen]) -> bool:
    return all(_is_same(rule, failure, seen) for failure, seen in zip(compared, shown, strict=True))


def _effects(rule: Rule, compared: Sequence[Failure], shown: Sequence[Seen]) -> list[Effect]:
    return [_effect(rule, failure, seen) for failure, seen in zip(compared, shown, strict=True)]


def _effect(rule: Rule, failure: Failure, shown: Seen) -> Effect:
    if rule.failure(failure.inputs, failure.expected, shown) is None:
        return "none"
    return "same" if _is_same(rule, failure, shown) else "other"
