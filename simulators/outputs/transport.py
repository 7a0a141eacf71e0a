"""The way from the machines to the broker: what its faults do to the messages, in order of time."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count, zip_longest
from operator import itemgetter

from simulators.clock import NS_PER_S
from simulators.farm import Farm
from simulators.faults.base import Episode, Fault, TransportFault
from simulators.messages import Message
from simulators.streams import Streams

Passage = tuple[Fault, Episode]


def carried(farm: Farm, messages: Iterable[Message]) -> Iterable[Message]:
    """The messages as they are sent, where the farm's transport faults have had their way.

    Of several faults of one machine, each sees what the one with the earlier onset has left.
    Without any, the messages are given back untouched. What is held up is kept in memory: as much
    as a farm says in the longest time for which a fault holds anything, a day.

    Args:
        farm: whose messages.
        messages: in order of ``time_ns``.

    Returns:
        In order of ``time_ns`` again; those of one time in the order in which they came up.

    >>> from simulators import parse_fault
    >>> from simulators.outputs.payloads import telemetry
    >>> farm = Farm(machines=2, seed=1, faults=[parse_fault("link_late@T02:10m-30m")])
    >>> [message.machine for message in telemetry(farm, hours=1)][18:26]
    ['T01', 'T02', 'T01', 'T01', 'T01', 'T01', 'T01', 'T01']
    """
    for stage in _stages(farm):
        messages = _passed(farm.start_ns, stage, messages)
    return messages


def _stages(farm: Farm) -> list[dict[str, Passage]]:
    """The first transport fault of each machine, the second of each, … with what they remember."""
    streams = Streams(farm.seed, noise=farm.noise)
    faults: dict[str, list[tuple[str, Passage]]] = defaultdict(list)
    for fault in farm.faults:
        if isinstance(fault, TransportFault):
            row = farm.machines.index(fault.machine)
            episode = Episode(row, streams(f"fault/{fault!r}"))
            faults[fault.machine].append((fault.machine, (fault, episode)))
    return [dict(filter(None, stage)) for stage in zip_longest(*faults.values())]


def _passed(
    start_ns: int, stage: dict[str, Passage], messages: Iterable[Message]
) -> Iterator[Message]:
    """Each machine's messages through its fault; the others overtake those that are held up."""
    held: list[tuple[int, int, Message]] = []
    number = count()
    for message in messages:
        while held and held[0][0] <= message.time_ns:
            yield heapq.heappop(held)[2]
        if message.machine not in stage:
            yield message
            continue
        fault, episode = stage[message.machine]
        t_s = (message.time_ns - start_ns) / NS_PER_S
        for later in fault.on_message(t_s, message, episode):
            # The number keeps the order of those of one time, and no messages are compared.
            heapq.heappush(held, (later.time_ns, next(number), later))
    yield from map(itemgetter(2), sorted(held, key=itemgetter(0, 1)))
