"""Which definition of a submission is which exercise, where names differ or two definitions share one."""

import ast
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_NONE: Mapping[str, str] = MappingProxyType({})


class _Version(NamedTuple):
    node: ast.stmt
    value: Any


class Names:
    """The definitions under other names, in the order in which they were executed.

    Args:
        aliases: other names under which exercises may stand.
        needs: by alias, what a definition has to mention to be that exercise: of two classes `SGD`, say, the one that
            speaks of "params" takes groups of parameters.
    """

    def __init__(self, aliases: Mapping[str, str] = _NONE, needs: Mapping[str, str] = _NONE):
        self._aliases, self._needs = aliases, needs
        self._versions: dict[str, list[_Version]] = {}

    def note(self, names: list[str], node: ast.stmt, values: Mapping[str, Any]) -> None:
        """Takes down what a statement has defined.

        Args:
            names: those that it defines.
            node: the statement.
            values: the module's names, now.
        """
        for name in names:
            if name in self._aliases and name in values:
                self._versions.setdefault(name, []).append(_Version(node, values[name]))

    def settle(self, values: dict[str, Any], lines: dict[str, int]) -> list[tuple[str, ast.stmt]]:
        """Gives exercises that are not there under their own names the definitions that can be theirs.

        Args:
            values: the module's names; exercises are added.
            lines: where each name is defined; exercises are added.

        Returns:
            The exercises that were added, each with the statement that defines it.
        """
        added = []
        for alias, exercise in self._aliases.items():
            versions = self._versions.get(alias, [])
            fitting = [version for version in versions if self._needs.get(alias, "") in ast.unparse(version.node)]
            if exercise in lines or not fitting:
                continue
            chosen = fitting[-1]
            values[exercise], lines[exercise] = chosen.value, chosen.node.lineno
            added.append((exercise, chosen.node))
            others = [version for version in versions if version is not chosen]
            if alias in lines and others and self._needs.get(alias):  # the name is an exercise of its own
                values[alias], lines[alias] = others[-1].value, others[-1].node.lineno
        return added
