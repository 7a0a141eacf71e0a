"""``telltale machine CONFIG …``: tell a running Telltale what was done to a machine, or ask it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from streamer.commands.options import add_config, load_config

if TYPE_CHECKING:
    from streamer.control import MachineState, Request

PATIENCE_S = 30.0
"""How long to wait for the answer, beyond the turn in hand."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``CONFIG maintenance start|done, accept, relearn, show MACHINE …``, or ``CONFIG list``."""
    add_config(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    maintenance = actions.add_parser("maintenance", help="work on a machine begins or is done")
    ends = maintenance.add_subparsers(dest="end", metavar="start|done", required=True)
    start = ends.add_parser("start", help="neither judge it nor learn from it until done")
    back = ends.add_parser("done", help="judge it again; what was worked on is learnt anew")
    accept = actions.add_parser("accept", help="what it reads now is its new normal")
    relearn = actions.add_parser("relearn", help="forget what was learnt of it, begin anew")
    show = actions.add_parser("show", help="say how it stands with a machine")
    listing = actions.add_parser("list", help="say how it stands with all machines")
    for one in (start, back, accept, relearn, show):
        _add_machines(one)
    for one in (start, back, accept, relearn):
        one.add_argument("--note", default="", metavar="TEXT", help="why; stored with the event")
    for one in (back, accept, relearn):
        one.add_argument(
            "--sensor",
            dest="sensors",
            action="extend",
            nargs="+",
            default=[],
            metavar="NAME",
            help="only these sensors; default: all of the machine",
        )
    listing.set_defaults(machines=[], machine_class="")


def _add_machines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("machines", nargs="+", metavar="MACHINE", help="e.g. north/T03")
    parser.add_argument(
        "--class",
        dest="machine_class",
        default="",
        metavar="NAME",
        help="where machines of several classes have that name",
    )


def main(args: argparse.Namespace) -> int:
    """Tell or ask; 1 where it was refused or nobody answers."""
    from msgspec import ValidationError

    from streamer.control import NOTE_CHARACTERS, ControlError, ask

    config = load_config(args)
    if len(getattr(args, "note", "")) > NOTE_CHARACTERS:
        told = f"a note may have {NOTE_CHARACTERS} characters, this one has {len(args.note)}"
        return _failed(told)
    try:
        answer = ask(config.state_dir, _request(args), config.commit_s + PATIENCE_S)
    except (ControlError, ValidationError) as error:
        return _failed(str(error))
    if not answer.done:
        return _failed("; ".join(answer.sentences))
    for sentence in answer.sentences:
        print(sentence)
    for state in answer.machines:
        print(_line(state) if args.action == "list" else _page(state))
    return 0


def _request(args: argparse.Namespace) -> Request:
    import msgspec

    from streamer.control import Request

    verb = f"maintenance_{args.end}" if args.action == "maintenance" else args.action
    told = {
        "verb": verb,
        "machines": args.machines,
        "machine_class": args.machine_class,
        "sensors": getattr(args, "sensors", []),
        "note": _printable(getattr(args, "note", "")),
    }
    return msgspec.convert(told, Request)


def _printable(text: str) -> str:
    """A note in one line that every terminal can show."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _failed(sentence: str) -> int:
    print(f"telltale machine: {sentence}", file=sys.stderr)
    return 1


def _line(state: MachineState) -> str:
    firing = [alert.rule for alert in state.alerts if alert.state == "firing"]
    told = [f"firing: {', '.join(firing)}"] if firing else []
    if state.in_service_since_ns is not None:
        told.insert(0, "in maintenance")
    if state.ready < 1:
        told.append(_learning(state))
    return f"{state.machine} ({state.machine_class}): {'; '.join(told) or 'well'}"


def _learning(state: MachineState) -> str:
    """Never 100 % before it is done."""
    return f"learning {int(100 * state.ready)} %"


def _page(state: MachineState) -> str:
    from streamer.condition import sentence
    from streamer.operators import time_of

    seen, since = state.last_seen_ns, state.in_service_since_ns
    lines = [
        f"{state.machine} ({state.machine_class})",
        f"  last reading {'never' if seen is None else time_of(seen)}",
        f"  in maintenance since {time_of(since)}" if since is not None else "  not in maintenance",
        f"  {state.progress}",
    ]
    lines += [f"  health of {sentence(one)}" for one in state.health]
    lines += [
        f"  {alert.state}: {alert.rule}: {alert.reason} (since {time_of(alert.since_ns)})"
        for alert in state.alerts
    ]
    return "\n".join([*lines, *([] if state.alerts else ["  no alerts"])])
