"""A default stands in a library's signature and in the manual: both say the same."""

from __future__ import annotations

import inspect

import pytest

from detectors.basis import ContextBasis
from detectors.calibration import Delays
from detectors.context import RegressionContext
from detectors.regression_adjustment import RegressionAdjustment
from detectors.slots import SlotContext
from detectors.yield_chart import InverseRegression
from streamer.config.classes import Context, MachineRule
from streamer.inverse import SURE


def defaults(made: type) -> dict[str, object]:
    parameters = inspect.signature(made).parameters.values()
    return {
        one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty
    }


@pytest.mark.parametrize("made", [ContextBasis, RegressionContext, InverseRegression, SlotContext])
def test_a_stage_of_context_learns_by_default_as_the_manual_says(made: type):
    ours = defaults(made)
    manual = {key: field.default for key, field in Context.model_fields.items() if key in ours}
    assert manual
    if made is InverseRegression:
        manual["familiar"] *= SURE
    assert {key: ours[key] for key in manual} == manual


def test_the_adjustment_learns_by_default_as_the_manual_says():
    ours = defaults(RegressionAdjustment)
    manual = Context.model_fields
    assert ours["learn_s"] == manual["adjust_s"].default
    assert ours["moment_s"] == manual["moment_s"].default


def test_the_law_of_false_alarms_has_the_delays_of_an_alert():
    manual = {key: MachineRule.model_fields[key].default for key in Delays._fields}
    assert Delays()._asdict() == manual
