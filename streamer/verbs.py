"""What an operator tells of a machine, carried out: the machine's state after it, and the events.

``maintenance_start``  it is in service: stored, but neither judged nor learnt; its alerts end
``maintenance_done``   it is back, perhaps with new parts: what was learnt of them is renewed
``accept``             what it reads now is its new normal
``relearn``            forget what was learnt of it and begin anew

A verb is an input like a reading: journalled, and obeyed again by a replay. So nothing here asks
the clock or the system who anybody is.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamer.alerts import Alert, AlertBook
from streamer.records import AlertEvent, AlertState, Evidence, Machine, Verb, VerbName
from streamer.stages import Stages

ALL_RULES = ("machine", "instrument", "silent")

RULE: dict[VerbName, str] = {
    "maintenance_start": "maintenance",
    "maintenance_done": "maintenance",
    "accept": "accept",
    "relearn": "relearn",
}
"""Verb → what its events have for a rule; both ends of a maintenance have the same."""

SENTENCE: dict[VerbName, str] = {
    "maintenance_start": "in maintenance",
    "maintenance_done": "maintenance done",
    "accept": "accepted as the new normal",
    "relearn": "learning anew",
}


class Orders:
    """Obeys the verbs about the machines of one class.

    Parameters
    ----------
    stages, book
        What they act on.
    machines
        The roster's list, by row.
    sensors
        Names by column.
    """

    def __init__(
        self,
        stages: Stages,
        book: AlertBook,
        machines: Sequence[Machine],
        sensors: Sequence[str],
    ) -> None:
        self._stages = stages
        self._book = book
        self._machines = machines
        self._sensors = sensors

    def obey(self, verb: Verb) -> list[AlertEvent]:
        """Carry it out; returns the end of the alerts it settles, and itself as an event."""
        self._stages.reserve(len(self._machines))
        match verb.name:
            case "maintenance_start":
                return self._start(verb)
            case "maintenance_done":
                return self._done(verb)
            case "accept":
                self._stages.accept(verb.row, verb.sensors)
            case "relearn":
                self._stages.relearn(verb.row, verb.sensors)
        return [*self._settle(verb, "machine"), self._event(verb, "done", verb.time_ns)]

    def _start(self, verb: Verb) -> list[AlertEvent]:
        self._stages.service.start(verb.row, verb.time_ns)
        return [*self._settle(verb, *ALL_RULES), self._event(verb, "started", verb.time_ns)]

    def _done(self, verb: Verb) -> list[AlertEvent]:
        since_ns = self._stages.service.since_ns(verb.row)
        self._stages.service.done(verb.row, verb.time_ns)
        self._stages.renew(verb.row, verb.sensors)
        return [self._event(verb, "done", verb.time_ns if since_ns is None else since_ns)]

    def _settle(self, verb: Verb, *kinds: str) -> list[AlertEvent]:
        """End the alerts that the verb answers: of these kinds, about the sensors it names."""
        names = {self._sensors[sensor] for sensor in verb.sensors}

        def meant(alert: Alert) -> bool:
            about = alert.evidence.sensor
            return alert.kind in kinds and (not names or not about or about in names)

        return self._book.end(verb.row, verb.time_ns, SENTENCE[verb.name], meant)

    def _event(self, verb: Verb, state: AlertState, since_ns: int) -> AlertEvent:
        machine = self._machines[verb.row]
        names = [self._sensors[sensor] for sensor in verb.sensors]
        return AlertEvent(
            machine_class=machine.machine_class,
            machine=machine.name,
            labels=dict(machine.labels),
            rule=RULE[verb.name],
            kind="operator",
            state=state,
            time_ns=verb.time_ns,
            since_ns=since_ns,
            reason=_sentence(verb, names),
            evidence=Evidence(sensor=names[0] if names else ""),
        )


def _sentence(verb: Verb, sensors: Sequence[str]) -> str:
    """Say what was told, of what, by whom.

    >>> _sentence(Verb("accept", "pump", 0, 0, uid=1000, user="anna", note="new seal"), ["flow"])
    'accepted as the new normal: flow; told by anna (uid 1000): new seal'
    >>> _sentence(Verb("maintenance_start", "pump", 0, 0, uid=0), [])
    'in maintenance; told by uid 0'
    """
    what = f"{SENTENCE[verb.name]}: {', '.join(sensors)}" if sensors else SENTENCE[verb.name]
    who = f"{verb.user} (uid {verb.uid})" if verb.user else f"uid {verb.uid}"
    told = f"{what}; told by {who}"
    return f"{told}: {verb.note}" if verb.note else told
