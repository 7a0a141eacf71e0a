"""Limits from a false-alarm budget, in the user's words: "1 per machine-month".

A chart's *average run length* (ARL) is how many samples it takes on average until it alarms: with
nothing wrong (ARL0) it should be long, after a shift short. A budget of false alarms is an ARL0,
and an ARL0 is a limit. 3σ limits at 1 Hz would alarm every 6 minutes and signal.

All of it holds for independent Gaussian residuals. Those of a machine are neither: neighbours in
time are alike, tails are heavy. Take a limit from here as the least that can do; those of the EWMA
multicharts and of the yield chart are another matter, they were fitted to what these do.
"""

from detectors.calibration.budget import PERIODS_S, arl0_for, per_month
from detectors.calibration.cusum import cusum_arl, cusum_limit
from detectors.calibration.ewma import ewma_arl, ewma_limit
from detectors.calibration.multichart import (
    ALONE,
    TOGETHER,
    Delays,
    Law,
    multichart_limit,
    multichart_rate,
)
from detectors.calibration.multivariate import mewma_arl, mewma_limit, t2_limit
from detectors.calibration.shewhart import (
    RULES,
    run_rules_arl,
    run_rules_limit,
    shewhart_arl,
    shewhart_limit,
)
from detectors.calibration.spe import spe_above, spe_limit
from detectors.calibration.yield_chart import yield_chart_limit, yield_chart_rate

__all__ = [
    "ALONE",
    "PERIODS_S",
    "RULES",
    "TOGETHER",
    "Delays",
    "Law",
    "arl0_for",
    "cusum_arl",
    "cusum_limit",
    "ewma_arl",
    "ewma_limit",
    "mewma_arl",
    "mewma_limit",
    "multichart_limit",
    "multichart_rate",
    "per_month",
    "run_rules_arl",
    "run_rules_limit",
    "shewhart_arl",
    "shewhart_limit",
    "spe_above",
    "spe_limit",
    "t2_limit",
    "yield_chart_limit",
    "yield_chart_rate",
]
