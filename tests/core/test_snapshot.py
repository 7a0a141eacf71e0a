"""Snapshots: the newest that can be read and used, however the others were damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamer import snapshot
from streamer.snapshot import Snapshot, load, save, turns

NAN = np.frombuffer(b"\x01\0\0\0\0\0\xf8\x7f")[0]  # with a payload of its own


def taken(turn: int) -> Snapshot:
    arrays = {
        "pump/a": np.array([[turn, NAN], [np.inf, -0.0]]),
        "pump/none": np.zeros((0, 3), "u2"),
        "pump/flag": np.array(1, "u1"),
    }
    return Snapshot(turn, {"classes": {"pump": {"alerts": [[0, "rule", {"x": 0.1}]]}}}, arrays)


def nothing_wrong(stored: Snapshot) -> None:
    del stored


def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path: Path):
    save(tmp_path / "new" / "folder", taken(7))
    found = load(tmp_path / "new" / "folder", nothing_wrong)
    assert found.turn == 7
    assert found.manifest["classes"] == taken(7).manifest["classes"]
    assert found.arrays.keys() == taken(7).arrays.keys()
    for name, array in taken(7).arrays.items():
        theirs = found.arrays[name]
        assert (theirs.dtype, theirs.shape) == (array.dtype, array.shape)
        assert theirs.tobytes() == array.tobytes()


def test_there_may_be_none(tmp_path: Path):
    assert load(tmp_path / "nowhere", nothing_wrong) is None
    assert turns(tmp_path / "nowhere") == []


def test_the_newest_two_are_kept(tmp_path: Path):
    for turn in (9, 10, 2_000, 100_000):
        save(tmp_path, taken(turn))
    assert turns(tmp_path) == [100_000, 2_000]
    assert load(tmp_path, nothing_wrong).turn == 100_000
    assert len(list(tmp_path.iterdir())) == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"\x93NUMPY") + 200] ^= 1
    path.write_bytes(content)


def spoil_a_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"'descr'", b"'des\xff\xff'"))


@pytest.mark.parametrize("damage", [cut, empty, flip, spoil_a_header, Path.unlink])
def test_a_damaged_one_is_passed_over(tmp_path: Path, caplog, damage):
    save(tmp_path, taken(1))
    damage(save(tmp_path, taken(2)))
    assert load(tmp_path, nothing_wrong).turn == 1
    if damage is not Path.unlink:
        assert "snapshot-000000000000002.npz" in caplog.text
        assert turns(tmp_path) == [1]  # out of the way of the next
    save(tmp_path, taken(3))
    assert load(tmp_path, nothing_wrong).turn == 3
    assert turns(tmp_path) == [3, 1]


def test_one_of_another_format_is_passed_over(tmp_path: Path, monkeypatch, caplog):
    save(tmp_path, taken(1))
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "FORMAT", 99)
        save(tmp_path, taken(2))
    assert load(tmp_path, nothing_wrong).turn == 1
    assert "format 99, this Telltale reads 2 only" in caplog.text


def test_one_that_is_objected_to_is_put_aside(tmp_path: Path, caplog):
    for turn in (1, 2):
        save(tmp_path, taken(turn))
    found = load(tmp_path, lambda stored: "too new" if stored.turn > 1 else None)
    assert found.turn == 1
    assert "too new" in caplog.text
    assert turns(tmp_path) == [1]
    assert [path.name for path in tmp_path.glob("*.unused")] == ["snapshot-000000000000002.unused"]


def test_a_save_that_was_killed_leaves_the_old_ones(tmp_path: Path, monkeypatch):
    save(tmp_path, taken(1))

    def killed(file, **arrays):
        file.write(b"half of it")
        raise KeyboardInterrupt

    for turn in (2, 3):
        with monkeypatch.context() as patch:
            patch.setattr(snapshot.np, "savez", killed)
            with pytest.raises(KeyboardInterrupt):
                save(tmp_path, taken(turn))
    assert load(tmp_path, nothing_wrong).turn == 1
    assert len(list(tmp_path.iterdir())) == 2  # one half-written file, not one for each try
    save(tmp_path, taken(4))
    assert load(tmp_path, nothing_wrong).turn == 4
