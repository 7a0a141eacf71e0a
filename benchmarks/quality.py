"""The product's own monitor, one reading at a time, for scorers of public data sets.

`nab` and `skab` each make a monitor from a file in ``config/benchmarks/``. It is asked with
``update(when, values)``, in order of time, and answers with the severity that the product's alerts
go by: bigger is stranger, 1.0 is the limit, and 0.0 where it cannot speak yet.

    >>> from datetime import datetime, timedelta
    >>> monitor = nab("one", ["value"])
    >>> monitor.update(datetime(2026, 1, 1), {"value": 20.0})
    0.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from streamer.config import MachineClass, load
from streamer.evaluate.engines import OURS, Product
from streamer.evaluate.series import as_scores
from streamer.evaluate.skab import slug
from streamer.evaluate.walk import columns
from streamer.records import Machine
from streamer.resources import config_path

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Monitor:
    """One machine that nobody has seen before.

    Parameters
    ----------
    machine_class, config
        What the product runs with.
    name
        Of the machine; nothing depends on it.
    sensors
        As the caller names them; the configuration has their slugs.
    """

    def __init__(
        self, machine_class: str, config: MachineClass, name: str, sensors: Sequence[str]
    ) -> None:
        self._product = Product(machine_class, config, [Machine(machine_class, (("m", name),))])
        known = {slug(sensor): sensor for sensor in sensors}
        missing = [sensor for sensor in config.sensors if sensor not in known]
        if missing:
            raise ValueError(f"there is no sensor {missing[0]}, there are {', '.join(sensors)}")
        self._names = [known[sensor] for sensor in config.sensors]
        self._row = np.zeros(1, np.int32)

    def update(self, when: datetime, values: Mapping[str, float]) -> float:
        """Judge one reading, then learn it."""
        time_ns = (when.replace(tzinfo=when.tzinfo or UTC) - EPOCH) // timedelta(microseconds=1)
        row = np.array([[values.get(name, np.nan) for name in self._names]])
        readings = columns(self._row, np.array([time_ns * 1000]), row)
        if not len(readings.rows):
            return 0.0
        judged = self._product.monitor.step(readings)
        return float(as_scores(self._product.verdicts(judged)[OURS].severity)[0])


def nab(name: str, sensors: Sequence[str]) -> Monitor:
    """For the Numenta Anomaly Benchmark: one sensor."""
    return _monitor("nab", name, sensors)


def skab(name: str, sensors: Sequence[str]) -> Monitor:
    """For the Skoltech Anomaly Benchmark: eight sensors of a pump test bed."""
    return _monitor("skab", name, sensors)


def _monitor(benchmark: str, name: str, sensors: Sequence[str]) -> Monitor:
    config = load(config_path(f"benchmarks/{benchmark}.yaml"))
    machine_class, spec = next(iter(config.classes.items()))
    return Monitor(machine_class, spec, name, sensors)
