"""Recordings of a farm's bearings: an analyst finds in them what the farm's run says, no more."""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import weakref
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import butter, hilbert, sosfiltfilt
from scipy.stats import kurtosis

from simulators import MACHINE_CLASSES, Burst, Climate, Farm, parse_fault, waveforms
from simulators.bearing_geometry import BEARINGS, PLACES
from simulators.campaign import PLACE_SHARES, RUNNING, Campaign
from simulators.command import add_arguments, main
from simulators.outputs.waveforms import FORMS, write_waveforms
from simulators.waveform import record

ROOT = Path(__file__).parents[2]
GENERATOR = BEARINGS["turbine", "generator"]
HOUR_S = 3600.0
SEED = 5
"""It puts the wear of `WEAR` on the outer race."""
ONSET_H, RAMP_H, HOURS = 24, 24, 54
WEAR = f"bearing_wear.generator@T02:{ONSET_H}h+{RAMP_H}h-51h:0.5"


def farm(*faults: str, machines: int = 3, seed: int = SEED, **more: object) -> Farm:
    parsed = [parse_fault(fault) for fault in faults]
    more = {"period_s": 600, "sensors": "all", **more}
    return Farm(machines, seed, faults=parsed, **more)


def bursts_of(
    some: Farm, hours: float = HOURS, part: str = "generator", every_h: float = 3, **how: float
) -> list[Burst]:
    return list(waveforms(some, hours, part, every_h * HOUR_S, **how))


def digest(bursts: list[Burst]) -> str:
    sound = hashlib.sha256()
    for burst in bursts:
        sound.update(repr(burst[:-1]).encode() + burst.acceleration.tobytes())
    return sound.hexdigest()


@pytest.fixture(scope="module")
def worn() -> list[Burst]:
    return bursts_of(farm(WEAR))


@pytest.fixture(scope="module")
def healthy() -> list[Burst]:
    return bursts_of(farm())


def outer_line(burst: Burst) -> float:
    """The envelope's line at BPFO, of the usual height of lines around it."""
    f0 = GENERATOR.resonance_hz
    band = butter(4, (0.7 * f0, 1.3 * f0), "bandpass", fs=25_600, output="sos")
    envelope = np.abs(hilbert(sosfiltfilt(band, burst.acceleration)))
    lines = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope))))
    f = np.fft.rfftfreq(len(envelope), 1 / 25_600)
    outer_hz = GENERATOR.geometry.bpfo(GENERATOR.shaft_hz(burst.rpm))
    around = lines[(f > 0.5 * outer_hz) & (f < 1.8 * outer_hz)]
    return float(lines[np.abs(f - outer_hz) < 2].max() / np.median(around))


class TestBursts:
    def test_every_machine_is_recorded_at_every_multiple(self, worn: list[Burst]) -> None:
        start_ns = farm().start_ns
        assert [(burst.time_ns - start_ns, burst.machine) for burst in worn] == [
            (h * 3600 * 10**9, machine) for h in range(0, 54, 3) for machine in farm().machines
        ]
        assert {burst.part for burst in worn} == {"generator"}
        assert {(burst.acceleration.shape, burst.acceleration.dtype.str) for burst in worn} == {
            ((25_600,), "<f8")
        }

    @pytest.mark.parametrize(
        ("machine_class", "part", "sensors", "rated_kw"),
        [
            ("turbine", "gearbox", ["rotor_speed", "power"], 5000),
            ("pump", "drive_end", ["speed", "power"], 68 / 0.94),
        ],
    )
    def test_speed_and_load_are_those_of_the_run(
        self, machine_class: str, part: str, sensors: list[str], rated_kw: float
    ) -> None:
        service = "service@all:5h-8h"
        some = farm(service, machine_class=machine_class, sensors=sensors)
        ((_, values),) = some.run(12)
        bursts = bursts_of(some, 12, part, every_h=0.5, duration_s=0.01)
        rpm, power = values[::3].reshape(-1, 2).T
        assert [burst.rpm for burst in bursts] == rpm.tolist()
        load = np.array([burst.load for burst in bursts])
        assert load == pytest.approx(np.maximum(power, 0) / rated_kw)
        assert load.min() == 0, "service stops them"
        assert 0.2 < load.max() < 1.2

    def test_a_machine_that_draws_power_has_no_load(self) -> None:
        asked = campaign(farm(machines=1))
        (burst,) = asked._record_all(asked.farm.start_ns, np.array([[0.3, -50.0]]))
        assert (burst.rpm, burst.load) == (0.3, 0.0)

    def test_what_the_farm_reports_does_not_matter(self) -> None:
        one = bursts_of(farm(WEAR, sensors=["generator_vibration"]), 6)
        assert digest(one) == digest(bursts_of(farm(WEAR), 6))

    def test_a_bearing_does_not_feel_a_broken_instrument(self) -> None:
        false = farm(
            "sensor_offset.power@all:0h", "sensor_stuck.rotor_speed@T01:1h", "link_late@all:0h"
        )
        assert digest(bursts_of(false, 12)) == digest(bursts_of(farm(), 12))

    def test_each_is_the_recording_of_that_state(self, worn: list[Burst]) -> None:
        for burst in worn[-5:]:
            alone = record(
                SEED,
                burst.machine,
                burst.time_ns,
                "turbine",
                "generator",
                rpm=burst.rpm,
                load=burst.load,
                wear=burst.wear,
                place=burst.place or "cage",
            )
            assert np.array_equal(burst.acceleration, alone)

    def test_an_endless_run_can_be_listened_to(self, healthy: list[Burst]) -> None:
        endless = waveforms(farm(), float("inf"), "generator", 3 * HOUR_S)
        assert digest(list(islice(endless, 54))) == digest(healthy)

    def test_the_same_in_another_process(self) -> None:
        program = (
            "from tests.simulators.test_waveforms import *\n"
            "print(digest(bursts_of(farm(WEAR), 33)))"
        )
        other = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        assert other.stdout.strip() == digest(bursts_of(farm(WEAR), 33))

    def test_another_seed_is_another_farm(self, healthy: list[Burst]) -> None:
        other = bursts_of(farm(seed=2), 3)
        assert not np.array_equal(other[0].acceleration, healthy[0].acceleration)


class TestWear:
    def test_it_is_that_of_the_fault_while_it_lasts(self, worn: list[Burst]) -> None:
        (fault,) = farm(WEAR).faults
        hours = np.arange(0, HOURS, 3)
        wear = [burst.wear for burst in worn if burst.machine == "T02"]
        assert wear == fault.severity_at(hours * HOUR_S).tolist()
        assert [w > 0 for w in wear] == [ONSET_H < h < 51 for h in hours]
        assert max(wear) == 0.5
        assert {burst.wear for burst in worn if burst.machine != "T02"} == {0.0}

    def test_there_is_a_place_where_there_is_wear(self, worn: list[Burst]) -> None:
        assert {(burst.wear > 0, burst.place) for burst in worn} == {(True, "outer"), (False, "")}

    def test_without_it_all_bytes_are_those_of_the_healthy_farm(
        self, worn: list[Burst], healthy: list[Burst]
    ) -> None:
        for burst, twin in zip(worn, healthy, strict=True):
            assert burst[:5] == twin[:5]
            assert np.array_equal(burst.acceleration, twin.acceleration) == (burst.wear == 0)

    def test_severity_0_is_the_healthy_farm(self, healthy: list[Burst]) -> None:
        assert digest(bursts_of(farm(WEAR.replace(":0.5", ":0")))) == digest(healthy)

    def test_another_part_is_not_worn(self) -> None:
        elsewhere = farm(WEAR.replace("generator", "gearbox"))
        assert {burst.wear for burst in bursts_of(elsewhere, duration_s=0.01)} == {0.0}

    def test_an_analyst_finds_it_after_its_onset_and_not_before(self) -> None:
        windy = Climate(weibull_scale=11.0)
        figures: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for burst in bursts_of(farm(WEAR, climate=windy), every_h=1):
            clear = burst.wear == 0 or burst.wear > 0.1
            # A machine that stands has no strikes.
            if burst.machine == "T02" and burst.rpm > 6 and clear:
                seen = float(kurtosis(burst.acceleration)), outer_line(burst)
                figures[burst.wear > 0].append(seen)
        excess, line = np.transpose(figures[False])
        worn_excess, worn_line = np.transpose(figures[True])
        assert len(excess) > 8
        assert len(worn_excess) > 4
        assert np.all(np.abs(excess) < 0.3), "Gaussian: an excess of 0"
        assert np.all(worn_excess > 1)
        assert np.median(line) < 2.5
        assert line.max() < 5
        assert np.median(worn_line) > 5

    def test_machines_are_independent(self, worn: list[Burst], healthy: list[Burst]) -> None:
        others = [b for b in worn if b.machine != "T02"]
        assert digest(others) == digest([b for b in healthy if b.machine != "T02"])
        first, second, third = (burst.acceleration for burst in healthy[:3])
        assert np.all(np.abs(np.corrcoef([first, second, third]) - np.eye(3)) < 0.05)

    def test_places_are_drawn_once_for_each_fault(self) -> None:
        every = "bearing_wear.generator@all:0h-8h:{}", "bearing_wear.generator@all:9h:{}"
        some = farm(*(text.format(0.5) for text in every), machines=200)
        milder = farm(*(text.format(0.1) for text in every), machines=200)
        how = {"every_h": 4, "duration_s": 0.001}
        places = [burst.place for burst in bursts_of(some, 16, **how)]
        assert places == [burst.place for burst in bursts_of(milder, 16, **how)]
        first, again, gap, second = (places[i : i + 200] for i in range(0, 800, 200))
        assert first == again != second
        assert set(gap) == {""}
        for place in PLACES:
            share = (first + second).count(place) / 400
            assert share == pytest.approx(PLACE_SHARES[place], abs=0.08)
            assert share > 0

    def test_every_class_with_bearings_says_how_it_runs(self) -> None:
        assert {of for of, _ in BEARINGS} == set(RUNNING) == set(MACHINE_CLASSES)
        assert sum(PLACE_SHARES.values()) == pytest.approx(1)
        for name, running in RUNNING.items():
            known = {sensor.name: sensor.unit for sensor in MACHINE_CLASSES[name].instruments}
            assert (known[running.speed], known[running.power]) == ("rpm", "kW")


def campaign(some: Farm | None = None, hours: float = 42.0, **changes: object) -> Campaign:
    how: dict[str, object] = {"part": "generator", "every_s": 6 * HOUR_S, "duration_s": 0.05}
    return Campaign(some or farm(WEAR), hours, **(how | changes))


class TestFiles:
    def test_npz_holds_the_bursts(self, tmp_path: Path) -> None:
        asked = campaign()
        bursts = list(asked.run())
        write_waveforms(str(tmp_path / "bursts.npz"), asked)
        with np.load(tmp_path / "bursts.npz", allow_pickle=False) as held:
            assert set(held) == {
                "times", "machines", "rpm", "load", "wear", "place", "acceleration", "part",
                "rate_hz",
            }  # fmt: skip
            assert held["times"].dtype == np.int64
            assert held["times"].tolist() == [burst.time_ns for burst in bursts]
            assert held["machines"].tolist() == [burst.machine for burst in bursts]
            for name in ("rpm", "load", "wear", "place"):
                assert held[name].tolist() == [getattr(burst, name) for burst in bursts]
            assert held["acceleration"].dtype == np.float32
            assert np.array_equal(
                held["acceleration"],
                np.array([burst.acceleration for burst in bursts], dtype=np.float32),
            )
            assert (held["part"].item(), held["rate_hz"].item()) == ("generator", 25_600.0)
        assert len(bursts) == asked.bursts == 21

    def test_csv_is_one_burst_per_row(self, tmp_path: Path) -> None:
        asked = campaign()
        bursts = list(asked.run())
        write_waveforms(str(tmp_path / "bursts.csv"), asked)
        text = {"place": "str"}
        frame = pd.read_csv(tmp_path / "bursts.csv", parse_dates=["time"], dtype=text)
        about = ["time", "machine", "part", "rpm", "load", "wear", "place", "rate_hz"]
        assert list(frame.columns) == [*about, *(f"a{i}" for i in range(1280))]
        assert (frame["time"] == pd.to_datetime([b.time_ns for b in bursts], utc=True)).all()
        for name in ("machine", "part", "rpm", "load", "wear"):
            assert frame[name].tolist() == [getattr(burst, name) for burst in bursts]
        assert frame["place"].fillna("").tolist() == [burst.place for burst in bursts]
        assert set(frame["rate_hz"]) == {25_600.0}
        samples = frame.loc[:, "a0":].to_numpy()
        assert np.allclose(samples, [burst.acceleration for burst in bursts], rtol=1e-5, atol=1e-9)

    @pytest.mark.parametrize("suffix", [".npz", ".csv"])
    def test_same_bytes_again_and_healthy_ones_at_severity_0(
        self, suffix: str, tmp_path: Path
    ) -> None:
        def written(some: Farm) -> bytes:
            path = tmp_path / f"bursts{suffix}"
            write_waveforms(str(path), campaign(some))
            return path.read_bytes()

        assert written(farm(WEAR)) == written(farm(WEAR)) != written(farm())
        assert written(farm(WEAR.replace(":0.5", ":0"))) == written(farm())

    @pytest.mark.parametrize("suffix", [".npz", ".csv"])
    def test_no_file_is_half_a_campaign(self, suffix: str, tmp_path: Path) -> None:
        def interrupted(_: object) -> None:
            raise KeyboardInterrupt

        path = tmp_path / f"bursts{suffix}"
        path.write_text("of an earlier run")
        with pytest.raises(KeyboardInterrupt):
            write_waveforms(str(path), campaign(), interrupted)
        assert path.read_text() == "of an earlier run"
        assert list(tmp_path.iterdir()) == [path]

    def test_it_hears_of_every_block(self, tmp_path: Path) -> None:
        times: list[int] = []
        write_waveforms(
            str(tmp_path / "bursts.npz"), campaign(), lambda block: times.extend(block.times)
        )
        assert len(times) == 42 * 6

    @pytest.mark.parametrize("suffix", [".npz", ".csv"])
    def test_only_one_recording_is_held(self, suffix: str, tmp_path: Path) -> None:
        asked = campaign()
        sounds: list[weakref.ref[np.ndarray]] = []

        def watched() -> Iterator[Burst]:
            for burst in asked.run():
                sounds.append(weakref.ref(burst.acceleration))
                yield burst
                assert sum(sound() is not None for sound in sounds) == 1

        FORMS[suffix].write(tmp_path / f"bursts{suffix}", asked, watched())
        assert len(sounds) == asked.bursts

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"part": "nose"}, "part is 'nose', a turbine has bearings main, gearbox, generator"),
            ({"every_s": 0.0}, "every is 0 s, it must be a whole number of the farm's periods of"),
            ({"every_s": 900.0}, "every is 900 s, it must be a whole number of the farm's periods"),
            ({"every_s": float("nan")}, "every is nan s"),
            ({"every_s": float("inf")}, "every is inf s"),
            ({"duration_s": 700.0, "every_s": 600.0}, "recordings every 600 s would overlap"),
            ({"duration_s": float("inf")}, "would overlap"),
            ({"duration_s": float("nan")}, "duration is nan s"),
            ({"duration_s": 0.0}, "duration is 0 s, at 25600 Hz it must give 1"),
            ({"rate_hz": 7999.0}, "sampling rate is 7999 Hz, it must be at least twice the"),
            ({"rate_hz": float("inf")}, "sampling rate is inf Hz"),
            ({"hours": 0.0}, "hours is 0, it must be more than 0"),
        ],
    )
    def test_what_cannot_be_is_refused_at_once(self, changes: dict[str, object], says: str) -> None:
        with pytest.raises(ValueError, match=says):
            campaign(**changes)

    @pytest.mark.parametrize(
        ("path", "hours", "says"),
        [
            (
                "bursts.npz",
                5e5,
                "250002 recordings of 1280 samples are 1.3 GB as .npz",
            ),
            (
                "bursts.csv",
                3e5,
                "samples are 1.9 GB as .csv, at most 1 GB are written",
            ),
            ("bursts.npz", float("inf"), "inf recordings of 1280 samples are inf GB"),
            ("bursts.wav", 30.0, "bursts.wav: recordings go to a file .npz or .csv"),
        ],
    )
    def test_what_no_file_can_hold_is_refused(
        self, path: str, hours: float, says: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ValueError, match=says):
            write_waveforms(str(tmp_path / path), campaign(hours=hours))
        assert list(tmp_path.iterdir()) == []


def simulate(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args([str(argument) for argument in arguments]))


class TestCommand:
    FARM = ("--machines", 3, "--hours", 54, "--period-s", 600, "--seed", SEED)

    def test_it_writes_what_the_library_yields(
        self, tmp_path: Path, worn: list[Burst], capsys: pytest.CaptureFixture[str]
    ) -> None:
        out, truth = tmp_path / "bursts.npz", tmp_path / "truth.jsonl"
        assert simulate(
            *self.FARM, "--waveform", "generator", "--every", "3h", "--fault", WEAR, "--out", out,
            "--truth", truth,
        ) == 0  # fmt: skip
        assert capsys.readouterr().err == f"54 recordings of 3 machines in {out}\n"
        with np.load(out, allow_pickle=False) as held:
            assert held["wear"].tolist() == [burst.wear for burst in worn]
            sound = np.array([burst.acceleration for burst in worn], dtype=np.float32)
            assert np.array_equal(held["acceleration"], sound)
        assert '"component":"generator_bearing"' in truth.read_text()

    def test_four_times_a_day_by_default(self, tmp_path: Path) -> None:
        out = tmp_path / "bursts.csv"
        assert simulate(
            "--class", "pump", "--machines", 2, "--waveform", "drive_end", "--burst-s", 0.001,
            "--rate-hz", 10_000, "--out", out,
        ) == 0  # fmt: skip
        rows = [line.split(",") for line in out.read_text().splitlines()]
        assert [row[0][11:13] for row in rows[1::2]] == ["00", "06", "12", "18"]
        assert {len(row) for row in rows} == {8 + 10}

    def test_a_scenarios_other_faults_are_left_out(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out, truth = tmp_path / "bursts.npz", tmp_path / "truth.jsonl"
        assert simulate(
            "--scenario", "benign_changes", "--quick", "--waveform", "gearbox", "--every", "5d",
            "--burst-s", 0.01, "--out", out, "--truth", truth,
        ) == 0  # fmt: skip
        said = capsys.readouterr().err
        assert said.startswith("note: 2 faults that no recording holds are left out\n")
        assert '"fault":"service"' in truth.read_text()
        assert '"fault":"recalibration"' not in truth.read_text()

    def test_it_says_when_the_wear_is_elsewhere(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert simulate(
            *self.FARM, "--waveform", "main", "--fault", WEAR, "--out", tmp_path / "bursts.npz"
        ) == 0  # fmt: skip
        assert capsys.readouterr().err.startswith("note: bearing_wear is in generator, not in main")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--waveform", "nose"], "a turbine has bearings main, gearbox, generator"),
            (["--waveform", "main", "--class", "pump"], "drive_end, non_drive_end"),
            (["--waveform", "main", "--every", "often"], "every is 'often', write a number and"),
            (["--waveform", "main", "--every", "0h"], "every is 0 s, it must be a whole number"),
            (["--waveform", "main", "--every=-6h"], "every is -6h, it must not be negative"),
            (["--waveform", "main", "--every", "90s"], "every is 90 s, it must be a whole number"),
            (["--waveform", "main", "--rate-hz", "100"], "sampling rate is 100 Hz"),
            (["--waveform", "main", "--rate-hz", "nan"], "sampling rate is nan Hz"),
            (["--waveform", "main", "--burst-s", "-1"], "duration is -1 s"),
            (["--waveform", "main", "--burst-s", "1e5"], "would overlap"),
            (["--waveform", "main", "--hours", "1e5"], "at most 1 GB are written"),
            (["--waveform", "main", "--hours", "inf"], "only a run to a broker can be endless"),
            (["--waveform", "main", "--out", "x.jsonl"], "recordings go to a file .npz or .csv"),
            (["--waveform", "main", "--out", "x.parquet"], "recordings go to a file .npz or .csv"),
            (["--waveform", "main", "--out", "-"], "recordings go to a file .npz or .csv"),
            (["--waveform", "main", "--dialect", "json"], "--dialect is for messages"),
            (["--waveform", "main", "--sensors", "all"], "--sensors is for readings"),
            (["--waveform", "main", "--qos", "1"], "--qos is for --mqtt"),
            (["--waveform", "main", "--truth", "OUT"], "out and truth are the same file"),
            (["--waveform", "main", "--fault", "sensor_stuck@T01:1h"], "sensor_stuck of T01 at 1h"),
            (["--waveform", "main", "--fault", "link_late@T01:1h"], "nothing that a recording"),
            (["--waveform", "main", "--fault", "bearing_wear@T01:30h"], "begins after the run's"),
            (["--waveform", ""], "part is ''"),
            (["--every", "6h", "--out", "x.csv"], "--every is for --waveform"),
            (["--rate-hz", "100", "--out", "x.csv"], "--rate-hz is for --waveform"),
            (["--burst-s", "1", "--out", "x.csv"], "--burst-s is for --waveform"),
            (["--out", "x.npz"], "its suffix must be one of .jsonl, .csv, .parquet"),
        ],
    )
    def test_nonsense_is_one_sentence_and_leaves_nothing(
        self,
        arguments: list[str],
        sentence: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        arguments = ["day.npz" if argument == "OUT" else argument for argument in arguments]
        assert simulate("--out", "day.npz", *arguments) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert sentence in said.err
        assert list(tmp_path.iterdir()) == []

    def test_a_broker_takes_no_recordings(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert simulate("--mqtt", "127.0.0.1:1", "--waveform", "main") == 2
        assert "--waveform is for --out" in capsys.readouterr().err
