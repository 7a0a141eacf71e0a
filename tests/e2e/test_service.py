"""The daemon as a service: asked to stop, started again, started twice."""

from __future__ import annotations

from collections.abc import Callable

from streamer.snapshot import turns
from tests.e2e._daemon import telltale
from tests.e2e._plant import Verdict, machines, plant, readings, telemetry
from tests.e2e.conftest import Run
from tests.servers.mosquitto import Mosquitto
from tests.servers.wire import Publisher

MACHINES = machines(10)


def test_asked_to_stop_it_writes_down_what_it_learnt_and_goes_on_from_there(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    daemon = run(plant(mosquitto.port))
    source = publisher(mosquitto.port)
    before, while_away, after = (
        telemetry(readings(MACHINES, range(*steps), sick=["T005"] if steps[0] else []))
        for steps in ((0, 60), (60, 70), (70, 100))
    )
    source.send(before)
    daemon.received(600)
    assert daemon.stop() == 0
    assert not (daemon.state_dir / "journal.db-wal").exists(), "the journal was not closed"
    (last,) = daemon.journal("SELECT max(id) FROM turns")[0]
    assert turns(daemon.state_dir / "snapshots")[0] == last

    source.send(while_away)
    daemon.start()
    daemon.says(f"recovered turn {last} from a snapshot of turn {last}")
    daemon.received(700)
    source.send(after)
    daemon.received(1000)
    assert daemon.stop() == 0
    assert daemon.count("stored") == daemon.count("received") == 1000, "nothing came twice"
    assert daemon.count("source_session_resumed") == 1
    expected = Verdict(daemon.config(), before + while_away + after)
    assert daemon.scored() == expected.scored
    assert daemon.alerts() == expected.alerts
    assert [(one.machine, one.state) for one in daemon.alerts()] == [("north/T005", "firing")]
    assert "Traceback" not in daemon.log


def test_a_second_one_on_the_same_state_is_refused_and_the_first_goes_on(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    daemon = run(plant(mosquitto.port))
    second = telltale("run", daemon.file)
    assert second.returncode == 1
    (sentence,) = [line for line in second.stderr.splitlines() if not line.startswith("INFO")]
    assert sentence == f"{daemon.state_dir} is in use by another telltale; each needs its own"
    publisher(mosquitto.port).send(telemetry(readings(MACHINES, range(5))))
    daemon.received(50)
    assert daemon.stop() == 0


def test_it_stops_when_asked_though_nothing_it_talks_to_is_there(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    nobody = {"url": f"http://127.0.0.1:{mosquitto.port}", "bucket": "telltale", "timeout_s": 1}
    config = plant(mosquitto.port, sinks={"influxdb": nobody}, notifiers={"mqtt": {}})
    daemon = run(config)
    publisher(mosquitto.port).send(telemetry(readings(MACHINES, range(5))))
    daemon.received(50)
    daemon.says("influxdb: unreachable")
    mosquitto.stop()
    assert daemon.stop() == 0
    assert daemon.journal("SELECT turn FROM cursors WHERE target='influxdb'") == [(0,)]
    assert "Traceback" not in daemon.log
