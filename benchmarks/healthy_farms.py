"""Healthy farms, walked once, and the alerts about machines that each limit would have raised.

What charts say does not hang on limits; what is put down to an instrument or to the fleet, and
what becomes an alert, does. So the charts are walked once, and `Walked.alarms` asks only the stages
after them again, the product's own, for each limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Rows, Times, Values
from detectors.calibration import Delays
from detectors.siblings import Shared
from simulators import Scenario, load_scenario
from simulators.weather import Climate
from streamer.alerts import AlertBook, Rule, Why
from streamer.config import MachineClass, load
from streamer.config.classes import OF_YIELD, Sensor
from streamer.evaluate.walk import columns
from streamer.findings import Block, excused
from streamer.monitor import ClassMonitor
from streamer.records import Evidence, Machine
from streamer.resources import config_path
from streamer.stages import Stages

FEW = ("wind_speed", "rotor_speed", "power", "ambient_temperature", "vibration")
SOME = (*(f"pitch_angle_{i}" for i in (1, 2, 3)), "main_bearing_temperature")
BEARINGS = ("gearbox_bearing_temperature", "generator_bearing_temperature", "gearbox_temperature")
SENSORS = {4: (*FEW, "gearbox_temperature"), 10: (*FEW, *SOME, *BEARINGS)}
"""Judged sensors → what is measured; 26: all of `config/benchmarks/turbine.yaml`, the covariate
judged too."""
MILD, ROUGH = "mild", "rough"
START = {MILD: "2026-01-01T00:00:00Z", ROUGH: "2026-04-01T00:00:00Z"}
ROUGH_CLIMATE = Climate(
    weibull_scale=10.5, weibull_shape=2.2, turbulence_class="A", air_mean=8.0, air_seasonal=10.0
)
MONTH_NS = 30 * 86_400 * 10**9
ALOFT = 2.0**40
"""A limit that nothing reaches; a power of two, so that scores come back bit by bit."""
NOTHING = Why("", Evidence())


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
        self._strange = np.fmax(np.abs(self._alone), np.abs(self._beside))
        self._spoke = np.isfinite(self._strange).any(axis=1)
        self.months = self._months()

    def alarms(self, limit: float, several: list[Delays], *, siblings: bool = True) -> list[int]:
        """Alerts about machines at a limit, for each of several pairs of delays.

        Without ``siblings`` each machine is a fleet of its own.
        """
        severity = self._severity(limit, siblings=siblings)
        return [self._fired(severity, delays) for delays in several]

    def _severity(self, limit: float, *, siblings: bool) -> NDArray[np.float64]:
        """As the monitor has it for an alert that goes by both multicharts."""
        stages = Stages(self.spec)
        stages.reserve(len(self.machines))
        alone, beside = self._alone / limit, self._beside / limit
        if siblings:
            shared = stages.siblings.walk(self._rows, alone, beside)
        else:
            nobody = np.zeros(alone.shape, np.uint8)
            shared = Shared(nobody, np.zeros(0, np.int64), np.zeros(0, np.int64))
        blame = stages.attribution.walk(
            self._rows, self._times, self._z, alone, beside, self._resting, shared.evidence
        )
        kept: Values = np.where(excused(blame, shared), 0.0, self._strange / limit)
        kept = np.where(np.isfinite(self._strange), kept, np.nan)
        severity: NDArray[np.float64] = np.fmax.reduce(kept, axis=1)
        return severity

    def _fired(self, severity: NDArray[np.float64], delays: Delays) -> int:
        rule = Rule("machine_fault", "machine", *delays)
        book = AlertBook(self.machines, [rule], silent_s=0.0)
        told = book.judge(self._rows, self._times, [severity], lambda _i, _r: NOTHING)
        return sum(event.state == "firing" for event in told)

    def _months(self) -> float:
        rows, times = self._rows[self._spoke], self._times[self._spoke]
        return float(sum(np.ptp(times[rows == row]) for row in np.unique(rows))) / MONTH_NS


def watched(n_sensors: int) -> MachineClass:
    """The class by which a farm is watched: the multicharts, with a limit that nothing reaches."""
    spec = load(config_path("benchmarks/turbine.yaml")).classes["turbine"]
    heard = {key for rule in spec.machine_rules for key in rule.detectors} - {OF_YIELD}
    charts = {key: spec.detectors[key].model_copy(update={"limit": ALOFT}) for key in heard}
    few = n_sensors in SENSORS
    kept = {
        name: _plain(sensor, alone=few, judged=few and name == "gearbox_temperature")
        for name, sensor in spec.sensors.items()
        if not few or name in SENSORS[n_sensors] or sensor.role == "state"
    }
    return spec.model_copy(update={"detectors": charts, "alerts": {}, "sensors": kept})


def _plain(sensor: Sensor, *, alone: bool, judged: bool) -> Sensor:
    """A sensor without what hangs on sensors that may not be measured."""
    without: dict[str, str | None] = {"shown_by": None}
    if alone:
        without["follower"] = None
    if judged or sensor.role == "covariate":
        without["role"] = "health"
    return sensor.model_copy(update=without)


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
