"""`kill -9` of the daemon in mid-stream: nothing lost, nothing scored twice, every bit kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.e2e._daemon import Telltale
from tests.e2e._plant import SITE, Stream, Verdict, gathered, machines, plant, readings, telemetry
from tests.e2e.conftest import Run
from tests.servers.mosquitto import Mosquitto
from tests.servers.wire import Publisher

MACHINES = machines(20)
STEPS_PER_STAGE = 75
STAGE = len(MACHINES) * STEPS_PER_STAGE

SNAPSHOTS = "--set=snapshot_s=0.001"
"""One after every turn."""
CATCH_S = 3.0


def test_a_daemon_that_is_killed_says_what_one_says_that_never_was(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    def config(client_id: str) -> dict[str, Any]:
        return plant(mosquitto.port, mqtt={"client_id": client_id})

    witness = run(config("witness"), "witness")
    victim = run(config("victim"), "victim")
    source = publisher(mosquitto.port)
    # When in its stage, after so many readings of the stages before.
    kills: list[tuple[Callable[[int], None], str]] = [
        (lambda n: _has(victim, n + 200), ""),  # nothing but the journal to come back from
        (lambda _: victim.says("kernels: "), ""),  # while it comes back
        (lambda n: _has(victim, n + 700), SNAPSHOTS),
        (lambda n: _is_writing_a_snapshot(victim, n + 500), SNAPSHOTS),
        (lambda n: _is_writing_a_snapshot(victim, n + 900), SNAPSHOTS),
        (lambda n: _has(victim, n + 1_300), ""),
        (lambda n: _has(victim, n + 100), ""),
    ]
    stream: Stream = []
    sent = 0
    for stage, (moment, next_words) in enumerate(kills):
        steps = range(stage * STEPS_PER_STAGE, (stage + 1) * STEPS_PER_STAGE)
        told = readings(MACHINES, steps, sick=["T003"] if stage in (2, 3) else [])
        part = telemetry(told) if stage < 5 else gathered(told, 25)
        stream += part
        with _sending(source, part):
            moment(sent)
            victim.kill()
            victim.start(*filter(None, [next_words]))
        sent += len(told)
    victim.hears()  # it may have had all before it was killed; who is not there yet cannot be asked
    for daemon in (witness, victim):
        daemon.until(lambda d=daemon: d.count("stored") == sent, "all to be stored")
        daemon.kept(sent)
        assert daemon.stop() == 0

    assert witness.counters()["received"] == sent
    counters = victim.counters()
    assert counters["received"] == counters["stored"] + counters["duplicate"]
    assert counters["rejected"] == 0
    assert victim.scored() == witness.scored()
    assert victim.alerts() == witness.alerts()
    assert len(victim.alerts()) > 0
    everything = "SELECT * FROM readings_turbine ORDER BY time_ns, machine"
    assert victim.scores(everything) == witness.scores(everything)
    assert len(victim.scores(everything)) == sent
    expected = Verdict(victim.config(), stream)
    assert victim.scored() == expected.scored
    assert victim.alerts() == expected.alerts


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_bare_numbers_without_a_time_are_stored_once_each_whenever_it_is_killed(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher], protocol: str
) -> None:
    config = plant(mosquitto.port, clock="wall", max_ahead_s=300, mqtt={"protocol": protocol})
    daemon = run(config)
    source = publisher(mosquitto.port)
    sent = 0
    for moment in (700, 2_500, 4_000, None):
        numbers = range(sent, sent + 1_500)
        part = [(f"plant/{SITE}/T{n % 7}/one/vibration", f"{n / 100}".encode()) for n in numbers]
        sent += len(part)
        with _sending(source, part):
            if moment is not None:
                daemon.received(moment)
                daemon.kill()
                daemon.start()
    daemon.until(lambda: daemon.count("stored") >= sent, "all to be stored")
    daemon.kept(sent)
    assert daemon.stop() == 0
    values = daemon.scores("SELECT vibration FROM readings_turbine")
    assert sorted(values) == [(n / 100,) for n in range(sent)]


@contextmanager
def _sending(source: Publisher, stream: Stream) -> Iterator[None]:
    """Publish meanwhile; at the end all of it is acknowledged by the broker."""
    thread = threading.Thread(target=source.send, args=(stream,))
    thread.start()
    yield
    thread.join()


def _has(daemon: Telltale, readings: int) -> None:
    """Until it has stored so many readings, each counted once."""
    daemon.until(lambda: daemon.count("stored") >= readings, f"{readings} readings")


def _is_writing_a_snapshot(daemon: Telltale, readings: int) -> None:
    """Until there is a half-written one, when so many readings are stored.

    It may live for a millisecond only; where none is caught in time the moment is as good as any.
    """
    _has(daemon, readings)
    temporary = daemon.state_dir / "snapshots" / "snapshot.tmp"
    began_ns, deadline = time.time_ns(), time.monotonic() + CATCH_S
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            if temporary.stat().st_mtime_ns > began_ns:  # not that of an earlier life
                return
