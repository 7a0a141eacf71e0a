"""How Telltale itself is: system alerts, and what systemd, the status page and a person are told.

A system alert is about us, not about a machine: the journal is filling up, a sink is misconfigured,
a broker session with waiting messages was lost. They travel as events of kind ``system`` the same
way as all others, so whoever is told of machines is told of their watchman too.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection, Mapping, Sequence

import msgspec

from streamer.delivery import State
from streamer.records import AlertEvent, AlertState
from streamer.sinks import Refused

META_KEY = "system_alerts"
TROUBLED_S = 60.0
"""A delivery that has failed for so long is worth an alert."""
REFUSED_S = 600.0
"""How long an alert about refused payloads stays after the last of them."""


class SystemAlerts:
    """Conditions of the daemon itself, told when they begin and when they end.

    Examples
    --------
    >>> alerts = SystemAlerts(None)
    >>> [(e.rule, e.state) for e in alerts.judge({"journal_full": "at 91 %"}, now_ns=0)]
    [('journal_full', 'firing')]
    >>> alerts.judge({"journal_full": "at 92 %"}, now_ns=1)
    []
    >>> [(e.rule, e.state) for e in alerts.judge({}, now_ns=2)]
    [('journal_full', 'resolved')]
    """

    def __init__(self, stored: str | None) -> None:
        self._active: dict[str, tuple[int, str]] = {}
        if stored:
            self._active = msgspec.json.decode(stored, type=dict[str, tuple[int, str]])

    def judge(
        self, conditions: Mapping[str, str], now_ns: int, undecided: Collection[str] = ()
    ) -> list[AlertEvent]:
        """Rule → sentence of every condition that holds now; returns what began or ended.

        Of the rules that are ``undecided`` nobody knows yet: they stay as they are.
        """
        begun = [rule for rule in conditions if rule not in self._active]
        known = {*conditions, *undecided}
        ended = [rule for rule in self._active if rule not in known]
        events = [_event(rule, "firing", now_ns, now_ns, conditions[rule]) for rule in begun]
        events += [_event(rule, "resolved", now_ns, *self._active.pop(rule)) for rule in ended]
        self._active |= {rule: (now_ns, conditions[rule]) for rule in begun}
        return events

    def state(self) -> dict[str, str]:
        """For the journal's ``meta``: so that a restart neither repeats nor forgets an alert."""
        return {META_KEY: msgspec.json.encode(self._active).decode()}

    @property
    def active(self) -> dict[str, str]:
        """Rule → sentence of what holds now."""
        return {rule: reason for rule, (_, reason) in self._active.items()}


class DeliveryTroubles:
    """What of the deliveries is worth a system alert: one that fails, one that is refused.

    Examples
    --------
    >>> troubles = DeliveryTroubles()
    >>> refused = [Refused("HTTP 400", "field type conflict", b"turbine power=1")]
    >>> well = State(reason="", detail="", failing_s=0, idle_s=0, lag_turns=0)
    >>> troubles.look("influxdb", well, refused, now_s=0)
    {'refused_influxdb': 'influxdb refused 1 for good, last: field type conflict'}
    >>> troubles.look("influxdb", well, [], now_s=2 * REFUSED_S)
    {}
    """

    def __init__(self) -> None:
        self._refused: dict[str, tuple[float, str]] = {}

    def look(
        self, name: str, state: State, refused: Sequence[Refused], *, now_s: float
    ) -> dict[str, str]:
        """Rule → sentence of what troubles one delivery at a monotonic time."""
        found = {}
        if state.reason == "misconfigured" or state.failing_s >= TROUBLED_S:
            found[f"delivery_{name}"] = f"{name}: {state.detail}"
        if refused:
            sentence = f"{name} refused {len(refused)} for good, last: {refused[-1].detail}"
            self._refused[name] = (now_s, sentence)
        at, sentence = self._refused.get(name, (-REFUSED_S, ""))
        if now_s - at < REFUSED_S:
            found[f"refused_{name}"] = sentence
        return found


def untried(name: str, state: State) -> set[str]:
    """Rules about a delivery that cannot be judged: it has written nothing since the start."""
    return set() if state.idle_s is not None else {f"delivery_{name}", f"refused_{name}"}


def happened(rule: str, sentence: str, now_ns: int) -> list[AlertEvent]:
    """Something of ours that happened once: an alert that is over as soon as it is told.

    A millisecond later, because a time series database keeps one point for an alert and a time.
    """
    return [
        _event(rule, "firing", now_ns, now_ns, sentence),
        _event(rule, "resolved", now_ns + 1_000_000, now_ns, sentence),
    ]


def _event(rule: str, state: AlertState, time_ns: int, since_ns: int, reason: str) -> AlertEvent:
    return AlertEvent(
        machine_class="",
        machine="telltale",
        labels={},
        rule=rule,
        kind="system",
        state=state,
        time_ns=time_ns,
        since_ns=since_ns,
        reason=reason,
    )


def tell_systemd(*words: str) -> None:
    """Send ``READY=1``, ``WATCHDOG=1``, ``STATUS=…`` to systemd, where it started us.

    The protocol is one datagram to the socket named in ``NOTIFY_SOCKET`` (sd_notify(3)).
    """
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    # Whether systemd hears us must not matter to the machines we watch.
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
    ):
        sock.sendto("\n".join(words).encode(), address)
