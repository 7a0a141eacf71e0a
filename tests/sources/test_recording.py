"""A recording as a source: what counts as a message of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.sources.recording import BadLine, messages


@pytest.mark.parametrize(("mark", "heard"), [("", 1), (',"retain":0', 1), (',"retain":1', 0)])
def test_what_the_broker_had_kept_from_earlier_is_passed_over(
    tmp_path: Path, mark: str, heard: int
) -> None:
    """As the daemon passes it over: it says nothing of now."""
    path = tmp_path / "recorded.jsonl"
    path.write_text('{"topic":"a","tst":"2026-01-01T00:00:00Z","payload":{"v":1}' + mark + "}\n")
    found = list(messages(path))
    assert len(found) == heard
    assert not any(isinstance(one, BadLine) for one in found)
