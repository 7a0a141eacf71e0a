"""Verbs told to a real daemon, which is killed among them: kept, obeyed again, shown."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Callable

from streamer.control import Caller
from streamer.pipeline import Pipeline
from streamer.records import Message
from tests.core.telling import take, want
from tests.e2e._daemon import Telltale, telltale
from tests.e2e._plant import Stream, bits, machines, plant, readings, telemetry
from tests.e2e.conftest import Run
from tests.servers.mosquitto import Mosquitto
from tests.servers.wire import Publisher

MACHINES = machines(4)
ME = Caller(os.getuid(), pwd.getpwuid(os.getuid()).pw_name)


def tells(daemon: Telltale, *words: str) -> subprocess.CompletedProcess[str]:
    return telltale("machine", daemon.file, *words)


def said(daemon: Telltale, *words: str) -> list[str]:
    done = tells(daemon, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def refused(daemon: Telltale, *words: str) -> str:
    done = tells(daemon, *words)
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    return sentence.removeprefix("telltale machine: ")


def part(steps: range, *sick: str) -> Stream:
    return telemetry(readings(MACHINES, steps, sick=sick))


def test_what_operators_told_outlives_any_kill_to_the_last_bit(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    daemon = run(plant(mosquitto.port))
    source = publisher(mosquitto.port)
    sent = deaths = 0

    def send(stream: Stream) -> None:
        nonlocal sent
        source.send(stream)
        sent += len(stream)
        # Those that come again after a kill are received twice, and stored once.
        daemon.until(lambda: daemon.count("stored") == sent, f"{sent} readings")

    def dies() -> None:
        """It comes back from the journal alone, or from a snapshot of every turn."""
        nonlocal deaths
        deaths += 1
        daemon.kill()
        daemon.start(*(["--set=snapshot_s=0.001"] if deaths > 4 else []))
        daemon.hears()

    story = [
        (None, part(range(120))),
        (want("maintenance_start", "T002", note="gearbox oil"), part(range(120, 160), "T002")),
        (want("accept", "T001", sensors=["vibration"]), part(range(160, 200), "T002", "T003")),
        (want("maintenance_done", "T002"), part(range(200, 240), "T003")),
        (want("relearn", "T003", "T004"), part(range(240, 300), "T003")),
    ]
    for request, stream in story:
        if request is not None:
            words = [*request.verb.split("_"), *request.machines]
            words += ["--note", request.note] if request.note else []
            words += ["--sensor", *request.sensors] if request.sensors else []
            told = said(daemon, *words)
            assert len(told) == len(request.machines)
            # An answer is a promise: no moment is too early for a kill.
            dies()
            assert daemon.count(f"verb_{request.verb}") == len(request.machines)
        half = len(stream) // 2
        send(stream[:half])
        dies()
        send(stream[half:])
    daemon.delivered("sqlite")
    assert daemon.stop() == 0

    pipeline = Pipeline(daemon.config(), None)
    alerts, points = [], []
    for request, stream in story:
        messages = [Message(topic, payload, 0) for topic, payload in stream]
        run_ = take(pipeline, request, messages, caller=ME)
        alerts += run_.alerts
        points += run_.points["turbine"]
    assert daemon.scored() == bits(points, pipeline.rosters["turbine"].machines)
    assert daemon.alerts() == alerts

    told = [(e.rule, e.state, e.machine) for e in alerts if e.kind == "operator"]
    assert told == [
        ("maintenance", "started", "north/T002"),
        ("accept", "done", "north/T001"),
        ("maintenance", "done", "north/T002"),
        ("relearn", "done", "north/T003"),
        ("relearn", "done", "north/T004"),
    ]
    assert [e.machine for e in alerts if e.kind == "machine" and e.state == "firing"] != []
    stored = daemon.scores(
        "SELECT rule, state, machine FROM alerts WHERE kind = 'operator' ORDER BY time, id"
    )
    assert sorted(stored) == sorted(told)
    (reason,) = daemon.scores("SELECT reason FROM alerts WHERE state = 'started'")[0]
    assert reason == f"in maintenance; told by {ME.user} (uid {ME.uid}): gearbox oil"


def test_a_person_can_look_and_is_told_what_cannot_be_done(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    daemon = run(plant(mosquitto.port))
    publisher(mosquitto.port).send(part(range(120)))
    daemon.received(120 * len(MACHINES))
    mode = (daemon.state_dir / "control.sock").stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o660)

    (sentence,) = said(daemon, "maintenance", "start", "north/T003", "--note", "new\nbearing")
    assert sentence == (
        f"north/T003: in maintenance; told by {ME.user} (uid {ME.uid}): new�bearing"
    )
    listed = said(daemon, "list")
    assert [line.split(" ")[0] for line in listed] == [f"north/{name}" for name in MACHINES]
    assert "in maintenance" in listed[2]
    assert "in maintenance" not in listed[1]
    page = said(daemon, "show", "north/T003", "north/T001")
    assert page[0] == "north/T003 (turbine)"
    assert page[2] == "  in maintenance since 2023-11-14 22:33:10 UTC"
    assert "  not in maintenance" in page

    assert refused(daemon, "maintenance", "start", "north/T003") == (
        "north/T003 is in maintenance already, since 2023-11-14 22:33:10 UTC"
    )
    assert refused(daemon, "maintenance", "done", "north/T001") == (
        "north/T001 is not in maintenance"
    )
    assert refused(daemon, "accept", "north/T01").startswith("no machine 'north/T01' has been")
    assert refused(daemon, "relearn", "north/T001", "--sensor", "noise") == (
        "'noise' is no sensor of class turbine, which has wind_speed, vibration, temperature"
    )
    assert refused(daemon, "accept", "north/T001", "--note", "x" * 501) == (
        "a note may have 500 characters, this one has 501"
    )
    assert f"refused to {ME}: maintenance_done: north/T001 is not in" in daemon.log
    assert f"{ME} tells: maintenance_start of 'north/T003' 'new�bearing'" in daemon.log
    assert daemon.stop() == 0
    assert refused(daemon, "list") == (
        f"no telltale is running on {daemon.state_dir}, or it has not recovered yet"
    )
