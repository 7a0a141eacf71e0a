"""Healthy farms, walked once, and the alerts about machines that each limit would have raised.

What charts say does not hang on limits; what is put down to an instrument or to the fleet, and
what becomes an alert, does. So the charts are walked once, and `Walked.alarms` asks only the stages
after them again, the product's own, for each limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Rows, Times, Values
from detectors.calibration import Delays
from detectors.siblings import LEAST, Shared
from simulators import Scenario, load_scenario
from simulators.weather import Climate
from streamer.alerts import AlertBook, Rule, Why
from streamer.config import MachineClass, MachineRule, load
from streamer.config.classes import OF_YIELD, Sensor
from streamer.config.limits import within_budget
from streamer.evaluate.walk import columns
from streamer.findings import Block, Charted, excused
from streamer.monitor import ClassMonitor
from streamer.records import Evidence, Machine
from streamer.resources import config_path
from streamer.stages import Stages

FEW = ("wind_speed", "rotor_speed", "power", "ambient_temperature", "vibration")
SOME = (*(f"pitch_angle_{i}" for i in (1, 2, 3)), "main_bearing_temperature")
BEARINGS = ("gearbox_bearing_temperature", "generator_bearing_temperature", "gearbox_temperature")
SENSORS = {4: (*FEW, "gearbox_temperature"), 10: (*FEW, *SOME, *BEARINGS)}
"""Judged sensors → what is measured, without a covariate; `WHOLE`, of all there is, are judged in
`config/benchmarks/turbine.yaml`."""
WHOLE = 25
MILD, ROUGH = "mild", "rough"
START = {MILD: "2026-01-01T00:00:00Z", ROUGH: "2026-04-01T00:00:00Z"}
ROUGH_CLIMATE = Climate(
    weibull_scale=10.5, weibull_shape=2.2, turbulence_class="A", air_mean=8.0, air_seasonal=10.0
)
MONTH_NS = 30 * 86_400 * 10**9
ALOFT = 2.0**40
"""A limit that nothing reaches; a power of two, so that scores come back bit by bit."""
NOTHING = Why("", Evidence())
TURN = 1000
"""So many readings are judged at a time."""


class Limits(NamedTuple):
    """Of the two multicharts, and of the yield chart where there is one."""

    charts: float
    taken: float = ALOFT


class Farm(NamedTuple):
    """One kind of farm."""

    n_sensors: int
    climate: str
    seed: int
    machines: int = 30
    days: float = 110.0

    def story(self) -> Scenario:
        """The farm's run, in which nothing goes wrong."""
        story = load_scenario("healthy_month", seed=self.seed)
        story.machines, story.hours = self.machines, 24 * self.days
        story.site, story.start = f"{story.site}-{self.seed}", START[self.climate]
        if self.climate == ROUGH:
            story.climate = ROUGH_CLIMATE
        return story


class Walked:
    """What the charts said on a farm.

    Parameters
    ----------
    farm
        Which.

    Attributes
    ----------
    months
        Machine-months in which they spoke.
    """

    def __init__(self, farm: Farm) -> None:
        self.spec = watched(farm.n_sensors)
        self.machines = [Machine("turbine", (("machine", f"T{i}"),)) for i in range(farm.machines)]
        blocks = list(_blocks(farm.story(), self.spec, self.machines))
        self._rows: Rows = np.concatenate([block.rows for block in blocks])
        self._times: Times = np.concatenate([block.times for block in blocks])
        self._z = np.concatenate([block.residuals for block in blocks])
        self._z = np.ascontiguousarray(self._z[:, Stages(self.spec).health])
        values = np.concatenate([block.values for block in blocks])
        self._resting = Stages(self.spec).rests(values)
        self._alone = ALOFT * np.concatenate([block.charted.alone for block in blocks])
        self._beside = ALOFT * np.concatenate([block.charted.beside for block in blocks])
        self._taken = ALOFT * np.concatenate([block.charted.taken for block in blocks])
        self._spoke = (np.isfinite(self._alone) | np.isfinite(self._beside)).any(axis=1)
        self.months = self._months()

    def alarms(
        self, limits: Limits, several: Sequence[Delays], *, siblings: bool = True
    ) -> NDArray[np.int64]:
        """Alerts about each machine, for each of several pairs of delays, i8[several, machines].

        Without ``siblings`` each machine is a fleet of its own.
        """
        severity = self._severity(limits, siblings=siblings)
        return np.array([self._fired(severity, delays) for delays in several])

    def _severity(self, limits: Limits, *, siblings: bool) -> NDArray[np.float64]:
        """As the monitor has it for an alert that goes by all three charts."""
        stages = Stages(self.spec)
        stages.reserve(len(self.machines))
        alone, beside = self._alone / limits.charts, self._beside / limits.charts
        taken = self._taken / limits.taken
        if siblings:
            shared = stages.siblings.walk(self._rows, alone, _besides(alone, beside, taken))
        else:
            nobody = np.zeros(alone.shape, np.uint8)
            shared = Shared(nobody, np.zeros(0, np.int64), np.zeros(0, np.int64))
        blame = stages.attribution.walk(
            self._rows, self._times, self._z, alone, beside, self._resting, shared.evidence
        )
        strange: Values = np.fmax(np.fmax(np.abs(alone), np.abs(beside)), taken)
        kept = np.where(excused(blame, shared), 0.0 * strange, strange)
        severity: NDArray[np.float64] = np.fmax.reduce(kept, axis=1)
        return severity

    def _fired(self, severity: NDArray[np.float64], delays: Delays) -> NDArray[np.int64]:
        rule = Rule("machine_fault", "machine", *delays)
        book = AlertBook(self.machines, [rule], silent_s=0.0)
        fired: list[str] = []
        for begin in range(0, len(severity), TURN):  # a book steps through all that is hot in one
            turn = slice(begin, begin + TURN)
            told = book.judge(
                self._rows[turn], self._times[turn], [severity[turn]], lambda _i, _r: NOTHING
            )
            fired += [event.machine for event in told if event.state == "firing"]
        return np.array([fired.count(machine.name) for machine in self.machines])

    def _months(self) -> float:
        rows, times = self._rows[self._spoke], self._times[self._spoke]
        return float(sum(np.ptp(times[rows == row]) for row in np.unique(rows))) / MONTH_NS


def within(n_sensors: int, budget: str, delays: Delays, *, siblings: bool) -> Limits:
    """The limits that the product takes for a budget of false alarms, alone or among siblings."""
    spec = _plant(n_sensors)
    rule = MachineRule(kind="machine", detectors=tuple(spec.detectors), **delays._asdict())
    size = spec.max_machines if siblings else LEAST
    spec = spec.model_copy(update={"alerts": {"machine_fault": rule}, "max_machines": size})
    limits = {key: one.limit for key, one in within_budget(spec, budget).items()}
    return Limits(limits["ewma_multichart"], limits.get(OF_YIELD, ALOFT))


def watched(n_sensors: int) -> MachineClass:
    """The class by which a farm is watched, with limits that nothing reaches."""
    spec = _plant(n_sensors)
    aloft = {k: one.model_copy(update={"limit": ALOFT}) for k, one in spec.detectors.items()}
    return spec.model_copy(update={"detectors": aloft})


def _plant(n_sensors: int) -> MachineClass:
    """The class with the charts that alerts about machines go by, and without alerts.

    The yield chart is one of them where all sensors are there that show what was felt.
    """
    spec = load(config_path("benchmarks/turbine.yaml")).classes["turbine"]
    heard = {key for rule in spec.machine_rules for key in rule.detectors}
    kept = spec.sensors
    if n_sensors != WHOLE:
        names = {*SENSORS[n_sensors], *(n for n, one in kept.items() if one.role == "state")}
        kept = {name: _plain(one, name, names) for name, one in kept.items() if name in names}
    if not any(sensor.shown_by for sensor in kept.values()):
        heard -= {OF_YIELD}
    # As if the configuration had said nothing of limits.
    charts = {
        key: type(one).model_validate(one.model_dump(exclude={"limit"}, exclude_none=True))
        for key, one in spec.detectors.items()
        if key in heard
    }
    return spec.model_copy(update={"detectors": charts, "alerts": {}, "sensors": kept})


def _plain(sensor: Sensor, name: str, names: set[str]) -> Sensor:
    """A sensor without what hangs on sensors that are not measured."""
    without: dict[str, str | None] = {"follower": None}
    if not names.issuperset(sensor.shown_by or ()):
        without["shown_by"] = None
    if name == "gearbox_temperature":
        without["role"] = "health"
    return sensor.model_copy(update=without)


def _besides(alone: Values, beside: Values, taken: Values) -> Values:
    never = np.zeros(0, np.int64)
    return Charted(alone, beside, never, never, taken, never).besides


def _blocks(story: Scenario, spec: MachineClass, machines: list[Machine]) -> Iterator[Block]:
    farm = story.farm(list(spec.sensors))
    monitor = ClassMonitor("turbine", spec, machines)
    rows = np.arange(len(machines), dtype=np.int32)
    for block in farm.run(story.hours):
        readings = columns(
            np.tile(rows, len(block.times)),
            np.repeat(block.times, len(machines)),
            block.values.reshape(-1, len(spec.sensors)),
        )
        yield monitor.step(readings).block
