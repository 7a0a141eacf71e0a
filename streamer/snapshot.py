"""What was learnt, on disk: arrays and a manifest in one ``.npz`` file. No pickle.

A snapshot is written whole to a temporary file, fsynced, and renamed; so there is always either
the old one or the new one. The previous one is kept as well, and the journal keeps the turns after
it: where a file cannot be read (its zip checksums are verified) the one before it is used, which
only means a longer replay. Files are named by the journal turn they include.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

FORMAT = 2
KEPT = 2
_MANIFEST = "manifest.json"


class Snapshot(NamedTuple):
    """State of all monitors after a journal turn."""

    turn: int
    manifest: dict[str, Any]
    """Plain data: fingerprints, whatever is no array."""
    arrays: dict[str, NDArray[Any]]


def save(folder: Path, snapshot: Snapshot) -> Path:
    """Write one snapshot and delete all but the newest `KEPT`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"snapshot-{snapshot.turn:015d}.npz"
    temporary = folder / "snapshot.tmp"  # always the same, so that a killed one leaves but one
    manifest = {"format": FORMAT, "turn": snapshot.turn, **snapshot.manifest}
    encoded = np.frombuffer(msgspec.json.encode(manifest), dtype=np.uint8)
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_MANIFEST: encoded}, **snapshot.arrays)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    _sync_folder(folder)
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()
    return path


def load(folder: Path, objection: Callable[[Snapshot], str | None]) -> Snapshot | None:
    """The newest snapshot that can be read and used, or None where there is none.

    ``objection`` says why one cannot be used. Such a file is put aside under another name: left
    where it is, it would count as newer than those that are yet to come.
    """
    for path in _newest_first(folder):
        try:
            stored = _read(path)
            why = objection(stored)
        except Exception as error:  # noqa: BLE001 - a damaged file fails as it likes
            stored, why = None, f"it cannot be read: {error!r}"
        if why is None:
            return stored
        log.warning("%s is put aside as .unused (%s); trying the one before it", path, why)
        path.rename(path.with_suffix(".unused"))
    return None


def turns(folder: Path) -> list[int]:
    """The turns of the snapshots there are, newest first."""
    return [int(path.stem.removeprefix("snapshot-")) for path in _newest_first(folder)]


def _read(path: Path) -> Snapshot:
    # NumPy leaves a file open that is no archive, so we open it.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    manifest = msgspec.json.decode(arrays.pop(_MANIFEST).tobytes(), type=dict[str, Any])
    if manifest.get("format") != FORMAT:
        raise ValueError(f"format {manifest.get('format')}, this Telltale reads {FORMAT} only")
    return Snapshot(int(manifest["turn"]), manifest, arrays)


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("snapshot-*.npz"), reverse=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
