"""The files that CI services and Gradescope read: valid by their schemas, and Gradescope's scripts really run.

The schemas of GitHub and GitLab are SchemaStore's, as check-jsonschema ships them.
"""

import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ci_runner import read_yaml, sandboxed_python
from command import PROJECT, environment

GRADESCOPE = PROJECT / ".gradescope"
ACTION = PROJECT / ".github" / "actions" / "grade" / "action.yml"
GRADE = PROJECT / ".github" / "workflows" / "grade.yml"
SECTION = "tensors"


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-actions", ACTION),
        ("vendor.github-workflows", GRADE),
        ("vendor.github-workflows", PROJECT / ".github" / "workflows" / "tests.yml"),
        ("vendor.github-workflows", PROJECT / ".github" / "workflows" / "audit.yml"),
        ("vendor.github-workflows", PROJECT / ".github" / "workflows" / "pages.yml"),
        ("vendor.gitlab-ci", PROJECT / ".gitlab" / "grade.yml"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_it_is_what_the_service_expects(schema, path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


def runs() -> list[str]:
    steps = read_yaml(ACTION)["runs"]["steps"]
    steps += [step for job in read_yaml(GRADE)["jobs"].values() for step in job["steps"]]
    return [step["run"] for step in steps if "run" in step]


def test_no_value_of_a_stranger_is_pasted_into_a_script():
    assert len(runs()) == 4
    assert [text for text in runs() if "${{" in text] == []


def test_no_script_looks_for_modules_among_the_answers():
    calls = [line.strip() for text in runs() for line in text.splitlines() if re.search(r"\bpython ", line)]
    assert len(calls) == 5
    assert all("python -I " in call or 'python "$course/grade.py"' in call for call in calls)


def test_the_workflow_asks_for_no_more_than_it_needs():
    workflow = read_yaml(GRADE)
    assert workflow["permissions"] == {"contents": "read"}
    checkouts = [step for step in workflow["jobs"]["grade"]["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False, False]


def test_what_the_workflow_hands_over_the_action_knows():
    (step,) = [step for step in read_yaml(GRADE)["jobs"]["grade"]["steps"] if step.get("id") == "grade"]
    assert step["with"].keys() <= read_yaml(ACTION)["inputs"].keys()


# %% Gradescope


@pytest.fixture(scope="module")
def autograder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gradescope's machine after the image was built: what is in the archive, where Gradescope puts it."""
    folder = tmp_path_factory.mktemp("autograder")
    archive = folder / "autograder.zip"
    said = subprocess.run(
        [sys.executable, GRADESCOPE / "build.py", SECTION, "--output", archive],
        cwd=folder, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert re.fullmatch(rf"{archive}: {SECTION}; give the assignment [\d.]+ points\n", said)
    with zipfile.ZipFile(archive) as packed:
        for item in packed.infolist():
            path = Path(packed.extract(item, folder / "source"))
            path.chmod(item.external_attr >> 16)
    (folder / "source" / "run_autograder").rename(folder / "run_autograder")
    machine(folder / "bin")
    run(folder / "source" / "setup.sh", folder)
    return folder


def machine(folder: Path) -> None:
    """The programs that setup.sh finds there, but that nothing is fetched: what it would install is here already."""
    inner = sandboxed_python(folder / "python")
    folder.mkdir(exist_ok=True)
    (folder / "apt-get").symlink_to("/bin/true")
    script = (
        f"#!{sys.executable}\nimport os, sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "if sys.argv[1:3] == ['-m', 'venv']:\n    from ci_runner import sandboxed_python\n"
        "    sandboxed_python(Path(sys.argv[3]))\n"
        f"else:\n    os.execv({str(inner / 'python')!r}, ['python', *sys.argv[1:]])\n"
    )
    (folder / "python3").write_text(script)
    (folder / "python3").chmod(0o755)


def run(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    values = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    finished = subprocess.run(
        [script], cwd="/", env=environment(**values), capture_output=True, text=True, timeout=300, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


def graded(autograder: Path, text: str | None) -> dict:
    for name in ("submission", "results"):
        folder = autograder / name
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
    if text is not None:
        (autograder / "submission" / f"{SECTION}.py").write_text(text)
    run(autograder / "run_autograder", autograder)
    return json.loads((autograder / "results" / "results.json").read_text("utf-8"))


@pytest.mark.slow
def test_right_answers_get_full_marks_on_gradescope(autograder):
    results = graded(autograder, (PROJECT / "reference" / f"{SECTION}.py").read_text("utf-8"))
    assert {test["status"] for test in results["tests"]} == {"passed"}
    assert results["score"] == sum(test["max_score"] for test in results["tests"]) > 0


@pytest.mark.slow
def test_an_untouched_file_gets_nothing_on_gradescope(autograder):
    results = graded(autograder, (PROJECT / "exercises" / f"{SECTION}.py").read_text("utf-8"))
    assert results["score"] == 0
    assert {test["status"] for test in results["tests"]} == {"failed"}


@pytest.mark.slow
def test_a_file_that_is_missing_or_no_python_is_said_to_the_student(autograder):
    assert graded(autograder, None) == {
        "score": 0,
        "output": f"grade.py: there is no {SECTION}.py or {SECTION}.ipynb in .\n",
        "output_format": "text",
    }


def test_the_archive_holds_no_answers_and_the_same_files_make_the_same_archive(tmp_path):
    archives = [tmp_path / name for name in ("a.zip", "b.zip")]
    for path in archives:
        build = [sys.executable, GRADESCOPE / "build.py", SECTION, "--output", path]
        subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    with zipfile.ZipFile(archives[0]) as packed:
        names = packed.namelist()
        assert packed.read("options.txt") == b"--require-sandbox\n"
    assert {"setup.sh", "run_autograder", "course/grade.py", f"course/reference/{SECTION}.py"} <= set(names)
    assert not [name for name in names if re.search(r"\.papers|__pycache__|\.git|\.bak|course/exercises/\w+\.py", name)]
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_the_sandbox_is_given_up_only_where_it_is_said(tmp_path):
    path = tmp_path / "a.zip"
    build = [sys.executable, GRADESCOPE / "build.py", SECTION, "--output", path, "--without-sandbox"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    with zipfile.ZipFile(path) as packed:
        assert packed.read("options.txt") == b""


def test_gradescope_can_execute_the_scripts():
    for name in ("setup.sh", "run_autograder"):
        assert (GRADESCOPE / name).stat().st_mode & stat.S_IXUSR
        subprocess.run(["bash", "-n", GRADESCOPE / name], check=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such_section"], "build.py: there is no section 'no_such_section'"),
        ([SECTION, "--output", "nowhere/autograder.zip"], "build.py: there is no folder nowhere"),
    ],
)
def test_what_cannot_be_packed_is_said_in_a_line(tmp_path, arguments, words):
    build = [sys.executable, GRADESCOPE / "build.py", *arguments]
    finished = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr.startswith(words)
    assert finished.stderr.count("\n") == 1


def test_a_section_that_is_said_twice_is_packed_once(tmp_path):
    build = [sys.executable, GRADESCOPE / "build.py", SECTION, SECTION]
    said = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"autograder-{SECTION}.zip: {SECTION}; give the assignment ")
    with zipfile.ZipFile(tmp_path / f"autograder-{SECTION}.zip") as archive:
        assert archive.read("sections.txt").decode() == f"{SECTION}\n"
