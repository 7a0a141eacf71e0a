"""A plant for stories of the monitor: machines of few sensors that learn within two days."""

from __future__ import annotations

import numpy as np

from streamer.monitor import ClassMonitor, Judged
from streamer.records import Columns, Machine
from tests.core.plant import at, configured

TEXT = """
state_dir: state
clock: data
mqtt:
  host: localhost
  topics: [{topic: "plant/{machine}", class: pump}]
classes:
  pump:
    max_age_s: 1500
    sensors:
      flow: {unit: l/s, role: context, range: [0, 100]}
      oil: {unit: °C, range: [-50, 150], follower: bearing}
      bearing: {unit: °C, range: [-50, 150]}
      pressure: {unit: bar, range: [-50, 50]}
    context:
      {learn_s: 120000, warm_s: 18000, moment_s: 600, lags_s: [900], knots: 0, familiar: 0.3,
       adjust_s: 30000}
    detectors:
      ewma_multichart: {scales_s: [3600], learn_s: 60000, limit: 6}
      adjusted_multichart: {scales_s: [3600], learn_s: 60000, limit: 6}
    alerts:
      machine_fault: {kind: machine, hold_s: 3600}
      instrument_fault: {kind: instrument, hold_s: 3600}
"""
NAN = float("nan")
STEP_S = 600
ILL = 320
"""The reading at which a story takes its turn; all charts speak by then."""
END = 420


def watch(machines: int = 1, **overrides: object) -> ClassMonitor:
    """A monitor of so many machines; ``sensors=…`` overrides that key of their class."""
    keys = {f"classes__pump__{key}": value for key, value in overrides.items()}
    pump = configured(text=TEXT, **keys).classes["pump"]
    farm = [Machine("pump", (("machine", f"M{i}"),)) for i in range(machines)]
    return ClassMonitor("pump", pump, farm)


def judged(monitor: ClassMonitor, *machines: np.ndarray, first: int = 0) -> Judged:
    """What is said of the readings f8[n, S] of machines that speak in turn, every ten minutes."""
    values = np.stack(machines, axis=1)
    n, m, sensors = values.shape
    rows = np.tile(np.arange(m, dtype=np.int32), n)
    times = np.repeat(at(first * STEP_S) + np.arange(n) * STEP_S * 10**9, m)
    flags = np.zeros(n * m, dtype=np.uint8)
    return monitor.step(Columns(rows, times, values.reshape(n * m, sensors), flags))


def well(number: int = 0) -> np.ndarray:
    """Flow wanders, all else follows it with some noise."""
    rng = np.random.default_rng(number)
    flow = np.clip(rng.normal(50, 15, END), 5, 95)
    oil, bearing, pressure = rng.normal(0, [0.5, 0.5, 0.2], (END, 3)).T
    return np.column_stack(
        [flow, 50 + flow / 5 + oil, 60 + flow / 5 + bearing, flow / 10 + pressure]
    )


FLOW, OIL, BEARING, PRESSURE = range(4)


def fired(said: Judged, machine: str = "M0") -> set[tuple[str, str]]:
    """The alerts of a machine that fired: kind and sensor."""
    return {
        (one.kind, one.evidence.sensor)
        for one in said.alerts
        if one.machine == machine and one.state == "firing"
    }


def remembered(monitor: ClassMonitor) -> dict[str, bytes]:
    """All that is kept of its first machine."""
    return {name: array[0].tobytes() for name, array in monitor.arrays().items()}


def creeping(size: float, since: int = ILL) -> np.ndarray:
    """What comes on top of a sensor that drifts away within some hours."""
    return np.clip((np.arange(END) - since) / 24, 0, 1) * size


WINDY = {
    "wind": {"unit": "m/s", "role": "context", "range": [0, 50], "shown_by": ["power", "speed"]},
    "speed": {"unit": "rpm", "role": "both", "range": [0, 50], "harm": "down"},
    "power": {"unit": "kW", "role": "both", "range": [-10, 5000], "harm": "down"},
}
YIELDING = {
    "ewma_multichart": {"scales_s": [3600], "learn_s": 60000, "limit": 20},
    "yield_chart": {"scale_s": 14400, "learn_s": 60000, "limit": 3},
}


def turbine(number: int = 0, lost: float = 0.0) -> np.ndarray:
    """Wind as a gusty anemometer has it, and a rotor that from some time on feels less of it."""
    rng = np.random.default_rng(number)
    felt = rng.uniform(4, 10, END)
    wind = felt * (1 + 0.1 * rng.normal(size=END))
    felt = np.where(np.arange(END) < ILL, felt, felt * (1 - lost))
    return np.column_stack([wind, 2 * felt, felt**3])


def windy(machines: int = 1, **more: object) -> ClassMonitor:
    moving = {"sensor": "speed", "above": 1}
    return watch(machines, **{"sensors": WINDY, "detectors": YIELDING, "moving": moving} | more)
