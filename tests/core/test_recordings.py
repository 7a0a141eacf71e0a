"""Recordings of vibration on the whole way from a message to stored values."""

from __future__ import annotations

import base64

import numpy as np

from streamer.pipeline import Pipeline
from tests.core.plant import arriving, at, configured, walk

TEXT = """
state_dir: state
clock: data
mqtt:
  host: localhost
  topics:
    - {topic: "plant/{site}/{machine}/telemetry", class: pump}
    - topic: plant/{site}/{machine}/waveform/{sensor}
      class: pump
      dialect: waveform
      waveform: {rpm: 1797, bearing: {balls: 9, ball_mm: 7.94, pitch_mm: 39.04}}
classes:
  pump:
    sensors:
      flow: {range: [0, 100]}
      drive_end_kurtosis: {range: [1, 1000]}
      drive_end_bpfo: {range: [0, 10]}
"""
RATE = 12_000


def recording(t_s: int, blows: float, seed: int):
    x = np.random.default_rng(seed).normal(size=RATE)
    period = RATE / (1797 / 60 * 3.585)
    for start in np.arange(0, RATE - 40, period):
        ringing = np.exp(-0.1 * np.arange(40)) * np.sin(2.0 * np.arange(40))
        x[int(start) : int(start) + 40] += blows * ringing
    samples = base64.b64encode(x.astype("<f4").tobytes()).decode()
    content = {"ts": at(t_s), "rate_hz": RATE, "samples": samples}
    return arriving("plant/north/P1/waveform/drive_end", content)


def test_a_bearing_that_begins_to_be_struck_shows_in_the_values_of_its_line():
    pipeline = Pipeline(configured(text=TEXT), None)
    messages = [recording(60 * i, 0.0, i) for i in range(40)]
    messages += [recording(60 * i, 5.0, i) for i in range(40, 60)]
    run = walk(pipeline, [messages[i : i + 7] for i in range(0, 60, 7)])
    assert pipeline.ledger.counters["stored"] == 60
    assert pipeline.ledger.counters.get("fields_rejected", 0) == 0
    lines = np.concatenate([said.readings.values[:, 2] for said in run.points["pump"]])
    assert len(lines) == 60
    assert lines[40:].min() > 2 * lines[:40].max()


def test_a_recording_of_a_sensor_that_nobody_knows_is_refused():
    pipeline = Pipeline(configured(text=TEXT), None)
    message = recording(0, 0.0, 1)._replace(topic="plant/north/P1/waveform/elsewhere")
    walk(pipeline, [[message]])
    assert pipeline.ledger.counters["rejected_unknown_sensor"] == 1
    assert pipeline.ledger.balanced()
