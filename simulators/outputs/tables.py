"""Files of one row per reading, for people with a data frame: CSV and Parquet.

The columns are ``time``, ``machine`` and each sensor; what was not reported is empty in a CSV file
and null in a Parquet file. Rows are in order of time, then machine. Both forms are written block by
block, so that a run of any length needs the memory of one block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from simulators.clock import iso_time
from simulators.farm import Block, Farm
from simulators.outputs.files import whole_path


class LibraryMissing(Exception):
    """A file form needs a library that is not installed."""


def write_table(
    path: str, farm: Farm, hours: float, written: Callable[[Block], None] = lambda _: None
) -> None:
    """Run a farm into a file, in the form that the suffix of ``path`` names.

    Args:
        path: ends in ``.csv`` or ``.parquet``; the file takes its name when it is whole.
        farm: whose readings.
        hours: length of the run.
        written: hears of each block.

    Raises:
        ValueError: the suffix is neither of these, or a fault of the farm befalls messages, of
            which a table has none.
        LibraryMissing: Parquet needs pyarrow.
        OSError: the file cannot be written.
    """
    suffix = check_table(path, farm)
    blocks = (_told(block, written) for block in farm.run(hours))
    with whole_path(path) as partial:
        FORMS[suffix](partial, farm, blocks)


def check_table(path: str, farm: Farm) -> str:
    """The suffix of a file that can hold what a farm reports.

    Raises:
        ValueError: as `write_table`.
    """
    suffix = Path(path).suffix
    if suffix not in FORMS:
        raise ValueError(f"{path}: a table is a file {' or '.join(FORMS)}")
    for fault in farm.faults:
        if fault.kind == "transport":
            raise ValueError(f"{fault} befalls messages, and a {suffix} file has none: use .jsonl")
    return suffix


def write_csv(file: IO[str], farm: Farm, blocks: Iterable[Block]) -> None:
    """Write blocks of a farm as comma-separated values.

    >>> import sys
    >>> farm = Farm(machines=2, seed=1, period_s=1800, sensors=["wind_speed"])
    >>> write_csv(sys.stdout, farm, farm.run(hours=0.5))  # doctest: +ELLIPSIS
    time,machine,wind_speed
    2026-01-01T00:00:00Z,T01,...
    2026-01-01T00:00:00Z,T02,...
    """
    file.write(",".join(("time", "machine", *farm.sensors)) + "\n")
    for block in blocks:
        file.writelines(_rows(farm, block))


def _rows(farm: Farm, block: Block) -> Iterator[str]:
    for time_ns, machines in zip(block.times.tolist(), block.values.tolist(), strict=True):
        time = iso_time(time_ns)
        for machine, values in zip(farm.machines, machines, strict=True):
            # A float's shortest text reads back as the same float; NaN alone is not itself.
            texts = (repr(value) if value == value else "" for value in values)  # noqa: PLR0124
            yield f"{time},{machine},{','.join(texts)}\n"


def _csv_file(path: Path, farm: Farm, blocks: Iterable[Block]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, farm, blocks)


def _parquet_file(path: Path, farm: Farm, blocks: Iterable[Block]) -> None:
    """One row group per block."""
    # Imported here: it is large, and an extra.
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise LibraryMissing(
            "a .parquet file needs pyarrow: pip install 'telltale[parquet]'"
        ) from None
    schema = _schema(farm)
    with parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            writer.write_table(_arrow_table(farm, block, schema))


def _schema(farm: Farm) -> Any:
    import pyarrow as pa

    names = pa.dictionary(pa.int32(), pa.string())
    columns = [("time", pa.timestamp("ns", "UTC")), ("machine", names)]
    return pa.schema([*columns, *((sensor, pa.float64()) for sensor in farm.sensors)])


def _arrow_table(farm: Farm, block: Block, schema: Any) -> Any:
    import pyarrow as pa

    steps, machines, sensors = block.values.shape
    rows = np.tile(np.arange(machines, dtype=np.int32), steps)
    columns = [
        pa.array(np.repeat(block.times, machines), schema.field("time").type),
        pa.DictionaryArray.from_arrays(rows, pa.array(farm.machines)),
        # from_pandas: NaN becomes null.
        *(pa.array(values, from_pandas=True) for values in block.values.reshape(-1, sensors).T),
    ]
    return pa.table(columns, schema=schema)


def _told(block: Block, written: Callable[[Block], None]) -> Block:
    written(block)
    return block


FORMS: dict[str, Callable[[Path, Farm, Iterable[Block]], None]] = {
    ".csv": _csv_file,
    ".parquet": _parquet_file,
}
