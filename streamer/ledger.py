"""The account of every reading: received = stored + rejected + duplicate, in every commit.

The unit of account is the reading (one machine, one event time); a message or an element of a batch
that cannot be decoded counts as one. A field that is refused while the others of its reading live
on is counted as a field. Counters are totals that commit with the turn.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamer.journal import DeadLetter
from streamer.records import Fault, Message

LETTERS_PER_TURN = 200
"""Dead letters kept of one turn; a flood of bad messages is counted whole but not stored whole."""
LETTERS_PER_HOUR = 20
"""Dead letters kept of one topic and reason in an hour; a field that is refused in every message
of a machine, for years, must neither wear out the disk nor push out what is rare."""
MOST_ORIGINS = 10_000
"""Topics and reasons of which letters are kept in an hour; strangers may invent any number."""
HOUR_NS = 3600 * 10**9


class Ledger:
    """Counts what became of each reading and keeps what was refused.

    Examples
    --------
    >>> ledger = Ledger({})
    >>> ledger.stored(late=False)
    >>> ledger.rejected(Message("a/b", b"?", 0), Fault("not_json", "no JSON"))
    >>> {k: v for k, v in ledger.counters.items() if v}
    {'received': 2, 'stored': 1, 'rejected': 1, 'rejected_not_json': 1}
    >>> ledger.balanced()
    True
    """

    def __init__(self, counters: Mapping[str, int]) -> None:
        self.counters: dict[str, int] = {
            "received": 0,
            "stored": 0,
            "rejected": 0,
            "duplicate": 0,
            "late": 0,
            **counters,
        }
        self._letters: list[DeadLetter] = []
        self._hour = 0
        self._kept: dict[int, int] = {}
        """Hash of topic and reason → letters kept this hour; a topic itself may be 64 KiB."""

    def stored(self, *, late: bool) -> None:
        """One reading was stored."""
        counters = self.counters
        counters["received"] += 1
        counters["stored"] += 1
        if late:
            counters["late"] += 1

    def duplicate(self) -> None:
        """One reading was here before."""
        self.counters["received"] += 1
        self.counters["duplicate"] += 1

    def rejected(self, message: Message, fault: Fault) -> None:
        """One reading was refused whole."""
        self.counters["received"] += 1
        self.counters["rejected"] += 1
        self.count(f"rejected_{fault.reason}")
        self._keep(message, fault)

    def field_rejected(self, message: Message, fault: Fault) -> None:
        """One field was refused; its reading lives on."""
        self.count("fields_rejected")
        self.count(f"fields_rejected_{fault.reason}")
        self._keep(message, fault)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter of its own."""
        self.counters[name] = self.counters.get(name, 0) + by

    def _keep(self, message: Message, fault: Fault) -> None:
        if len(self._letters) < LETTERS_PER_TURN and self._is_rare(message, fault):
            letter = DeadLetter(message.topic, fault.reason, fault.detail, message.payload)
            self._letters.append(letter)
        else:
            self.count("dead_letters_not_kept")

    def _is_rare(self, message: Message, fault: Fault) -> bool:
        """Whether few like it were kept in the hour of its arrival; then it counts as kept."""
        hour = message.received_ns // HOUR_NS
        if hour != self._hour:
            self._hour = hour
            self._kept.clear()
        origin = hash((message.topic, fault.reason))
        kept = self._kept.get(origin, 0)
        if kept == LETTERS_PER_HOUR or (kept == 0 and len(self._kept) == MOST_ORIGINS):
            return False
        self._kept[origin] = kept + 1
        return True

    def take_letters(self) -> list[DeadLetter]:
        """Dead letters since the last call, for the journal."""
        letters, self._letters = self._letters, []
        return letters

    def balanced(self) -> bool:
        """Whether every reading received is accounted for."""
        c = self.counters
        return c["received"] == c["stored"] + c["rejected"] + c["duplicate"]
