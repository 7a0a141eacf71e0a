"""A configuration that has little in common with the example."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.grafana import generate

PUMPS = """
state_dir: state
mqtt:
  host: localhost
  topics:
    - {topic: "plant/{site}/{machine}/telemetry", class: turbine}
    - {topic: "works/{hall}/{line}", class: pump, machine_field: machine}
classes:
  turbine:
    sensors: {vibration: {range: [0, 50], unit: mm/s}, pressure: {range: [0, 9], unit: bar}}
    detectors: {ewma_multichart: {limit: 6}}
  pump:
    sensors: {pressure: {range: [0, 9], unit: kPa}}
    detectors: {ewma_multichart: {limit: 4}, river.anomaly.LocalOutlierFactor: {limit: 2}}
    alerts: {silent: {kind: silent, after_s: 120}}
"""


@pytest.fixture
def pumps(tmp_path: Path) -> Path:
    """Files for two classes that agree on little."""
    config = tmp_path / "pumps.yaml"
    config.write_text(PUMPS, "utf-8")
    generate(tmp_path, config)
    return tmp_path
