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
from streamer.files import whole

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
    except _NoScoresError:
        return _failed(f"no scores yet in {store}")
    except ModuleNotFoundError as error:
        return _failed(f"{args.out} needs {error.name}: pip install 'telltale[parquet]'")
    except (OSError, sqlite3.Error) as error:
        # pandas wraps what SQLite says in an OSError of its own.
        reason = error.__cause__ or error
        return _failed(f"from {store} to {args.out}: {reason}")
    print(f"{rows} rows in {args.out}")
    return 0


class _NoScoresError(Exception):
    """The sink has not written anything of this class yet."""


def _failed(sentence: str) -> int:
    print(f"telltale export: {sentence}", file=sys.stderr)
    return 1


def _export(store: Path, view: str, query: str, parameters: list[int | str], out: Path) -> int:
    """Write what the query finds; the file takes its name when it is whole."""
    if not store.exists():
        raise _NoScoresError
    with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (view,)).fetchone() is None:
            raise _NoScoresError
        with whole(out) as temporary:
            return _write(_frames(db, query, parameters), temporary, out.suffix)


def _store(config: Config) -> Path:
    from streamer.sinks.sqlite import Config as SqliteConfig

    section = config.sinks["sqlite"]
    assert isinstance(section, SqliteConfig)
    return section.path


def _problem(config: Config, args: argparse.Namespace) -> str | None:
    """Why these arguments cannot be followed, or None."""
    if args.out.suffix not in ENDINGS:
        return f"--out {args.out}: the name must end in {' or '.join(ENDINGS)}"
    if (problem := folder_problem(args.out)) is not None:
        return problem
    if args.machine_class is not None and args.machine_class not in config.classes:
        return f"--class {args.machine_class}: there are {', '.join(config.classes)}"
    if "sqlite" not in config.sinks:
        return f"{args.config} has no sqlite sink, so no scores are stored on this gateway"
    for option in ("since", "until"):
        text = getattr(args, option)
        if text is not None and _time_ns(text) is None:
            return f"--{option} {text}: a time like 2026-01-31T12:00Z, before 2262, is needed"
    return None


def folder_problem(out: Path) -> str | None:
    """Why a file of this name cannot be made, as far as its folder tells; or None."""
    if not out.parent.is_dir():
        return f"--out {out}: there is no folder {out.parent}"
    return f"--out {out}: is a folder, a file is needed" if out.is_dir() else None


def _time_ns(text: str) -> int | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    time_ns = int(aware.timestamp()) * 1_000_000_000 + aware.microsecond * 1000
    return time_ns if abs(time_ns) < 2**63 else None


def _query(config: Config, args: argparse.Namespace) -> tuple[str, str, list[int | str]]:
    """The view of the class, the query of it, and its parameters."""
    view = f"readings_{args.machine_class or next(iter(config.classes))}"
    quoted = '"{}"'.format(view.replace('"', '""'))
    wanted: dict[str, int | str | None] = {
        "time_ns >= ?": None if args.since is None else _time_ns(args.since),
        "time_ns < ?": None if args.until is None else _time_ns(args.until),
        "machine = ?": args.machine,
    }
    given = {clause: value for clause, value in wanted.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    # The view's name is quoted above, the clauses are literals of this function.
    query = f"SELECT * FROM {quoted}{where} ORDER BY time_ns, machine"  # noqa: S608
    return view, query, list(given.values())


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
