"""Runs GitHub workflows and GitLab jobs here: each `run` exactly as it is written, with bash, in a folder of its own.

What stands for others' services is small and said where it stands: `uses` steps are done by functions that a test hands
over, and of GitHub's expressions there are names, strings, `||`, `!` and the status functions, and no more.
"""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Step = dict[str, Any]
Values = Mapping[str, Any]
Use = Callable[["Job", Step, dict[str, str]], None]

BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")  # GitHub's `shell: bash`


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


def sandboxed_python(folder: Path) -> Path:
    """The `bin` of a new environment that sees the packages of this one: what a job installs goes there."""
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    ours = [entry for entry in sys.path if entry.endswith("site-packages")]
    (site / "ours.pth").write_text("".join(f"{entry}\n" for entry in ours))
    return folder / "bin"


@dataclass
class Job:
    """One run of a job: its folders, what its steps have put out, and how it stands."""

    workspace: Path
    temp: Path
    contexts: dict[str, Any]
    environment: dict[str, str]
    uses: Mapping[str, Use]
    failed: bool = False
    log: str = ""
    summary: str = ""
    steps: dict[str, Any] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def run(self, steps: list[Step], scope: dict[str, Any], cwd: Path, action: Path | None = None) -> None:
        """The steps one after another. `scope` has the contexts that differ between a workflow and an action."""
        for number, step in enumerate(steps):
            if not self._wanted(step, scope):
                continue
            self.done.append(step.get("name") or step.get("uses") or "")
            outputs = scope["steps"].setdefault(step.get("id", f"step {number}"), {"outputs": {}})["outputs"]
            if "run" in step:
                self._bash(step, scope, cwd, action, outputs)
            elif step["uses"].startswith("./"):
                self._action(step, scope, self.workspace / step["uses"], outputs)
            else:
                given = {name: self.value(text, scope) for name, text in step.get("with", {}).items()}
                self.uses[step["uses"].partition("@")[0]](self, step, given)

    def _wanted(self, step: Step, scope: dict[str, Any]) -> bool:
        condition = str(step.get("if", "success()"))
        return bool(self._evaluated(condition.removeprefix("${{").removesuffix("}}").strip(), scope))

    def _bash(self, step: Step, scope: dict[str, Any], cwd: Path, action: Path | None, outputs: dict[str, str]) -> None:
        files = {}
        for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY"):
            files[name] = self.temp / f"{name}-{len(self.done)}"
            files[name].write_text("")
        script = self.temp / f"step-{len(self.done)}.sh"
        script.write_text(step["run"])
        given = {name: self.value(text, scope) for name, text in step.get("env", {}).items()}
        places = {"GITHUB_WORKSPACE": str(self.workspace), "RUNNER_TEMP": str(self.temp), "GITHUB_ACTIONS": "true"}
        if action:
            places["GITHUB_ACTION_PATH"] = str(action)
        finished = subprocess.run(
            [*BASH, str(script)],
            cwd=cwd,
            env={**self.environment, **given, **places, **{name: str(path) for name, path in files.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        self.log += finished.stdout
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        outputs.update(re.findall(r"^([\w-]+)=(.*)$", files["GITHUB_OUTPUT"].read_text("utf-8"), re.MULTILINE))
        self.environment.update(re.findall(r"^(\w+)=(.*)$", files["GITHUB_ENV"].read_text("utf-8"), re.MULTILINE))
        self.failed = self.failed or finished.returncode != 0

    def _action(self, step: Step, scope: dict[str, Any], folder: Path, outputs: dict[str, str]) -> None:
        action = read_yaml(folder / "action.yml")
        given = {name: self.value(text, scope) for name, text in step.get("with", {}).items()}
        assert given.keys() <= action["inputs"].keys()
        inputs = {name: given.get(name, str(entry.get("default", ""))) for name, entry in action["inputs"].items()}
        inner = {"inputs": inputs, "steps": {}}
        self.run(action["runs"]["steps"], inner, self.workspace, folder)
        outputs.update({name: self.value(entry["value"], inner) for name, entry in action["outputs"].items()})

    def value(self, text: object, scope: dict[str, Any]) -> str:
        """The text with its `${{ … }}` replaced by what they stand for."""
        return re.sub(r"\$\{\{(.*?)\}\}", lambda match: str(self._evaluated(match[1].strip(), scope)), str(text))

    def _evaluated(self, expression: str, scope: dict[str, Any]) -> Any:
        for part in expression.split("||"):
            if found := self._term(part.strip(), scope):
                return found
        return ""

    def _term(self, term: str, scope: dict[str, Any]) -> Any:
        functions = {"success()": not self.failed, "!cancelled()": True}
        if term in functions:
            return functions[term]
        if quoted := re.fullmatch("'([^']*)'", term):
            return quoted[1]
        assert re.fullmatch(r"[\w.-]+", term), f"an expression that is not understood here: {term}"
        found: Any = {**self.contexts, **scope}
        for name in term.split("."):
            found = found.get(name, "") if isinstance(found, Mapping) else ""
        return found


def run_workflow(path: Path, job: Job, inputs: Values) -> None:
    """The one job of a workflow."""
    (described,) = read_yaml(path)["jobs"].values()
    scope: dict[str, Any] = {"inputs": inputs, "steps": job.steps}
    if not job._wanted(described, scope):
        return
    job.environment.update({name: str(value) for name, value in described.get("env", {}).items()})
    job.environment["PIP_EXTRA_INDEX_URL"] = ""  # nothing is fetched here
    job.run(described["steps"], scope, job.workspace)


def git(folder: Path, *arguments: str) -> str:
    """What git says in a folder, as a person without a configuration."""
    author = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **author, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def commit_all(folder: Path, words: str) -> str:
    """Commits what is in a folder; the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", words)
    return git(folder, "rev-parse", "HEAD")
