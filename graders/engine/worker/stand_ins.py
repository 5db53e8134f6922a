"""Finds what an answer imports and is not installed: the files beside it, and stand-ins.

There are stand-ins for libraries that answers only decorate themselves with, and for ARENA's own earlier parts.

They take the place of what is not installed: progress bars count through, loggers and plots do nothing, type checkers
leave functions as they are, and layers that an answer takes from its author's earlier answers are PyTorch's own. `gym`,
as gymnasium was called before, is gymnasium. `transformer_lens` has the names that the section lends, `fancy_einsum`
and `eindex` have the one function that answers use.
"""

import ast
import importlib
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Top-level names of libraries whose absence changes nothing in what an answer computes.
_IDLE = ("IPython", "beartype", "circuitsvis", "dotenv", "google", "ipywidgets", "jaxtyping", "marimo", "matplotlib",
         "pandas", "plotly", "plotly_utils", "rich", "seaborn", "tabulate", "tensorboard", "torchinfo", "torchvision",
         "typeguard", "wandb")  # fmt: skip
# What a notebook of ours imports to check its cells: here the grader does that, and its files cannot be read.
_OURS = ("graders.learning", "graders.learning.jupyter")
_PARTS = re.compile(r"(?:(?:chapter|part|section)\d\w*|solutions?\w*|exercises|answers|utils|tests|arena\w*)$")


_lent: dict[str, Any] = {}
_files: set[str] = set()
_beside: dict[str, Callable[[ModuleType], None]] = {}
_packages: set[str] = set()  # of those


class _Kind(type):
    """The type of classes that do nothing: they have every name, too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Idle()


class Idle(metaclass=_Kind):
    """Takes part in anything and does nothing: called, entered, looped over, subclassed, used as a decorator."""

    def __init__(self, *_: Any, **__: Any):
        """Whatever it is given, it forgets."""

    def __call__(self, *args: Any, **named: Any) -> Any:
        """A decorator leaves its function or class as it is; any other call gives nothing to speak of."""
        return args[0] if len(args) == 1 and not named and callable(args[0]) else self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (Idle,)

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __or__(self, other: Any) -> Any:
        return self

    __ror__ = __or__

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __enter__(self) -> "Idle":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class _Package(ModuleType):
    """A module that has every module inside, and the names that `named` gives it."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.named(name)

    def named(self, name: str) -> Any:
        """What this name stands for."""
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Module(_Package):
    """A module that has every name. Those with a capital are classes: libraries ask whether something is of one."""

    def named(self, name: str) -> Any:
        """A class, or something that does nothing."""
        return type(name, (Idle,), {}) if name[0].isupper() else Idle()


class _Bar:
    """A progress bar that nobody sees: loops over what it is given."""

    def __init__(self, iterable: Iterable[Any] = (), *_: Any, **__: Any):
        """Keeps what is to be looped over."""
        self.iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return len(self.iterable)  # type: ignore[arg-type]

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:  # set_description, update, close, write
        return lambda *_, **__: None


class _Bars(_Package):
    """`tqdm` and what is inside it."""

    tqdm = tqdm_notebook = _Bar

    @staticmethod
    def trange(*args: int, **_: Any) -> _Bar:
        """A bar over a range."""
        return _Bar(range(*args))


class _Gym(_Package):
    """`gym`, or a module inside it: what gymnasium has under the same name."""

    def __init__(self, name: str):
        super().__init__(name)
        self.now = importlib.import_module("gymnasium" + name.removeprefix("gym"))

    def named(self, name: str) -> Any:
        """What gymnasium has."""
        return getattr(self.now, name)


class _Lens(_Package, Idle):
    """`transformer_lens`, or a module inside it: what the section lends; anything else takes part and does nothing."""

    def named(self, name: str) -> Any:
        """What is lent under this name."""
        return _lent[name] if name in _lent else _Lens(f"{self.__name__}.{name}")


class _Einsum(_Package):
    """`fancy_einsum`: einops.einsum with the pattern before the tensors."""

    @staticmethod
    def einsum(pattern: str, *tensors: Any) -> Any:
        """The sum of products that the pattern says."""
        import einops

        arguments: Any = (*tensors, pattern)
        return einops.einsum(*arguments)


class _Eindex(_Package):
    """`eindex`: elements that are picked by index tensors."""

    @staticmethod
    def eindex(values: Any, *indices_and_pattern: Any) -> Any:
        """With "b s [b s+1]": result[b, s] = values[b, s, index[b, s+1]], as far as there are such elements."""
        import torch

        *indices, pattern = indices_and_pattern
        axes, _, order = pattern.partition("->")
        parts = re.findall(r"\[([^]]*)\]|(\S+)", axes)  # (axes of an index tensor, name of an axis): one is empty
        picks = [[(*axis.split("+"), 0)[:2] for axis in inside.split()] for inside, _ in parts if inside]
        sizes: dict[str, int] = {}
        seen = [(name, 0, size) for (_, name), size in zip(parts, values.shape, strict=True) if name]
        for pick, index in zip(picks, indices, strict=True):
            seen += [(name, int(by), size) for (name, by), size in zip(pick, index.shape, strict=True)]
        for name, by, size in seen:
            sizes[name] = min(size - by, sizes.get(name, size - by))
        names = order.split() or list(sizes)
        at = dict(
            zip(names, torch.meshgrid(*(torch.arange(sizes[name]) for name in names), indexing="ij"), strict=True)
        )
        picked = iter(
            [index[tuple(at[name] + int(by) for name, by in pick)] for pick, index in zip(picks, indices, strict=True)]
        )
        return values[tuple(at[name] if name else next(picked) for _, name in parts)]


class _Part(_Package):
    """One of ARENA's earlier parts: its layers, functions and optimisers are PyTorch's."""

    @property
    def __all__(self) -> list[str]:
        return [name for home in _homes()[:2] for name in dir(home) if name[0].isupper()]

    def named(self, name: str) -> Any:
        """What is lent under this name, or PyTorch's own."""
        if name in _lent:
            return _lent[name]
        found = next((getattr(home, name) for home in _homes() if hasattr(home, name)), None)
        if found is None:
            raise AttributeError(f"{name} comes from {self.__name__}, which is not here")
        return found


def _homes() -> tuple[Any, ...]:
    import torch

    return torch.nn, torch.optim, torch.nn.functional


class _Finder(MetaPathFinder, Loader):
    """Finds a file beside the answer, or a stand-in, where nothing else was found."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """The specification of the module `name`, if there is one for it and an answer asks for it."""
        is_there = name in _beside or _kind(name)
        is_package = name not in _beside or name in _packages
        return ModuleSpec(name, self, is_package=is_package) if is_there and _asked_by() in _files else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """A stand-in, or an empty module for a file."""
        kind = _kind(spec.name)
        return kind(spec.name) if kind else None

    def exec_module(self, module: ModuleType) -> None:
        """Fills the module from its file; of a stand-in there is nothing to execute."""
        if module.__name__ in _beside:
            _beside[module.__name__](module)


_LIBRARIES: dict[str, type[ModuleType]] = {
    "eindex": _Eindex,
    "fancy_einsum": _Einsum,
    "gym": _Gym,
    "tqdm": _Bars,
    "transformer_lens": _Lens,
}


def _kind(name: str) -> type[ModuleType] | None:
    top = name.partition(".")[0]
    if top in _LIBRARIES:
        return _LIBRARIES[top]
    if top in _IDLE:
        return _Module
    if name in _beside:
        return None
    is_part = top != "exercises" and all(map(_PARTS.match, name.split(".")))
    return _Part if is_part else None


def _asked_by() -> str:
    """The file of the statement that imports. Libraries must not be told that another one is there."""
    frame = sys._getframe()
    while frame.f_back and (frame.f_code.co_filename == __file__ or "importlib" in frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename


def put_in_place(
    files: Iterable[str],
    lent: Mapping[str, Any],
    beside: Mapping[str, Callable[[ModuleType], None]],
    packages: Collection[str] = (),
) -> None:
    """From now on, imports of an answer that find nothing find a file beside it, or a stand-in where there is one.

    Args:
        files: the answer's.
        lent: names that earlier parts have besides PyTorch's, and that `transformer_lens` has.
        beside: what fills a module from a file that lies beside the answer, by the module's name. A library's stand-in
            goes before it, as the library would.
        packages: those of the modules that are packages. What such a module lies in is one too, of which there need be
            no file.
    """
    inside = {".".join(parts[:end]) for parts in (name.split(".") for name in beside) for end in range(1, len(parts))}
    there = {**dict.fromkeys(inside, _leave_empty), **beside}
    _beside.clear()
    _beside.update((name, fill) for name, fill in there.items() if _kind(name) in (None, _Part))
    _packages.clear()
    _packages.update(inside, packages)
    _files.update(files)
    _lent.update(lent)
    for name in _OURS:
        sys.modules.setdefault(name, _Module(name))
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def _leave_empty(module: ModuleType) -> None:
    """A folder without an `__init__.py`."""


def lends(statement: ast.stmt) -> bool:
    """Whether a statement takes names from a stand-in for one of ARENA's earlier parts."""
    return isinstance(statement, ast.ImportFrom) and isinstance(sys.modules.get(statement.module or ""), _Part)
