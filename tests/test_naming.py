"""Which definition is which exercise, where names differ or two share one."""

from graders.engine.values.messages import Cell, Loaded
from graders.engine.worker.loading import Loader
from graders.engine.worker.naming import Names

PLAIN = "class SGD:\n    def __init__(self, params, lr): self.kind = 'plain'\n"
GROUPS = "class SGD:\n    def __init__(self, params, **kwargs): self.kind = [g['params'] for g in params]\n"
STUB = "class SGD:\n    def __init__(self, params, lr): raise NotImplementedError('SGD')\n"


def loaded(*texts: str, stub: str = "") -> tuple[Loader, Loaded]:
    loader = Loader("answer", tuple(Cell(f"{i}.py", text) for i, text in enumerate(texts)), lambda *_: None, {}, None)
    loader.names = Names({"SGD": "Groups", "final": "last"}, {"SGD": "'params'"})
    return loader, loader.load(("SGD", "Groups", "last"), stub)


def test_one_plain_class_is_no_attempt_at_the_other() -> None:
    loader, found = loaded(PLAIN)
    assert found.lines == {"SGD": 1}
    assert not hasattr(loader.module, "Groups")


def test_of_two_classes_with_one_name_each_exercise_gets_its_own() -> None:
    for texts in ((PLAIN, GROUPS), (GROUPS, PLAIN), (PLAIN + GROUPS,)):
        loader, found = loaded(*texts)
        assert loader.module.SGD([], 1).kind == "plain"
        assert loader.module.Groups([{"params": 1}]).kind == [1]
        assert found.lines.keys() == {"SGD", "Groups"}


def test_one_class_that_takes_groups_may_be_both() -> None:
    loader, found = loaded(GROUPS)
    assert loader.module.SGD is loader.module.Groups
    assert found.lines == {"SGD": 1, "Groups": 1}


def test_who_has_the_exercises_own_name_is_not_looked_up_elsewhere() -> None:
    loader, _ = loaded(PLAIN + GROUPS + "class Groups: kind = 'own'\n")
    assert loader.module.Groups.kind == "own"


def test_what_is_assigned_counts_and_a_stub_stays_one() -> None:
    loader, found = loaded("final = lambda items: items[-1]\n" + STUB, stub=STUB)
    assert loader.module.last([1, 2]) == 2
    assert found.unattempted == {"SGD"}
    _, found = loaded(
        "def final(items):\n    raise NotImplementedError\n", stub="def last(items): raise NotImplementedError"
    )
    assert found.unattempted == {"last"}
