"""`python grade.py --version`: what is installed, for whoever reports a fault. Nothing of it is imported."""

import platform
import tomllib
from importlib.metadata import PackageNotFoundError, version

from graders.engine.course import PROJECT

_NAME = "from-scratch-grader"
_DECIDING = ("hypothesis", "numpy", "torch")  # what drawn inputs and their values depend on


def versions() -> str:
    """A line for the grader, for Python, and for each library that a grade depends on."""
    installed = [(_NAME, _installed(_NAME) or _in_the_project()), ("Python", platform.python_version())]
    installed += [(name, _installed(name) or "is not installed") for name in _DECIDING]
    return "\n".join(f"{name} {found}" for name, found in installed)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _in_the_project() -> str:
    text = (PROJECT / "pyproject.toml").read_text("utf-8")
    return str(tomllib.loads(text)["project"]["version"])
