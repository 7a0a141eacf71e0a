"""What is written is read, in either form, and what cannot be read is refused in one sentence."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulators import FAULTS, parse_fault
from simulators.faults import BearingWear, Overheating
from simulators.faults.grammar import KEYS, SECONDS, fault_from_mapping, read_fault

HOUR, DAY = 3600.0, 86_400.0

WHOLE: dict[str, Any] = {
    "fault": "bearing_wear.main",
    "machines": "T03..T05",
    "onset": "40h",
    "ramp": "72h",
    "end": "20d",
    "severity": 0.8,
}
WEAR = BearingWear(
    machine="T03..T05",
    target="main",
    onset_s=40 * HOUR,
    ramp_s=72 * HOUR,
    end_s=20 * DAY,
    severity=0.8,
)


class TestOneLine:
    def test_all_of_it(self) -> None:
        assert parse_fault("bearing_wear.main@T03..T05:40h+72h-20d:0.8") == WEAR

    def test_the_least_of_it(self) -> None:
        assert parse_fault("overheating@T1:0s") == Overheating(machine="T1", onset_s=0)

    @pytest.mark.parametrize("machines", ["T03", "T03,T05", "T01..T03,T09", "all"])
    def test_machines(self, machines: str) -> None:
        assert parse_fault(f"overheating@{machines}:1h").machine == machines

    def test_units(self) -> None:
        onsets = [parse_fault(f"overheating@T1:2{unit}").onset_s for unit in "smhdw"]
        assert onsets == [2, 120, 2 * HOUR, 2 * DAY, 14 * DAY]

    def test_what_takes_its_time_by_itself(self) -> None:
        assert parse_fault("ageing@all:0s").ramp_s == 365.25 * DAY
        assert parse_fault("ageing@all:0s+1d").ramp_s == DAY
        assert parse_fault("service@T01:1d").end_s == DAY + 6 * HOUR

    @given(
        name=st.sampled_from(sorted(FAULTS)),
        onset=st.integers(0, 1000),
        ramp=st.integers(0, 1000),
        last=st.none() | st.integers(1, 1000),
        percent=st.integers(0, 100),
    )
    def test_what_is_written_is_read(
        self, name: str, onset: int, ramp: int, last: int | None, percent: int
    ) -> None:
        end = "" if last is None else f"-{onset + last}m"
        fault = parse_fault(f"{name}@T03:{onset}m+{ramp}m{end}:{percent / 100}")
        assert (fault.name, fault.onset_s, fault.ramp_s) == (name, onset * 60, ramp * 60)
        if last is not None or name != "service":
            assert fault.end_s == (math.inf if last is None else (onset + last) * 60)
        assert fault.severity == percent / 100

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "cannot be read: write NAME"),
            ("bearing_wear", "cannot be read"),
            ("bearing_wear@T03", "cannot be read"),
            ("bearing_wear@T03:40", "cannot be read"),
            ("bearing_wear@T03:40y", "cannot be read"),
            ("bearing_wear@T03:-1h", "cannot be read"),
            ("bearing_wear@T03:40h+12h:x", "cannot be read"),
            ("bearing_wear@T03:nanh", "cannot be read"),
            ("bearing_ware@T03:40h", "there is no 'bearing_ware', did you mean bearing_wear?"),
            ("xyz@T03:40h", "there is no 'xyz', there are bearing_wear, overheating, "),
            ("bearing_wear@T03:40h:1.5", "severity is 1.5, it must be within 0"),
            ("bearing_wear@T03:40h-30h", "it ends before it begins"),
        ],
    )
    def test_refusals_are_one_sentence(self, text: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=r"^fault ") as refused:
            parse_fault(text)
        assert sentence in str(refused.value)
        assert "\n" not in str(refused.value)


class TestMapping:
    def test_all_of_it(self) -> None:
        assert fault_from_mapping(WHOLE) == WEAR

    def test_the_least_of_it(self) -> None:
        least = {"fault": "overheating", "machines": "T1", "onset": "0s"}
        assert fault_from_mapping(least) == Overheating(machine="T1", onset_s=0)

    def test_what_is_empty_is_not_given(self) -> None:
        empty = {"ramp": None, "end": None, "severity": None}
        assert fault_from_mapping(WHOLE | empty) == BearingWear(
            machine="T03..T05", target="main", onset_s=40 * HOUR
        )

    def test_machines_may_be_a_list(self) -> None:
        fault = fault_from_mapping(WHOLE | {"machines": ["T03", "T05..T07"]})
        assert fault.machine == "T03,T05..T07"

    @given(
        onset=st.integers(0, 1000),
        ramp=st.integers(0, 1000),
        unit=st.sampled_from(sorted(SECONDS)),
        percent=st.integers(0, 100),
    )
    def test_it_says_what_the_line_says(
        self, onset: int, ramp: int, unit: str, percent: int
    ) -> None:
        entry = {
            "fault": "pitch_offset.2",
            "machines": "T02,T04",
            "onset": f"{onset}{unit}",
            "ramp": f"{ramp}{unit}",
            "severity": percent / 100,
        }
        line = f"pitch_offset.2@T02,T04:{onset}{unit}+{ramp}{unit}:{percent / 100}"
        assert fault_from_mapping(entry) == parse_fault(line)

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"rmap": "3h"}, "there is no key 'rmap', did you mean ramp?"),
            ({"machine": "T03"}, "there is no key 'machine', did you mean machines?"),
            ({"xyz": 1}, f"there is no key 'xyz', there are {', '.join(KEYS)}"),
            ({7: 1}, "there is no key 7, there are fault"),
            ({"onset": None}, "onset is missing"),
            ({"machines": None}, "machines is missing"),
            ({"onset": "-40h"}, "onset is -40h, it must not be negative"),
            ({"ramp": -3}, "ramp is -3, it must not be negative"),
            ({"end": 40}, "end is 40, write a number and s, m, h, d or w"),
            ({"onset": "soon"}, "onset is 'soon', write a number and s, m, h, d or w"),
            ({"end": "40h"}, "it ends before it begins"),
            ({"severity": 1.5}, "severity is 1.5, it must be within 0"),
            ({"severity": -0.5}, "severity is -0.5, it must be within 0"),
            ({"severity": math.nan}, "severity is nan, it must be within 0"),
            ({"severity": "bad"}, "severity is 'bad', it must be a number within 0"),
            ({"severity": True}, "severity is True, it must be a number within 0"),
            ({"machines": "T03 T04"}, "machines is 'T03 T04', write T03, T03..T05"),
            ({"machines": []}, "machines is [], write T03, T03..T05"),
            ({"fault": "bearing_ware"}, "there is no 'bearing_ware', did you mean bearing_wear?"),
            ({"fault": "a b"}, "fault must be NAME or NAME.TARGET"),
        ],
    )
    def test_refusals_are_one_sentence(self, changed: dict[Any, Any], sentence: str) -> None:
        with pytest.raises(ValueError, match=r"^fault '") as refused:
            fault_from_mapping(WHOLE | changed)
        assert sentence in str(refused.value)
        assert "\n" not in str(refused.value)

    def test_without_a_fault(self) -> None:
        with pytest.raises(ValueError, match=r"^fault: fault is missing$"):
            fault_from_mapping({"machines": "T03", "onset": "1h"})


MAPPING = """\
fault: bearing_wear.main
  machines: [T03..T05]
  onset: 40h
  ramp: 3d
  end: 20d
  severity: 0.8
"""


class TestYaml:
    @pytest.mark.parametrize(
        "text",
        [
            "bearing_wear.main@T03..T05:40h+72h-20d:0.8",
            "'bearing_wear.main@T03..T05:40h+72h-20d:0.8'",
            "bearing_wear.main@T03..T05: 40h+72h-20d:0.8",
            MAPPING,
        ],
    )
    def test_one_line_or_mapping(self, text: str) -> None:
        (entry,) = yaml.safe_load(f"- {text}")
        assert read_fault(entry) == WEAR

    @pytest.mark.parametrize("entry", [None, 3, ["overheating@T1:0s"]])
    def test_neither(self, entry: object) -> None:
        with pytest.raises(ValueError, match="cannot be read: write bearing_wear@T03"):
            read_fault(entry)
