"""The keys of a machine class: its sensors, its detectors, and when somebody is told.

The sections of ``detectors:`` are opened with the models of `streamer.config.detectors`, those of
``alerts:`` by their ``kind``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny

from streamer.config.detectors import DetectorConfig
from streamer.config.types import Count, Name, PositiveSeconds, Seconds, Section, some
from streamer.config.yaml_marks import shown
from streamer.labels import valid_label

MAX_SENSORS = 256


def _machines(value: object) -> object:
    """``any``, or names; each part of ``site/machine`` must be one that a topic could bring."""
    if value == "any" or isinstance(value, tuple):
        return value
    if not isinstance(value, list) or not value:
        raise ValueError(f"is {shown(value)}, any or a list of names like site/machine is needed")
    for name in value:
        if not isinstance(name, str) or not all(valid_label(part) for part in name.split("/")):
            raise ValueError(f"holds {shown(name)}, which is no name of a machine like north/T03")
    return tuple(value)


def _range(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(value)
    raise ValueError(f"is {shown(value)}, [lowest, highest] is needed")


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise ValueError(f"is {list(value)}, the lowest must come first and be smaller")
    return value


class Sensor(Section):
    """One channel of a machine."""

    unit: Annotated[str, Field(max_length=32)] = ""
    """Unit of its values, for people."""
    role: Literal["health", "context"] = "health"
    """``health`` sensors are judged; ``context`` sensors say what the machine is doing."""
    range: Annotated[tuple[float, float], BeforeValidator(_range), AfterValidator(_ordered)] = (
        Field(examples=["`range: [0, 60]`"])
    )
    """Lowest and highest value that can be true; beyond it the instrument is at fault."""
    context: Name | None = None
    """The sensor that explains this one, which is judged by how it differs from what is usual."""
    relative_to: Name | None = None
    """What is judged is the difference to this sensor, as a temperature's rise over ambient."""
    context_lag_s: Seconds = 0.0
    """Time constant with which this sensor follows its context; 0: at once."""
    resolution: Annotated[float, Field(ge=0)] = 0.0
    """Smallest step the instrument can show; 0: unknown."""
    stuck_s: Seconds = 0.0
    """The same value for so long is a stuck instrument; 0: off."""
    max_step: Annotated[float, Field(ge=0)] = 0.0
    """A larger change between two readings is a spike of the instrument; 0: off."""

    @property
    def low(self) -> float:
        """Lowest value that can be true."""
        return self.range[0]

    @property
    def high(self) -> float:
        """Highest value that can be true."""
        return self.range[1]


class Moving(Section):
    """When a machine is moving, so that its sensors cannot stand still; without it, always."""

    sensor: Name = Field(examples=["`sensor: rotor_speed`"])
    """The sensor that tells."""
    above: float = Field(examples=["`above: 1`"])
    """Above this value the machine moves."""


class Context(Section):
    """How the expected value of a sensor is learnt from its context sensor."""

    bins: Annotated[int, Field(ge=1, le=1000)] = 24
    """Into how many bins the range of the context sensor is cut."""
    bin_readings: Annotated[int, Field(ge=2, le=65_535)] = 60
    """After so many readings a bin knows what is usual, and its reference is frozen."""


class MachineRule(Section):
    """An alert about the machine: scores of its detectors beyond their limits."""

    kind: Literal["machine"]
    """``machine``."""
    detectors: Annotated[tuple[str, ...], AfterValidator(some), Field(strict=False)]
    """Which detectors may raise it; by default those with a frozen reference, or all if none has
    one."""
    hold_s: Seconds = 600.0
    """How long the severity must stay before the alert fires."""
    keep_firing_s: Seconds = 1800.0
    """How long the severity must be clear before the alert is resolved."""
    clear: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the limit below which a severity counts as clear."""


class InstrumentRule(Section):
    """An alert about an instrument: values that cannot be believed."""

    kind: Literal["instrument"]
    """``instrument``."""
    hold_s: Seconds = 600.0
    """How long values must be unbelievable before the alert fires."""
    keep_firing_s: Seconds = 1800.0
    """How long values must be believable before the alert is resolved."""


class SilentRule(Section):
    """An alert about silence: no readings from a machine that had been heard."""

    kind: Literal["silent"]
    """``silent``."""
    after_s: PositiveSeconds = 900.0
    """How long nothing must have been heard, while we were listening."""


AlertRule = MachineRule | InstrumentRule | SilentRule
RULES: Mapping[str, type[AlertRule]] = {
    "machine": MachineRule,
    "instrument": InstrumentRule,
    "silent": SilentRule,
}
"""``kind`` of an alert rule → the model of its section."""

DEFAULT_DETECTORS = ("ewma_chart", "rolling_zscore", "half_space_trees")
DEFAULT_ALERTS = {"machine_fault": "machine", "instrument_fault": "instrument", "silent": "silent"}
"""Name → kind of the rules of a class that names none."""


class MachineClass(Section):
    """Machines of one make: the same sensors, detectors and alerts."""

    machines: Annotated[Literal["any"] | tuple[str, ...], BeforeValidator(_machines)] = "any"
    """``any``, or a list of names (all labels of the topic, joined by /); others are refused."""
    max_machines: Count = 10_000
    """How many machines may register; the next one is refused."""
    sample_s: Seconds = 0.0
    """How often detectors of several sensors take a row; 0: whenever all sensors have spoken."""
    max_age_s: PositiveSeconds = 900.0
    """An older value of a sensor is not put in a row, nor taken as context."""
    sensors: Annotated[
        Mapping[Name, Sensor],
        AfterValidator(some),
        Field(max_length=MAX_SENSORS, examples=["`sensors: {power: {range: [0, 6000]}}`"]),
    ]
    """Name → sensor; the order is the order of columns everywhere."""
    moving: Moving | None = None
    """When values that stand still are those of a stuck instrument; off where the key is absent."""
    context: Context = Context()
    """How context is learnt."""
    detectors: Annotated[Mapping[str, SerializeAsAny[DetectorConfig]], AfterValidator(some)]
    """Detector → its section; by default ewma_chart, rolling_zscore and half_space_trees."""
    alerts: Mapping[Name, AlertRule]
    """Name → rule; by default machine_fault, instrument_fault and silent."""

    @property
    def health(self) -> tuple[str, ...]:
        """The sensors that are judged, in order."""
        return tuple(name for name, sensor in self.sensors.items() if sensor.role == "health")

    @property
    def score_columns(self) -> tuple[str, ...]:
        """The score columns of all detectors, in order."""
        return tuple(
            column
            for name, detector in self.detectors.items()
            for column in detector.columns(name, self.health)
        )

    def admits(self, machine: str) -> bool:
        """Whether a machine of this name may register."""
        return self.machines == "any" or machine in self.machines
