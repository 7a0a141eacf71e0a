"""``telltale export CONFIG --since … --out scores.csv``: stored scores for pandas people."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.commands.options import add_config, load_config

if TYPE_CHECKING:
    import pandas as pd

    from streamer.config import Config

ROWS_AT_ONCE = 50_000
ENDINGS = (".csv", ".parquet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``CONFIG [--since T] [--until T] [--machine NAME] [--class NAME] --out FILE``."""
    add_config(parser)
    parser.add_argument("--since", metavar="T", help="ISO 8601, e.g. 2026-01-31T12:00Z")
    parser.add_argument("--until", metavar="T", help="ISO 8601; before this time")
    parser.add_argument("--machine", metavar="NAME", help="only this one, e.g. north/T03")
    parser.add_argument(
        "--class", dest="machine_class", metavar="NAME", help="default: the first of the config"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".csv or .parquet")


def main(args: argparse.Namespace) -> int:
    """Write readings, scores and severity, one row per machine and time, oldest first."""
    config = load_config(args)
    problem = _problem(config, args)
    if problem is not None:
        print(f"telltale export: {problem}", file=sys.stderr)
        return 2
    store = _store(config)
    try:
        rows = _export(store, *_query(config, args), args.out)
    except (OSError, sqlite3.Error) as error:
        # pandas wraps what SQLite says in an OSError of its own.
        reason = error.__cause__ or error
        print(f"telltale export: from {store} to {args.out}: {reason}", file=sys.stderr)
        return 1
    print(f"{rows} rows in {args.out}")
    return 0


def _export(store: Path, query: str, parameters: list[int | str], out: Path) -> int:
    """Write what the query finds; the file takes its name when it is whole."""
    temporary = out.with_name(out.name + ".tmp")
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        rows = _write(_frames(db, query, parameters), temporary, out.suffix)
    temporary.rename(out)
    return rows


def _store(config: Config) -> Path:
    from streamer.sinks.sqlite import Config as SqliteConfig

    section = config.sinks["sqlite"]
    assert isinstance(section, SqliteConfig)
    return section.path


def _problem(config: Config, args: argparse.Namespace) -> str | None:
    """Why these arguments cannot be followed, or None."""
    if args.out.suffix not in ENDINGS:
        return f"--out {args.out}: the name must end in {' or '.join(ENDINGS)}"
    if args.machine_class is not None and args.machine_class not in config.classes:
        return f"--class {args.machine_class}: there are {', '.join(config.classes)}"
    if "sqlite" not in config.sinks:
        return f"{args.config} has no sqlite sink, so no scores are stored on this gateway"
    for option in ("since", "until"):
        text = getattr(args, option)
        if text is not None and _time_ns(text) is None:
            return f"--{option} {text}: a time like 2026-01-31T12:00Z is needed"
    return None


def _time_ns(text: str) -> int | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return int(aware.timestamp()) * 1_000_000_000 + aware.microsecond * 1000


def _query(config: Config, args: argparse.Namespace) -> tuple[str, list[int | str]]:
    machine_class = args.machine_class or next(iter(config.classes))
    view = '"readings_{}"'.format(machine_class.replace('"', '""'))
    wanted: dict[str, int | str | None] = {
        "time_ns >= ?": None if args.since is None else _time_ns(args.since),
        "time_ns < ?": None if args.until is None else _time_ns(args.until),
        "machine = ?": args.machine,
    }
    given = {clause: value for clause, value in wanted.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    # The view's name is quoted above, the clauses are literals of this function.
    query = f"SELECT * FROM {view}{where} ORDER BY time_ns, machine"  # noqa: S608
    return query, list(given.values())


def _frames(
    db: sqlite3.Connection, query: str, parameters: list[int | str]
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    for frame in pd.read_sql_query(query, db, params=parameters, chunksize=ROWS_AT_ONCE):
        times = pd.to_datetime(frame["time_ns"], unit="ns", utc=True)
        yield frame.assign(time=times).drop(columns="time_ns")


def _write(frames: Iterator[pd.DataFrame], path: Path, ending: str) -> int:
    return (_write_csv if ending == ".csv" else _write_parquet)(frames, path)


def _write_csv(frames: Iterator[pd.DataFrame], path: Path) -> int:
    import numpy as np

    rows = 0
    with path.open("w", encoding="utf-8") as file:
        for frame in frames:
            # pandas writes microseconds at most, and readings may be a nanosecond apart.
            times = np.datetime_as_string(
                frame["time"].to_numpy("datetime64[ns]"), unit="ns", timezone="UTC"
            )
            frame.assign(time=times).to_csv(file, index=False, header=rows == 0)
            rows += len(frame)
    return rows


def _write_parquet(frames: Iterator[pd.DataFrame], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, writer = 0, None
    for frame in frames:
        # A column that is empty in one piece has no type there; all numbers are doubles.
        table = pa.Table.from_pandas(_as_doubles(frame), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        rows += len(frame)
    if writer is not None:
        writer.close()
    return rows


def _as_doubles(frame: pd.DataFrame) -> pd.DataFrame:
    texts = {"machine", "time", "labels"}
    numbers = [name for name in frame.columns if name not in texts]
    return frame.astype(dict.fromkeys(numbers, "float64"))
