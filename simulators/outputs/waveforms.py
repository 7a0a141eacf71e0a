"""Files of recordings: NumPy's .npz, and CSV with one recording per row."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulators.campaign import Burst, Campaign
from simulators.clock import iso_time
from simulators.farm import Block
from simulators.outputs.files import whole_path

BYTES_MAX = 1_000_000_000
"""Of the samples in a file: whoever reads it needs the memory for all of it."""


def write_waveforms(
    path: str, campaign: Campaign, written: Callable[[Block], None] = lambda _: None
) -> None:
    """Record a whole campaign into a file, in the form that the suffix of ``path`` names.

    ``.npz``, for `numpy.load`: ``times [bursts]`` in ns since 1970, ``machines``, ``rpm``,
    ``load``, ``wear``, ``place`` (empty without wear) alike, ``acceleration [bursts, samples]`` in
    single precision, ``part`` and ``rate_hz``.

    ``.csv``: one recording per row, as a table of samples for learning has it: time, machine, part,
    rpm, load, wear, place, rate_hz, then the samples as ``a0``, ``a1``, … with six digits, so that
    ``frame.loc[:, "a0":]`` are all of them.

    It needs the memory of one recording.

    Args:
        path: ends in ``.npz`` or ``.csv``; the file takes its name when it is whole.
        campaign: what is recorded.
        written: hears of each block of the farm's run.

    Raises:
        ValueError: as `check_waveforms`.
        OSError: the file cannot be written.
    """
    suffix = check_waveforms(path, campaign)
    with whole_path(path) as partial:
        FORMS[suffix].write(partial, campaign, campaign.run(written))


def check_waveforms(path: str, campaign: Campaign) -> str:
    """The suffix of a file that can hold what a campaign records.

    Raises:
        ValueError: it is neither of `FORMS`, or that would be more than `BYTES_MAX`.
    """
    suffix = check_form(path)
    size = campaign.bursts * campaign.samples * FORMS[suffix].sample_bytes
    if size > BYTES_MAX:
        raise ValueError(
            f"{campaign.bursts:g} recordings of {campaign.samples} samples are {size / 1e9:.1f} GB"
            f" as {suffix}, at most {BYTES_MAX / 1e9:g} GB are written: record shorter, less often,"
            " or fewer machines"
        )
    return suffix


def check_form(path: str) -> str:
    """The suffix of a file of recordings.

    Raises:
        ValueError: it is neither of `FORMS`.
    """
    suffix = Path(path).suffix
    if suffix not in FORMS:
        raise ValueError(f"out is {path}: recordings go to a file {' or '.join(FORMS)}")
    return suffix


def _npz_file(path: Path, campaign: Campaign, bursts: Iterable[Burst]) -> None:
    """What `numpy.savez` writes, but recording by recording."""
    nothing = np.empty(0)
    told: list[Burst] = []
    header = {
        "descr": "<f4",
        "fortran_order": False,
        "shape": (int(campaign.bursts), campaign.samples),
    }
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("acceleration.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for burst in bursts:
                file.write(burst.acceleration.astype("<f4").tobytes())
                told.append(burst._replace(acceleration=nothing))
        columns = {
            "times": [burst.time_ns for burst in told],
            "machines": [burst.machine for burst in told],
            "rpm": [burst.rpm for burst in told],
            "load": [burst.load for burst in told],
            "wear": [burst.wear for burst in told],
            "place": np.array([burst.place for burst in told], dtype="U5"),
            "part": campaign.part,
            "rate_hz": campaign.rate_hz,
        }
        for name, values in columns.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(values), allow_pickle=False)


def _csv_file(path: Path, campaign: Campaign, bursts: Iterable[Burst]) -> None:
    about = ("time", "machine", "part", "rpm", "load", "wear", "place", "rate_hz")
    samples = (f"a{i}" for i in range(campaign.samples))
    form = ",".join(["%.6g"] * campaign.samples)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join((*about, *samples)) + "\n")
        for burst in bursts:
            state = f"{burst.rpm!r},{burst.load!r},{burst.wear!r},{burst.place}"
            file.write(f"{iso_time(burst.time_ns)},{burst.machine},{burst.part},{state},")
            file.write(f"{campaign.rate_hz!r},{form % tuple(burst.acceleration.tolist())}\n")


class Form(NamedTuple):
    """A kind of file."""

    sample_bytes: int
    """About what one sample takes."""
    write: Callable[[Path, Campaign, Iterable[Burst]], None]


FORMS: Mapping[str, Form] = {".npz": Form(4, _npz_file), ".csv": Form(10, _csv_file)}
