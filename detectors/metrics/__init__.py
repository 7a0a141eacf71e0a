"""How good was it? Faults are found or missed, machines are left in peace or not.

Plants live with alerts, not with points, so the figures to read first compare faults and alerts as
events: `match` and `score_events`. Beside them stand the scores that others publish, each in a file
of its own: single points (`points`), the Numenta benchmark (`nab`), the pump testbed (`skab`) and
the wind turbines of Fraunhofer IEE (`care`).

Records and arrays in, records out: a figure is NaN where there is nothing to take a share of, and
None in what ``to_dict`` gives for JSON.
"""

from detectors.metrics.care import CareScore, CareSet, care_score, criticality, earliness
from detectors.metrics.event_figures import (
    alarm_minutes,
    benign_raised,
    chattering,
    delays_s,
    detected,
    first_alerts,
    healthy_machine_days,
    instrument_as_machine,
    leads_s,
    refired,
    right_kind,
    right_machine,
    right_sensor,
    still_firing,
    warned_before_failure,
)
from detectors.metrics.event_score import DAYS_PER_MONTH, EventScore, FaultFigures, score_events
from detectors.metrics.events import AlertSpan, FaultResult, FaultSpan, false_alarms, match
from detectors.metrics.nab import PROFILES, NabScore, Profile, Series, nab_score
from detectors.metrics.points import pr_auc, precision_recall_f1, roc_auc
from detectors.metrics.records import Share, Spread
from detectors.metrics.skab import (
    SkabChangepoints,
    SkabOutliers,
    changepoint_score,
    changepoints_of,
    outlier_score,
)

__all__ = [
    "DAYS_PER_MONTH",
    "PROFILES",
    "AlertSpan",
    "CareScore",
    "CareSet",
    "EventScore",
    "FaultFigures",
    "FaultResult",
    "FaultSpan",
    "NabScore",
    "Profile",
    "Series",
    "Share",
    "SkabChangepoints",
    "SkabOutliers",
    "Spread",
    "alarm_minutes",
    "benign_raised",
    "care_score",
    "changepoint_score",
    "changepoints_of",
    "chattering",
    "criticality",
    "delays_s",
    "detected",
    "earliness",
    "false_alarms",
    "first_alerts",
    "healthy_machine_days",
    "instrument_as_machine",
    "leads_s",
    "match",
    "nab_score",
    "outlier_score",
    "pr_auc",
    "precision_recall_f1",
    "refired",
    "right_kind",
    "right_machine",
    "right_sensor",
    "roc_auc",
    "score_events",
    "still_firing",
    "warned_before_failure",
]
