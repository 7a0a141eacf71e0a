"""``python -m simulators``: simulate a farm into a file or to a broker."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext

from simulators.clock import iso_time
from simulators.farm import START, Farm
from simulators.faults import FAULTS
from simulators.faults.grammar import EXAMPLE, GRAMMAR, parse_fault
from simulators.jsonl import whole_file, write_messages, write_truth
from simulators.messages import Message
from simulators.mqtt import BrokerError, Publisher, publish
from simulators.payloads import DIALECTS, telemetry, with_truth
from simulators.progress import Progress

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130

DESCRIPTION = "Simulate a farm of wind turbines, with faults and the truth about them."

EPILOG = f"""
faults, as {GRAMMAR}:
{{faults}}
  Times are a number and s, m, h or d, ONSET and END since the start of the run; without
  RAMP the fault is there at once, without END it stays. SEVERITY is 0 to 1, by default 1.

examples:
  a day of 12 turbines into a file, one of them wearing out:
    --out day.jsonl --truth truth.jsonl --fault {EXAMPLE} --hours 96
  five turbines to a broker, an hour per minute:
    --mqtt localhost:1883 --machines 5 --speed 60
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `main` understands to a parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION
    parser.epilog = EPILOG.format(faults=_fault_list())
    farm = parser.add_argument_group("the farm")
    farm.add_argument("--machines", type=int, default=12, metavar="N", help="default: %(default)s")
    farm.add_argument("--site", default="demo", help="its name in topics; default: %(default)s")
    farm.add_argument("--seed", type=int, default=1, help="of all chance; default: %(default)s")
    farm.add_argument(
        "--fault", action="append", default=[], metavar="FAULT", help="see below; repeatable"
    )
    run = parser.add_argument_group("the run")
    run.add_argument(
        "--hours",
        type=float,
        default=24.0,
        help="simulated; with --mqtt also inf, until stopped; default: %(default)g",
    )
    run.add_argument(
        "--period-s",
        type=float,
        default=60.0,
        metavar="S",
        help="between two readings of a machine; default: %(default)g",
    )
    run.add_argument(
        "--start", default=START, help="time of the first reading, or now; default: %(default)s"
    )
    run.add_argument(
        "--speed",
        type=float,
        default=0.0,
        help="with --mqtt: simulated seconds per second, 1 is real time; "
        "default: %(default)g, as fast as the broker acknowledges",
    )
    _add_outputs(parser.add_argument_group("where to"))


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    where = group.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--out", metavar="FILE.jsonl", help="one message per line; - is standard output"
    )
    where.add_argument("--mqtt", metavar="HOST[:PORT]", help="publish to this broker")
    group.add_argument(
        "--dialect",
        choices=DIALECTS,
        default="json",
        help="json: an object per machine; array: lists of them; number: a topic per sensor, "
        "without times; default: %(default)s",
    )
    group.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help="readings per list, with --dialect array; default: 10",
    )
    group.add_argument(
        "--qos", type=int, choices=(0, 1), default=1, help="of MQTT; default: %(default)s"
    )
    group.add_argument(
        "--truth",
        metavar="FILE.jsonl",
        help="what was wrong, where and when; with --mqtt it also goes to sim/truth/MACHINE",
    )


def main(args: argparse.Namespace) -> int:
    """Do what the arguments say; the exit status: 0, 1 failed, 2 wrong use, 130 interrupted."""
    try:
        return _simulate(args)
    except ValueError as error:
        return _complain(error, WRONG_USE)
    except BrokenPipeError as error:
        return _reader_left() if args.out == "-" else _complain(error, FAILED)
    except (BrokerError, OSError) as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _simulate(args: argparse.Namespace) -> int:
    farm = _farm(args)
    batch = args.batch if args.batch is not None else (10 if args.dialect == "array" else 1)
    messages = telemetry(farm, args.hours, args.dialect, batch)
    progress = Progress(farm, args.hours)
    # The truth takes its name last: there is none without the run it belongs to.
    with whole_file(args.truth) if args.truth else nullcontext() as truth_file:
        run = _to_broker if args.mqtt else _to_file
        status, summary = run(args, farm, messages, progress)
        if truth_file:
            write_truth(truth_file, farm.truth(progress.hours))
    progress.end(summary)
    return status


def _to_file(
    args: argparse.Namespace, farm: Farm, messages: Iterable[Message], progress: Progress
) -> tuple[int, str]:
    write_messages(args.out, messages, progress)
    sys.stdout.flush()
    return 0, f"{progress.readings} readings of {len(farm.machines)} machines in {args.out}"


def _to_broker(
    args: argparse.Namespace, farm: Farm, messages: Iterable[Message], progress: Progress
) -> tuple[int, str]:
    host, port = parse_address(args.mqtt)
    told = with_truth(farm, args.hours, messages)
    with stop_at_signals() as stop, Publisher(host, port, args.qos) as publisher:
        sent = publish(publisher, told, args.speed, progress, stop)
    lost = f", {sent.lost} lost" if sent.lost else ""
    return INTERRUPTED if stop.is_set() else 0, (
        f"{sent.readings} readings in {sent.messages} messages to {args.mqtt}, "
        f"{sent.acknowledged} acknowledged{lost}"
    )


def _farm(args: argparse.Namespace) -> Farm:
    """The farm that the arguments describe; refuses what could not come out as meant."""
    if args.truth and args.truth == args.out:
        raise ValueError("out and truth are the same file")
    if math.isinf(args.hours) and not args.mqtt:
        raise ValueError("hours is inf, but only a run to a broker can be endless")
    if not 0 <= args.speed < math.inf:
        raise ValueError(f"speed is {args.speed:g}, it must not be negative")
    if args.speed and not args.mqtt:
        raise ValueError("speed is for --mqtt: a file is written as fast as it goes")
    start = iso_time(time.time_ns()) if args.start == "now" else args.start
    farm = Farm(
        machines=args.machines,
        seed=args.seed,
        period_s=args.period_s,
        start=start,
        faults=[parse_fault(text) for text in args.fault],
        site=args.site,
    )
    for fault in farm.faults:
        if fault.onset_s >= args.hours * 3600:
            raise ValueError(f"{fault} begins after the run's {args.hours:g} h: give more --hours")
    return farm


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST[:PORT]``; the port is 1883 if not given.

    >>> parse_address("localhost"), parse_address("[::1]:2883")
    (('localhost', 1883), ('::1', 2883))
    """
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, "1883"
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"broker {text!r} is not HOST[:PORT]")
    return host.strip("[]"), int(port)


@contextmanager
def stop_at_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that what is under way can be finished.

    A second signal ends the program in the usual way.
    """
    stop = threading.Event()
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def on_signal(*_: object) -> None:
        stop.set()
        restore()

    for number in usual:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()


def _fault_list() -> str:
    """Each fault with the first line of its docstring."""
    wrapped: Callable[[str], list[str]] = textwrap.TextWrapper(width=72).wrap
    lines = []
    for name, kind in FAULTS.items():
        first, *others = wrapped((kind.__doc__ or "").partition("\n")[0])
        lines += [f"  {name:<14} {first}", *(f"{'':<17}{other}" for other in others)]
    return "\n".join(lines)


def _reader_left() -> int:
    """``--out - | head`` is no failure; what is still buffered has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _complain(error: Exception, status: int) -> int:
    sys.stderr.write(f"error: {error}\n")
    return status
