"""The pages. Names come from strangers, so everything is escaped and nothing is a query."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from html import escape

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from streamer.condition import sentence
from streamer.web.status import MachineHealth, Status

STALLED_S = 60.0
"""A loop that has said nothing for so long is not alive."""
ALERTS_SHOWN = 200
COMPONENTS_SHOWN = 20
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
}
_STYLE = (
    "body{font:15px system-ui;margin:2em;max-width:70em}table{border-collapse:collapse}"
    "td,th{text-align:left;padding:.2em 1.2em .2em 0;border-bottom:1px solid #ddd}"
    ".bad{color:#b00020}"
)


def make_app(last_look: Callable[[], Status | None]) -> Starlette:
    """The application; ``last_look`` gives what the loop last said."""

    def page(_: Request) -> Response:
        status = last_look()
        if status is None:
            return HTMLResponse("starting", status_code=503, headers=HEADERS)
        return HTMLResponse(_page(status), headers=HEADERS)

    def status_json(_: Request) -> Response:
        body = msgspec.json.encode(last_look())
        return Response(body, media_type="application/json", headers=HEADERS)

    def healthz(_: Request) -> Response:
        """Alive: the loop has said something lately."""
        return _verdict(good=_alive(last_look()))

    def readyz(_: Request) -> Response:
        """Ready: alive, hearing the machines, and every target takes what it is given."""
        status = last_look()
        if status is None or not _alive(status):
            return _verdict(good=False)
        return _verdict(good=status.hearing and all(target.ok for target in status.targets))

    def metrics(_: Request) -> Response:
        return PlainTextResponse(_metrics(last_look()), headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/status.json", status_json),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
        ]
    )


def _verdict(*, good: bool) -> Response:
    return PlainTextResponse("ok\n" if good else "no\n", status_code=200 if good else 503)


def _alive(status: Status | None) -> bool:
    return status is not None and time.monotonic() - status.made_at < STALLED_S


def _metrics(status: Status | None) -> str:
    """Prometheus text format: every counter of the ledger, and gauges of the rest."""
    if status is None:
        return ""
    lines = []
    for name, value in sorted(status.counters.items()):
        lines += [f"# TYPE telltale_{name}_total counter", f"telltale_{name}_total {value}"]
    gauges = {
        "hearing": float(status.hearing),
        "journal_used_ratio": status.journal_used,
        "alerts_firing": float(sum(alert.state == "firing" for alert in status.alerts)),
    }
    for name, gauge in gauges.items():
        lines += [f"# TYPE telltale_{name} gauge", f"telltale_{name} {gauge}"]
    lines.append("# TYPE telltale_delivery_lag_turns gauge")
    for target in status.targets:
        label = f'{{target="{target.name}"}}'
        lines.append(f"telltale_delivery_lag_turns{label} {target.lag_turns}")
    lines += _health_metrics(status.health)
    return "\n".join(lines + _fleet_metrics(status)) + "\n"


def _health_metrics(health: Iterable[MachineHealth]) -> list[str]:
    """Each component's index, and the hours it has left where it degrades."""
    index = ["# TYPE telltale_health_index gauge"]
    left = ["# TYPE telltale_remaining_life_hours gauge"]
    for one in health:
        component = one.health
        names = {"class": one.machine_class, "machine": one.machine}
        names["component"] = component.component
        index.append(f"telltale_health_index{_labels(names)} {component.index}")
        hours = {"0.1": component.p10_h, "0.5": component.p50_h, "0.9": component.p90_h}
        for quantile, value in hours.items():
            if value is not None:
                labels = _labels({**names, "quantile": quantile})
                left.append(f"telltale_remaining_life_hours{labels} {value}")
    return [*index, *left]


def _fleet_metrics(status: Status) -> list[str]:
    """1 for each sensor on which many machines move together."""
    lines = ["# TYPE telltale_fleet_drift gauge"]
    for alert in status.alerts:
        if alert.kind == "fleet" and alert.state == "firing":
            labels = _labels({"class": alert.machine_class, "rule": alert.rule})
            lines.append(f"telltale_fleet_drift{labels} 1")
    return lines


def _labels(labels: Mapping[str, str]) -> str:
    r"""Labels as Prometheus reads them, whatever stands in a name.

    >>> _labels({"class": "pump", "machine": 'north/"P1'})
    '{class="pump",machine="north/\\"P1"}'
    """
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


def _page(status: Status) -> str:
    c = status.counters
    readings = [(name, c[name]) for name in ("received", "stored", "rejected", "duplicate", "late")]
    targets = [
        (t.name, "ok" if t.ok else t.detail, f"{t.lag_turns} turns behind") for t in status.targets
    ]
    learning = [
        (
            one.machine_class,
            f"{one.machines} machines",
            f"{one.ready} of {one.asked} ready",
            one.slowest,
        )
        for one in status.learning
    ]
    health = [
        (one.machine_class, one.machine, sentence(one.health))
        for one in status.health[:COMPONENTS_SHOWN]
    ]
    alerts = [
        (a.state, a.machine, a.rule, _time(a.since_ns), a.reason)
        for a in list(status.alerts)[:ALERTS_SHOWN]
    ]
    trouble = [("firing", "telltale", rule, "", reason) for rule, reason in status.system.items()]
    deaf = "" if status.hearing else '<p class="bad">Not hearing the machines: no broker.</p>'
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Telltale</title>'
        f'<meta http-equiv="refresh" content="5"><style>{_STYLE}</style><h1>Telltale</h1>{deaf}'
        f"<h2>Alerts</h2>{_table([*trouble, *alerts]) or '<p>none</p>'}"
        f"<h2>Readings</h2>{_table(readings)}"
        f"<h2>Health</h2>{_table(health) or '<p>not ready</p>'}"
        f"<h2>Learning</h2>{_table(learning)}<h2>Delivery</h2>{_table(targets)}"
        f"<p>journal at {status.journal_used:.0%} of its quota</p>"
    )


def _table(rows: Iterable[tuple[object, ...]]) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>{body}</table>" if body else ""


def _time(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%Y-%m-%d %H:%M} UTC"
