"""A budget of false alarms in words, as an average run length."""

from __future__ import annotations

import re

from detectors.base import check_number

DAY_S = 86_400.0
PERIODS_S = {
    "hour": 3600.0,
    "day": DAY_S,
    "week": 7 * DAY_S,
    "month": 30 * DAY_S,
    "year": 365 * DAY_S,
}
MONTH_S = PERIODS_S["month"]


def arl0_for(budget: str, sample_s: float, n_charts: int = 1) -> float:
    """ARL0 each of a machine's ``n_charts`` charts needs for a budget of false alarms. [samples]

    ``budget`` is ``"<number> per machine-<hour|day|week|month|year>"``, with months of 30 days;
    ``sample_s`` is the time between samples of a chart. [s]

    Ten charts on 10-minute means:

    >>> arl0_for("1 per machine-month", sample_s=600, n_charts=10)
    43200.0
    """
    check_number("sample_s", sample_s, 1e-9, 1e9)
    check_number("n_charts", n_charts, 1, 1e6)
    return MONTH_S / per_month(budget) / sample_s * n_charts


def per_month(budget: str) -> float:
    """False alarms per machine and month of 30 days.

    >>> per_month("1 per machine-day"), per_month("0.5 per machine-month")
    (30.0, 0.5)
    """
    words = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) per machine-([a-z]+)", budget.strip())
    if words is None or words[2] not in PERIODS_S or float(words[1]) == 0:
        raise ValueError(
            f"budget is {budget!r}, it reads like '1 per machine-month' "
            f"({', '.join(PERIODS_S)}; a number above 0)"
        )
    return float(words[1]) * MONTH_S / PERIODS_S[words[2]]
