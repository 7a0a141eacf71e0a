"""CSV and Parquet: a data frame holds what the farm's blocks hold, and no file is half a run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from simulators import Farm, parse_fault
from simulators.farm import Block
from simulators.outputs.tables import LibraryMissing, write_table

ROOT = Path(__file__).parents[2]
SOON_S = 60.0
HOURS = 30.0
FARM = Farm(
    machines=3,
    seed=6,
    period_s=90,
    sensors="all",
    faults=[parse_fault("sensor_dropout.power@T02:2h-9h:0.5")],
)
FORMS = ("csv", "parquet")


def values_of(farm: Farm) -> np.ndarray:
    return np.concatenate([values for _, values in farm.run(HOURS)])


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, parse_dates=["time"])


@pytest.mark.parametrize("form", FORMS)
def test_a_data_frame_holds_the_values_of_the_blocks(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"day.{form}"
    write_table(str(path), FARM, HOURS)
    frame = read(path)
    assert list(frame.columns) == ["time", "machine", *FARM.sensors]
    assert frame["machine"].tolist() == list(FARM.machines) * 1200
    every = pd.date_range("2026-01-01", periods=1200, freq="90s", tz="UTC")
    assert (frame["time"] == every.repeat(3)).all()
    values = values_of(FARM)
    assert 10 < np.isnan(values[:, 1, 1]).sum() < 280, "the dropout leaves gaps"
    held = frame[list(FARM.sensors)].to_numpy("f8").reshape(values.shape)
    assert np.array_equal(held, values, equal_nan=True)


def test_what_was_not_reported_is_empty_or_null(tmp_path: Path) -> None:
    missing = int(np.isnan(values_of(FARM)).sum())
    for form in FORMS:
        write_table(str(tmp_path / f"day.{form}"), FARM, HOURS)
    fields = [line.split(",") for line in (tmp_path / "day.csv").read_text().splitlines()]
    assert sum(field == "" for line in fields for field in line) == missing
    assert "nan" not in (tmp_path / "day.csv").read_text().lower()
    table = pq.read_table(tmp_path / "day.parquet")
    assert sum(column.null_count for column in table.columns) == missing


@pytest.mark.parametrize("form", FORMS)
def test_same_seed_same_bytes(form: str, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_table(str(tmp_path / f"{name}.{form}"), Farm(machines=2, seed=seed), 2)
    a, b, c = ((tmp_path / f"{name}.{form}").read_bytes() for name in "abc")
    assert a == b != c


def test_a_row_group_is_a_block(tmp_path: Path) -> None:
    """So that a run of any length needs the memory of one block."""
    path = tmp_path / "day.parquet"
    heard: list[Block] = []
    write_table(str(path), FARM, HOURS, heard.append)
    held = pq.ParquetFile(path).metadata
    assert held.num_row_groups == len(heard) == len(list(FARM.run(HOURS))) > 1
    assert held.num_rows == 3 * sum(len(block.times) for block in heard) == 3600


def test_time_zone_and_types_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    write_table(str(path), FARM, HOURS)
    types = read(path).dtypes
    assert str(types["time"]) == "datetime64[ns, UTC]"
    assert str(types["machine"]) == "category"
    assert set(types[list(FARM.sensors)].astype(str)) == {"float64"}


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_left_of_a_failed_run(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"day.{form}"
    path.write_text("the old day")

    def fail(_: Block) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_table(str(path), FARM, HOURS, fail)
    assert path.read_text() == "the old day"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "faults", "sentence"),
    [
        ("day.xls", (), r"day\.xls: a table is a file \.csv or \.parquet"),
        ("day.csv", ("clock_skew@T01:1h",), r"clock_skew of T01 at 1h befalls messages, and a "),
        ("day.parquet", ("link_late@T01:1h",), r"a \.parquet file has none: use \.jsonl"),
    ],
)
def test_what_a_table_cannot_hold_is_refused(
    name: str, faults: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    farm = Farm(machines=2, faults=[parse_fault(text) for text in faults])
    with pytest.raises(ValueError, match=sentence):
        write_table(str(tmp_path / name), farm, 2)
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LibraryMissing, match=r"needs pyarrow: pip install 'telltale\[parquet\]'$"):
        write_table(str(tmp_path / "day.parquet"), FARM, HOURS)
    assert list(tmp_path.iterdir()) == []
    write_table(str(tmp_path / "day.csv"), FARM, HOURS)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(
    form: str, number: signal.Signals, status: int, tmp_path: Path
) -> None:
    out, truth = tmp_path / f"year.{form}", tmp_path / "truth.jsonl"
    command = [sys.executable, "-m", "simulators", "--hours", "1e6", "--out", out]
    # A shell has what it runs in the background ignore SIGINT, and all its children too.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        running = subprocess.Popen([*map(str, command), "--truth", str(truth)], cwd=ROOT)
    finally:
        signal.signal(signal.SIGINT, usual)
    try:
        until = time.monotonic() + SOON_S
        while not any(path.stat().st_size for path in tmp_path.iterdir()):
            assert time.monotonic() < until, "nothing is being written"
            time.sleep(0.05)
        running.send_signal(number)
        # Ended by it or through it: a shell says 128 + number either way.
        assert running.wait(SOON_S) in (status, -number)
    finally:
        running.kill()
        running.wait()
    assert list(tmp_path.iterdir()) == []
