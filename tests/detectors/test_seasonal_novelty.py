"""Seasonal novelty: against its definition, and what it says of series that a plant might have."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import SeasonalNovelty, kernels, seasonal_novelty
from detectors.seasonal_novelty import SeasonalNoveltyFleet

S_NS = 10**9
MONDAY = 1_767_571_200 * S_NS  # 5 January 2026, midnight UTC


def watched(values, every_s=300.0, times=None, learn=None, **parameters):
    """Scores of one sensor of one machine, and the fleet that gave them."""
    fleet = SeasonalNoveltyFleet(1, **parameters)
    fleet.reserve(1)
    n = len(values)
    if times is None:
        times = MONDAY + np.round(np.arange(n) * every_s * S_NS).astype(np.int64)
    learn = np.ones(n, np.uint8) if learn is None else learn
    column = np.asarray(values, dtype=np.float64)[:, None]
    return fleet.walk(np.zeros(n, np.int32), times, column, learn)[:, 0], fleet


def scores_of(values, every_s=300.0, **parameters):
    return watched(values, every_s, **parameters)[0]


def daily(days, every_s=300.0, seed=1, noise=0.1):
    """A sensor that swings with the day."""
    t = np.arange(round(days * 86400 / every_s)) * every_s
    swing = np.sin(2 * np.pi * t / 86400)
    return 20 + 5 * swing + np.random.default_rng(seed).normal(0, noise, len(t))


def alarms(scores):
    return np.flatnonzero(scores >= 1.0)


# The definition, written once more and slowly: readings a step apart, so every weight is 1.


class Slow:
    """Lists and dictionaries in place of arrays; all values on a grid that the bins divide."""

    def __init__(self, grace, span, memory, hold_off, stranger):
        self.grace, self.a, self.memory = grace, 1 / span, memory
        self.hold_off, self.stranger = hold_off, stranger
        self.seen, self.slots, self.smooth = [], {}, [0.0, 0.0, 0.0]
        self.records, self.held, self.age = [0.0] * 3, 0.0, 0

    def update(self, x, hour):
        day, week = ("day", hour % 24), ("week", hour % 168 // 2)
        level, mean, variance = self.smooth
        left = [x - self.slots[slot][0] for slot in (day, week) if slot in self.slots]
        r = min(left, key=abs) if left else 0.0
        level += self.a * (r - level)
        mean, variance = (
            mean + self.a * (r - mean),
            variance + self.a * ((r - mean) ** 2 - variance),
        )
        features = [self.novelty(x), abs(level), math.sqrt(variance)]
        ratio = max(
            min(f / r, 3.0) if r else 3.0 * (f > 0)
            for f, r in zip(features, self.records, strict=True)
        )
        score = ratio / (self.stranger * self.held if self.held else 1.01)
        ready = len(self.seen) >= self.grace
        self.age += 1
        if self.age >= self.hold_off:
            self.held = 0.0
        if ready and score >= 1:
            self.held, self.age = ratio, 0
        self.smooth = [level, mean, variance]
        self.learn(x, (day, week), features)
        return score if ready else math.nan

    def novelty(self, x):
        total, terms = len(self.seen) + 0.5, []
        for reach in (0, 1, 2):
            near = sum(abs(y - x) <= reach for y in self.seen)
            terms.append(math.log(total / (near + 0.5)))
        return sum(terms) / 3

    def learn(self, x, slots, features):
        for k, f in enumerate(features):
            self.records[k] = max(self.records[k], f)
        for slot in slots:
            mean, n = self.slots.get(slot, (0.0, 0))
            n = min(n + 1, self.memory)
            self.slots[slot] = (mean + (x - mean) / n, n)
        self.seen.append(x)


def test_it_is_its_definition_at_every_step():
    """The first two values make bins of width 1 from -32 to 96, and none comes outside."""
    rng = np.random.default_rng(7)
    hours = np.arange(700)
    values = 30.0 + np.round(6 * np.sin(hours * np.pi / 12) + rng.normal(0, 1.5, 700))
    values[[300, 301, 302, 420, 500]] = [60, 64, 40, 61, 66]
    values[:2] = [0, 16]
    parameters = {"grace": 20, "span": 6.0, "memory": 9, "hold_off": 30, "stranger": 1.2}
    slow = Slow(**parameters)
    expected = [slow.update(x, h + MONDAY // (3600 * S_NS)) for h, x in enumerate(values)]
    scores = scores_of(
        values,
        3600.0,
        grace_period=20,
        span=6.0,
        slot_memory=9.0,
        hold_off=30.0,
        stranger=1.2,
    )
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
    assert len(alarms(scores)) > 3


def test_compiled_and_interpreted_kernels_give_the_same_bits(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(2)
    n = 800
    rows = rng.integers(0, 3, n).astype(np.int32)
    times = -40 * 3600 * S_NS + np.cumsum(rng.integers(0, 900, n)) * S_NS
    values = rng.normal(1e3, 1.0, (n, 2)) ** rng.choice([1, 1, 1, 2, -1], (n, 2))
    values[rng.random((n, 2)) < 0.05] = np.nan
    learn = (rng.random(n) < 0.9).astype(np.uint8)
    results = []
    for kernel in (compiled_kernel("seasonal_novelty"), kernels.interpreted("seasonal_novelty")):
        monkeypatch.setattr(seasonal_novelty, "kernel", kernel)
        one = SeasonalNoveltyFleet(2, grace_period=10)
        one.reserve(3)
        scores = one.walk(rows, times, values, learn)
        assert np.isfinite(scores).sum() > 100
        results.append([scores.tobytes(), *(array.tobytes() for array in one.state.values())])
    assert results[0] == results[1]


# What it sees.


def test_a_value_never_met_is_an_alarm_at_once():
    values = daily(10)
    values[2000] = 40.0
    scores = scores_of(values)
    assert scores[2000] > 1.0


def test_a_usual_value_at_an_unusual_time_is_an_alarm():
    values = daily(12)
    noon = 10 * 288 + 72
    values[noon : noon + 24] = 20.0
    scores = scores_of(values)
    assert 0 <= alarms(scores[noon : noon + 24])[0] < 12


def test_unrest_is_an_alarm_though_every_value_is_usual():
    values = np.random.default_rng(3).choice([19.0, 20.0, 21.0], 3000, p=[0.02, 0.96, 0.02])
    values[2500:2560] = np.tile([19.0, 21.0], 30)
    scores = scores_of(values)
    assert len(alarms(scores[2500:2560]))


def test_what_comes_every_weekend_is_no_alarm_in_the_end():
    hours = np.arange(24 * 7 * 8)
    working = (hours // 24 % 7 < 5) & (hours % 24 >= 8) & (hours % 24 < 18)
    values = np.where(working, 100.0, 10.0) + np.random.default_rng(5).normal(0, 1, len(hours))
    assert len(alarms(scores_of(values, 3600.0)[24 * 21 :])) <= 3


def test_records_of_chance_become_rare():
    """Independent values: the n-th breaks the record of each feature with probability 1/n."""
    found = [alarms(scores_of(np.random.default_rng(seed).normal(size=4000))) for seed in range(8)]
    early = np.mean([(at < 800).sum() for at in found])
    late = np.mean([(at >= 800).sum() for at in found])
    assert early < 12
    assert late < 6


def test_a_noisy_day_without_events_is_quiet():
    scores = scores_of(daily(30))
    assert len(alarms(scores[288 * 7 :])) <= 4


# After an alarm.


def test_one_event_is_one_alarm():
    values = daily(20)
    values[4000:4090] += 30.0
    assert len(alarms(scores_of(values)[4000:4090])) <= 2


def test_after_the_hold_off_it_speaks_again():
    values = daily(20)
    values[4000], values[4101] = 60.0, 100.0
    held, free = scores_of(values, hold_off=200.0), scores_of(values, hold_off=100.0)
    assert held[4000] == free[4000] > 1.0
    assert held[4101] < 1.0 < free[4101]


def test_the_hold_off_is_told_in_steps_whatever_the_rate():
    values = daily(10, 60.0)
    values[9000], values[9000 + 5 * 60], values[9000 + 5 * 110] = 60.0, 65.0, 120.0
    scores = scores_of(values, 60.0)
    assert scores[9000] > 1.0 > scores[9000 + 5 * 60]
    assert scores[9000 + 5 * 110] > 1.0


def test_one_wild_value_blinds_nobody():
    values, wild = daily(20), daily(20)
    wild[3000] = 1e9
    values[4500:4530] += 40.0
    wild[4500:4530] += 40.0
    _, calm = watched(values[:4500])
    _, shaken = watched(wild[:4500])
    assert (shaken.state["record"] <= 20 * calm.state["record"]).all()
    assert shaken.state["scale"][0, 0, 2] <= 2 * calm.state["scale"][0, 0, 2]
    np.testing.assert_array_equal(
        alarms(scores_of(wild)[4500:4530]), alarms(scores_of(values)[4500:4530])
    )
    assert len(alarms(scores_of(wild)[4500:4530]))


def test_a_reading_that_may_not_be_learnt_raises_no_record():
    values = daily(20)
    values[4000:4050] += 30.0
    values[4500:4530] += 30.0
    gate = np.ones(len(values), np.uint8)
    gate[4000:4050] = 0
    spared, learnt = scores_of(values, learn=gate), scores_of(values)
    assert spared[4500:4530].max() > 1.2 * learnt[4500:4530].max()


# Time.


@pytest.mark.parametrize("every_s", [30.0, 150.0])
def test_the_rate_of_readings_makes_little_difference(every_s):
    """The same course of things, told more often: the same records, within what was smoothed."""
    coarse, fine = daily(14, noise=0.0), daily(14, every_s, noise=0.0)
    per = round(300 / every_s)
    fleets = [watched(coarse)[1].state, watched(fine, every_s)[1].state]
    assert len(fine) == per * len(coarse)
    np.testing.assert_allclose(fleets[0]["learnt"], fleets[1]["learnt"], rtol=0.001)
    np.testing.assert_allclose(
        fleets[0]["record"][0, 0, 1:], fleets[1]["record"][0, 0, 1:], rtol=0.2
    )


def test_a_repeated_time_is_scored_but_not_learnt():
    values = daily(3)
    _, fleet = watched(values)
    times = MONDAY + np.arange(len(values)) * 300 * S_NS
    before = {name: array.tobytes() for name, array in fleet.state.items()}
    again = fleet.walk(
        np.zeros(2, np.int32),
        times[-1:].repeat(2),
        np.array([[90.0], [20.0]]),
        np.ones(2, np.uint8),
    )
    assert again[0, 0] > 1.0
    assert {name: array.tobytes() for name, array in fleet.state.items()} == before


def test_gaps_age_nothing():
    """A week of silence at the same hour: everything is as it was left."""
    values = daily(14)
    times = MONDAY + np.arange(len(values)) * 300 * S_NS
    times[288 * 10 :] += 7 * 86400 * S_NS
    scores = scores_of(values, times=times)
    assert len(alarms(scores[288 * 10 :])) <= 2


# Odd series.


def test_a_constant_sensor_that_moves_is_an_alarm():
    values = np.full(1000, 7.5)
    values[900] = 7.6
    scores = scores_of(values)
    assert (scores[50:900] == 0.0).all()
    assert scores[900] > 1.0


def test_a_sensor_that_has_not_moved_for_its_first_hours():
    assert scores_of([7.5] * 20 + [7.6], 3600.0, grace_period=10)[20] > 1.0


def test_rounding_dust_on_what_repeats_exactly_is_no_alarm():
    hours = np.arange(24 * 30)
    values = (hours // 2 % 12).astype(float)
    dusty = values + 1e-9 * np.sqrt(hours)
    assert (scores_of(values, 3600.0)[50:] < 1.0).all()
    assert (scores_of(dusty, 3600.0)[50:] < 1.0).all()


def test_the_histogram_holds_what_was_learnt_wherever_it_had_to_grow():
    rng = np.random.default_rng(6)
    values = rng.normal(size=900) * np.geomspace(1, 1e6, 900)
    _, fleet = watched(values)
    counts, (_, low, width, total) = fleet.state["histogram"][0, 0], fleet.state["scale"][0, 0]
    assert counts.sum() == total == 900
    places = low + width * (np.arange(129) - 0.5)
    middle = (places[:-1] + places[1:]) / 2
    assert counts @ middle / total == pytest.approx((values - values[0]).mean(), abs=width)
    assert values.max() - values[0] < low + 128 * width
    assert values.min() - values[0] > low


def test_counts_with_many_zeros():
    rng = np.random.default_rng(4)
    values = np.where(rng.random(6000) < 0.9, 0.0, rng.poisson(3, 6000)).astype(float)
    values[5000:5003] = 60.0
    scores = scores_of(values)
    assert len(alarms(scores[1000:5000])) <= 8
    assert scores[5000] > 1.0


def test_the_unit_makes_no_difference():
    """Factors of two and offsets on a grid are exact, so nothing is rounded on the way."""
    values = np.round(daily(8) * 1024) / 1024
    ours = scores_of(values)
    np.testing.assert_allclose(scores_of(4.0 * values + 2**20), ours, rtol=1e-9)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 7, 300, 86400]),
            st.floats(allow_nan=True, allow_infinity=True, width=64),
            st.booleans(),
        ),
        max_size=80,
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_the_score_is_a_number_from_0_to_3_or_none(readings):
    times = MONDAY + np.cumsum([step for step, _, _ in readings], dtype=np.int64) * S_NS
    learn = np.array([ok for _, _, ok in readings], dtype=np.uint8)
    scores = scores_of([x for _, x, _ in readings], times=times, learn=learn, grace_period=2)
    spoken = scores[~np.isnan(scores)]
    assert ((spoken >= 0.0) & (spoken <= 3.0)).all()


def test_it_keeps_at_most_2_kilobytes_per_sensor():
    fleet = SeasonalNoveltyFleet(4)
    fleet.reserve(10)
    assert sum(array.nbytes for array in fleet.state.values()) <= 10 * 4 * 2048


def test_for_one_machine_it_is_the_strangest_feature():
    detector = SeasonalNovelty(grace_period=20)
    for i in range(100):
        detector.learn_one({"a": float(i % 5), "b": float(i % 3)})
    both = detector.score_one({"a": 2.0, "b": 50.0})
    assert both == detector.score_one({"b": 50.0}) > 1.0 > detector.score_one({"a": 2.0})


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"step_s": 0.0}, "step_s is 0.0"),
        ({"grace_period": 1}, "grace_period is 1"),
        ({"span": 0.5}, "span is 0.5"),
        ({"slot_memory": 0.0}, "slot_memory is 0.0"),
        ({"hold_off": -1.0}, "hold_off is -1.0"),
        ({"stranger": 0.9}, "stranger is 0.9"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        SeasonalNoveltyFleet(1, **parameters)
