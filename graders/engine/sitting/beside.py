"""The files beside an answer that it imports, directly or by one another: a learner's own modules and packages."""

import re
import sys
from collections.abc import Callable, Iterator

# Where a statement can begin, in a file or in a text of a notebook's JSON, and what it imports. This finds too much
# rather than too little: what is no file beside the answer is not looked at again.
_IMPORT = re.compile(
    rb"""(?:^|[;:"])[ \t]*(?:
        from(?:[ \t]*(?P<dots>\.[. \t]*)|[ \t]+)(?P<home>(?!import\b)\w[\w.]*)?
            (?:[ \t]*import\b[ \t]*(?P<taken>\([^()]*\)|[^\n#;()\\"]*))?
        | import[ \t]+(?P<names>\([^()]*\)|[^\n#;()\\"]*)
    )""",
    re.MULTILINE | re.VERBOSE,
)
_NAME = re.compile(rb"\w[\w.]*")
_GOES_ON = re.compile(rb"""\\+\n(?:",\n *")?""")  # a statement does, in the next line
_OURS = ("exercises", "graders", "reference")
_INIT = ".__init__"
_MOST = 50
_MAX_BYTES = 10 * 2**20  # of all of them
_MOST_ASKED, _DEEPEST = 5000, 8  # names that are looked for, and parts of one


def beside(own: str, data: bytes, read: Callable[[str], bytes | None]) -> dict[str, bytes]:
    """The files that an answer needs, by the names of their modules; `mylib.__init__` is that of the package `mylib`.

    Args:
        own: the answer's own name, without its ending.
        data: its content.
        read: gives the content of a file in the answer's folder, None where there is none. It is asked for
            `mylib/__init__.py`, `mylib.py` and, where that is not there, `mylib/layers.py`.
    """
    found: dict[str, bytes] = {}
    is_plain: dict[str, bool] = {}  # a module that has none inside; of what is no file it is not known
    room = _MAX_BYTES
    texts = [("", data)]

    def take(name: str) -> bool:
        nonlocal room
        if len(found) >= _MOST or (content := read(f"{name.replace('.', '/')}.py")) is None or len(content) > room:
            return False
        found[name] = content
        room -= len(content)
        texts.append((name.rpartition(".")[0], content))
        return True

    while texts:
        for parts in map(_parts, _imported(*texts.pop())):
            if parts[0] == own or parts[0] in sys.stdlib_module_names or parts[0] in _OURS:
                continue
            if len(parts) > _DEEPEST or not all(parts):
                continue
            for end in range(1, len(parts) + 1):
                name = ".".join(parts[:end])
                if name not in is_plain:
                    if len(is_plain) >= _MOST_ASKED:
                        break
                    is_plain[name] = not take(name + _INIT) and take(name)
                if is_plain[name]:
                    break
    return dict(sorted(found.items()))


def _parts(name: str) -> list[str]:
    return name.split(".", _DEEPEST)


def module_of(name: str) -> tuple[str, bool]:
    """The module that a file of this name in `beside` is, and whether that is a package."""
    return name.removesuffix(_INIT), name.endswith(_INIT)


def _imported(package: str, data: bytes) -> Iterator[str]:
    """The names that an `import`, or a `from`, may mean modules by, in a text of this package."""
    lines = data.replace(b"\\n", b"\n").replace(b"\\t", b" ")  # in JSON they are written so
    for statement in _IMPORT.finditer(_GOES_ON.sub(b" ", lines)):
        if statement["names"] is not None:
            yield from _names(statement["names"])
            continue
        level = (statement["dots"] or b"").count(b".")
        home = [*_home(package, level), *_names(statement["home"] or b"")]
        if home:
            yield ".".join(home)
        for name in _names(statement["taken"] or b""):
            yield ".".join([*home, name])


def _home(package: str, level: int) -> list[str]:
    """Where an import with so many dots looks; outside of all packages that is the answer's folder."""
    parts = package.split(".") if package and level else []
    return parts[: max(len(parts) - level + 1, 0)]


def _names(words: bytes) -> Iterator[str]:
    for name in _NAME.findall(words):
        yield name.strip(b".").decode("ascii")
