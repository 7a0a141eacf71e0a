"""What the arguments of the command line order, with everything refused that cannot be meant."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simulators.campaign import Campaign
from simulators.clock import iso_time
from simulators.command.arguments import DEFAULTS, EVERY
from simulators.farm import Farm
from simulators.faults import Fault
from simulators.faults.grammar import duration, parse_fault
from simulators.faults.rates import Rate, parse_rate
from simulators.outputs.access import Access
from simulators.outputs.payloads import BATCHED
from simulators.outputs.tables import FORMS
from simulators.outputs.waveforms import check_form
from simulators.scenarios import Scenario, check_begins
from simulators.scenarios.file import load_scenario
from simulators.waveform import DURATION_S, RATE_HZ

MESSAGES_ONLY = ("dialect", "batch", "times")
WAVEFORM_ONLY = ("every", "rate_hz", "burst_s")
BROKER_ONLY = ("speed", "qos", "user", "password_file", "tls", "ca_file")
SCENARIOS_OWN = ("machine_class", "machines", "period_s")
OPTIONS = {"machine_class": "--class"}
"""Where it is not the name of the argument."""


class Order(NamedTuple):
    """A farm, and how long it shall run."""

    farm: Farm
    hours: float
    note: str = ""
    """What the user should know beforehand."""
    campaign: Campaign | None = None
    """What is recorded, where readings are not what is asked for."""


def order_of(args: argparse.Namespace) -> Order:
    """What the arguments order.

    Raises:
        ValueError: in one sentence, which argument cannot be meant and why.
        OSError: a file that they name cannot be read.
    """
    _check_together(args)
    scenario = _scenario(args)
    typed = [parse_fault(text) for text in args.fault]
    scenario.faults = [*scenario.faults, *typed]
    scenario.random = {**scenario.random, **_rates(args.random)}
    # A bearing is heard whatever is reported.
    farm = scenario.farm("all" if args.waveform is not None else _sensors(args.sensors))
    for fault in typed:
        check_begins(fault, scenario.hours)
        if fault in scenario.invisible:
            raise ValueError(f"{fault} shows in none of the reported sensors: see --sensors")
    if args.waveform is not None:
        return _recordings(args, farm, scenario.hours, typed)
    return Order(farm, scenario.hours, _note(scenario))


def _recordings(
    args: argparse.Namespace, farm: Farm, hours: float, typed: Iterable[Fault]
) -> Order:
    """An order of recordings; its farm, and so its truth, has the faults of machines only."""
    for fault in typed:
        if not fault.conditions():
            raise ValueError(f"{fault} is nothing that a recording with --waveform could hold")
    heard = farm.with_faults([fault for fault in farm.faults if fault.conditions()])
    campaign = Campaign(
        heard,
        hours,
        args.waveform,
        duration("every", args.every or EVERY),
        RATE_HZ if args.rate_hz is None else args.rate_hz,
        DURATION_S if args.burst_s is None else args.burst_s,
    )
    left_out = len(farm.faults) - len(heard.faults)
    return Order(heard, hours, _note_on(campaign, left_out), campaign)


def _note_on(campaign: Campaign, left_out: int) -> str:
    notes = [f"{left_out} faults that no recording holds are left out"] if left_out else []
    worn = {fault.target for fault in campaign.farm.faults if fault.name == "bearing_wear"}
    if worn and campaign.part not in worn:
        notes += [f"bearing_wear is in {', '.join(sorted(worn))}, not in {campaign.part}"]
    return "; ".join(notes)


def is_table(out: str) -> bool:
    """Is it a file of rows, rather than of messages?

    Raises:
        ValueError: its suffix says neither.
    """
    suffix = Path(out).suffix
    if out == "-" or suffix == ".jsonl":
        return False
    if suffix not in FORMS:
        raise ValueError(f"out is {out}: its suffix must be one of .jsonl, {', '.join(FORMS)}")
    return True


def batch_of(args: argparse.Namespace) -> int:
    """Readings per list."""
    if args.batch is not None:
        return int(args.batch)
    return 10 if args.dialect in BATCHED else 1


def access_of(args: argparse.Namespace) -> Access:
    """What the broker is told about us.

    Raises:
        ValueError: there is a password without a user, or the file of passwords is empty.
        OSError: it cannot be read.
    """
    password = None
    if args.password_file:
        password = Path(args.password_file).read_text("utf-8").partition("\n")[0].rstrip("\r")
        if not password:
            raise ValueError(f"password-file {args.password_file} holds no password")
    return Access(args.user, password, args.tls, args.ca_file)


def parse_address(text: str, usual_port: int = 1883) -> tuple[str, int]:
    """Host and port of ``HOST[:PORT]``.

    >>> parse_address("localhost"), parse_address("[::1]:2883")
    (('localhost', 1883), ('::1', 2883))
    """
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, str(usual_port)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"broker {text!r} is not HOST[:PORT]")
    return host.strip("[]"), int(port)


def _scenario(args: argparse.Namespace) -> Scenario:
    """That of a file, overruled by what else was given, or one of the arguments alone."""
    given = {name: value for name, value in vars(args).items() if value is not None}
    if given.get("start") == "now":
        given["start"] = iso_time(time.time_ns())
    if not args.scenario:
        return Scenario("", **{name: given.get(name, value) for name, value in DEFAULTS.items()})
    scenario = load_scenario(args.scenario, quick=args.quick, seed=args.seed)
    for name in ("hours", "site", "start"):
        setattr(scenario, name, given.get(name, getattr(scenario, name)))
    return scenario


def _rates(texts: Iterable[str]) -> Mapping[str, Rate]:
    rates: dict[str, Rate] = {}
    for what, rate in map(parse_rate, texts):
        if what in rates:
            raise ValueError(f"random: {what} has two rates, one is needed")
        rates[what] = rate
    return rates


def _sensors(text: str) -> Any:
    """As `Farm` takes them."""
    if text in {"all", "usual"}:
        return "all" if text == "all" else None
    return [name.strip() for name in text.split(",")]


def _note(scenario: Scenario) -> str:
    if not scenario.invisible:
        return ""
    names = dict.fromkeys(
        f"{fault.name}.{fault.target}" if fault.target else fault.name
        for fault in scenario.invisible
    )
    return (
        f"{len(scenario.invisible)} faults show in none of the reported sensors and are left out "
        f"({', '.join(names)}); --sensors all reports all"
    )


def _check_together(args: argparse.Namespace) -> None:
    """Refuse arguments that do not go together."""
    for refusal in _refusals(args):
        raise ValueError(refusal)


def _refusals(args: argparse.Namespace) -> Iterator[str]:
    if args.speed is not None and not 0 <= args.speed < math.inf:
        yield f"speed is {args.speed:g}, it must not be negative"
    yield from _refusals_to_a_broker(args) if args.mqtt else _refusals_to_a_file(args)
    if args.waveform is None:
        yield from (f"{name} is for --waveform" for name in _given(args, WAVEFORM_ONLY))
    if args.scenario:
        yield from (f"{name} is the scenario's own" for name in _given(args, SCENARIOS_OWN))
    elif args.quick:
        yield "--quick is for --scenario"


def _refusals_to_a_broker(args: argparse.Namespace) -> Iterator[str]:
    parse_address(args.mqtt)
    if args.waveform is not None:
        yield "--waveform is for --out: recordings go to a file"


def _refusals_to_a_file(args: argparse.Namespace) -> Iterator[str]:
    yield from (f"{name} is for --mqtt" for name in _given(args, BROKER_ONLY))
    if args.hours == math.inf:
        yield "hours is inf, but only a run to a broker can be endless"
    if args.waveform is not None:
        yield from _refusals_of_recordings(args)
    elif is_table(args.out):
        names = _given(args, MESSAGES_ONLY)
        yield from (f"{name} is for messages, and {args.out} is a table" for name in names)
    if args.truth and Path(args.truth).resolve() == Path(args.out).resolve():
        yield "out and truth are the same file"


def _refusals_of_recordings(args: argparse.Namespace) -> Iterator[str]:
    check_form(args.out)
    names = _given(args, MESSAGES_ONLY)
    yield from (f"{name} is for messages, and --waveform makes none" for name in names)
    if args.sensors != "usual":
        yield "--sensors is for readings, and --waveform makes none"


def _given(args: argparse.Namespace, names: Iterable[str]) -> Iterator[str]:
    """Those of the options that were given, as they are typed."""
    for name in names:
        if getattr(args, name) is not None and getattr(args, name) is not False:
            yield OPTIONS.get(name, f"--{name.replace('_', '-')}")
