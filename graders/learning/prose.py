"""The text of an exercise, a docstring, as Markdown: formulas set, arguments as a list, worked examples as code."""

import inspect
import re

from graders.learning.formulas import is_formula, tex

_HEADS = ("Args", "Returns", "Raises", "Attributes", "Yields", "Source", "Note")
_HEAD = re.compile(rf"^({'|'.join(_HEADS)}):(.*)$")
_ITEM = re.compile(r"^(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*): (.*)$")
_SPECIAL = re.compile(r"([*_<>$\\|])")
_QUOTED = re.compile(r"(`[^`]+`)")


def markdown(docstring: str) -> str:
    """A docstring as Markdown."""
    lines = inspect.cleandoc(docstring).split("\n")
    return "\n\n".join(block for block in _blocks(lines) if block)


def _blocks(lines: list[str]) -> list[str]:
    found, at = [], 0
    while at < len(lines):
        end = at
        if not lines[at].strip():
            at += 1
            continue
        if lines[at].startswith(">>>"):
            while end < len(lines) and lines[end].strip():
                end += 1
            found.append(_code(lines[at:end], "python"))
        elif head := _HEAD.match(lines[at]):
            end += 1
            while end < len(lines) and (lines[end].startswith(" ") or not lines[end].strip()):
                end += 1
            found.append(_section(head[1], head[2].strip(), [line[4:] for line in lines[at + 1 : end]]))
        elif lines[at].startswith(" "):
            while end < len(lines) and (lines[end].startswith(" ") or not lines[end].strip()):
                end += 1
            found += _indented(lines[at:end])
        else:
            while end < len(lines) and lines[end].strip() and not lines[end].startswith(" "):
                end += 1
            found.append(prose(" ".join(lines[at:end])))
        at = end
    return found


def _section(name: str, first: str, rest: list[str]) -> str:
    """`Args:` and its like: a list where its entries have names, else its text."""
    body = "\n".join(rest).strip("\n").split("\n") if any(rest) else []
    if first:
        return f"**{name}.** {prose(' '.join([first, *(line.strip() for line in body)]))}"
    entries: list[str] = []
    for line in body:
        item = _ITEM.match(line)
        if item:
            names = ", ".join(f"`{each}`" for each in item[1].split(", "))
            entries.append(f"- {names}: {item[2]}")
        elif entries:
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line.strip())
    told = [f"{entry[: entry.index(': ') + 2]}{prose(entry[entry.index(': ') + 2 :])}" if entry.startswith("- `")
            else prose(entry) for entry in entries]  # fmt: skip
    return f"**{name}**\n\n" + "\n".join(told)


def _indented(lines: list[str]) -> list[str]:
    """Indented blocks: formulas, or what is to stand as it is."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line)
        else:
            blocks.append([])
    return [
        f"$$\n{tex(block)}\n$$" if is_formula(block) else _code(inspect.cleandoc("\n".join(["", *block])).split("\n"))
        for block in blocks
        if block
    ]


def _code(lines: list[str], language: str = "text") -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def prose(text: str) -> str:
    """A sentence in which nothing is markup but what stands in backticks."""
    parts = _QUOTED.split(text)
    return "".join(part if at % 2 else _SPECIAL.sub(r"\\\1", part) for at, part in enumerate(parts))
