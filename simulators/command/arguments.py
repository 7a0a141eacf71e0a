"""What the command line takes, and what it says about it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from simulators.command import catalogue
from simulators.farm import MACHINE_CLASSES, START
from simulators.faults.grammar import EXAMPLE, GRAMMAR
from simulators.outputs.payloads import BATCHED, DIALECTS, TIMES
from simulators.waveform import DURATION_S, RATE_HZ

DEFAULTS: dict[str, Any] = {
    "machine_class": "turbine",
    "machines": 12,
    "period_s": 60.0,
    "hours": 24.0,
    "seed": 1,
    "site": "demo",
    "start": START,
}
"""Of the arguments that a scenario has too: only one that was given overrules it."""

EVERY = "6h"
"""From one recording of ``--waveform`` to the next."""

DESCRIPTION = """
Simulate a farm of machines with weather, instruments and faults, and tell the truth about them:
readings go to a file or to an MQTT broker, what was wrong goes to a file of its own.
"""

EPILOG = f"""
a fault is written {GRAMMAR}
  bearing_wear@T03:40h              T03 from hour 40 of the run on
  bearing_wear.main@T03:40h+12h     its main bearing, growing for 12 h
  overheating@T07:2d+3h-80h:0.9     with severity 0.9 of 0 to 1, repaired at hour 80
  sensor_stuck.power@T01..T04,T09:1d   of five machines; all is every machine
  Times are a number and s, m, h, d or w; ONSET and END since the start of the run.

{{faults}}

examples:
  four days of 12 turbines into a file, one of them wearing out:
    --out days.jsonl --truth truth.jsonl --hours 96 --fault {EXAMPLE}
  a month for a data frame, all sensors, two faults per machine and year by chance:
    --out month.parquet --hours 720 --period-s 600 --sensors all \\
      --random bearing_wear=1/machine-year --random sensor_stuck=1/machine-year
  five turbines to a broker, an hour per minute, until stopped:
    --mqtt localhost:1883 --machines 5 --speed 60 --hours inf
  a scenario that is shipped, in its short variant:
    --scenario every_fault --quick --out faults.csv --truth truth.jsonl
  a second of vibration at 25.6 kHz of every generator's bearing, four times a day:
    --waveform generator --out bursts.npz --hours 240 \\
      --fault bearing_wear.generator@T03:5d+4d
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `simulators.command.main` understands to a parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION.strip()
    parser.epilog = EPILOG.format(faults=catalogue.faults())
    parser.add_argument(
        "--list",
        choices=catalogue.LISTS,
        action=_List,
        metavar="WHAT",
        help=f"show all {', '.join(catalogue.LISTS)}, and end",
    )
    _add_farm(parser.add_argument_group("the farm"))
    _add_faults(parser.add_argument_group("what goes wrong"))
    _add_run(parser.add_argument_group("the run"))
    _add_outputs(parser.add_argument_group("where to"))
    _add_waveform(parser.add_argument_group("recordings of a bearing, instead of readings"))
    _add_messages(parser.add_argument_group("how messages are written (.jsonl and MQTT)"))
    _add_broker(parser.add_argument_group("the broker, with --mqtt"))


def _add_farm(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--scenario",
        metavar="NAME|FILE.yaml",
        help="farm, run and faults of a scenario, shipped (see --list scenarios) or your own",
    )
    group.add_argument("--quick", action="store_true", help="the scenario's short variant")
    group.add_argument(
        "--class",
        dest="machine_class",
        choices=MACHINE_CLASSES,
        help=f"of machines; default: {DEFAULTS['machine_class']}",
    )
    _add_with_default(group, "--machines", "how many", int, "N")
    _add_with_default(group, "--period-s", "between two readings of a machine", float, "S")
    group.add_argument(
        "--sensors",
        default="usual",
        metavar="all|usual|A,B,…",
        help="those that are reported (see --list sensors); default: %(default)s",
    )
    _add_with_default(group, "--site", "its name in topics", str, "NAME")
    _add_with_default(group, "--seed", "of all chance", int, "N")


def _add_faults(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--fault", action="append", default=[], metavar="FAULT", help="see below; repeatable"
    )
    group.add_argument(
        "--random",
        action="append",
        default=[],
        metavar="NAME[.TARGET]=RATE",
        help="draw faults by chance, e.g. bearing_wear=2/machine-year; repeatable",
    )


def _add_run(group: argparse._ArgumentGroup) -> None:
    _add_with_default(
        group, "--hours", "how long, simulated; with --mqtt also inf, until stopped", float, "H"
    )
    _add_with_default(group, "--start", "time of the first reading, or now", str, "TIME")
    group.add_argument(
        "--speed",
        type=float,
        help="with --mqtt: simulated seconds per second, 1 is real time; "
        "default: 0, as fast as the broker acknowledges",
    )


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    where = group.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--out",
        metavar="FILE",
        help=".jsonl: one message per line, as mosquitto_sub -F %%J writes them; .csv, .parquet: "
        "one reading per row; - is .jsonl on standard output; with --waveform .npz or .csv",
    )
    where.add_argument("--mqtt", metavar="HOST[:PORT]", help="publish to this broker")
    group.add_argument(
        "--truth",
        metavar="FILE.jsonl",
        help="what was wrong, where, when, and since when it could be seen; "
        "with --mqtt it also goes to sim/truth/MACHINE",
    )


def _add_waveform(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--waveform",
        metavar="PART",
        help="record the acceleration of this part's bearing, of all machines, into --out: .npz "
        "for numpy.load; .csv: one recording per row; parts are those of bearing_wear, see "
        "--list targets",
    )
    group.add_argument(
        "--every", metavar="TIME", help=f"from one recording to the next; default: {EVERY}"
    )
    group.add_argument(
        "--rate-hz", type=float, metavar="HZ", help=f"samples per second; default: {RATE_HZ:g}"
    )
    group.add_argument(
        "--burst-s",
        type=float,
        metavar="S",
        help=f"length of a recording; a turbine's main bearing needs a minute; "
        f"default: {DURATION_S:g}",
    )


def _add_messages(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--dialect",
        choices=DIALECTS,
        help="json: an object per machine; array: lists of them; gateway: lists of objects that "
        "name their machine; number: a topic per sensor, without times; default: json",
    )
    group.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help=f"readings per list, with --dialect {' and '.join(BATCHED)}; default: 10",
    )
    group.add_argument(
        "--times",
        choices=TIMES,
        help="how payloads say the time: ISO 8601, or s, ms, us or ns since 1970; default: iso",
    )


def _add_broker(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--qos", type=int, choices=(0, 1, 2), help="default: 1")
    group.add_argument("--user", metavar="NAME", help="to log in as")
    group.add_argument(
        "--password-file", metavar="FILE", help="holds the password of --user on its first line"
    )
    group.add_argument(
        "--tls", action="store_true", help="encrypt, and believe the authorities this system knows"
    )
    group.add_argument(
        "--ca-file", metavar="FILE", help="encrypt, and believe this authority only (PEM)"
    )


def _add_with_default(
    group: argparse._ArgumentGroup, option: str, what: str, kind: type, metavar: str
) -> None:
    """Add an argument that is None unless it is given; its default is said all the same."""
    default = DEFAULTS[option.strip("-").replace("-", "_")]
    shown = f"{default:g}" if kind is float else default
    group.add_argument(option, type=kind, metavar=metavar, help=f"{what}; default: {shown}")


class _List(argparse.Action):
    """Prints a list and ends, as ``--help`` does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        del namespace, option_string
        assert isinstance(values, str)
        print(catalogue.LISTS[values]())  # noqa: T201 - this is what was asked for
        parser.exit()
