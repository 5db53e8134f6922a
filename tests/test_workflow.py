"""Grading on push: workflow and action are executed as they are written, on answers that are right, wrong, or hostile.

`tests/ci_runner.py` says what stands in for GitHub. The course is this project with two small sections.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ci_runner import Job, Step, commit_all, git, read_yaml, run_workflow, sandboxed_python
from command import COURSE, PROJECT, environment
from markdown_it import MarkdownIt

WORKFLOW = PROJECT / ".github" / "workflows" / "grade.yml"
GITLAB = PROJECT / ".gitlab" / "grade.yml"
RIGHT = (COURSE / "reference" / "small.py").read_text()
WRONG = (COURSE / "answers" / "small.py").read_text()
HALVED = RIGHT.replace("return x / 2", "return x / 3")
TINY = "def same(x):\n    return x\n"
TINY_GRADER = """
from hypothesis import strategies as st
from graders.engine import Section
section = Section("tiny", title="A tiny section")
same = section.exercise("same")
same.call("gives_it_back", "Gives it back.", x=st.integers(0, 9))
"""
NO_COMMIT = "0" * 40

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandboxed_python(tmp_path_factory.mktemp("python") / "venv")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course's repository: this project's command and engine, and two small sections."""
    folder = tmp_path_factory.mktemp("upstream") / "course"
    ignored = shutil.ignore_patterns("__pycache__", ".papers", "checkpoints")
    for name in ("graders", ".github", ".gitlab", ".gradescope"):
        shutil.copytree(PROJECT / name, folder / name, ignore=ignored)
    shutil.copytree(PROJECT / "exercises" / "given", folder / "exercises" / "given", ignore=ignored)
    for name in ("grade.py", "pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, folder)
    shutil.copytree(COURSE / "graders", folder / "graders", dirs_exist_ok=True, ignore=ignored)
    shutil.copytree(COURSE / "reference", folder / "reference", ignore=ignored)
    (folder / "graders" / "__init__.py").write_text('SECTIONS = ("small", "tiny")\n')
    (folder / "graders" / "tiny.py").write_text(TINY_GRADER)
    (folder / "reference" / "tiny.py").write_text(TINY)
    commit_all(folder, "the course")
    return folder


@pytest.fixture
def answers(tmp_path: Path) -> Callable[..., str]:
    """Commits files to the learner's repository; the commit."""
    folder = tmp_path / "learner"

    def push(files: dict[str, str]) -> str:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return commit_all(folder, "answers")

    return push


@pytest.fixture
def pushed(tmp_path: Path, upstream: Path, python: Path) -> Callable[..., Job]:
    """Runs the workflow on the last commit of the learner's repository. Caches live as long as the test."""
    repositories = {"school/course": upstream, "learner/answers": tmp_path / "learner"}
    runs: list[Job] = []

    def run(before: str = NO_COMMIT, inputs: dict[str, str] | None = None, **variables: str) -> Job:
        number = len(runs) + 1
        workspace, temp = tmp_path / f"workspace-{number}", tmp_path / f"temp-{number}"
        for folder in (workspace, temp):
            folder.mkdir()
        github = {"ref": "refs/heads/main", "run_id": str(number), "run_attempt": "1", "event": {"before": before}}
        contexts = {
            "github": github | {"repository": "learner/answers", "token": "secret"},
            "runner": {"temp": str(temp)},
            "vars": {"GRADE_COURSE": "school/course", "GRADE_COURSE_COMMIT": git(upstream, "rev-parse", "HEAD")}
            | variables,
        }
        job = Job(workspace, temp, contexts, job_environment(python), USES | {"actions/checkout": checkout})
        job.environment["CACHES"] = str(tmp_path / "caches")
        run_workflow(WORKFLOW, job, inputs or {})
        runs.append(job)
        return job

    def checkout(job: Job, _: Step, given: dict[str, str]) -> None:
        repository = repositories[given.get("repository", "learner/answers")]
        git(job.workspace, "clone", "--quiet", str(repository), given["path"])
        git(job.workspace / given["path"], "checkout", "--quiet", given.get("ref") or "HEAD")

    return run


def job_environment(python: Path) -> dict[str, str]:
    kept = {name: value for name, value in environment().items() if not re.match("GITHUB_|PYTHON|PIP_|COLUMNS", name)}
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}  # which means: without isolation
    return kept | offline | {"PATH": f"{python}:{os.environ['PATH']}", "VIRTUAL_ENV": str(python.parent)}


def restore(job: Job, _: Step, given: dict[str, str]) -> None:
    caches = Path(job.environment["CACHES"])
    found = sorted(caches.glob("*")) if caches.exists() else []
    prefix = given["restore-keys"].replace("/", "_")
    if matching := [path for path in found if path.name.startswith(prefix)]:
        shutil.copytree(matching[-1], given["path"])


def save(job: Job, _: Step, given: dict[str, str]) -> None:
    if Path(given["path"]).exists():
        shutil.copytree(given["path"], Path(job.environment["CACHES"]) / given["key"].replace("/", "_"))


def upload(job: Job, _: Step, given: dict[str, str]) -> None:
    if Path(given["path"]).exists():
        shutil.copytree(given["path"], job.workspace / "artifact")


USES = {
    "actions/setup-python": lambda job, step, given: None,
    "actions/cache/restore": restore,
    "actions/cache/save": save,
    "actions/upload-artifact": upload,
}


def record(job: Job) -> dict[str, Any]:
    return json.loads((job.workspace / "artifact" / "grade.json").read_text())


def commands(log: str) -> list[str]:
    """The workflow commands that GitHub's runner finds in a log: `::` starts a line, `##[` stands anywhere."""
    found, stopped = [], ""
    for line in log.splitlines():
        text = line.strip()
        if stopped:
            stopped = "" if text == f"::{stopped}::" else stopped
        elif text.startswith("::stop-commands::"):
            stopped = text.removeprefix("::stop-commands::")
        elif text.startswith("::") or "##[" in text:
            found.append(text)
    return found


# %% Right, wrong


def test_right_answers_pass(pushed, answers):
    answers({"exercises/small.py": RIGHT})
    job = pushed(inputs={"sections": "small"})
    assert not job.failed, job.log
    assert job.summary.startswith("## Grade: 11 of 11 points\n")
    assert commands(job.log) == ["::notice title=Grade%3A 11 of 11 points::No check fails."]
    assert sorted(path.name for path in (job.workspace / "artifact").iterdir()) == [
        "annotations.txt", "classroom.json", "grade.html", "grade.json", "grade.md", "grade.xml",
    ]  # fmt: skip
    assert {name: job.steps["grade"]["outputs"][name] for name in ("score", "points")} == {
        "score": "11",
        "points": "11",
    }


def test_a_section_cannot_be_an_option(pushed, answers):
    """Whoever may start a workflow says `sections`, and would say from where the checks come."""
    answers({"exercises/small.py": RIGHT, "graders/__init__.py": "print('ran in the grader')"})
    job = pushed(inputs={"sections": "small --course ."})
    assert job.failed
    assert "sections has to be names of sections" in job.log
    assert "ran in the grader" not in job.log


def test_wrong_answers_fail_with_everything_reported(pushed, answers):
    answers({"exercises/small.py": WRONG})
    job = pushed(inputs={"sections": "small"})
    assert job.failed
    assert "## Grade: 2 of 11 points" in job.summary
    assert "This looks like:** The columns are summed, not the rows." in job.summary
    errors = [line for line in commands(job.log) if line.startswith("::error ")]
    assert len(errors) == 5
    assert errors[0].startswith("::error file=exercises/small.py,line=12,title=row_sums%3A failed::Not yet: ")
    assert errors[1].startswith("::error file=exercises/small.py,line=18,title=inverse%3A raised::")
    assert record(job)["score"] == 2
    result = json.loads(base64.b64decode(job.steps["grade"]["outputs"]["classroom"]))
    assert (result["version"], result["status"], result["max_score"]) == (1, "fail", 11)
    assert job.done[-2:] == ["Keep the result for the next time", "Keep the reports"]


def test_less_can_be_enough(pushed, answers):
    answers({"exercises/small.py": HALVED})
    job = pushed(inputs={"sections": "small"}, GRADE_MIN_SCORE="90")
    assert not job.failed, job.log


def test_without_a_pinned_course_nothing_is_graded(pushed, answers):
    answers({"exercises/small.py": RIGHT})
    job = pushed(GRADE_COURSE_COMMIT="main")
    assert job.failed
    assert "The course's commit has to be said in full" in job.log
    assert job.summary == ""


def test_where_no_course_is_named_nothing_is_run(pushed, answers):
    answers({"exercises/small.py": RIGHT})
    job = pushed(GRADE_COURSE="")
    assert (job.done, job.failed) == ([], False)


# %% What changed


def test_only_what_has_changed_is_graded_and_compared_with_the_last_time(pushed, answers):
    first = answers({"exercises/small.py": HALVED, "exercises/tiny.py": TINY})
    before = pushed()
    assert "Sections: all" in before.log
    assert "nothing to compare with" in before.log

    answers({"exercises/small.py": RIGHT})
    job = pushed(before=first)
    assert "Sections: small\n" in job.log
    assert [section["name"] for section in record(job)["sections"]] == ["small"]
    assert "Since the last time: 1 point more, from 10 to 11.\n\n- newly passed: `halve`\n" in job.summary
    assert "Since the last time: 1 point more" in (job.workspace / "artifact" / "grade.html").read_text()

    never_graded = answers({"exercises/tiny.py": TINY + "\n"})
    answers({"README.md": "mine"})
    job = pushed(before=never_graded)
    assert "Sections: tiny\n" in job.log
    assert "Since the last time: nothing has changed." in job.summary  # of tiny, which was graded two runs ago


@pytest.mark.parametrize("before", [NO_COMMIT, "f" * 40, "--help", ""])
def test_all_is_graded_where_it_is_not_known_what_changed(answers, tmp_path, before, upstream):
    answers({"exercises/small.py": RIGHT})
    assert changed(upstream, tmp_path / "learner", before) == "all\n"


def test_a_notebook_counts_as_well_and_other_files_do_not(answers, tmp_path, upstream):
    first = answers({"exercises/small.py": RIGHT})
    second = answers({"exercises/tiny.ipynb": "{}", "README.md": "mine"})
    assert changed(upstream, tmp_path / "learner", first) == "tiny\n"
    answers({"README.md": "yours", "graders/small.py": ""})
    assert changed(upstream, tmp_path / "learner", second) == "all\n"


def test_a_file_beside_an_answer_counts_where_the_answer_imports_it(answers, tmp_path, upstream):
    files = {
        "exercises/small.py": "from mine import f\nimport mylib\n",
        "exercises/tiny.py": "x = 1\n",
        "exercises/mine.py": "f = 1\n",
        "exercises/mylib/__init__.py": "f = 1\n",
    }
    first = answers(files)
    second = answers({"exercises/mine.py": "f = 2\n"})
    assert changed(upstream, tmp_path / "learner", first) == "small\n"
    answers({"exercises/mylib/__init__.py": "f = 2\n"})
    assert changed(upstream, tmp_path / "learner", second) == "small\n"


def changed(upstream: Path, folder: Path, before: str) -> str:
    script = upstream / ".github" / "actions" / "grade" / "changed.py"
    command = [sys.executable, "-I", script, folder, "exercises", before]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_damaged_memory_costs_the_comparison_and_nothing_else(pushed, answers, tmp_path):
    answers({"exercises/small.py": RIGHT})
    memory = tmp_path / "caches" / "grade-refs_heads_main-0-1"
    memory.mkdir(parents=True)
    (memory / "grade.json").write_text('{"sections": 3')
    (memory / "commit").write_text("$(touch /tmp/no)\n")
    job = pushed(inputs={"sections": "small"})
    assert not job.failed, job.log
    assert "holds no result that --json has written" in job.log
    assert "Since the last time" not in job.summary


# %% Hostile


def hostile(marker: Path) -> dict[str, str]:
    """A repository that has a trap wherever a careless workflow would step."""
    trap = f"open({str(marker)!r}, 'a').write(__file__ + chr(10))\n"
    answer = """
def halve(x):
    import os
    print("::error::owned")
    print("  ::add-mask::points")
    print("##[add-path]/tmp")
    print("::stop-commands::x")
    for name in ("GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "RUNNER_TEMP"):
        assert name not in os.environ
    raise ValueError("</code></pre><script>alert(1)</script> ```\\n# <img src=x> ::warning::owned")
"""
    modules = "pip setuptools msgspec rich hypothesis numpy torch json re secrets sitecustomize usercustomize graders"
    files = {f"{name}.py": trap for name in modules.split()}
    files |= {f"exercises/{name}.py": trap for name in ("given", "conftest", "numpy", "reference")}
    return files | {
        "exercises/small.py": answer,
        "grade.py": trap + "raise SystemExit(0)",
        "graders/__init__.py": trap + "SECTIONS = ('small',)",
        "graders/small.py": trap,
        "graders/commands/cli.py": trap + "def main(arguments): return 0",
        "reference/small.py": answer,
        "course/grade.py": trap,
        "course/.github/actions/grade/action.yml": "runs: {using: composite, steps: []}",
        ".github/actions/grade/action.yml": "runs: {using: composite, steps: []}",
        ".github/actions/grade/changed.py": trap,
        ".github/actions/grade/remember.py": trap,
        "conftest.py": trap,
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'trap'\nbackend-path = ['.']",
        "trap.py": trap,
        "pip.conf": "[global]\nindex-url = https://example.org",
        ".gitattributes": "*.py diff=trap filter=trap",
        ".hypothesis/constants/x": "x",
    }


def test_a_hostile_repository_gets_what_its_answers_are_worth_and_runs_nothing(pushed, answers, tmp_path):
    marker = tmp_path / "sprung"
    first = answers({"exercises/small.py": ""})
    answers(hostile(marker))
    job = pushed(before=first)
    assert not marker.exists(), marker.read_text()
    assert job.failed
    assert "Sections: small\n" in job.log
    graded = record(job)
    assert (graded["score"], graded["points"]) == (0, 11)
    assert graded["sections"][0]["exercises"][0]["status"] == "raised"
    found = commands(job.log)
    assert [line.partition(" ")[0] for line in found] == ["::error", "::notice"]
    assert found[0].startswith("::error file=exercises/small.py,line=10,title=halve%3A raised::")
    shown = MarkdownIt().enable("table").render(job.summary)
    assert "&lt;img src=x&gt;" in shown
    assert not re.search("<(img|script|a) ", shown)


def test_a_folder_that_is_a_link_to_the_reference_is_not_graded(pushed, answers, tmp_path):
    answers({"README.md": "My answers"})
    (tmp_path / "learner" / "exercises").symlink_to("../course/reference")
    answers({})
    job = pushed()
    assert (job.workspace / "answers" / "exercises" / "small.py").is_file()  # there is something at its end
    assert job.failed
    assert "exercises/small.py leads, by a link, out of the folder that it is in" in job.log


def test_the_same_repository_runs_nothing_on_gitlab(answers, tmp_path, upstream, python):
    marker = tmp_path / "sprung"
    first = answers({"exercises/small.py": ""})
    answers(hostile(marker) | {"grade-report/grade.json": "{}"})
    finished, folder = on_gitlab(tmp_path, upstream, python, first)
    assert finished.returncode == 1, finished.stdout
    assert not marker.exists(), marker.read_text()
    assert json.loads((folder / "grade.json").read_text())["points"] == 11
    (issue,) = json.loads((folder / "code-quality.json").read_text())
    assert issue["location"] == {"path": "exercises/small.py", "lines": {"begin": 10}}


# %% GitLab


def on_gitlab(
    tmp_path: Path, upstream: Path, python: Path, before: str, **variables: str
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Runs the template's job as it is written, but for `apt-get`, which is not there."""
    job = read_yaml(GITLAB)["grade"]
    given = {name: str(value) for name, value in job["variables"].items()} | {
        "PIP_EXTRA_INDEX_URL": "",
        "GRADE_COURSE": str(upstream),
        "GRADE_COURSE_COMMIT": git(upstream, "rev-parse", "HEAD"),
        "CI_COMMIT_BEFORE_SHA": before,
    }
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "apt-get").symlink_to("/bin/true")
    values = job_environment(python) | given | variables
    values["PATH"] = f"{bin_folder}:{values['PATH']}"
    finished = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join([*job["before_script"], *job["script"]])],
        cwd=tmp_path / "learner",
        env=values,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return finished, tmp_path / "learner" / "grade-report"


def test_right_answers_pass_on_gitlab(answers, tmp_path, upstream, python):
    first = answers({"exercises/small.py": WRONG})
    answers({"exercises/small.py": RIGHT})
    finished, folder = on_gitlab(tmp_path, upstream, python, first)
    assert finished.returncode == 0, finished.stderr
    assert json.loads((folder / "code-quality.json").read_text()) == []
    assert sorted(path.name for path in folder.iterdir()) == [
        "code-quality.json", "grade.html", "grade.json", "grade.md", "grade.xml",
    ]  # fmt: skip


def test_without_a_commit_nothing_is_graded_on_gitlab(answers, tmp_path, upstream, python):
    answers({"exercises/small.py": RIGHT})
    finished, folder = on_gitlab(tmp_path, upstream, python, NO_COMMIT, GRADE_COURSE_COMMIT="main")
    assert finished.returncode == 1
    assert "GRADE_COURSE_COMMIT has to be a commit in full" in finished.stdout
    assert not folder.exists()


@pytest.mark.parametrize("sections", ["small --course .", "", "-h", "small;true", "small\n--course ."])
def test_a_section_cannot_be_an_option_on_gitlab(answers, tmp_path, upstream, python, sections):
    answers({"exercises/small.py": RIGHT, "graders/__init__.py": "print('ran in the grader')"})
    finished, folder = on_gitlab(tmp_path, upstream, python, NO_COMMIT, GRADE_SECTIONS=sections)
    assert finished.returncode == 1
    assert "GRADE_SECTIONS has to be names of sections" in finished.stdout
    assert "ran in the grader" not in finished.stdout
    assert list(folder.iterdir()) == []
