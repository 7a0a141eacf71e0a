"""The keys of a topic with recordings: what its samples are, and what is looked for in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from detectors import waveform_features
from streamer.config.types import Count, Name, Section
from streamer.decode.waveform import MAX_RPM, Recording

MAX_BANDS = 20
Positive = Annotated[float, Field(gt=0, le=1e9)]


class Bearing(Section):
    """A rolling bearing's dimensions, from its maker's sheet."""

    balls: Count
    """Number of balls or rollers of one row."""
    ball_mm: Positive
    """Diameter of a ball or roller."""
    pitch_mm: Positive
    """Diameter of the circle on which their centres run."""
    contact_deg: Annotated[float, Field(ge=0, lt=90)] = 0.0
    """Contact angle."""

    @model_validator(mode="after")
    def _can_be_built(self) -> Bearing:
        if self.ball_mm >= self.pitch_mm:
            raise ValueError(
                f"has ball_mm {self.ball_mm:g} and pitch_mm {self.pitch_mm:g}, a ball is smaller "
                "than the circle it runs on"
            )
        return self

    @property
    def geometry(self) -> waveform_features.Bearing:
        """As the detectors want it."""
        return waveform_features.Bearing(self.balls, self.ball_mm, self.pitch_mm, self.contact_deg)


class Band(Section):
    """A part of the spectrum whose RMS is a feature."""

    low_hz: Annotated[float, Field(ge=0, le=1e6)]
    """Where it begins."""
    high_hz: Annotated[float, Field(gt=0, le=1e6)]
    """Where it ends; at most half the sampling rate, or there is no such feature."""
    velocity: bool = False
    """Integrate to velocity in mm/s, rather than leave it acceleration in m/s²."""

    @model_validator(mode="after")
    def _has_width(self) -> Band:
        if self.low_hz >= self.high_hz:
            raise ValueError(
                f"is {self.low_hz:g} … {self.high_hz:g} Hz, low_hz below high_hz is needed"
            )
        return self


def _new_names(bands: Mapping[str, Band]) -> Mapping[str, Band]:
    own = {"rms", "peak", "crest_factor", "kurtosis", *waveform_features.LINES}
    taken = sorted(own & set(bands))
    if taken:
        raise ValueError(f"names a band {taken[0]}, which is a feature already")
    return bands


class Waveform(Section):
    """What recordings of vibration are, where the dialect is ``waveform``."""

    scale: Positive = 1.0
    """What one unit of a sample is, in m/s²."""
    rpm: Annotated[float, Field(ge=0, le=MAX_RPM)] | None = None
    """The speed, where messages do not say it as ``rpm``."""
    shaft_ratio: Positive = 1.0
    """Turns of the bearing's shaft for one turn of what ``rpm`` counts."""
    bearing: Bearing | None = None
    """The bearing beside the sensor; without it, no lines of it are looked for."""
    bands: Annotated[
        Mapping[Name, Band], AfterValidator(_new_names), Field(max_length=MAX_BANDS)
    ] = Field(default_factory=dict)
    """Name → band; ``velocity_rms``, 10 to 1000 Hz, is there unless it is given anew."""

    def recording(self, sensors: Iterable[str]) -> Recording:
        """As the dialect wants it, for a class of these sensors."""
        bands = {
            name: waveform_features.Band(band.low_hz, band.high_hz, band.velocity)
            for name, band in self.bands.items()
        }
        return Recording(
            sensors=frozenset(sensors),
            scale=self.scale,
            rpm=self.rpm,
            shaft_ratio=self.shaft_ratio,
            bearing=None if self.bearing is None else self.bearing.geometry,
            bands={**waveform_features.BANDS, **bands},
        )
