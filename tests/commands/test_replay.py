"""``telltale replay --out``: a file is there whole or not at all."""

from __future__ import annotations

import pytest

from streamer import cli
from streamer.commands import replay
from streamer.resources import config_path


def test_a_replay_that_is_broken_off_leaves_nothing(tmp_path, monkeypatch) -> None:
    def broken_off(*_) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay, "_walk", broken_off)
    recording, out = tmp_path / "recorded.jsonl", tmp_path / "scores.csv"
    recording.touch()
    words = ["replay", str(config_path("turbines.yaml")), str(recording), "--out", str(out)]
    assert cli.main(words) == 130
    assert list(tmp_path.iterdir()) == [recording]


def test_a_disk_that_takes_no_more_is_said_in_one_sentence(tmp_path, monkeypatch, capsys) -> None:
    def full(*_) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replay, "_walk", full)
    recording, out = tmp_path / "recorded.jsonl", tmp_path / "scores.csv"
    recording.touch()
    words = ["replay", str(config_path("turbines.yaml")), str(recording), "--out", str(out)]
    assert cli.main(words) == 1
    assert capsys.readouterr().err.startswith(f"--out {out} cannot be written: ")
    assert list(tmp_path.iterdir()) == [recording]


def test_a_recording_that_cannot_be_read_is_not_put_down_to_the_output(
    tmp_path, monkeypatch
) -> None:
    recording = tmp_path / "recorded.jsonl"
    recording.touch()

    def unreadable(*_) -> None:
        raise PermissionError(13, "Permission denied", str(recording))

    monkeypatch.setattr(replay, "_walk", unreadable)
    words = ["replay", str(config_path("turbines.yaml")), str(recording)]
    with pytest.raises(PermissionError):
        cli.main([*words, "--out", str(tmp_path / "scores.csv")])
