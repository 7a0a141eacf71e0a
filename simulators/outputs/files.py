"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def whole_path(path: str) -> Iterator[Path]:
    """A path to write to; what is written there takes the name ``path`` when the block ends well.

    Raises:
        OSError: it cannot be written there.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is there and is not a file")
    if not target.parent.is_dir():
        raise OSError(f"{path} cannot be written: there is no directory {target.parent}")
    partial = target.with_name(f".{target.name}.partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[IO[str]]:
    """A text file to write that takes its name only when everything is in it; ``-``: stdout.

    Raises:
        OSError: it cannot be written there.
    """
    if path == "-":
        yield sys.stdout
        return
    with whole_path(path) as partial, partial.open("w", encoding="utf-8") as file:
        yield file
        # In its place only when the disk has taken all of it.
        file.close()
