"""The inner loops, each file twice alive: as C where a compiler was at hand, else as plain Python.

Kernels are small functions in Cython's pure-Python mode: they take arrays and numbers and know
nothing else. Typed wrappers with docstrings and doctests stand one room up, in `detectors`. A build
writes beside each compiled kernel the SHA-256 of the source it came from, because Python prefers a
compiled file to the ``.py`` next to it, however old: whoever edits a kernel would otherwise go on
measuring yesterday's.
"""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).parent


def compiled() -> bool:
    """Whether every kernel runs as C: the same results as from Python, far sooner."""
    return not _interpreted_names()


def description() -> str:
    """How the kernels run, in words: at start-up and in ``telltale version``."""
    names = _interpreted_names()
    if not names:
        return "compiled"
    which = "" if len(names) == len(_sources()) else f" in part: {', '.join(names)}"
    return f"interpreted{which} (built without a C compiler: the same results, far slower)"


def interpreted(name: str) -> ModuleType:
    """The kernel's source run as plain Python: the reference that the compiled one must equal.

    Raises `FileNotFoundError` where there is no such kernel.
    """
    spec = importlib.util.spec_from_file_location(f"{__name__}.{name}_py", _HERE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{name}.py is not a kernel of {_HERE}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _sources() -> list[Path]:
    return sorted(path for path in _HERE.glob("*.py") if path.stem != "__init__")


def _library(source: Path) -> Path | None:
    """The compiled file this interpreter would import in place of ``source``."""
    candidates = (source.with_name(source.stem + suffix) for suffix in EXTENSION_SUFFIXES)
    return next((path for path in candidates if path.exists()), None)


def _interpreted_names() -> list[str]:
    return [source.stem for source in _sources() if _library(source) is None]


def _refuse_stale() -> None:
    for source in _sources():
        library = _library(source)
        if library is not None and _recorded(library) != _sha256(source):
            raise ImportError(
                f"{library} was not compiled from the {source.name} beside it: install again "
                f"(in a checkout: make build), or delete it to run {source.name} as plain Python"
            )


def _recorded(library: Path) -> str:
    record = library.with_name(f"{library.name}.sha256")
    return record.read_text(encoding="ascii") if record.exists() else ""


def _sha256(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


_refuse_stale()
