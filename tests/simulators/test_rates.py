"""Faults at random: as often as asked, never twice at one place, and each draw its own."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import FAULTS, Farm, Fault, parse_fault
from simulators.faults.ranges import ranges_of
from simulators.faults.rates import Rate, draw, parse_rate
from simulators.turbine import Turbine

YEAR_H = 365.25 * 24
MACHINES = [f"T{i + 1:02d}" for i in range(40)]
OF_TURBINES = sorted(name for name, kind in FAULTS.items() if kind.targets(Turbine))
EVERY = [instrument.name for instrument in Turbine.instruments]


def some(rates: dict[str, Any], seed: int = 1, hours: float = YEAR_H, **more: Any) -> list[Fault]:
    return draw(rates, MACHINES, hours, seed, **more)


class TestRate:
    @pytest.mark.parametrize(
        "text",
        ["2 per machine-week", "2/machine-week", " 2.0 / machine-week ", "2  per machine-week"],
    )
    def test_ways_to_write_it(self, text: str) -> None:
        assert Rate.parse(text).per_s == 2 / (7 * 86_400)

    def test_units(self) -> None:
        per_year = [
            Rate.parse(f"1/machine-{unit}").per_s * YEAR_H * 3600
            for unit in ("day", "week", "month", "year")
        ]
        np.testing.assert_allclose(per_year, [365.25, 365.25 / 7, 12, 1])

    def test_as_typed(self) -> None:
        assert parse_rate("bearing_wear.main=2/machine-year") == (
            "bearing_wear.main",
            Rate.parse("2 per machine-year"),
        )

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("bearing_wear", "rate 'bearing_wear' cannot be read: write e.g. bearing_wear=2/mach"),
            ("bearing_wear=", "rate '' cannot be read: write e.g. 2 per machine-year"),
            ("bearing_wear=2", "rate '2' cannot be read"),
            ("bearing_wear=often", "rate 'often' cannot be read"),
            ("bearing_wear=nan/machine-year", "cannot be read"),
            ("bearing_wear=-2/machine-year", "it must not be negative"),
            ("bearing_wear=2/machine-hour", "there is no unit 'machine-hour', there are machine-d"),
            ("bearing_wear=2/year", "there is no unit 'year', there are machine-day"),
            ("bearing_ware=2/machine-year", "no 'bearing_ware', did you mean bearing_wear?"),
        ],
    )
    def test_refusals(self, text: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=re.escape(sentence)):
            parse_rate(text)


class TestDraw:
    def test_as_many_as_asked(self) -> None:
        """Services are short, so hardly any is left out: 40 · 12 of them in a year."""
        drawn = some({"service": "1 per machine-month"})
        assert len(drawn) == pytest.approx(480, abs=3 * math.sqrt(480))

    def test_evenly_in_time_and_over_the_machines(self) -> None:
        drawn = some({"service": "3 per machine-month"})
        onsets = np.array([fault.onset_s for fault in drawn]) / (YEAR_H * 3600)
        assert onsets.mean() == pytest.approx(0.5, abs=0.03)
        assert onsets.std() == pytest.approx(1 / math.sqrt(12), abs=0.02)
        assert {fault.machine for fault in drawn} == set(MACHINES)

    @given(name=st.sampled_from(OF_TURBINES), seed=st.integers(0, 100))
    def test_within_the_ranges_of_the_fault(self, name: str, seed: int) -> None:
        ranges = ranges_of(FAULTS[name])
        for fault in some({name: "1 per machine-year"}, seed, sensors=EVERY):
            assert 0 <= fault.onset_s < YEAR_H * 3600
            assert ranges.severity[0] <= fault.severity <= ranges.severity[1]
            assert ranges.ramp_s[0] <= fault.ramp_s <= ranges.ramp_s[1]
            lasts_s = fault.end_s - fault.onset_s - fault.ramp_s
            assert ranges.lasts_s[0] <= lasts_s <= ranges.lasts_s[1]

    @given(seed=st.integers(0, 100))
    def test_a_farm_takes_them_all(self, seed: int) -> None:
        """Nothing overlaps, and everything has a target that shows."""
        drawn = draw(
            dict.fromkeys(OF_TURBINES, "20 per machine-year"),
            MACHINES[:3],
            4000,
            seed,
            sensors=EVERY,
        )
        Farm(machines=3, faults=drawn, sensors="all")

    def test_without_a_target_every_part_gets_its_share(self) -> None:
        drawn = some({"pitch_offset": "6 per machine-year"}, sensors=EVERY)
        targets = [fault.target for fault in drawn]
        assert all(targets.count(part) > len(drawn) / 5 for part in ("1", "2", "3"))

    def test_only_what_shows(self) -> None:
        drawn = some({"sensor_stuck": "6 per machine-year"}, sensors=["power", "vibration"])
        assert {fault.target for fault in drawn} == {"power", "vibration"}

    def test_with_a_target_only_that(self) -> None:
        drawn = some({"sensor_stuck.power": "6 per machine-year"})
        assert {fault.target for fault in drawn} == {"power"}

    def test_same_seed_same_faults(self) -> None:
        rates = {"service": "1 per machine-month"}
        assert some(rates) == some(rates)
        assert some(rates) != some(rates, seed=2)

    def test_another_rate_or_machine_or_hour_changes_no_draw(self) -> None:
        service = some({"service": "1 per machine-month"})
        more = some({"overheating": "9/machine-year", "service": "1 per machine-month"})
        assert [fault for fault in more if fault.name == "service"] == service
        fewer = draw({"service": "1 per machine-month"}, MACHINES[:7], YEAR_H, 1)
        assert fewer == [fault for fault in service if fault.machine in MACHINES[:7]]
        half = some({"service": "1 per machine-month"}, hours=YEAR_H / 2)
        assert half == service[: len(half)]

    def test_two_rates_strike_at_different_times(self) -> None:
        drawn = some(
            {"overheating": "1/machine-year", "blade_erosion": "1/machine-year"}, sensors=EVERY
        )
        hot, worn = (
            {fault.onset_s for fault in drawn if fault.name == name}
            for name in ("overheating", "blade_erosion")
        )
        assert not hot & worn

    def test_in_order_of_onset(self) -> None:
        onsets = [fault.onset_s for fault in some({"service": "1 per machine-month"})]
        assert onsets == sorted(onsets)

    def test_clear_of_what_is_scheduled(self) -> None:
        """One part, always ill from the middle on: only before is there room."""
        scheduled = Farm(machines=1, faults=[parse_fault("overheating@T01:2000h")]).faults
        drawn = draw({"overheating": "2/machine-month"}, ["T01"], 4000, 3, beside=scheduled)
        assert drawn
        assert all(fault.end_s <= 2000 * 3600 for fault in drawn)

    def test_none(self) -> None:
        assert some({}) == some({"overheating": "0 per machine-year"}) == []

    @pytest.mark.parametrize(
        ("rates", "hours", "sentence"),
        [
            ({"bearing_ware": "1/machine-year"}, 10, "did you mean bearing_wear?"),
            ({"bearing_wear": 2}, 10, "rate 2 cannot be read: write e.g. 2 per machine-year"),
            ({"bearing_wear": "-1/machine-year"}, 10, "must not be negative"),
            ({"bearing_wear.wing": "1/machine-year"}, 10, "there is no 'wing', it befalls gearbox"),
            ({"service": "1/machine-day"}, math.inf, "hours is inf: faults are drawn at random"),
            ({"service": "1/machine-day"}, 0, "hours is 0: faults are drawn"),
            ({"service": "10/machine-day"}, YEAR_H, "at most 100000 are allowed"),
        ],
    )
    def test_refusals(self, rates: dict[str, Any], hours: float, sentence: str) -> None:
        with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
            some(rates, hours=hours)
        assert "\n" not in str(refused.value)

    def test_what_nobody_could_see_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"^rate of overheating: it shows in none"):
            some({"overheating": "1/machine-year"}, sensors=["wind_speed"])


def test_severities_are_even_within_the_range_of_the_fault() -> None:
    """A draw of some 500: the mean of an even one is within 0.03 of the middle at 3 σ."""
    names = [f"T{i:02d}" for i in range(1, 51)]
    drawn = [fault.severity for fault in draw({"sensor_stuck": "1/machine-month"}, names, 8000, 1)]
    low, high = ranges_of(FAULTS["sensor_stuck"]).severity
    assert low <= min(drawn) < low + 0.05
    assert high - 0.05 < max(drawn) <= high
    assert abs(np.mean(drawn) - (low + high) / 2) < 0.03
