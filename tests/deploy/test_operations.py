"""What the pages tell people to type works, and what they name is there."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from streamer.config import load
from streamer.journal import DeadLetter, Journal, Turn
from streamer.records import Columns, Inputs
from tests.batches import points

ROOT = Path(__file__).parents[2]
PAGES = ["docs/operations.md", "deploy/README.md", "deploy/grafana/README.md"]


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with one reading, one dead letter, counters and a sink that is behind."""
    path = tmp_path / "journal.db"
    made = points([0], [1], [[1.0, 2.0]])
    readings: dict[str, Columns] = {"turbine": made.readings}
    letter = DeadLetter("plant/north/T01/telemetry", "not_json", "no JSON", b"\xff{")
    open_journal = Journal(path)
    open_journal.commit(
        Turn(
            Inputs(readings),
            [made],
            dead_letters=[letter],
            counters={"received": 2, "stored": 1, "rejected": 1},
            cursors={"influxdb": 0},
        )
    )
    open_journal.close()
    return path


def queries() -> list[str]:
    found = re.findall(r"```sql\n(.*?)```", page("docs/operations.md"), re.DOTALL)
    assert len(found) == 4
    return found


@pytest.mark.parametrize("query", queries())
def test_every_query_of_the_page_is_answered(journal: Path, query: str) -> None:
    db = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    db.text_factory = bytes  # a payload is whatever a stranger sent
    assert db.execute(query).fetchall()
    db.close()


def test_the_backup_of_the_page_is_a_journal(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    (statement,) = re.findall(r'journal\.db "(VACUUM INTO .*)"', page("docs/operations.md"))
    db = sqlite3.connect(journal)
    db.execute(statement.replace("/backup/journal.db", str(copy)))
    db.close()
    original, restored = Journal(journal), Journal(copy)
    assert (restored.id, restored.last_turn()) == (original.id, original.last_turn())
    original.close()
    restored.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_file_a_page_names_is_there(name: str) -> None:
    text = page(name)
    linked = {(ROOT / name).parent / path for path in re.findall(r"\]\(([^)#:]+)", text)}
    named = {ROOT / path for path in re.findall(r"\b(?:deploy|config|docs|tests)/[\w./-]*\w", text)}
    beside = re.findall(r"`([\w-]+\.(?:py|service|conf))`", text)
    named |= {(ROOT / name).parent / path for path in beside}
    assert linked | named
    assert [path for path in linked | named if not path.exists()] == []


@pytest.mark.parametrize("name", [*PAGES, "deploy/mosquitto.conf"])
def test_every_key_a_page_names_is_one(name: str) -> None:
    config = load(ROOT / "config" / "turbines.yaml")
    for section, key in re.findall(r"\b(mqtt|journal)\.([a-z_]+)\b(?!\.)", page(name)):
        assert key == "db" or hasattr(getattr(config, section), key), f"{section}.{key}"
