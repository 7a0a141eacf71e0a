"""The sections under ``detectors:``: a detector's constructor is the model of its section.

What a detector may be told stands in one place, the signature of its constructor; the key in YAML
is the keyword argument, its type and default are the argument's.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, Field, create_model, model_validator

from detectors import DETECTORS
from detectors.base import FleetDetector
from streamer.config.types import Section, some

LIMITS: Mapping[str, float] = {
    "adjusted_multichart": 7.0,
    "cusum": 1.0,
    "ewma_chart": 6.0,
    "ewma_multichart": 7.0,
    "half_space_trees": 0.95,
    "hotelling_t2": 1.0,
    "mewma": 1.0,
    "page_hinkley": 50.0,
    "reference_chart": 1.0,
    "rolling_zscore": 8.0,
    "seasonal_novelty": 1.0,
    "shewhart": 1.0,
    "spe": 1.0,
    "yield_chart": 2.6,
}
"""The limit of a detector's score where the configuration gives none; a detector that is not here
needs one."""

LIMIT_PARAMETERS: Mapping[str, str] = {"page_hinkley": "threshold"}
"""Detectors with a limit of their own among their parameters: where that is set, it is ours too."""

RIVER, DRIFT = "river.", "river.drift."


class DetectorConfig(Section):
    """One detector of a machine class: its limit, and the arguments of its constructor."""

    detector: ClassVar[type[FleetDetector]]
    fixed: ClassVar[Mapping[str, Any]] = {}
    """Arguments of the constructor that no configuration may set."""
    limit_parameter: ClassVar[str | None] = None

    limit: float = Field(gt=0, examples=["`limit: 6`"])
    """The score from which on a reading is strange; severity is score / limit. Where it is not set,
    ``false_alarms`` comes before the default."""

    @model_validator(mode="before")
    @classmethod
    def _limit_of_its_own(cls, data: object) -> object:
        if not isinstance(data, dict) or "limit" in data:
            return data
        own = data.get(cls.limit_parameter or "")
        return data if own is None else {**data, "limit": own}

    @property
    def parameters(self) -> dict[str, Any]:
        """The constructor's keyword arguments, defaults included."""
        return self.model_dump(exclude={"limit"}, exclude_none=True)

    def build(self, n_sensors: int) -> FleetDetector:
        """Build the detector for all machines of a class with so many sensors to judge.

        Raises ValueError where the constructor refuses a parameter, in its own sentence.
        """
        return self.detector(n_sensors, **self.fixed, **self.parameters)

    def columns(self, name: str, sensors: Sequence[str]) -> tuple[str, ...]:
        """Name the score columns that this detector, called ``name``, fills over these sensors."""
        if self.detector.univariate:
            return tuple(f"{name}_{sensor}" for sensor in sensors)
        return (name,)


class RiverConfig(DetectorConfig):
    """Any River estimator; keys that are not the adapter's are River's, and River judges them."""

    model_config = ConfigDict(extra="allow")

    limit: float = Field(gt=0, examples=["`limit: 2.0`"])
    """The score from which on a reading is strange."""


class RiverDriftConfig(RiverConfig):
    """A drift detector of River's, an adviser; keys that are not the adapter's are River's."""

    limit: float = Field(1.0, gt=0)
    """The score is 1 where a drift was lately found, else 0."""


def known_detectors() -> list[str]:
    """What may stand as a key under ``detectors:``."""
    return [*DETECTORS, f"{RIVER}<module>.<class>"]


@lru_cache(maxsize=256)
def detector_model(name: str) -> type[DetectorConfig] | None:
    """The model of the section of a detector; None where there is no such detector.

    >>> detector_model("ewma_chart").model_fields["limit"].default
    6.0
    """
    if name.startswith(DRIFT):
        adapter = importlib.import_module("detectors.river_drift")
        return _model(name, adapter.RiverDriftFleet, RiverDriftConfig, {"estimator": name})
    if name.startswith(RIVER):
        adapter = importlib.import_module("detectors.river_adapter")
        return _model(name, adapter.RiverFleet, RiverConfig, {"estimator": name})
    if name in DETECTORS:
        return _model(name, DETECTORS[name], DetectorConfig, {})
    return None


def _model(
    name: str, detector: type[FleetDetector], base: type[DetectorConfig], fixed: Mapping[str, Any]
) -> type[DetectorConfig]:
    """A section with the keyword arguments of the detector's constructor as its keys."""
    fields: dict[str, Any] = {
        key: _field(parameter)
        for key, parameter in inspect.signature(detector.__init__, eval_str=True).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and key not in fixed
    }
    if name in LIMITS:
        fields["limit"] = (float, Field(LIMITS[name], gt=0))
    model = create_model(f"{name} section", __base__=base, __doc__=detector.__doc__, **fields)
    model.detector, model.fixed = detector, fixed
    model.limit_parameter = LIMIT_PARAMETERS.get(name)
    return model


def _field(parameter: inspect.Parameter) -> tuple[Any, Any]:
    """Type and default of a key; an argument that is NaN by default is a key that may be absent."""
    kind, default = parameter.annotation, parameter.default
    if get_origin(kind) is Sequence:
        several = GenericAlias(tuple, (get_args(kind)[0], ...))
        kind = Annotated[several, AfterValidator(some), Field(strict=False)]
    return (kind | None, None) if default != default else (kind, default)  # noqa: PLR0124 - NaN
