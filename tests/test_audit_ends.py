"""An audit that is stopped in the middle of its jobs: none of its processes and none of their folders stay behind."""

import os
import signal
import subprocess

import pytest
from command import GRADE, environment
from test_command_ends import SECONDS, descendants, eventually, processes

CHECK = """
same = section.exercise("same")

@same.check(x=st.integers(0, 9), seconds=1000)
def gives_it_back(solution, x):
    "Gives it back."
    return solution.same(x)
"""
ENDLESS_IN_WORKERS = """
import os

def same(x):
    while os.path.basename(os.getcwd()).startswith("grading-"):
        open("started", "w").close()
    return x
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_audit_that_is_stopped_does_not_wait_for_its_jobs(new_section, tmp_path, how):
    material = new_section(CHECK, ENDLESS_IN_WORKERS)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [*GRADE, "audit", "own", "--course", str(material.course.root)],
        env=environment(TMPDIR=str(temporary)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert eventually(lambda: list(temporary.glob("grading-*/started")))
        children = descendants(process.pid)
        assert len(children) >= 3  # a process that grades, what forks its workers, and a worker
        (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)  # Ctrl-C reaches the whole group
        _, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, said) == ((-how, "") if how == signal.SIGKILL else (130, "grade.py: stopped\n"))
    assert eventually(lambda: children.isdisjoint(processes()))
    if how != signal.SIGKILL:
        assert eventually(lambda: not list(temporary.iterdir()))
