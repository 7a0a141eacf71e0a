"""A limit on the journal, and what happens there by each policy."""

from __future__ import annotations

import time

import pytest

from streamer import housekeeping as module
from streamer import snapshot
from streamer.housekeeping import ALERT_SHARE, CLEAR_SHARE, Housekeeping
from tests.core.plant import configured, humming, opened, walk

QUOTA = 1 << 20
TURN_S = 10
NEVER = 1e9


class House:
    """A pipeline whose sinks write nothing unless told so, and its housekeeping."""

    def __init__(self, folder, policy: str = "drop_scores", **overrides) -> None:
        self.config = configured(
            folder, journal={"quota_bytes": QUOTA, "at_quota": policy}, **overrides
        )
        self.pipeline, self.journal = opened(self.config)
        self.folder = self.config.state_dir / "snapshots"
        self.keeper = Housekeeping(self.config, self.pipeline, self.journal, self.folder, 0)
        self.written = 0
        self.turns = 0
        self.sizes: list[int] = []

    def turn(self, readings: int = 600) -> None:
        """A turn of so many readings, and what is done after it."""
        start = self.turns * 100_000
        seconds = range(start, start + readings // 3 * TURN_S, TURN_S)
        walk(self.pipeline, [humming(seconds)])
        self.turns += 1
        self.sizes.append(self.journal.used_bytes())
        self.keeper.after_turn([self.written])

    def fill(self, share: float) -> None:
        while self.journal.used_bytes() < share * QUOTA:
            self.turn()

    def kept(self) -> list[int]:
        return [id_ for id_, _ in self.journal.inputs_after(0)]


@pytest.fixture
def house(tmp_path):
    made: list[House] = []

    def build(*args, **overrides) -> House:
        made.append(House(tmp_path, *args, **overrides))
        return made[-1]

    yield build
    for one in made:
        one.journal.close()


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(module, "TRIM_S", 0.0)


def test_nothing_is_said_of_a_journal_with_room(house):
    one = house()
    one.turn()
    assert one.keeper.conditions() == {}
    assert 0 < one.keeper.used_share < ALERT_SHARE


def test_from_80_per_cent_on_a_sentence_says_what_will_happen(house):
    one = house()
    one.fill(ALERT_SHARE)
    one.turn(3)
    sentence = one.keeper.conditions()["journal_filling"]
    assert sentence.startswith("the journal is at 8")
    assert sentence.endswith("% of its quota; at 100 %: drop_scores")


def test_the_sentence_stays_until_there_is_clearly_room_again(house, monkeypatch):
    one = house()
    for share, said in [(0.79, False), (0.81, True), (0.75, True), (0.69, False), (0.75, False)]:
        monkeypatch.setattr(one.journal, "used_bytes", lambda share=share: int(share * QUOTA))
        one.turn(3)
        assert bool(one.keeper.conditions()) == said, share
    assert CLEAR_SHARE < ALERT_SHARE


def test_at_the_quota_the_oldest_scores_give_way_and_reading_goes_on(house):
    one = house()
    one.fill(0.98)
    largest = max(b - a for a, b in zip(one.sizes, one.sizes[1:], strict=False))
    for _ in range(12):
        one.turn()
    assert max(one.sizes) <= QUOTA + 2 * largest
    assert one.kept()[0] > 1
    assert one.kept()[-1] == one.turns == one.journal.last_turn()
    assert not one.keeper.blocked
    assert one.pipeline.ledger.counters["stored"] == one.turns * 600
    missing = one.kept()[0] - 1
    assert one.pipeline.ledger.counters["scores_dropped_at_quota"] == missing * 600
    assert "journal_filling" in one.keeper.conditions()

    again, journal = opened(one.config)  # a restart needs none of what is gone
    assert journal.last_turn() == again.last_turn == one.turns
    assert "scores_dropped_at_quota" in journal.counters()
    journal.close()


@pytest.mark.parametrize("policy", ["drop_scores", "block"])
@pytest.mark.parametrize("under_way", [1, 50_000])
def test_at_the_quota_nothing_is_dropped_that_is_written(house, policy, under_way):
    one = house(policy, turn_readings=under_way, mqtt__receive_maximum=under_way)
    one.written = 10**6
    for _ in range(25):
        one.turn()
    assert "scores_dropped_at_quota" not in one.pipeline.ledger.counters
    assert max(one.sizes) <= QUOTA + one.sizes[0]
    assert not one.keeper.blocked


def test_block_drops_nothing_and_takes_nothing_until_there_is_room(house):
    one = house("block")
    one.fill(1.0)
    one.turn(3)
    assert one.keeper.blocked
    assert one.kept() == list(range(1, one.turns + 1))
    assert "scores_dropped_at_quota" not in one.pipeline.ledger.counters

    one.written = one.turns  # the sink is back
    one.turn(3)
    assert not one.keeper.blocked
    assert len(one.kept()) < one.turns


# Snapshots and trimming.


def test_snapshots_are_taken_in_their_time(house, monkeypatch):
    one = house(snapshot_s=100.0)
    now = one.keeper._snapshot_at
    taken = []
    for later in (1, 99, 101, 150, 202):
        monkeypatch.setattr(module.time, "monotonic", lambda later=later: now + later)
        one.turn(3)
        taken.append(snapshot.turns(one.folder))
    assert taken == [[], [], [3], [3], [5, 3]]


def test_no_snapshot_is_taken_where_nothing_happened(house):
    one = house()
    one.turn(3)
    one.keeper.snapshot()
    (path,) = one.folder.iterdir()
    path.unlink()
    one.keeper.snapshot()
    assert list(one.folder.iterdir()) == []


def test_turns_are_kept_for_the_snapshot_before_the_newest(house, no_waiting):
    """The newest may turn out to be damaged."""
    one = house(turn_readings=1, mqtt__receive_maximum=1)
    one.written = 10**6
    firsts = []
    for _ in range(4):
        one.turn(30)
        one.turn(30)
        one.keeper.snapshot()
        one.turn(3)
        firsts.append(one.kept()[0])
    assert snapshot.turns(one.folder) == [11, 8]
    assert firsts == [1, 3, 6, 9]


def test_turns_are_kept_for_a_sink_that_is_behind(house, no_waiting):
    one = house(turn_readings=1, mqtt__receive_maximum=1)
    for _ in range(3):
        one.turn(30)
        one.keeper.snapshot()
    one.written = 1
    one.turn(3)
    assert one.kept() == [2, 3, 4]


def test_a_disk_that_refuses_does_not_stop_the_loop(house, monkeypatch, caplog):
    one = house(snapshot_s=1e-3)

    def refuses(*args) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "take_snapshot", refuses)
        for _ in range(3):
            one.turn(3)
            time.sleep(0.002)
    assert "No space left on device" in one.keeper.conditions()["journal_trouble"]
    assert caplog.text.count("No space left on device") == 1
    one.turn(3)
    assert one.keeper.conditions() == {}
    assert snapshot.turns(one.folder) == [4]
