"""Where papers are kept between runs: covers and examples, under keys of all that they depend on.

They lie in the course's folder or, where that cannot be written, in the user's folder for caches. What is damaged, of
another version or no file at all counts as not there: it costs time, nothing else.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from graders.engine.course import Course
from graders.engine.files import read_regular
from graders.engine.setting.paper import Cover, Examples

_FOLDER = ".papers"
_KEPT = 8  # files of one section: seeds and numbers of examples one goes back to
_SEAL = 32  # bytes of a digest in front of the rest
_MAX_BYTES = 2**30


class _KeptCover(msgspec.Struct, frozen=True):
    key: str
    cover: Cover


class _KeptExamples(msgspec.Struct, frozen=True):
    key: str
    data: bytes  # of `Examples`: decoded only where they are asked for


class Shelf:
    """What is kept of one section.

    Args:
        course, section: whose.
    """

    def __init__(self, course: Course, section: str):
        self._course, self._section = course, section

    def cover(self, key: str) -> Cover | None:
        """The cover under this key, if it lies here."""
        kept = self._read(f"{self._section}.cover", _KeptCover)
        return kept.cover if kept and kept.key == key else None

    def keep_cover(self, key: str, cover: Cover) -> None:
        """Lays an cover on the shelf, in the place of the one before."""
        self._write(f"{self._section}.cover", _KeptCover(key, cover))

    def examples(self, wanted: Mapping[str, str], seed: int, number: int) -> dict[str, Examples]:
        """The examples that lie here.

        Args:
            wanted: by check, the key they have to have.
            seed, number: the run's.
        """
        kept = self._pack(seed, number)
        decode = msgspec.msgpack.Decoder(Examples).decode
        return {name: decode(kept[name].data) for name, key in wanted.items() if name in kept and kept[name].key == key}

    def keep_examples(self, new: Mapping[str, Examples], keys: Mapping[str, str], seed: int, number: int) -> None:
        """Lays examples beside those of other checks; what has no key any more is taken away.

        Args:
            new: by check.
            keys: of all checks of the section.
            seed, number: the run's.
        """
        pack = {name: kept for name, kept in self._pack(seed, number).items() if keys.get(name) == kept.key}
        encode = msgspec.msgpack.Encoder().encode
        pack |= {name: _KeptExamples(keys[name], encode(examples)) for name, examples in new.items()}
        self._write(self._name(seed, number), pack)

    def _pack(self, seed: int, number: int) -> dict[str, _KeptExamples]:
        return self._read(self._name(seed, number), dict[str, _KeptExamples]) or {}

    def _name(self, seed: int, number: int) -> str:
        return f"{self._section}-{seed}-{number}.paper"

    @cached_property
    def _folders(self) -> tuple[Path, ...]:
        """Where it may lie: first the course's folder."""
        return self._course.root / _FOLDER, _users_folder(self._course.root)

    def _read(self, name: str, kind: Any) -> Any:
        for folder in self._folders:
            with suppress(OSError, msgspec.MsgspecError):
                content = memoryview(read_regular(folder / name, _MAX_BYTES) or b"")
                if hashlib.blake2b(content[_SEAL:], digest_size=_SEAL).digest() == content[:_SEAL]:
                    return msgspec.msgpack.decode(content[_SEAL:], type=kind)
        return None

    def _write(self, name: str, value: object) -> None:
        data = msgspec.msgpack.encode(value)
        for folder in self._folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._clear(folder, name)
                with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                    file.write(hashlib.blake2b(data, digest_size=_SEAL).digest() + data)
                    os.chmod(file.name, 0o644)  # others who share the course may read it
                os.replace(file.name, folder / name)  # at once, so that nobody reads half of it
                return
            except OSError:
                continue  # a folder that cannot be written

    def _clear(self, folder: Path, name: str) -> None:
        """Takes away what was not used for longest, so that there is room for one more."""
        others = [path for path in folder.glob(f"{self._section}-*.paper") if path.name != name]
        for old in sorted(others, key=lambda path: path.stat().st_mtime)[: -_KEPT + 1]:
            old.unlink(missing_ok=True)


def _users_folder(course: Path) -> Path:
    import platformdirs

    name = hashlib.blake2b(os.fsencode(course), digest_size=8).hexdigest()
    return Path(platformdirs.user_cache_dir("from-scratch-grader", appauthor=False)) / name
