"""``python -m simulators``: simulate a farm into a file or to a broker."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from simulators import detectability
from simulators.campaign import Campaign
from simulators.clock import parse_time
from simulators.command.arguments import add_arguments
from simulators.command.orders import Order, access_of, batch_of, is_table, order_of, parse_address
from simulators.command.progress import Progress
from simulators.farm import Farm
from simulators.messages import Message
from simulators.outputs.files import whole_file
from simulators.outputs.jsonl import write_messages, write_truth
from simulators.outputs.mqtt import BrokerError, Publisher, publish
from simulators.outputs.payloads import telemetry, with_truth
from simulators.outputs.tables import LibraryMissing, check_table, write_table
from simulators.outputs.waveforms import check_waveforms, write_waveforms
from simulators.truth import Truth

__all__ = ["add_arguments", "main", "stop_at_signals"]

Run = Callable[[Sequence[Truth], Progress], tuple[int, str]]
"""Tells the truth where it goes, and the readings; gives the exit status and what came of it."""

FAILED, WRONG_USE, INTERRUPTED, TERMINATED = 1, 2, 130, 143


def main(args: argparse.Namespace) -> int:
    """Do what the arguments say; the exit status: 0, 1 failed, 2 wrong use, 130 interrupted."""
    try:
        return _simulate(args)
    except ValueError as error:
        return _complain(str(error), WRONG_USE)
    except BrokenPipeError as error:
        return _reader_left() if args.out == "-" else _complain(str(error), FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", FAILED)
    except (BrokerError, LibraryMissing) as error:
        return _complain(str(error), FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED


def _simulate(args: argparse.Namespace) -> int:
    order = order_of(args)
    if order.note:
        sys.stderr.write(f"note: {order.note}\n")
    progress = Progress(order.farm, order.hours)
    run = _broker_run(args, order) if args.mqtt else _file_run(args, order)
    truth = _truth(order, progress) if args.truth or args.mqtt else []
    # The truth takes its name last: there is none without the run it belongs to.
    with whole_file(args.truth) if args.truth else nullcontext() as truth_file:
        status, summary = run(truth, progress)
        if truth_file:
            stopped = status == INTERRUPTED
            write_truth(truth_file, _begun(truth, order.farm, progress.hours) if stopped else truth)
    progress.end(summary)
    return status


def _file_run(args: argparse.Namespace, order: Order) -> Run:
    """A run into a file, with nothing left to refuse."""
    if order.campaign:
        return _waveform_run(args, order.campaign)
    table = is_table(args.out)
    messages = [] if table else _messages(args, order)
    if table:
        check_table(args.out, order.farm)

    def run(_: Sequence[Truth], progress: Progress) -> tuple[int, str]:
        with _cleared_up_when_terminated():
            if table:
                write_table(args.out, order.farm, order.hours, progress.block)
            else:
                write_messages(args.out, messages, progress)
                sys.stdout.flush()
        machines = len(order.farm.machines)
        return 0, f"{progress.readings} readings of {machines} machines in {args.out}"

    return run


def _waveform_run(args: argparse.Namespace, campaign: Campaign) -> Run:
    """A run into a file of recordings, with nothing left to refuse."""
    check_waveforms(args.out, campaign)

    def run(_: Sequence[Truth], progress: Progress) -> tuple[int, str]:
        with _cleared_up_when_terminated():
            write_waveforms(args.out, campaign, progress.block)
        machines = len(campaign.farm.machines)
        return 0, f"{campaign.bursts} recordings of {machines} machines in {args.out}"

    return run


def _broker_run(args: argparse.Namespace, order: Order) -> Run:
    """A run to a broker, with nothing left to refuse but by the broker."""
    access = access_of(args)
    host, port = parse_address(args.mqtt, access.usual_port)
    publisher = Publisher(host, port, 1 if args.qos is None else args.qos, access=access)
    messages = _messages(args, order)

    def run(truth: Sequence[Truth], progress: Progress) -> tuple[int, str]:
        told = with_truth(truth, messages)
        with stop_at_signals() as stop, publisher:
            sent = publish(publisher, told, args.speed or 0.0, progress, stop)
        lost = f", {sent.lost} lost" if sent.lost else ""
        return INTERRUPTED if stop.is_set() else 0, (
            f"{sent.readings} readings in {sent.messages} messages to {args.mqtt}, "
            f"{sent.acknowledged} acknowledged{lost}"
        )

    return run


def _messages(args: argparse.Namespace, order: Order) -> Iterable[Message]:
    return telemetry(
        order.farm, order.hours, args.dialect or "json", batch_of(args), args.times or "iso"
    )


def _truth(order: Order, progress: Progress) -> Sequence[Truth]:
    """The truth; of a run without an end nobody can say yet when what will be seen."""
    if math.isinf(order.hours):
        return order.farm.truth()
    if order.farm.faults:
        progress.say("running it for the truth")
    return detectability.truth(order.farm, order.hours)


def _begun(truth: Iterable[Truth], farm: Farm, hours: float) -> list[Truth]:
    """What is true of a run that was ended early."""
    end_ns = farm.start_ns + hours * 3.6e12
    return [record for record in truth if parse_time(record.t_onset) < end_ns]


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


@contextmanager
def _cleared_up_when_terminated() -> Iterator[None]:
    """SIGTERM ends the program as Ctrl-C does: no half-written file stays behind."""
    usual = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def _reader_left() -> int:
    """``--out - | head`` is no failure; what is still buffered has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(f"error: {sentence}\n")
    return status
