"""``telltale demo``: the whole path over a real broker, ending with a report against the truth."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.commands.replay import alert_line
from streamer.resources import config_path

if TYPE_CHECKING:
    from rich.console import Console

    from simulators import Farm
    from simulators.faults import Fault
    from simulators.messages import Message
    from simulators.truth import Truth
    from streamer.demo.report import Report
    from streamer.demo.stage import Stage

LENGTH_S = 45.0
"""About how long the default run takes."""
MESSAGES_PER_S = 200.0
"""Readings are batched so that about so many messages go out, which the small broker bears."""
NEVER_NS = 2**63 - 1
"""When a fault is repaired that nobody repairs."""
SETTLE_S = 60.0
"""How long the daemon may take to catch up after the last message."""
CYCLES = 100
"""How often ``--forever`` repeats its story."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All optional; the default run shows learning, faults and repairs in about a minute."""
    parser.add_argument("--machines", type=int, default=12, metavar="N", help="default: 12")
    parser.add_argument("--seed", type=int, default=1, help="of all chance; default: 1")
    parser.add_argument(
        "--speed",
        type=float,
        metavar="X",
        help="simulated seconds per second; default: so that it takes about a minute",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="inject this, not the demo's own, e.g. overheating@T02:130h+3h-180h:0.9; repeatable",
    )
    parser.add_argument("--forever", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where scores and logs go; default: a new folder"
    )


def main(args: argparse.Namespace) -> int:
    """Run it; 0 only if all faults were found and resolved, nothing lost, ≤ 2 false alarms."""
    try:
        import amqtt  # noqa: F401
    except ModuleNotFoundError:
        print("the demo's broker is missing: pip install 'telltale[demo]'", file=sys.stderr)
        return 1
    from simulators.outputs.mqtt import BrokerError
    from streamer.demo.stage import StageError

    try:
        farm = _farm(args)
        folder = _folder(args.keep)
    except (OSError, ValueError) as error:
        print(f"telltale demo: {error}", file=sys.stderr)
        return 2
    # Broker and daemon are our children, and must not outlive us while they are being started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        report = _Show(args, farm, folder).run()
    except (StageError, BrokerError) as error:
        print(f"telltale demo: {error}", file=sys.stderr)
        return 1
    _tell(report, folder, as_json=args.json)
    return 0 if report.good else 1


def _farm(args: argparse.Namespace) -> Farm:
    from simulators import parse_fault
    from simulators.scenarios import demo, demo_farm

    if args.speed is not None and not 0 < args.speed < math.inf:
        raise ValueError(f"speed is {args.speed:g}, it must be more than 0")
    story = [parse_fault(text) for text in args.fault] or demo(max(args.machines, 1), args.seed)
    faults = list(_repeated(story)) if args.forever else story
    return demo_farm(args.machines, args.seed, faults)


def _folder(wanted: Path | None) -> Path:
    """Where the run is kept; readings of an earlier run there would be counted as this one's."""
    folder = (wanted or Path(tempfile.mkdtemp(prefix="telltale-demo-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "journal.db").exists():
        raise ValueError(f"{folder} holds an earlier run, name a new folder")
    return folder


def _repeated(story: list[Fault]) -> Iterator[Fault]:
    from simulators.scenarios import DEMO_HOURS

    for cycle in range(CYCLES):
        later_s = cycle * DEMO_HOURS * 3600
        for fault in story:
            yield dataclasses.replace(
                fault, onset_s=fault.onset_s + later_s, end_s=fault.end_s + later_s
            )


class _Show:
    """One run of the demo."""

    def __init__(self, args: argparse.Namespace, farm: Farm, folder: Path) -> None:
        from simulators.scenarios import DEMO_HOURS

        self._args = args
        self._farm = farm
        self._folder = folder
        self._hours = math.inf if args.forever else DEMO_HOURS
        self._speed = args.speed or DEMO_HOURS * 3600 / LENGTH_S
        self._seen_alerts = 0
        self._done_ns = farm.start_ns
        self._console = _console()

    def run(self) -> Report:
        from streamer.demo.stage import Stage

        self._say(
            f"{len(self._farm.machines)} turbines, one reading every {self._farm.period_s:.0f} s, "
            f"{self._speed:,.0f} times as fast as life"
        )
        with Stage(self._folder) as stage:
            began = time.monotonic()
            sent = self._publish(stage)
            self._await_all(stage, sent)
            elapsed_s = time.monotonic() - began
            stage.stop_daemon()
            self._show_alerts(stage)
            return self._report(stage, sent, elapsed_s)

    def _publish(self, stage: Stage) -> int:
        """Send every reading while alerts are shown as they come; returns readings sent."""
        from simulators.command import stop_at_signals
        from simulators.outputs.mqtt import Publisher, publish
        from simulators.outputs.payloads import telemetry
        from streamer.demo.stage import HOST

        per_s = len(self._farm.machines) * self._speed / self._farm.period_s
        batch = max(1, round(per_s / MESSAGES_PER_S))
        messages = telemetry(self._farm, self._hours, "array" if batch > 1 else "json", batch)
        finished = threading.Event()
        with stop_at_signals() as stop, Publisher(HOST, stage.port) as publisher:
            watcher = threading.Thread(target=self._watch, args=(stage, finished))
            watcher.start()
            try:
                return publish(publisher, messages, self._speed, self._note, stop).readings
            finally:
                finished.set()
                watcher.join()

    def _note(self, message: Message) -> None:
        self._done_ns = message.time_ns

    def _watch(self, stage: Stage, finished: threading.Event) -> None:
        """Show how far the run is and a line per alert, until it is over."""
        from rich.progress import BarColumn, Progress, TextColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        total = None if math.isinf(self._hours) else self._hours
        with bar:
            task = bar.add_task("", total=total)
            while not finished.wait(0.3):
                hours = (self._done_ns - self._farm.start_ns) / 3.6e12
                bar.update(task, completed=hours, description=f"simulated {hours:5.1f} h")
                self._show_alerts(stage)

    def _show_alerts(self, stage: Stage) -> None:
        for row, alert in stage.alerts(self._seen_alerts):
            self._seen_alerts = row
            self._say(alert_line(alert))

    def _await_all(self, stage: Stage, sent: int) -> None:
        """Wait until the daemon has taken in what was sent, or has made no headway for long."""
        deadline, last = time.monotonic() + SETTLE_S, -1
        while time.monotonic() < deadline:
            received = stage.counters().get("received", 0)
            if received >= sent:
                return
            if received != last:
                deadline, last = time.monotonic() + SETTLE_S, received
            time.sleep(0.1)

    def _report(self, stage: Stage, sent: int, elapsed_s: float) -> Report:
        from streamer.demo.report import make_report
        from streamer.evaluate.world import span_of

        hours = (self._done_ns - self._farm.start_ns) / 3.6e12
        spans = {span_of(truth, NEVER_NS): truth.t_onset for truth in self._truth(hours)}
        return make_report(
            spans,
            [alert for _, alert in stage.alerts()],
            counters=stage.counters(),
            sent=sent,
            elapsed_s=elapsed_s,
            cpu_s=stage.daemon_cpu_s,
        )

    def _truth(self, hours: float) -> list[Truth]:
        """The faults that began before the end."""
        return self._farm.truth(hours) if hours > 0 else []

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _console() -> Console:
    """Standard error, so that ``--json`` leaves standard output to the one object."""
    from rich.console import Console

    return Console(stderr=True)


def _tell(report: Report, folder: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.to_dict()))
        return
    print()
    for line in report.faults:
        print(_sentence(line))
    print(f"false alarms: {report.false_alarms}")
    print(
        f"readings: sent {report.sent} = received {report.received} = stored {report.stored} "
        f"+ rejected {report.rejected} + duplicate {report.duplicate}"
        if report.nothing_lost
        else f"READINGS DO NOT ADD UP: sent {report.sent}, received {report.received}, stored "
        f"{report.stored}, rejected {report.rejected}, duplicate {report.duplicate}"
    )
    print(
        f"{report.readings_per_s:.0f} readings/s, "
        f"{report.cpu_us_per_reading:.0f} µs of CPU per reading in the daemon, start-up included"
    )
    print("\nWhere to look next")
    print("  scores and alerts  sqlite3", folder / "scores.db", "'SELECT * FROM alerts'")
    print(f"  the daemon's log   {folder / 'daemon.log'}")
    print(f"  your own machines  telltale check {config_path('turbines.yaml')}")


def _sentence(line: Any) -> str:
    what = f"{line.fault} on {line.machine} at {line.onset}"
    if not line.found:
        return f"MISSED   {what}"
    minutes = line.delay_s / 60
    ended = "resolved after repair" if line.resolved else "NOT resolved after repair"
    return f"found    {what}: {line.kind} alert after {minutes:.0f} min, {ended}"
