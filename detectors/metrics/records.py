"""What figures are made of: shares that remember their counts, and spreads of a few numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np


def ratio(part: float, whole: float) -> float:
    """Part over whole; NaN where there is no whole.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, nan)
    """
    return part / whole if whole else math.nan


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many. Nine of ten and 900 of 1000 are the same share and not the same news.

    >>> Share(9, 10).value
    0.9
    """

    part: int
    whole: int

    @property
    def value(self) -> float:
        """``part / whole``, 0 … 1; NaN where there is nothing to take a share of."""
        return ratio(self.part, self.whole)

    def to_dict(self) -> dict[str, Any]:
        """The share beside its two counts."""
        return {"share": plain(self.value), "part": self.part, "whole": self.whole}


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, median, 90 % point and greatest of ``count`` numbers; NaN where there are none.

    Percentiles lie between neighbours as `numpy.percentile` puts them by default.

    >>> Spread.of([30.0, 10.0, 20.0])
    Spread(count=3, least=10.0, median=20.0, p90=28.0, greatest=30.0)
    """

    count: int
    least: float = math.nan
    median: float = math.nan
    p90: float = math.nan
    greatest: float = math.nan

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        """Describe the numbers, in whatever order they come."""
        some = np.fromiter(numbers, np.float64)
        if not some.size:
            return cls(0)
        return cls(some.size, *np.percentile(some, [0, 50, 90, 100]).tolist())


def plain(value: Any) -> Any:
    """The same in JSON's kinds: records become dicts, tuples lists, NaN None.

    >>> plain(Spread(0))
    {'count': 0, 'least': None, 'median': None, 'p90': None, 'greatest': None}
    """
    if isinstance(value, Share):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
