"""The report: one file, nothing fetched, nothing run, and what is shown of whom."""

from __future__ import annotations

import base64
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from detectors.metrics import AlertSpan, FaultSpan
from streamer.evaluate.engines import OURS
from streamer.evaluate.envelope import COLUMNS, drawn, stretches
from streamer.evaluate.figure import picture, shown_sensors
from streamer.evaluate.html import facts, most_telling, sort_of, table, write_report
from streamer.evaluate.studies import Setting, Study, simulated
from streamer.evaluate.trace import Trace
from tests.evaluate.made import SCENARIO

HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
START_NS = 1_767_225_600 * 10**9
OTHER = "somebody else"


def at(hour: float) -> int:
    return START_NS + round(hour * HOUR_NS)


def trace_of(machine: str = "north/T01", n: int = 48, sensors: int = 3, **more) -> Trace:
    """Readings every hour, as expected but for hour 20 of the second sensor."""
    times = START_NS + np.arange(n) * HOUR_NS
    values = np.random.default_rng(1).uniform(9, 11, (n, sensors))
    expected, band = np.full((n, sensors), 10.0), np.full((n, sensors), 2.0)
    if n > 20 and sensors > 1:
        values[20, 1] = 15.0
    severity = np.full(n, 0.4)
    given = {
        "times": times,
        "values": values,
        "expected": expected,
        "band": band,
        "severity": {OURS: severity, OTHER: severity},
        "alerts": {OURS: [], OTHER: []},
    } | more
    names = tuple(f"sensor_{i}" for i in range(sensors))
    return Trace(machine, names, ("°C",) * sensors, names, **given)


def wear(machine: str = "north/T01", **more) -> FaultSpan:
    said = {"component": "gearbox", "signals": ("sensor_1",), "detectable_ns": at(12)} | more
    return FaultSpan("bearing_wear", machine, "machine", at(10), at(30), **said)


def told(machine: str = "north/T01", fired: float = 14, kind: str = "machine") -> AlertSpan:
    return AlertSpan(machine, kind, at(fired), at(fired + 4), sensor="sensor_1")


def alerts(*ours: AlertSpan) -> dict[str, list[AlertSpan]]:
    return {OURS: list(ours), OTHER: []}


def study_of(*traces: Trace, **more) -> Study:
    data = {"on": "simulator", "scenario": "a<b", "seeds": [1, 2], "entrants": [
        {"entrant": OURS, "about": "the product & all"}, {"entrant": OTHER, "about": "<b>"},
    ]}  # fmt: skip
    text = "| entrant | found |\n|:--------|------:|\n| <i>x</i> | 1 of 2 |"
    return Study(text, data, traces, **more)


def written(tmp_path, study: Study) -> str:
    write_report(tmp_path / "report.html", study)
    return (tmp_path / "report.html").read_text("utf-8")


class Checked(HTMLParser):
    """Fails where a tag is left open, and keeps what would be fetched or run."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [v for k, v in attrs if k in {"src", "href", "srcset", "action", "data"}]
        assert not [k for k, _ in attrs if k.startswith("on")], tag
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_nothing_is_fetched_and_nothing_runs(tmp_path) -> None:
    text = written(tmp_path, study_of(trace_of(faults=[wear()])))
    checked = Checked(text)
    assert not {"script", "iframe", "object", "embed", "link", "form"} & set(checked.tags)
    assert checked.sources
    assert all(source.startswith("data:image/png;base64,") for source in checked.sources)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_names_of_others_are_text(tmp_path) -> None:
    evil = '<script>alert(1)</script>"&'
    trace = trace_of(evil, faults=[FaultSpan(evil, evil, "machine", at(1), at(9))])
    text = written(tmp_path, study_of(trace))
    Checked(text)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3
    assert "a&lt;b" in text
    assert "&lt;i&gt;x&lt;/i&gt;" in text
    assert "the product &amp; all" in text


def test_the_same_study_is_the_same_file(tmp_path) -> None:
    study = study_of(trace_of(faults=[wear()], alerts=alerts(told())))
    first = written(tmp_path, study)
    assert written(tmp_path, study) == first


def test_the_report_of_a_real_study(turbines, tmp_path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SCENARIO, "utf-8")
    study = simulated(Setting(turbines, "turbine", ["rolling_zscore"], traced=True), str(path))
    text = written(tmp_path, study)
    checked = Checked(text)
    assert checked.tags.count("img") == 3
    assert "overheating of gearbox_cooler, severity 0.9, 2026-01-01 12:00 to " in text
    for line in study.data["entrants"]:
        assert line["about"] in text
    for source in checked.sources:
        assert base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG")


def test_a_report_is_there_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    before = written(tmp_path, study_of())

    def fails(trace):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("streamer.evaluate.html.picture", fails)
    with pytest.raises(OSError, match="No space left"):
        write_report(tmp_path / "report.html", study_of(trace_of()))
    assert (tmp_path / "report.html").read_text("utf-8") == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


# Who is shown.


@pytest.mark.parametrize(
    ("faults", "said", "sort"),
    [
        ([], [], "quiet"),
        ([wear()], [], "missed"),
        ([wear()], [told()], "found"),
        ([wear()], [told(fired=2)], "missed"),
        ([wear()], [told(kind="instrument")], "missed"),
        ([wear()], [told(), told(fired=40)], "false alarm"),
        ([wear(detectable_ns=None)], [], "quiet"),
        ([wear(expected="no_alarm", category="drift")], [], "quiet"),
        ([wear(expected="no_alarm", category="drift")], [told()], "false alarm"),
        ([], [told()], "false alarm"),
    ],
)
def test_what_became_of_a_machine(faults, said, sort) -> None:
    assert sort_of(trace_of(faults=faults, alerts=alerts(*said))) == sort


def test_others_mistakes_are_not_ours() -> None:
    assert sort_of(trace_of(alerts={OURS: [], OTHER: [told()]})) == "quiet"


def test_some_of_each_sort_are_shown_the_worst_first() -> None:
    missed = [trace_of(f"m{i}", faults=[wear(f"m{i}")]) for i in range(9)]
    false = [trace_of(f"a{i}", alerts=alerts(told(f"a{i}"))) for i in range(9)]
    found = [
        trace_of(f"f{i}", faults=[wear(f"f{i}")], alerts=alerts(told(f"f{i}"))) for i in range(2)
    ]
    quiet = [trace_of(f"q{i}") for i in range(9)]
    chosen = most_telling([*quiet, *found, *false, *missed], most=9)
    assert [trace.machine for _, trace in chosen] == [
        "m0", "m1", "m2", "m3", "a0", "a1", "a2", "f0", "f1"
    ]  # fmt: skip
    chosen = most_telling([*quiet, *found], most=4)
    assert [sort for sort, _ in chosen] == ["found", "found", "quiet", "quiet"]


def test_how_many_are_left_out_is_said(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("streamer.evaluate.html.picture", lambda trace: b"")
    traces = [trace_of(f"T{i:02}") for i in range(30)]
    text = written(tmp_path, study_of(*traces, untraced=7))
    assert text.count("<img") == 24
    assert "24 are shown" in text
    assert "13 are left out" in text


def test_a_fault_is_told_with_who_found_it_and_when(tmp_path) -> None:
    both = {OURS: [told(fired=14)], OTHER: [told(fired=2)]}
    spoken = {OURS: [told(fired=14)], OTHER: [AlertSpan("north/T01", "machine", at(2), None)]}
    text = written(tmp_path, study_of(trace_of(faults=[wear()], alerts=spoken)))
    assert "bearing_wear of gearbox, severity 1, 2026-01-01 10:00 to 2026-01-02 06:00" in text
    assert "visible from 2026-01-01 12:00; told by telltale after 2.0 h" in text
    assert f"alarming since before: {OTHER}" in text
    text = written(tmp_path, study_of(trace_of(faults=[wear()], alerts=both)))
    assert "alarming since before" not in text
    text = written(tmp_path, study_of(trace_of(alerts=alerts(told()))))
    assert "false machine alert about sensor_1, 2026-01-01 14:00 to 2026-01-01 18:00" in text


# What is drawn.


def test_sensors_of_faults_come_first_then_those_of_alerts() -> None:
    trace = trace_of(sensors=12, faults=[wear(signals=("sensor_9", "unknown"))])
    assert shown_sensors(trace) == [0, 1, 2, 3, 4, 9]
    named = AlertSpan("north/T01", "machine", at(1), None, sensor="sensor_11")
    trace = trace_of(sensors=12, faults=[wear(signals=("sensor_9",))], alerts=alerts(named))
    assert shown_sensors(trace) == [0, 1, 2, 3, 9, 11]


def test_every_outlier_survives_a_long_run() -> None:
    n = 90 * 1440
    trace = trace_of(n=n, sensors=1)
    trace.values[1234, 0], trace.values[99_999, 0] = 99.0, -99.0
    one = drawn(trace, 0)
    assert len(one.days) == COLUMNS
    assert (np.nanmax(one.highest), np.nanmin(one.lowest)) == (99.0, -99.0)
    assert sorted(one.outside[~np.isnan(one.outside)]) == [-99.0, 99.0]
    assert np.all((one.band_lowest == 8) & (one.band_highest == 12))


def test_a_missing_value_hides_no_others() -> None:
    trace = trace_of(n=COLUMNS * 10, sensors=1)
    trace.values[::3] = np.nan
    trace.values[5 * 10 : 6 * 10] = np.nan
    one = drawn(trace, 0)
    for edge in (one.lowest, one.highest):
        assert np.isnan(edge).nonzero()[0].tolist() == [5], "only where nothing was reported"


def test_the_value_shown_outside_is_the_farthest_of_its_stretch() -> None:
    trace = trace_of(n=COLUMNS * 10, sensors=1)
    trace.values[:10, 0] = [10, 10, 13, 2, 10, 14, 10, 10, 10, 10]
    assert drawn(trace, 0).outside[0] == 2


def test_a_short_run_is_drawn_reading_by_reading_and_gaps_stay_gaps() -> None:
    trace = trace_of(n=30, sensors=2)
    one = drawn(trace, 1)
    np.testing.assert_array_equal(one.lowest, trace.values[:, 1])
    late = np.where(np.arange(30) < 15, 0, 5 * DAY_NS)
    gapped = drawn(trace_of(n=30, sensors=2, times=trace.times + late), 1)
    assert np.isnan(gapped.lowest).nonzero()[0].tolist() == [15]
    assert np.isfinite(gapped.days).all()
    assert np.all(np.diff(gapped.days) >= 0)


def test_silence_in_a_long_run_stays_a_gap() -> None:
    n = COLUMNS * 10
    late = np.where(np.arange(n) < n // 2, 0, n * HOUR_NS)
    one = drawn(trace_of(n=n, sensors=1, times=START_NS + np.arange(n) * HOUR_NS + late), 0)
    assert 0.4 < np.isnan(one.highest).mean() < 0.6


def test_readings_out_of_order_are_put_in_order() -> None:
    times = START_NS + np.array([3, 1, 2]) * HOUR_NS
    cells = stretches(times)
    assert cells.least(np.array([30.0, 10.0, 20.0])).tolist() == [10, 20, 30]


ODD = {
    "one reading": {"n": 1},
    "two readings": {"n": 2},
    "nothing reported": {"values": np.full((48, 3), np.nan)},
    "nothing expected": {"expected": np.full((48, 3), np.nan)},
    "nothing moves": {"values": np.full((48, 3), 7.0), "expected": np.full((48, 3), 7.0)},
    "no severity": {"severity": {OURS: np.full(48, np.nan)}, "alerts": {OURS: []}},
    "infinite severity": {"severity": {OURS: np.full(48, np.inf)}, "alerts": {OURS: []}},
    "alert at the end": {"alerts": alerts(told(fired=47))},
    "absurd value": {"values": np.where(np.arange(144).reshape(48, 3) == 50, 1e300, 10.0)},
    "one time": {"times": np.full(48, START_NS)},
    "failure": {"faults": [wear(failure_ns=at(20))]},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_whatever_a_machine_said_can_be_drawn(changes) -> None:
    assert picture(trace_of(**changes)).startswith(b"\x89PNG")


def test_ninety_days_of_minutes_are_a_small_picture() -> None:
    n = 90 * 1440
    dice = np.random.default_rng(2)
    slow = 3 * np.sin(np.arange(n) / 1440 * 2 * np.pi)[:, np.newaxis]
    trace = trace_of(
        n=n,
        sensors=7,
        times=START_NS + np.arange(n) * 60 * 10**9,
        values=dice.normal(10, 1, (n, 7)) + slow,
        expected=np.full((n, 7), 10.0) + slow,
        band=np.full((n, 7), 3.0),
        severity={OURS: np.exp(dice.normal(-1, 0.7, n))},
        alerts={OURS: [AlertSpan("north/T01", "machine", at(500), at(900))]},
        faults=[wear(failure_ns=at(28))],
    )
    assert len(base64.b64encode(picture(trace))) < 200_000


def test_what_is_drawn_shows_in_the_picture() -> None:
    pictures = [
        trace_of(),
        trace_of(faults=[wear()]),
        trace_of(faults=[wear(failure_ns=at(20))]),
        trace_of(faults=[wear(expected="no_alarm", category="drift")]),
        trace_of(alerts=alerts(told())),
        trace_of(alerts=alerts(told(kind="instrument"))),
        trace_of(severity={OURS: np.full(48, 2.0)}),
        trace_of(band=np.full((48, 3), 1.0)),
    ]
    assert len({picture(trace) for trace in pictures}) == len(pictures)


def test_somebodys_own_settings_change_nothing(monkeypatch) -> None:
    import matplotlib as mpl

    before = picture(trace_of())
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30, "savefig.dpi": 300}):
        assert picture(trace_of()) == before


def test_pyplot_and_its_windows_stay_out(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    picture(trace_of())
    assert "matplotlib.pyplot" not in sys.modules


def test_a_table_of_markdown_is_one_of_html() -> None:
    text = table("| a | b |\n|:--|--:|\n| 1 | 2 |\n| 3 | 4 |")
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", text) == ["a", "b", "1", "2", "3", "4"]
    Checked(text)
    assert table("no <table>") == "<p>no &lt;table&gt;</p>\n"


def test_facts_are_names_and_what_there_is_to_say() -> None:
    text = facts([("none", []), ("nested", {"a": [1.5, 2]}), ("flag", True)])
    assert re.findall(r"<dd>(.*?)</dd>", text) == ["none", "a 1.5, 2", "True"]
