"""What several tests evaluate: a small scenario, and folders in the public data sets' formats."""

from __future__ import annotations

import json

import numpy as np

HOURS = 216.0
"""Of the farm in conftest.py."""

SCENARIO = """
machines: 3
days: 2
period_s: 600
site: hill
faults:
  - overheating@T02:12h+6h-40h:0.9
  - bearing_wear.main@T01:10h-30h:0.9
  - sensor_stuck.vibration@T03:20h-40h
quick: {machines: 2, days: 1, faults: ["overheating@T02:12h-20h:0.9"]}
"""
SENSORS = (
    "Accelerometer1RMS",
    "Accelerometer2RMS",
    "Current",
    "Pressure",
    "Temperature",
    "Thermocouple",
    "Voltage",
    "Volume Flow RateRMS",
)
MINUTES = [f"2014-04-{1 + i // 1440:02}T{i // 60 % 24:02}:{i % 60:02}:00" for i in range(1500)]


def write_nab(folder, *, readings: int = 1000, windows=((600, 649),), below: str = "") -> None:
    """A series that jumps in its window, and one that nobody has labelled."""
    series = folder / "data" / "realThings"
    series.mkdir(parents=True)
    stamps = [minute.replace("T", " ") for minute in MINUTES[:readings]]
    noise = np.random.default_rng(1).normal(0, 1, readings)
    for first, last in windows:
        noise[first : last + 1] += 100.0
    rows = [f"{stamp},{value}" for stamp, value in zip(stamps, noise, strict=True)]
    text = "\n".join(["timestamp,value", *rows])
    (series / "jump.csv").write_text(text, "utf-8")
    (series / "other.csv").write_text(text, "utf-8")
    edges = [[f"{stamps[first]}.000000", f"{stamps[last]}.000000"] for first, last in windows]
    labels = {"realThings/jump.csv": edges, "realThings/elsewhere.csv": []}
    (folder / below).mkdir(parents=True, exist_ok=True)
    (folder / below / "combined_windows.json").write_text(json.dumps(labels), "utf-8")


def write_skab(folder, *, sensors=SENSORS, rows: int = 500) -> None:
    """Two experiments whose last 50 rows are wrong, and the one without."""
    for name in ("valve1/0.csv", "other/3.csv", "anomaly-free/anomaly-free.csv"):
        path = folder / name
        path.parent.mkdir(parents=True)
        values = np.random.default_rng(2).normal(1, 0.1, (rows, len(sensors)))
        lines = [";".join(["datetime", *sensors, "anomaly", "changepoint"])]
        for i in range(rows):
            wrong, change = float(i >= rows - 50), float(i == rows - 50)
            stamp = f"2020-03-09 10:{i // 60:02}:{i % 60:02}"
            lines.append(
                ";".join([stamp, *map(str, values[i] + 100 * wrong), str(wrong), str(change)])
            )
        path.write_text("\n".join(lines), "utf-8")
