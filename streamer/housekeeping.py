"""A limit on the journal, and a named policy at it.

``journal.quota_bytes`` bounds the file. From 80 % on a system alert says so. At the quota, with
``at_quota: drop_scores``, a snapshot is taken, so that a restart needs no old turns, and then the
oldest turns that the sink that is down has not written yet give way, counted; reading, judging and
alerting go on. With ``at_quota: block`` nothing is dropped: the loop takes no more messages, so the
broker keeps them, until there is room again.

None of this may stop the loop: where the disk refuses, the journal stays as it is, a system alert
says so, and the next turn tries again.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from streamer import snapshot
from streamer.config import Config
from streamer.journal import Journal
from streamer.pipeline import Pipeline
from streamer.recovery import take_snapshot

log = logging.getLogger(__name__)

ALERT_SHARE = 0.8
CLEAR_SHARE = 0.7
"""Below it the alert ends; trimming goes up and down by a few per cent, which is no news."""
GIVE_WAY_SHARE = 0.05
"""How much of the quota is freed at once, so that a full journal is not trimmed at every turn."""
TRIM_S = 10.0


class Housekeeping:
    """Takes snapshots, trims the journal and holds it to its quota.

    Parameters
    ----------
    config, pipeline, journal, folder
        What is kept in order, and where snapshots go.
    snapshot_turn
        The turn of the snapshot that was recovered from, 0 for none.
    """

    def __init__(
        self,
        config: Config,
        pipeline: Pipeline,
        journal: Journal,
        folder: Path,
        snapshot_turn: int,
    ) -> None:
        self._config = config
        self._pipeline = pipeline
        self._journal = journal
        self._folder = folder
        self._snapshot_turn = snapshot_turn
        self._snapshot_at = self._trim_at = time.monotonic()
        self._filling = False
        self._trouble = ""
        self.used_share = 0.0
        self.blocked = False
        self._measure()

    def after_turn(self, sinks: Sequence[int], notifiers: Sequence[int] = ()) -> None:
        """Do what is due after a commit; given is how far the sinks and the notifiers are.

        A notifier that is down keeps alert events, which are small, but no readings.
        """
        try:
            self._keep_house(sinks, notifiers)
        except (OSError, sqlite3.Error) as error:
            if not self._trouble:
                log.warning("the journal cannot be kept in order: %s", error)
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _keep_house(self, sinks: Sequence[int], notifiers: Sequence[int]) -> None:
        now = time.monotonic()
        if now - self._snapshot_at >= self._config.snapshot_s:
            self.snapshot()
        if now - self._trim_at >= TRIM_S:
            self._trim(sinks, notifiers, self._oldest_snapshot())
        self._hold_to_quota(sinks, notifiers)

    def snapshot(self) -> None:
        """Write down what was learnt, now; raises OSError where the disk refuses."""
        self._snapshot_at = time.monotonic()
        if self._pipeline.last_turn > self._snapshot_turn:
            self._snapshot_turn = take_snapshot(self._pipeline, self._folder)

    def _oldest_snapshot(self) -> int:
        """Turn of the snapshot that would be needed if the newest one could not be read."""
        turns = snapshot.turns(self._folder)
        return turns[-1] if len(turns) >= snapshot.KEPT else 0

    def _trim(self, sinks: Sequence[int], notifiers: Sequence[int], snapshot_turn: int) -> None:
        self._trim_at = time.monotonic()
        self._journal.trim(snapshot_turn, sinks, self._pipeline.remembered, notifiers)

    def _hold_to_quota(self, sinks: Sequence[int], notifiers: Sequence[int]) -> None:
        self.blocked = False
        if self._measure() < 1.0:
            return
        self.snapshot()
        self._trim(sinks, notifiers, self._snapshot_turn)
        freed = int(self._config.journal.quota_bytes * GIVE_WAY_SHARE)
        written = min([self._snapshot_turn, *sinks])
        # What is written, and kept only to know again what is sent again, goes first.
        while self._measure() >= 1.0 and self._journal.give_way(written, freed):
            pass
        if self._measure() < 1.0:
            return
        if self._config.journal.at_quota == "block":
            self.blocked = True
            return
        dropped = self._journal.give_way(self._snapshot_turn, freed)
        self._pipeline.ledger.count("scores_dropped_at_quota", dropped)
        self._measure()

    def _measure(self) -> float:
        share = self.used_share = self._journal.used_bytes() / self._config.journal.quota_bytes
        self._filling = share >= (CLEAR_SHARE if self._filling else ALERT_SHARE)
        return share

    def conditions(self) -> dict[str, str]:
        """What the system alerts should say of the journal."""
        found = {}
        if self._filling:
            policy = self._config.journal.at_quota
            share = f"the journal is at {self.used_share:.0%} of its quota"
            found["journal_filling"] = f"{share}; at 100 %: {policy}"
        if self._trouble:
            found["journal_trouble"] = f"the journal cannot be kept in order: {self._trouble}"
        return found
