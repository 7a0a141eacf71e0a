"""The status page shows what the loop said, escapes it, and knows when the loop is stuck."""

import dataclasses
import json
import socket
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from streamer.condition import ComponentHealth
from streamer.web import app
from streamer.web.server import WebServer
from streamer.web.status import ActiveAlert, Learning, MachineHealth, Status, Target
from tests.servers._process import answers, free_port

COUNTERS = {"received": 5, "stored": 3, "rejected": 1, "duplicate": 1, "late": 0}


def status(**changes):
    base = Status(
        made_at=time.monotonic(),
        hearing=True,
        counters=COUNTERS,
        journal_used=0.25,
        targets=[Target("influxdb", ok=True, detail="", lag_turns=2)],
        learning=[Learning("turbine", 12, 3, 12)],
        alerts=[],
        system={},
    )
    return dataclasses.replace(base, **changes)


@pytest.fixture
def ask():
    """Shows a status on a real server; returns a function path → (status code, text)."""
    server = WebServer("127.0.0.1", free_port())
    server.start()
    eventually(lambda: answers(server.port))

    def get(shown, path):
        server.show(shown)
        try:
            with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    yield get
    server.stop()


def eventually(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_before_the_first_look_nothing_is_well(ask):
    assert [ask(None, path)[0] for path in ("/", "/healthz", "/readyz")] == [503] * 3


def test_a_port_in_use_is_one_warning_and_no_failure(caplog):
    caplog.set_level("INFO")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        unlucky = WebServer("127.0.0.1", port)
        unlucky.start()
        unlucky.stop()
    sentence = f"the status page on http://127.0.0.1:{port}/ cannot be served: "
    assert caplog.messages == [sentence + "Address already in use"]


def test_a_working_daemon_is_healthy_and_ready(ask):
    assert [ask(status(), path)[0] for path in ("/healthz", "/readyz")] == [200] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"hearing": False},
        {"targets": [Target("influxdb", ok=False, detail="refused", lag_turns=9)]},
        {"made_at": time.monotonic() - 2 * app.STALLED_S},
    ],
)
def test_not_ready(ask, changes):
    assert ask(status(**changes), "/readyz")[0] == 503


def test_a_stuck_loop_is_not_alive_but_a_dead_sink_is_no_reason_to_restart(ask):
    stuck = status(made_at=time.monotonic() - 2 * app.STALLED_S)
    down = status(targets=[Target("influxdb", ok=False, detail="refused", lag_turns=9)])
    assert ask(stuck, "/healthz")[0] == 503
    assert ask(down, "/healthz")[0] == 200


def test_names_from_strangers_are_escaped(ask):
    alert = ActiveAlert("<script>alert(1)</script>", "silent", "firing", 0, "<b>silent</b>")
    _, page = ask(status(alerts=[alert]), "/")
    assert "<script>" not in page
    assert "<b>silent" not in page
    assert "&lt;script&gt;" in page


def test_metrics_are_prometheus_text(ask):
    _, text = ask(status(), "/metrics")
    assert "telltale_received_total 5\n" in text
    assert 'telltale_delivery_lag_turns{target="influxdb"} 2\n' in text
    assert text.count("# TYPE telltale_delivery_lag_turns ") == 1


def test_status_json_says_the_same(ask):
    assert json.loads(ask(status(), "/status.json")[1])["counters"] == COUNTERS


DRIFTS = ActiveAlert("fleet", "fleet_drift_heat", "firing", 0, "", "turbine", "fleet")
WORN = ComponentHealth("gearbox", 41.0, "degrading", 40.0, 66.0, 92.0)


def test_metrics_tell_health_and_what_is_left(ask):
    strange = 'T"1\\\n'
    told = status(health=[MachineHealth("turbine", strange, WORN)], alerts=[DRIFTS])
    _, text = ask(told, "/metrics")
    machine = r'class="turbine",machine="T\"1\\\n",component="gearbox"'
    assert f"telltale_health_index{{{machine}}} 41.0\n" in text
    assert f'telltale_remaining_life_hours{{{machine},quantile="0.5"}} 66.0\n' in text
    assert 'telltale_fleet_drift{class="turbine",rule="fleet_drift_heat"} 1\n' in text
    unknown = ComponentHealth("gearbox", 100.0)
    _, text = ask(status(health=[MachineHealth("turbine", "T1", unknown)]), "/metrics")
    assert "telltale_remaining_life_hours{" not in text
    assert "telltale_fleet_drift{" not in text


def test_the_page_shows_the_worst_components_and_the_slowest_learner(ask):
    told = status(
        health=[MachineHealth("turbine", f"T{i}", WORN) for i in range(30)],
        learning=[Learning("turbine", 12, 3, 12, "T7: learning 43 %")],
    )
    _, page = ask(told, "/")
    assert "gearbox: 41 of 100, degrading, 40 … 92 h of operation left" in page
    assert page.count("of operation left") == app.COMPONENTS_SHOWN
    assert "T7: learning 43 %" in page
