"""The comparison with other graders, `benchmarks/tricks.py`: this grader and plain pytest, which is always there."""

import os
import sys
from pathlib import Path

import pytest
from command import PROJECT
from test_hostile import FILES, HOSTILE

from graders.engine.worker import sandbox

sys.path.append(str(PROJECT / "benchmarks"))

import contained
import tricks
from assignments import NONE, Ours, Pytest, cells

EXPECTED = {"patched_numpy": "forged", "environment": "leaked", "exit_status": "lost", "claims_points": "fair"}

linux = pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support()))


@linux
@pytest.mark.slow
def test_tricks_get_what_they_deserve_here_and_all_sorts_of_things_from_plain_pytest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tricks.compare([Ours(), Pytest()], tricks.tricks([*EXPECTED]), tmp_path)
    assert {name: outcome.word for name, outcome in found["this grader"].items()} == dict.fromkeys(EXPECTED, "fair")
    assert {name: outcome.word for name, outcome in found["pytest"].items()} == EXPECTED
    assert found["pytest"]["patched_numpy"].reasons == ["halves_numbers", "sums_rows"]
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["patched_numpy", "fair", "forged"] in table


@linux
@pytest.mark.slow
def test_a_grader_that_does_not_know_the_solution_ends_the_comparison(tmp_path: Path) -> None:
    class Blind(Pytest):
        def scores(self, work: Path) -> dict[str, float]:
            return dict.fromkeys(super().scores(work), 0.0)

    with pytest.raises(SystemExit, match="pytest: the solution gets"):
        tricks.Bench(Blind(), tmp_path / "blind")


def test_each_hostile_submission_is_taken_or_left_out_for_a_reason() -> None:
    named = [HOSTILE / f"{name}.py" for names in tricks.LEFT_OUT.values() for name in names.split()]
    assert sorted([*named, *tricks.tricks()]) == FILES
    with pytest.raises(SystemExit, match="fork_bomb"):
        tricks.tricks(["fork_bomb"])


@linux
@pytest.mark.slow
@pytest.mark.parametrize("is_apart", [True, False], ids=["namespaces", "none"])
def test_a_contained_run_has_limits_and_an_end_and_it_is_told_who_outlived_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_apart: bool
) -> None:
    if not is_apart:
        monkeypatch.setattr(contained, "_wrapper", list)
    script = f"""if True:
        import os, subprocess, resource
        open({str(tmp_path / "home" / "here")!r}, "w").close()
        print(os.environ["GRADER_SECRET"], os.environ["HOME"], *resource.getrlimit(resource.RLIMIT_CORE))
        print(subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
    """
    ended = contained.run([sys.executable, "-c", script], tmp_path, [], "opensesame", 30)
    assert ended == contained.Ended(0, ["sleep"]), (tmp_path / "stderr").read_text()
    assert (tmp_path / "home" / "here").exists()
    said, pid = (tmp_path / "stdout").read_text().splitlines()
    assert said == f"opensesame {tmp_path / 'home'} 0 0"
    if not is_apart:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    assert contained.run(["sleep", "1000"], tmp_path, [], "", 0.1) == contained.Ended(None, [])


def test_a_notebook_has_a_cell_for_each_definition() -> None:
    pieces = [
        '"""Text."""\n\nimport numpy as np',
        "@np.vectorize\ndef halve(x):\n    return x / 2",
        "n = 1",
        "class A:\n    n = n",
    ]
    found = cells("\n\n\n".join(pieces))
    assert [cell.source for cell in found] == pieces
    assert [cell.name for cell in found] == ["answer", "", "", ""]
    assert [cell.source for cell in cells("")] == [""]


def test_files_count_as_left_unless_they_lie_where_the_submission_was_run(tmp_path: Path) -> None:
    bench = object.__new__(tricks.Bench)
    bench.grader, bench._usual, bench._steady = Pytest(), {"work", "home"}, {"work/test_small.py"}
    before = {"work": "", "work/test_small.py": "1"}
    after = {"work": "", "work/test_small.py": "2", "work/memory": "", "home": "", "home/here": ""}
    attempt = tricks.Attempt({}, "", ["sleep"], before, after, True)
    assert bench._leaks(attempt) == [
        "process sleep",
        "new 'home/here'",
        "changed 'work/test_small.py'",
        "the secret",
    ]
    bench.grader.place = NONE
    assert "new 'work/memory'" in bench._leaks(attempt)
    assert "new 'home/here'" not in bench._leaks(attempt._replace(trouble="no end within 60 seconds"))
