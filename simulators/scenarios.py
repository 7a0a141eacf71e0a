"""Ready-made stories: who gets which fault, when.

The demo's story fits any farm: everybody is well while the watcher learns, then one machine's
bearing wears, another's cooler clogs, and a third's thermometer stops; all is repaired before the
end, so that alerts can be seen to go as well as to come.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulators.farm import Farm
from simulators.faults import BearingWear, Fault, Overheating, SensorStuck
from simulators.machines import machine_name
from simulators.turbine import Turbine
from simulators.weather import Climate

DEMO_MACHINES = 12
DEMO_HOURS = 240.0
DEMO_PERIOD_S = 300.0
DEMO_HEALTHY_HOURS = 120.0
"""No fault begins before; so much is there to learn from."""
DEMO_CLIMATE = Climate(
    weibull_shape=2.4, weibull_scale=10.0, wind_tau_h=3.0, wind_lag_h=0.75, air_tau_h=24.0
)
"""Windy days that change quickly: five of them have to show the weather of a month."""


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
    ['bearing_wear of T03 at 120h', 'overheating of T07 at 120h', \
'sensor_stuck.gearbox_temperature of T10 at 130h']
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
