"""The SQLite sink: what people can ask it, what it forgets, what it does when it may not write."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.delivery import Delivery
from streamer.records import Batch, Machine, Points, Schema
from streamer.sinks import Retry
from streamer.sinks.sqlite import DAY_NS, ENOUGH, RECENT, Config, SqliteSink, open_sink
from tests.batches import MACHINES, SECOND, START_NS, batch, event, points
from tests.test_delivery import SOON_S, Outbox

NAN = math.nan


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "scores.db"


@pytest.fixture
def sink(path: Path) -> Iterator[SqliteSink]:
    made = open_sink(Config(path=path))
    yield made
    made.close()


def ask(path: Path, query: str, *parameters: object) -> list[dict[str, Any]]:
    """Rows as another process would get them."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in db.execute(query, parameters)]
    finally:
        db.close()


def turn(made: Points, machines: Sequence[Machine] = MACHINES, number: int = 1) -> Batch:
    return Batch(number, [made], (), {made.schema.machine_class: machines})


def test_a_reading_is_one_row_under_its_own_names(sink: SqliteSink, path: Path) -> None:
    made = points([3], [START_NS + 5 * 10**8], [[7.5, NAN]], [[0.9]], severity=[0.95], flags=[1])
    assert sink.write([turn(made)]) == []
    (row,) = ask(path, "SELECT * FROM readings_turbine")
    assert row == {
        "time": START_NS / 1e9 + 0.5,
        "machine": "north/T03",
        "vibration": 7.5,
        "power": None,
        "half_space_trees": 0.9,
        "severity": 0.95,
        "late": 1,
        "time_ns": START_NS + 5 * 10**8,
        "labels": '{"site": "north", "machine": "T03"}',
    }


def test_every_bit_of_a_value_is_kept(sink: SqliteSink, path: Path) -> None:
    bits = np.random.default_rng(3).integers(0, 2**64, 2000, dtype=np.uint64).view("f8")
    values = bits[np.isfinite(bits)]
    n = len(values)
    sink.write([turn(points([0] * n, list(range(n)), np.column_stack([values, -values])))])
    rows = ask(path, "SELECT vibration, power FROM readings_turbine ORDER BY time_ns")
    back = np.array([list(row.values()) for row in rows])
    assert back.tobytes() == np.column_stack([values, -values]).tobytes()


def test_what_is_not_a_finite_number_is_null(sink: SqliteSink, path: Path) -> None:
    sink.write([turn(points([0], [1], [[math.inf, NAN]], [[-math.inf]]))])
    (row,) = ask(path, "SELECT vibration, power, half_space_trees, severity FROM readings_turbine")
    assert set(row.values()) == {None}


def test_sensors_that_come_one_by_one_fill_one_row(sink: SqliteSink, path: Path) -> None:
    first = points([0], [START_NS], [[7.5, NAN]], severity=[0.5])
    second = points([0], [START_NS], [[NAN, 1500.0]], [[0.9]], flags=[1])
    third = points([0], [START_NS], [[NAN, NAN]])
    sink.write([turn(first), turn(second, number=2), turn(third, number=3)])
    (row,) = ask(path, "SELECT * FROM readings_turbine")
    assert [row[name] for name in ("vibration", "power", "half_space_trees", "severity")] == [
        7.5, 1500.0, 0.9, 0.5
    ]  # fmt: skip
    assert row["late"] == 1


def test_writing_again_changes_nothing(sink: SqliteSink, path: Path) -> None:
    turns = [batch(number, alerts=[event(number)]) for number in range(1, 20)]
    sink.write(turns)
    queries = ("SELECT * FROM readings_turbine", "SELECT * FROM alerts")
    before = [ask(path, query) for query in queries]
    sink.write(turns[5:])
    again = open_sink(Config(path=path))
    again.write(turns)
    again.close()
    assert [ask(path, query) for query in queries] == before
    assert [len(rows) for rows in before] == [76, 19]


def test_a_changed_configuration_adds_columns_and_keeps_the_old_ones(
    sink: SqliteSink, path: Path
) -> None:
    sink.write([batch(1, readings=1)])
    schema = Schema("turbine", ("rotor_speed", "vibration"), ("ewma_chart_vibration",))
    sink.write([turn(points([0], [9], [[12.5, 3.5]], [[1.5]], schema=schema))])
    new, old = ask(path, "SELECT * FROM readings_turbine ORDER BY time_ns")
    assert (new["rotor_speed"], new["vibration"], new["ewma_chart_vibration"]) == (12.5, 3.5, 1.5)
    assert (new["power"], new["half_space_trees"]) == (None, None)
    assert (old["vibration"], old["power"], old["rotor_speed"]) == (1.25, -1 / 3, None)


def test_classes_have_views_of_their_own(sink: SqliteSink, path: Path) -> None:
    pumps = Schema("pump", ("pressure",), ())
    pump = Machine("pump", (("machine", "P1"),))
    made = turn(points([0], [START_NS], [[4.5]], schema=pumps), [pump])
    sink.write([batch(1, readings=1), made])
    assert ask(path, "SELECT machine, pressure FROM readings_pump") == [
        {"machine": "P1", "pressure": 4.5}
    ]
    assert len(ask(path, "SELECT * FROM readings_turbine")) == 1


# SQLite takes a quoted "TRUE" for a value where a view names its columns; config reserves both.
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
).filter(lambda name: name.casefold() not in {"true", "false"})


@settings(deadline=None)
@given(machine_class=names, sensor=names, score=names, label=names, value=names)
def test_any_name_can_be_written_and_read(
    machine_class: str, sensor: str, score: str, label: str, value: str
) -> None:
    reserved = {"time", "machine", "severity", "late", "time_ns", "labels"}
    folded = {sensor.lower(), score.lower()}
    schema = Schema(machine_class, (sensor,), (score,) if score != sensor else ())
    made = points([0], [5], [[1.5]], [[2.5]] if schema.scores else [[]], schema=schema)
    sink = SqliteSink(Config(path=Path(":memory:")))
    sink.write([turn(made, [Machine(machine_class, ((label, value),))])])
    sink._db.row_factory = sqlite3.Row
    view = '"readings_' + machine_class.replace('"', '""') + '"'
    row = dict(sink._db.execute(f"SELECT * FROM {view}").fetchone())
    assert row["machine"] == value
    assert json.loads(row["labels"]) == {label: value}
    if len(folded) == 2 and not folded & reserved:
        assert row[sensor] == 1.5
        assert row[score] == 2.5
    sink.close()


def test_names_that_differ_only_in_case_are_columns_of_their_own(
    sink: SqliteSink, path: Path
) -> None:
    schema = Schema("turbine", ("Power", "power", "POWER", "time", "machine"), ())
    sink.write([turn(points([0], [5], [[1, 2, 3, 4, 5]], schema=schema))])
    (row,) = ask(path, "SELECT * FROM readings_turbine")
    assert [value for value in row.values() if isinstance(value, float)][1:] == [1, 2, 3, 4, 5]
    assert row["machine"] == "north/T00"


def test_alerts_can_be_asked_for(sink: SqliteSink, path: Path) -> None:
    sink.write([batch(1, alerts=[event(0), event(7, since_ns=START_NS, state="resolved")])])
    firing, resolved = ask(path, "SELECT * FROM alerts ORDER BY time")
    assert firing["id"] == event(0).id
    assert (firing["machine"], firing["rule"], firing["kind"]) == (
        "north/T03", "machine_fault", "machine",
    )  # fmt: skip
    assert (firing["sensor"], firing["value"], firing["score"], firing["limit"]) == (
        "vibration", 7.5, 9.0, 6.0,
    )  # fmt: skip
    assert (firing["time"], firing["since"]) == (START_NS / 1e9, START_NS / 1e9)
    assert (resolved["state"], resolved["time"]) == ("resolved", START_NS / 1e9 + 7)


def test_a_stretch_of_time_is_found_without_reading_everything(
    sink: SqliteSink, path: Path
) -> None:
    sink.write([batch(1)])
    plan = ask(
        path,
        "EXPLAIN QUERY PLAN SELECT time, vibration FROM readings_turbine"
        " WHERE machine = 'north/T03' AND time_ns > 5",
    )
    assert any("SEARCH p USING PRIMARY KEY (time_ns>?)" in row["detail"] for row in plan), plan


def days(first: int, last: int, per_day: int = 24) -> list[Batch]:
    """One turn a day of hourly readings."""
    step = DAY_NS // per_day
    found = []
    for day in range(first, last):
        times = [START_NS + day * DAY_NS + i * step for i in range(per_day)]
        made = points([0] * per_day, times, np.random.default_rng(day).normal(size=(per_day, 2)))
        alert = event(day, time_ns=times[0], since_ns=times[0])
        found.append(Batch(day + 1, [made], [alert], {"turbine": MACHINES}))
    return found


def kept_days(path: Path) -> tuple[float, float]:
    (row,) = ask(path, "SELECT min(time_ns) AS a, max(time_ns) AS b FROM readings_turbine")
    return (row["a"] - START_NS) / DAY_NS, (row["b"] - START_NS) / DAY_NS


def test_what_is_too_old_by_event_time_is_forgotten(path: Path) -> None:
    sink = open_sink(Config(path=path, keep_days=10))
    lag = RECENT / 2 / 400  # days from the median of the last readings to the newest
    for number, one in enumerate(days(0, 40, per_day=400)):
        sink.write([one])
        oldest, newest = kept_days(path)
        assert newest - oldest <= 10 + lag + 1 + 10 / 64 + 1e-9, number
        assert number < 13 or newest - oldest >= 10 + lag
    alerts = ask(path, "SELECT min(time_ns) AS a FROM alerts")
    assert (alerts[0]["a"] - START_NS) / DAY_NS >= 27
    sink.close()


def test_a_shorter_time_to_keep_takes_effect_after_a_restart(path: Path) -> None:
    first = open_sink(Config(path=path, keep_days=100))
    first.write(days(0, 40))
    first.close()
    second = open_sink(Config(path=path, keep_days=5))
    second.write(days(40, 41, per_day=ENOUGH - 1))
    second.write(days(41, 42, per_day=1))
    assert kept_days(path)[0] == 0  # what is now is not known yet
    second.write([Batch(100)])
    second.close()
    assert 40.5 - 5 - 5 / 64 - 0.05 <= kept_days(path)[0] <= 40.5 - 5 + 0.05


def odd(day: float, rows: int = 1) -> Batch:
    """Readings whose time has nothing to do with that of the others."""
    times = [START_NS + round(day * DAY_NS) + i for i in range(rows)]
    return turn(points([1] * rows, times, np.ones((rows, 2))))


def readings(path: Path) -> int:
    return int(ask(path, "SELECT count(*) AS n FROM readings_turbine")[0]["n"])


@pytest.mark.parametrize("rows", [1, RECENT // 2 - 1])
def test_a_clock_that_is_a_year_ahead_takes_nothing_from_the_others(path: Path, rows: int) -> None:
    sink = open_sink(Config(path=path, keep_days=10))
    sink.write(days(0, 8, per_day=200))
    sink.write([odd(365, rows)])
    sink.write([Batch(100)])
    assert readings(path) == 1600 + rows
    sink.close()
    again = open_sink(Config(path=path, keep_days=10))  # what is stored is not what is now either
    again.write([odd(365)])
    again.write([Batch(101)])
    again.close()
    assert readings(path) == 1600 + rows


LONG_AGO = -START_NS / DAY_NS
"""The day of 1970, in days as `days` counts them."""


@pytest.mark.parametrize("day", [36_500, LONG_AGO])
def test_a_wrong_time_takes_nothing_from_the_others_where_room_is_scarce(
    path: Path, day: float
) -> None:
    limit = 1 << 20
    sink = open_sink(Config(path=path, max_bytes=limit, keep_days=36_500))
    most = 0
    for one in days(0, 200, per_day=200):
        done: list[str] = []
        sink._db.set_trace_callback(done.append)
        sink.write([one, odd(day)])
        steps = sum(statement.startswith("BEGIN") for statement in done) - 1  # but for the write
        most = max(most, steps)
    sink.close()
    assert path.stat().st_size <= limit
    assert readings(path) > 10_000
    assert 1 <= most <= 5


def test_a_reading_of_1970_goes_in_one_step(path: Path) -> None:
    sink = open_sink(Config(path=path, keep_days=10))
    sink.write(days(0, 5, per_day=200))
    for _ in range(3):
        sink.write([odd(LONG_AGO)])
        done: list[str] = []
        sink._db.set_trace_callback(done.append)
        sink.write([Batch(100)])
        assert sum(statement.startswith("BEGIN") for statement in done) == 1 + 1
        assert (kept_days(path)[0], readings(path)) == (0, 1000)
    sink.close()


def test_one_step_is_small_however_much_is_too_old(path: Path) -> None:
    first = open_sink(Config(path=path))
    first.write(days(0, 20, per_day=200))
    first.close()
    sink = open_sink(Config(path=path, max_bytes=1 << 20, keep_days=1))
    sink.write(days(20, 21, per_day=200))
    dropped: list[int] = []
    drop, left = sink._drop_until, readings(path)

    def counted(time_ns: int) -> None:
        nonlocal left
        drop(time_ns)
        dropped.append(left - readings(path))
        left -= dropped[-1]

    sink._drop_until = counted  # type: ignore[method-assign]
    sink.write([Batch(100)])
    sink.close()
    assert sum(dropped) > 3000
    assert max(dropped) <= sink._step_rows


def test_the_oldest_go_when_the_file_nears_its_limit(path: Path) -> None:
    limit = 1 << 20
    sink = open_sink(Config(path=path, max_bytes=limit, keep_days=36_500))
    newest = 0.0
    for one in days(0, 300, per_day=200):
        sink.write([one])
        assert path.stat().st_size <= limit
        newest = kept_days(path)[1]
    assert newest > 299
    rows = ask(path, "SELECT count(*) AS n FROM readings_turbine")[0]["n"]
    sink.close()
    # It holds as much as fits: 300 days do not, but most of the megabyte is used.
    assert 10_000 < rows < 40_000
    assert kept_days(path)[0] > 100


def test_a_full_disk_is_a_retry_and_harms_nothing(sink: SqliteSink, path: Path) -> None:
    sink.write([batch(1, alerts=[event(1)])])
    pages = sink._db.execute("PRAGMA page_count").fetchone()[0]
    sink._db.execute(f"PRAGMA max_page_count={pages + 3}")
    new = Schema("pump", ("pressure",), ())
    pumps = [Machine("pump", (("machine", f"P{i}"),)) for i in range(900)]
    made = points(list(range(900)), [START_NS + i for i in range(900)], np.ones(900), schema=new)
    with pytest.raises(Retry, match="full") as caught:
        sink.write([turn(made, pumps)])
    assert caught.value.reason == "full"
    assert len(ask(path, "SELECT * FROM readings_turbine")) == 4
    sink._db.execute("PRAGMA max_page_count=100000")
    sink.write([turn(made, pumps)])
    rows = ask(path, "SELECT machine FROM readings_pump ORDER BY time_ns")
    assert [row["machine"] for row in rows] == [f"P{i}" for i in range(900)]
    assert ask(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def test_a_reader_who_will_not_let_go_is_a_retry(sink: SqliteSink, path: Path) -> None:
    sink._db.execute("PRAGMA busy_timeout=10")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retry, match="locked"):
        sink.write([batch(1)])
    other.execute("ROLLBACK")
    other.close()
    assert sink.write([batch(1)]) == []


@pytest.mark.parametrize("content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_something_else_is_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(Retry, match="database") as caught:
        open_sink(Config(path=path))
    assert caught.value.reason in ("misconfigured", "failing")
    assert path.read_bytes() == content


def test_a_place_where_no_file_can_be_is_a_misconfiguration(tmp_path: Path) -> None:
    (tmp_path / "scores.db").mkdir()
    with pytest.raises(Retry) as caught:
        open_sink(Config(path=tmp_path / "scores.db"))
    assert caught.value.reason == "misconfigured"


def test_delivered_by_a_thread_and_killed_in_between_nothing_is_lost(path: Path) -> None:
    outbox = Outbox(*(batch(number, readings=30) for number in range(1, 301)))
    for cursor in (0, 40, 117):  # each life starts from a cursor older than what was written
        delivery = Delivery("sqlite", lambda: open_sink(Config(path=path)), outbox, cursor)
        delivery.start()
        assert delivery.close(SOON_S)
    rows = ask(path, "SELECT vibration FROM readings_turbine ORDER BY time_ns")
    assert [row["vibration"] for row in rows] == [n + 0.25 for n in range(30, 9030)]
    assert SECOND  # readings are a second apart, so none could hide another
