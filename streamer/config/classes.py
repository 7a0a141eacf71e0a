"""The keys of a machine class: its sensors, its detectors, and when somebody is told.

The sections of ``detectors:`` are opened with the models of `streamer.config.detectors`, those of
``alerts:`` by their ``kind``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, model_validator

from detectors.calibration import per_month
from streamer.config.detectors import DetectorConfig
from streamer.config.limits import within_budget
from streamer.config.types import Count, Name, PositiveSeconds, Seconds, Section, at_most, some
from streamer.config.yaml_marks import shown
from streamer.labels import valid_label

MAX_SENSORS = 256

INERT = {"°C", "K", "mm/s"}
"""Units of what cannot leap: heat has to flow, and a bearing wears."""
SILENT_AT_REST = {"mm/s", "W", "kW", "MW"}
"""Units of what only a machine that turns can show."""
WORSE_UPWARDS = INERT | {"m/s²"}
"""Units of what gets larger when something breaks."""


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


def _boundaries(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(value)
    raise ValueError(f"is {shown(value)}, [B/C, C/D] is needed")


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] < value[1]:
        raise ValueError(f"is {list(value)}, 0 < B/C < C/D is needed")
    return value


def _budget(value: str) -> str:
    try:
        per_month(value)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("budget ")) from None
    return value


class Sensor(Section):
    """One channel of a machine."""

    unit: Annotated[str, Field(max_length=32)] = ""
    """Unit of its values, for people."""
    role: Literal["health", "context", "both", "covariate", "state"] = "health"
    """``health`` sensors are judged; ``context`` sensors say what the machine is doing, and explain
    all that are; ``both`` are judged, and context of the sensors that stand after them;
    ``covariate`` sensors are that context only, and not judged; ``state`` is neither: see regime.
    """
    range: Annotated[tuple[float, float], BeforeValidator(_range), AfterValidator(_ordered)] = (
        Field(examples=["`range: [0, 60]`"])
    )
    """Lowest and highest value that can be true; beyond it the instrument is at fault."""
    context: Name | None = None
    """Method slots: the sensor that explains this one."""
    relative_to: Name | None = None
    """Method slots: what is judged is the difference to this sensor, as a rise over ambient."""
    context_lag_s: Seconds = 0.0
    """Method slots: time constant with which this sensor follows its context; 0: at once."""
    harm: Literal["up", "down", "either"] | None = None
    """The direction in which a fault of the machine moves it; without it, up for what is measured
    in °C, K, mm/s or m/s², else either."""
    inert: bool | None = None
    """Whether no fault can make it leap from one reading to the next; without it, true for what is
    measured in °C, K or mm/s."""
    rests: bool | None = None
    """Whether it has nothing to tell while the machine rests; without it, true for mm/s, W, kW and
    MW. What a worn machine adds to it is then heard only at work, and what is off at rest too is
    its instrument. Needs ``moving``."""
    follower: Name | None = None
    """The sensor that this one takes along when it really moves, as a bearing follows its oil."""
    shown_by: Annotated[tuple[Name, ...], AfterValidator(some), Field(strict=False)] | None = None
    """Of what the machine lives on, as wind: the sensors that show how much of it was felt, those
    which tell how much it carries, as ambient temperature, included. Where too little is made of
    it, the first of them is named. For one sensor of a class."""
    resolution: Annotated[float, Field(ge=0)] = 0.0
    """Smallest step the instrument can show; 0: unknown."""
    stuck_s: Seconds | None = None
    """The same value for so long is a stuck instrument; 0: off; without it, learnt from how long
    the sensor usually stands."""
    max_step: Annotated[float, Field(ge=0)] | None = None
    """A larger change between two readings is a spike of the instrument; 0: off; without it, learnt
    from the sensor's own steps."""

    zones: (
        Annotated[tuple[float, float], BeforeValidator(_boundaries), AfterValidator(_rising)] | None
    ) = None
    """Boundaries B/C and C/D of its zones, as ISO 20816 has them; the health index of what is in
    zone C is at most 60, in D at most 30."""

    @property
    def harmless(self) -> int:
        """The direction in which no fault of the machine moves it: -1 down, 1 up, 0 not known."""
        harm = self.harm or ("up" if self.unit in WORSE_UPWARDS else "either")
        return {"up": -1, "down": 1, "either": 0}[harm]

    @property
    def slow(self) -> bool:
        """Whether no fault can make it leap."""
        return self.unit in INERT if self.inert is None else self.inert

    @property
    def silent_at_rest(self) -> bool:
        """Whether it has nothing to tell while the machine rests."""
        return self.unit in SILENT_AT_REST if self.rests is None else self.rests

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


class Regime(Section):
    """When a machine does what it can be judged by, as its controller tells."""

    sensor: Name = Field(examples=["`sensor: status`"])
    """The sensor of role state that tells."""
    judged: Annotated[tuple[float, ...], AfterValidator(some), Field(strict=False)] = Field(
        examples=["`judged: [0, 2]`"]
    )
    """Its values in which the machine is judged and learnt, the usual one first; each of the others
    has a level of its own. In those that are not named readings are only stored."""


class Context(Section):
    """How the expected value of a sensor is learnt from what the machine is doing."""

    method: Literal["regression", "slots"] = "regression"
    """``regression``: on all context sensors, for weeks of learning. ``slots``: bins of one context
    sensor, for hours of it."""
    learn_s: PositiveSeconds = 20 * 86_400.0
    """Regression: so much time is learnt; from then on only what the machine never did before."""
    warm_s: Seconds = 3 * 86_400.0
    """Regression: first, the usual span of each context sensor is gathered for so long."""
    moment_s: PositiveSeconds = 600.0
    """Regression: readings closer together than this count for less: they tell of one moment."""
    knots: Annotated[int, Field(ge=0, le=32)] = 3
    """Regression: bends within the usual span of a context sensor."""
    lags_s: Annotated[
        tuple[PositiveSeconds, ...],
        AfterValidator(some),
        AfterValidator(at_most(8)),
        Field(strict=False),
    ] = (1800.0, 7200.0)
    """Regression: time constants with which sensors may follow their context."""
    familiar: Annotated[float, Field(ge=1e-4, le=10)] = 0.05
    """Regression: leverage up to which a context is known; below, residuals are judged."""
    renew_s: PositiveSeconds = 2 * 86_400.0
    """Regression: after maintenance a sensor learns its level and gain anew for so long."""
    quarantine_s: Seconds = 2 * 3600.0
    """Regression: what is new after the learning time waits so long, and at most twice so long, for
    a sign that something is wrong, and is thrown away if one comes; else it is learnt. In time of
    its own readings. 0: learnt at once."""
    adapt_day: Annotated[float, Field(ge=0, le=1e9)] = 0.25
    """Regression: how far what is learnt then may move the expected values of all that was known
    before, within a day, in σ (root mean square)."""
    adapt_total: Annotated[float, Field(ge=0, le=1e9)] = 2.0
    """Regression: how far it may move them in all, in σ, until `telltale machine accept`,
    `relearn` or `maintenance done` says that it was right."""
    adjust_s: PositiveSeconds = 3 * 86_400.0
    """Over how much time it is learnt what sensors have to say about each other."""
    bins: Annotated[int, Field(ge=1, le=1000)] = 24
    """Slots: into how many bins the range of the context sensor is cut."""
    bin_readings: Annotated[int, Field(ge=2, le=65_535)] = 60
    """Slots: after so many readings a bin knows what is usual, and its reference is frozen."""


class MachineRule(Section):
    """An alert about the machine: scores of its detectors beyond their limits."""

    kind: Literal["machine"]
    """``machine``."""
    detectors: Annotated[tuple[str, ...], AfterValidator(some), Field(strict=False)]
    """Which detectors may raise it; by default the two multicharts and the yield_chart, where there
    are none those with a frozen reference, or else all."""
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
    keep_firing_s: Seconds = 21_600.0
    """How long values must be believable before the alert is resolved: a loose contact comes
    back."""


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

ALARMING = ("ewma_multichart", "adjusted_multichart", "yield_chart")
"""Detectors that raise machine alerts by default, where a class has one of them."""
DEFAULT_DETECTORS = ("ewma_multichart", "adjusted_multichart", "rolling_zscore", "half_space_trees")
OF_YIELD = "yield_chart"
"""Is a default too where a sensor is shown by others."""
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
    false_alarms: Annotated[str, AfterValidator(_budget)] | None = "0.2 per machine-year"
    """How many machine alerts about nothing may come, e.g. ``1 per machine-month``; it becomes the
    limit of each detector that has none of its own. ``null``: limits are as under detectors."""
    sensors: Annotated[
        Mapping[Name, Sensor],
        AfterValidator(some),
        Field(max_length=MAX_SENSORS, examples=["`sensors: {power: {range: [0, 6000]}}`"]),
    ]
    """Name → sensor; the order is the order of columns everywhere."""
    moving: Moving | None = None
    """When values that stand still are those of a stuck instrument; off where the key is absent."""
    regime: Regime | None = None
    """In which states of the machine it is judged; without it, in all."""
    context: Context = Context()
    """How context is learnt."""
    components: Mapping[
        Name, Annotated[tuple[Name, ...], AfterValidator(some), Field(strict=False)]
    ] = {}
    """Component → its sensors, for the health index; by default one, machine, of all judged."""
    detectors: Annotated[Mapping[str, SerializeAsAny[DetectorConfig]], AfterValidator(some)]
    """Detector → its section; by default ewma_multichart, adjusted_multichart, rolling_zscore and
    half_space_trees, and yield_chart where a sensor is ``shown_by`` others."""
    alerts: Mapping[Name, AlertRule]
    """Name → rule; by default machine_fault, instrument_fault and silent."""

    @model_validator(mode="after")
    def _limits_within_budget(self) -> Self:
        if self.false_alarms is not None:
            # Before anybody has seen it: a frozen section may still become what it means.
            self.__dict__["detectors"] = within_budget(self, self.false_alarms)
        return self

    @property
    def machine_rules(self) -> tuple[MachineRule, ...]:
        """The alerts about machines."""
        return tuple(rule for rule in self.alerts.values() if isinstance(rule, MachineRule))

    @property
    def health(self) -> tuple[str, ...]:
        """The sensors that are judged, in order."""
        return tuple(
            name for name, sensor in self.sensors.items() if sensor.role in ("health", "both")
        )

    @property
    def explaining(self) -> tuple[str, ...]:
        """The sensors that explain others: first those that explain all, each in its order."""
        roles = [(name, sensor.role) for name, sensor in self.sensors.items()]
        return tuple(
            name
            for wanted in (("context",), ("both", "covariate"))
            for name, role in roles
            if role in wanted
        )

    @property
    def score_columns(self) -> tuple[str, ...]:
        """The score columns of all detectors, in order."""
        return tuple(
            column
            for name, detector in self.detectors.items()
            for column in detector.columns(name, self.health)
        )

    @property
    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """Component → its sensors; one of all that are judged where none is named."""
        return self.components or {"machine": self.health}

    @property
    def health_columns(self) -> tuple[str, ...]:
        """The columns of the components' health index, in order."""
        return tuple(f"health_{name}" for name in self.parts)

    def admits(self, machine: str) -> bool:
        """Whether a machine of this name may register."""
        return self.machines == "any" or machine in self.machines
