"""Stories: a farm, how long it runs, and who gets which fault, when.

Most are told in files, see `simulators.scenarios.file`; the demo's is told here. It fits any farm:
everybody is well while the watcher learns, then one machine's bearing wears, another's cooler
clogs, and a third's thermometer stops; all is repaired before the end, so that alerts can be seen
to go as well as to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import not_

from simulators.farm import START, Farm
from simulators.faults import BearingWear, Fault, Overheating, SensorStuck
from simulators.faults.grammar import fault_kind
from simulators.faults.rates import Rate, draw
from simulators.machines import machine_name
from simulators.turbine import Turbine
from simulators.weather import Climate


@dataclass
class Scenario:
    """A farm, how long it runs, and what goes wrong; the arguments are those of `Farm`."""

    name: str
    hours: float
    about: str = ""
    machines: int = 12
    seed: int = 1
    machine_class: str = "turbine"
    period_s: float = 60.0
    start: str = START
    site: str = "demo"
    climate: Climate = Climate()  # noqa: RUF009 - frozen
    faults: Sequence[Fault] = ()
    random: Mapping[str, str | Rate] = field(default_factory=dict)
    """What else is drawn, and how often; see `simulators.faults.rates`."""
    invisible: tuple[Fault, ...] = field(default=(), init=False)
    """Faults that the last `farm` has left out, because none of its sensors shows them."""

    def farm(self, sensors: Sequence[str] | None = None) -> Farm:
        """The farm that reports these sensors, with those faults that show in them.

        Raises:
            ValueError: as `Farm`, or as `simulators.faults.rates.draw`.
        """
        bare = Farm(
            self.machines,
            self.seed,
            period_s=self.period_s,
            start=self.start,
            site=self.site,
            machine_class=self.machine_class,
            climate=self.climate,
            sensors=sensors,
        )
        shows = [_shows(fault, bare) for fault in self.faults]
        shown = list(compress(self.faults, shows))
        self.invisible = tuple(compress(self.faults, map(not_, shows)))
        farm = bare.with_faults(shown)
        return farm.with_faults([*shown, *self._drawn(farm)]) if self.random else farm

    def _drawn(self, farm: Farm) -> list[Fault]:
        return draw(
            {what: rate for what, rate in self.random.items() if _may_show(what, farm)},
            farm.machines,
            self.hours,
            farm.seed,
            machine_class=farm.machine_class,
            sensors=farm.sensors,
            beside=farm.faults,
        )


def check_begins(fault: Fault, hours: float) -> None:
    """Refuse a fault that would never happen in a run of some hours.

    Raises:
        ValueError: it begins after the end.
    """
    if fault.onset_s >= hours * 3600:
        raise ValueError(f"{fault} begins after the run's {hours:g} h: make the run longer")


def _may_show(what: str, farm: Farm) -> bool:
    """Does a fault NAME or NAME.TARGET leave a trace wherever, or somewhere, it strikes?"""
    name, _, target = what.partition(".")
    kind = fault_kind(name)
    choice = [target] if target else kind.targets(farm.machine_class)
    return any(_shows(kind(machine="all", target=one, onset_s=0), farm) for one in choice)


def _shows(fault: Fault, farm: Farm) -> bool:
    return fault.aimed(farm.machine_class).shows_in(farm.machine_class, farm.sensors)


DEMO_MACHINES = 12
DEMO_HOURS = 240.0
DEMO_PERIOD_S = 300.0
DEMO_HEALTHY_HOURS = 120.0
"""No fault begins before; so much is there to learn from."""
DEMO_CLIMATE = Climate(
    weibull_shape=2.4,
    weibull_scale=10.0,
    wind_tau_h=1.5,
    wind_lag_h=0.75,
    wind_slow_share=0.0,
    turbulence_class="A",
    air_tau_h=12.0,
)
"""Windy, rough days that change quickly: five of them have to show the weather of a month."""


def demo_farm(
    machines: int = DEMO_MACHINES, seed: int = 1, faults: Sequence[Fault] | None = None
) -> Farm:
    """The demo's farm, with the demo's faults unless others are given; run it for `DEMO_HOURS`."""
    given = demo(machines, seed) if faults is None else faults
    return Farm(machines, seed, period_s=DEMO_PERIOD_S, faults=given, climate=DEMO_CLIMATE)


def demo(machines: int = DEMO_MACHINES, seed: int = 1) -> list[Fault]:
    """The demo's faults for a farm of ``machines`` turbines: T03, T07 and T10 of twelve.

    They fall on machines spread over the farm, each on its own (fewer faults in a farm of one or
    two), and another ``seed`` moves them on by one machine.

    >>> [str(fault) for fault in demo(machines=12, seed=1)]
    ['bearing_wear of T03 at 120h', 'overheating of T07 at 120h', 'sensor_stuck of T10 at 130h']
    >>> [fault.machine for fault in demo(machines=2)]
    ['T01', 'T02']
    """
    names = [machine_name(Turbine, i) for i in range(machines)]
    places = sorted({machines * twelfth // 12 for twelfth in (2, 6, 9)})
    first, second, third = ([names[(i + seed - 1) % machines] for i in places] + [""] * 2)[:3]
    hour = 3600.0
    faults: list[Fault] = [
        BearingWear(
            machine=first, onset_s=120 * hour, ramp_s=12 * hour, end_s=178 * hour, severity=0.9
        ),
        Overheating(
            machine=second, onset_s=120 * hour, ramp_s=6 * hour, end_s=178 * hour, severity=0.9
        ),
        SensorStuck(machine=third, onset_s=130 * hour, end_s=150 * hour),
    ]
    return [fault for fault in faults if fault.machine]
