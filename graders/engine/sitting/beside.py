"""The files beside an answer that it imports, directly or by one another: a learner's own modules."""

import re
import sys
from collections.abc import Callable, Iterator

# Where a statement can begin, in a file or in a text of a notebook's JSON, and what it imports. This finds too much
# rather than too little: what is no file beside the answer is not looked at again.
_IMPORT = re.compile(
    rb"""(?:^|[;:"])[ \t]*(?:
        from[ \t]*(?:\.+|[ \t])[ \t]*(?!import\b)(?P<home>\w+)
        | (?:from[ \t]*\.+[ \t]*)?import[ \t]+(?P<names>\([^()]*\)|[^\n#;()\\"]*)
    )""",
    re.MULTILINE | re.VERBOSE,
)
_OURS = ("exercises", "graders", "reference")
_MOST = 50
_MAX_BYTES = 10 * 2**20  # of all of them


def beside(own: str, data: bytes, read: Callable[[str], bytes | None]) -> dict[str, bytes]:
    """The files that an answer needs, by the name of the module that each is.

    Args:
        own: the answer's own name, without its ending.
        data: its content.
        read: gives the content of the file of a name in the answer's folder, None where there is none.
    """
    found: dict[str, bytes] = {}
    asked, room = {own}, _MAX_BYTES
    texts = [data]
    while texts:
        for name in _imported(texts.pop()):
            if name in asked or name in sys.stdlib_module_names or name in _OURS:
                continue
            asked.add(name)
            if len(found) < _MOST and (content := read(f"{name}.py")) is not None and len(content) <= room:
                found[name] = content
                room -= len(content)
                texts.append(content)
    return dict(sorted(found.items()))


def _imported(data: bytes) -> Iterator[str]:
    """The first parts of the names that follow an `import`, and those that follow a `from`."""
    lines = data.replace(b"\\n", b"\n").replace(b"\\t", b" ")  # in JSON they are written so
    for statement in _IMPORT.finditer(lines):
        for name in [statement["home"]] if statement["home"] else re.findall(rb"\w[\w.]*", statement["names"]):
            yield name.partition(b".")[0].decode("ascii")
