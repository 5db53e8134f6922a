"""Publishing the research notebook: the workflow is executed as it is written, in a fork with notes and an extract.

`tests/ci_runner.py` says what stands in for GitHub.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ci_runner import Job, Step, course_with, job_environment, read_yaml, run_workflow, sandboxed_python
from command import ANSWERS, PROJECT, command

WORKFLOW = PROJECT / ".github" / "workflows" / "notebook.yml"
TITLE = 'Mine "and" $(touch taken) `touch taken` <b>'
NOTES = "# What surprised me\n\nThat $x^2$ is never negative.\n"
PUBLISHING = ["actions/configure-pages@v5", "actions/upload-pages-artifact@v3", "actions/deploy-pages@v4"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandboxed_python(tmp_path_factory.mktemp("python") / "venv")


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    """A learner's fork, with answers and notes."""
    folder = course_with(tmp_path / "fork", "small")
    shutil.copy(ANSWERS / "small.py", folder / "exercises")
    (folder / "notes").mkdir()
    (folder / "notes" / "small.md").write_text(NOTES)
    return folder


@pytest.fixture
def published(tmp_path: Path, python: Path, fork: Path) -> Callable[..., tuple[Job, Path]]:
    """Runs the workflow on what is committed of the fork: the job, and the folder that is published."""

    def checkout(job: Job, _: Step, given: dict[str, str]) -> None:
        left_out = shutil.ignore_patterns(".progress.sqlite3*", ".papers", "report.html")  # as .gitignore has it
        shutil.copytree(fork, job.workspace, dirs_exist_ok=True, ignore=left_out)

    def upload(job: Job, _: Step, given: dict[str, str]) -> None:
        shutil.copytree(given["path"], tmp_path / "site")

    def nothing(job: Job, _: Step, given: dict[str, str]) -> None:
        pass

    def run(**variables: str) -> tuple[Job, Path]:
        workspace, temp = tmp_path / "workspace", tmp_path / "temp"
        workspace.mkdir()
        temp.mkdir()
        uses = {"actions/checkout": checkout, "actions/upload-pages-artifact": upload}
        others = dict.fromkeys(("setup-python", "configure-pages", "deploy-pages"), nothing)
        uses |= {f"actions/{name}": use for name, use in others.items()}
        contexts = {"vars": variables, "runner": {"temp": str(temp)}}
        job = Job(workspace, temp, contexts, job_environment(python) | {"CI": "true"}, uses)
        run_workflow(WORKFLOW, job, {})
        return job, tmp_path / "site"

    return run


def test_notes_and_progress_are_published_as_one_page(published, fork):
    diary = str(fork / ".progress.sqlite3")
    for words, status in ((["small"], 1), (["report", "--json", "notes/progress.json"], 0)):
        assert command(*words, "--course", fork, cwd=fork, GRADE_PROGRESS=diary).returncode == status
    job, site = published(NOTEBOOK_TITLE=TITLE)
    assert not job.failed, job.log
    assert [path.name for path in site.iterdir()] == ["index.html"]
    text = (site / "index.html").read_text("utf-8")
    assert "<h1>Mine &quot;and&quot; $(touch taken) `touch taken` &lt;b&gt;</h1>" in text
    assert "2 of 11 points" in text
    assert "What surprised me" in text
    assert "<msup>" in text
    assert not (job.workspace / "taken").exists()
    assert job.done[-3:] == PUBLISHING
    assert "::notice" not in job.log


def test_without_the_extract_notes_are_published_alone_and_that_is_said(published):
    job, site = published(NOTEBOOK_TITLE="Mine")
    assert not job.failed, job.log
    text = (site / "index.html").read_text("utf-8")
    assert "What surprised me" in text
    assert "Nothing was graded yet." in text
    assert "::notice title=Notes only::notes/progress.json is not committed" in job.log


def test_a_damaged_extract_publishes_nothing_and_says_why(published, fork):
    (fork / "notes" / "progress.json").write_text("<<<<<<< HEAD\n{}")
    job, site = published(NOTEBOOK_TITLE="Mine")
    assert job.failed
    assert not site.exists()
    assert "notes/progress.json holds nothing that `report --json` has written" in job.log


def test_nothing_runs_where_no_title_is_set(published):
    job, site = published(NOTEBOOK_TITLE="")
    assert (job.done, job.failed, site.exists()) == ([], False, False)


def test_it_may_publish_and_nothing_else():
    assert read_yaml(WORKFLOW)["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    (job,) = read_yaml(WORKFLOW)["jobs"].values()
    assert job["environment"]["name"] == "github-pages"  # deploy-pages asks for it
