"""Failing calls as scripts that a learner can run, and step through in an editor."""

import ast
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from graders.engine.results import CheckResult, SectionResult
from graders.report.failures import Failure

_FOLDER = ".failures"
_MOST = 50  # scripts of one run
_HEAD = """\
# {title}
import ast
import sys
import types

sys.path.insert(0, {root!r})
sys.path.append({folder!r})
solution = sys.modules[{section!r}] = types.ModuleType({section!r})
for _statement in ast.parse(open({file!r}, "rb").read()).body:  # your answers, with their loose statements
    if isinstance(_statement, ast.ImportFrom):
        _statement.level = 0  # what lies beside it is found by its name
    try:
        exec(compile(ast.Module([_statement], []), {file!r}, "exec"), vars(solution))
    except Exception as error:
        print(f"line {{_statement.lineno}} of your file was left out: {{type(error).__name__}}: {{error}}")
globals().update({{name: value for name, value in vars(solution).items() if not name.startswith("__")}})
import numpy as np
{torch}
"""


def write(failures: Iterable[Failure], root: Path, here: Path) -> dict[tuple[str, str], str]:
    """Writes a script for each failing check of which a report shows a part; the commands that run them, by section
    and check.

    What cannot be written, or holds more than can be written down, is left out. Notebooks have none: their cells are no
    module.

    Args:
        failures: what the report explains.
        root: the course's folder, in which `.failures` is made.
        here: the folder that commands are given for.
    """
    found: dict[tuple[str, str], str] = {}
    for section, _, check, _ in failures:
        if check.counterexample is None or check.counterexample.script is None or len(found) >= _MOST:
            continue
        if path := write_one(check, section, root):
            found[section.name, check.name] = f"python {shlex.quote(_shown(path, here))}"
    return found


def write_one(check: CheckResult, section: SectionResult, root: Path) -> Path | None:
    """Writes the script of one failing check; None where there can be none."""
    if not section.file.endswith(".py"):
        return None
    script = _script(check, section.name, Path(section.file).absolute(), root)
    path = root / _FOLDER / section.name / f"{check.name}.py"
    with suppress(OSError, ValueError):
        if script is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(script, "utf-8")
            return path
    return None


def _script(check: CheckResult, section: str, file: Path, root: Path) -> str | None:
    """The text of the script, if there is one: what the call gives is printed at its end."""
    if check.counterexample is None:
        return None
    whole = check.counterexample.script or check.counterexample.call
    try:
        body = ast.parse(whole).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # values that are only described
        return None
    if isinstance(body[0], ast.Import) and body[0].names[0].asname == "solution":
        del body[0]  # it is loaded from where it lies
    if isinstance(body[-1], ast.Expr):
        body[-1] = ast.Expr(ast.Call(ast.Name("print"), [body[-1].value], []))
    torch = "import torch\n" if "torch" in whole else ""
    title = " ".join(check.title.split())
    head = _HEAD.format(
        title=title, root=str(root), section=section, folder=str(file.parent), file=str(file), torch=torch
    )
    return head + "\n".join(ast.unparse(ast.fix_missing_locations(statement)) for statement in body) + "\n"


def _shown(path: Path, here: Path) -> str:
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
