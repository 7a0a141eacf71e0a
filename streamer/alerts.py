"""The life of an alert: inactive → pending → firing → resolved, as a pure step over event time.

One alert per machine and rule. The condition is a *severity*: score over limit, so 1.0 is the limit
whatever the detector. An alert begins when severity reaches 1 and becomes firing once it has stayed
at or above ``clear`` for ``hold_s``; it is resolved once severity has stayed below ``clear`` for
``keep_firing_s``. The gap between 1 and ``clear`` is the hysteresis, the two times are the on-delay
and off-delay of ISA-18.2 (Prometheus: ``for`` and ``keep_firing_for``). NaN says nothing and
changes nothing: an all-clear is never inferred from missing data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from streamer.records import AlertEvent, AlertKind, AlertState, Evidence, Machine, Rows, Tick, Times

NS = 1_000_000_000
FLEET = -1
"""Stands for a row where an alert is about all machines of the class together, …"""
FLEET_NAME = "fleet"
"""… and this for a machine's name."""


class Rule(NamedTuple):
    """When does severity become somebody's business?"""

    name: str
    kind: AlertKind
    hold_s: float = 0.0
    keep_firing_s: float = 0.0
    clear: float = 0.8


class Alert(msgspec.Struct):
    """An alert that is pending or firing; a resolved one is gone."""

    since_ns: int
    """When severity first reached the limit."""
    firing: bool
    severity: float
    """The worst since then."""
    reason: str
    evidence: Evidence
    kind: AlertKind = "machine"
    quiet_since_ns: int | None = None
    """Since when severity has been below ``clear``, while still firing."""


class Why(NamedTuple):
    """The sentence and the evidence behind one severity."""

    reason: str
    evidence: Evidence


def step(
    rule: Rule, alert: Alert | None, time_ns: int, severity: float, why: Callable[[], Why]
) -> tuple[Alert | None, AlertState | None]:
    """One reading's worth of an alert's life → the alert from now on, and the change if any.

    >>> rule = Rule("machine_fault", "machine", hold_s=60, keep_firing_s=60)
    >>> because = lambda: Why("vibration is high", Evidence("vibration"))
    >>> alert, change = step(rule, None, 0, 1.2, because)
    >>> change
    'pending'
    >>> alert, change = step(rule, alert, 60 * NS, 0.9, because)  # below the limit, not clear
    >>> change
    'firing'
    >>> alert, change = step(rule, alert, 70 * NS, 0.1, because)
    >>> alert, change = step(rule, alert, 130 * NS, 0.1, because)
    >>> alert, change
    (None, 'resolved')
    """
    if math.isnan(severity):
        return alert, None
    if alert is None:
        return (None, None) if severity < 1.0 else _begin(rule, time_ns, severity, why())
    if severity > alert.severity:
        alert.severity = severity
        alert.reason, alert.evidence = why()
    if alert.firing:
        return _keep_firing(rule, alert, time_ns, severity)
    return _hold(rule, alert, time_ns, severity)


def _begin(
    rule: Rule, time_ns: int, severity: float, why: Why
) -> tuple[Alert | None, AlertState | None]:
    firing = rule.hold_s <= 0
    alert = Alert(time_ns, firing, severity, why.reason, why.evidence, rule.kind)
    return alert, "firing" if firing else "pending"


def _hold(
    rule: Rule, alert: Alert, time_ns: int, severity: float
) -> tuple[Alert | None, AlertState | None]:
    if severity < rule.clear:
        return None, None
    if time_ns - alert.since_ns < rule.hold_s * NS:
        return alert, None
    alert.firing = True
    return alert, "firing"


def _keep_firing(
    rule: Rule, alert: Alert, time_ns: int, severity: float
) -> tuple[Alert | None, AlertState | None]:
    if severity >= rule.clear:
        alert.quiet_since_ns = None
        return alert, None
    if alert.quiet_since_ns is None:
        alert.quiet_since_ns = time_ns
    if time_ns - alert.quiet_since_ns < rule.keep_firing_s * NS:
        return alert, None
    return None, "resolved"


class AlertBook:
    """All alerts of one machine class.

    Only what is out of the ordinary costs anything: readings whose severity reaches the limit, and
    those of machines that have an alert already, are stepped through one by one; the others are
    passed over as one array comparison.
    """

    def __init__(
        self,
        machines: Sequence[Machine],
        rules: Sequence[Rule],
        silent_s: float,
        fleet_rules: Sequence[Rule] = (),
    ) -> None:
        self.rules = list(rules)
        self.fleet_rules = list(fleet_rules)
        self._machines = machines
        self._silent_s = silent_s
        self._active: dict[tuple[int, str], Alert] = {}

    def judge(
        self,
        rows: Rows,
        times: Times,
        severities: Sequence[NDArray[np.float64]],
        why: Callable[[int, int], Why],
        fleet: Sequence[NDArray[np.float64]] = (),
        *,
        beside: Sequence[tuple[int, AlertEvent]] = (),
    ) -> list[AlertEvent]:
        """Step every alert through a turn's readings, in order.

        ``severities`` holds one ``f8[n]`` per rule, ``fleet`` one per rule about all machines
        together; ``why(i, r)`` explains reading ``i`` to rule ``r``, the fleet's after the others,
        and is asked only where it matters. ``beside`` are events that are no alerts, each with its
        reading: all are told in the order of the readings.
        """
        hot = self._worth_a_look(rows, severities, fleet)
        if not hot.any():
            return [event for _, event in sorted(beside, key=itemgetter(0))]
        which, of = np.nonzero(hot)
        row = np.where(of < len(severities), rows[which], FLEET)
        severity = np.array([*severities, *fleet])[of, which]
        rules, events = [*self.rules, *self.fleet_rules], []
        said = (column.tolist() for column in (which, of, row, times[which], severity))
        for i, r, subject, time_ns, x in zip(*said, strict=True):
            event = self._step(rules[r], subject, time_ns, x, partial(why, i, r))
            if event is not None:
                events.append((i, event))
        return [event for _, event in sorted([*events, *beside], key=itemgetter(0))]

    def _worth_a_look(
        self,
        rows: Rows,
        severities: Sequence[NDArray[np.float64]],
        fleet: Sequence[NDArray[np.float64]],
    ) -> NDArray[np.bool_]:
        """Who reaches the limit in these readings or has an alert already, bool[n, rules]."""
        hot = np.zeros((len(rows), len(severities) + len(fleet)), dtype=np.bool_)
        for r, severity in enumerate(severities):
            who = {row for row, name in self._active if name == self.rules[r].name}
            who.update(rows[severity >= 1.0].tolist())
            if who:
                hot[:, r] = np.isin(rows, list(who))
        for r, severity in enumerate(fleet):
            name = self.fleet_rules[r].name
            if (FLEET, name) in self._active or (severity >= 1.0).any():
                hot[:, len(severities) + r] = True
        return hot

    def _step(
        self, rule: Rule, row: int, time_ns: int, severity: float, why: Callable[[], Why]
    ) -> AlertEvent | None:
        before = self._active.get((row, rule.name))
        alert, change = step(rule, before, time_ns, severity, why)
        if alert is None:
            self._active.pop((row, rule.name), None)
        elif before is None:
            self._active[row, rule.name] = alert
        subject = alert or before
        if change in (None, "pending") or subject is None:
            return None
        return self._event(rule, row, time_ns, change, subject)

    def _event(
        self, rule: Rule, row: int, time_ns: int, state: AlertState, alert: Alert
    ) -> AlertEvent:
        machine = self._machines[max(row, 0)]
        return AlertEvent(
            machine_class=machine.machine_class,
            machine=FLEET_NAME if row == FLEET else machine.name,
            labels={} if row == FLEET else dict(machine.labels),
            rule=rule.name,
            kind=rule.kind,
            state=state,
            time_ns=time_ns,
            since_ns=alert.since_ns,
            reason=alert.reason,
            evidence=alert.evidence,
        )

    def tick(self, tick: Tick, last_seen: Times) -> list[AlertEvent]:
        """Judge silence: who has not been heard for ``silent_s`` though we were listening?"""
        silent, changed = self._silence(tick, last_seen)
        events = [
            self._step(
                SILENT,
                row,
                tick.now_ns,
                1.0 if silent[row] else 0.0,
                partial(_why_silent, tick.now_ns, int(last_seen[row])),
            )
            for row in changed
        ]
        return [event for event in events if event is not None]

    def tick_matters(self, tick: Tick, last_seen: Times) -> bool:
        """Whether `tick` would change anything; one that would not need not be journalled."""
        return bool(self._silence(tick, last_seen)[1])

    def _silence(self, tick: Tick, last_seen: Times) -> tuple[NDArray[np.bool_], list[int]]:
        """Who is silent, and whose silence began or ended since the last tick."""
        if self._silent_s <= 0 or not len(last_seen):
            return np.zeros(0, dtype=np.bool_), []
        heard = np.maximum(last_seen, tick.hearing_since_ns)
        # A row whose machine has never told a time that was admitted is nobody's silence.
        silent = (last_seen >= 0) & (tick.now_ns - heard > self._silent_s * NS)
        was = {row for row, rule in self._active if rule == SILENT.name}
        return silent, sorted(set(np.flatnonzero(silent).tolist()) ^ was)

    def end(
        self, row: int, time_ns: int, reason: str, meant: Callable[[Alert], bool]
    ) -> list[AlertEvent]:
        """End a machine's alerts by order, those that are ``meant``; pending ones were never told.

        The ``reason`` stands before the alert's own.
        """
        events = []
        for key in sorted(key for key in self._active if key[0] == row):
            alert = self._active[key]
            if not meant(alert):
                continue
            del self._active[key]
            if alert.firing:
                told = structs.replace(alert, reason=f"{reason}; before: {alert.reason}")
                at_ns = max(time_ns, alert.since_ns)
                events.append(self._event(Rule(key[1], alert.kind), row, at_ns, "resolved", told))
        return events

    @property
    def active(self) -> dict[tuple[int, str], Alert]:
        """Pending and firing alerts by (row, rule)."""
        return self._active

    def state(self) -> bytes:
        """For the snapshot: what `restore` takes. MessagePack, which can say an infinite score."""
        alerts = [(row, rule, alert) for (row, rule), alert in self._active.items()]
        return msgspec.msgpack.encode(alerts)

    def restore(self, state: bytes, now_ns: int) -> list[AlertEvent]:
        """Take over the alerts of an earlier run; returns the end of those whose rule is gone."""
        stored = msgspec.msgpack.decode(state, type=list[tuple[int, str, Alert]])
        known = {rule.name for rule in (*self.rules, *self.fleet_rules, SILENT)}
        self._active = {(row, rule): alert for row, rule, alert in stored if rule in known}
        return [
            self._event(Rule(rule, alert.kind), row, now_ns, "resolved", alert)
            for row, rule, alert in stored
            if rule not in known and alert.firing
        ]


SILENT = Rule("silent", "silent")


def _why_silent(now_ns: int, last_seen_ns: int) -> Why:
    minutes = (now_ns - last_seen_ns) / NS / 60
    return Why(f"silent for {minutes:.0f} min", Evidence())
