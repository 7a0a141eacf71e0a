"""The gallery shows every fault, the page says what the code does, and its examples run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import reality, shapes
from docs import gallery, gallery_messages
from docs.gallery_page import page, paragraph
from docs.gallery_pictures import PICTURES
from docs.generated import SIMULATOR, with_part
from simulators import FAULTS
from simulators.faults.base import MachineFault, TransportFault

TEXT = SIMULATOR.read_text("utf-8")
MIB = 2**20
LARGEST = 2.5 * MIB


def test_every_fault_has_a_picture():
    assert list(PICTURES) == list(FAULTS)
    for name, picture in PICTURES.items():
        assert {fault.name for fault in picture.faults()} == {name}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_its_plot_and_its_paragraph(name):
    with Image.open(gallery.HOME / f"{name}.png") as plot:
        assert plot.width > 500
    heading, said = f"\n#### {FAULTS[name].fault_id} {name}\n", paragraph(name)
    assert TEXT.count(heading) == 1
    assert said in TEXT
    assert f"![{name}](gallery/{name}.png)" in said


def test_there_is_no_plot_of_anything_else_and_all_are_small():
    plots = list(gallery.HOME.glob("*.png"))
    assert {plot.stem for plot in plots} == set(FAULTS)
    assert sum(plot.stat().st_size for plot in plots) < LARGEST


def test_the_page_is_what_the_code_says():
    assert page(TEXT) == TEXT, "run make gallery"


def test_the_page_counts_the_faults_right():
    assert re.search(r"(\d+) kinds of", TEXT)[1] == str(len(FAULTS))


@pytest.mark.parametrize("name", ["mass_imbalance", "link_duplicates"])
def test_drawing_writes_one_picture_where_it_is_told(name, tmp_path):
    path = gallery.draw(name, tmp_path)
    assert [path] == list(tmp_path.iterdir())
    with Image.open(path) as drawn, Image.open(gallery.HOME / path.name) as kept:
        assert drawn.size == kept.size
        assert len(drawn.convert("RGB").getcolors()) > 4  # lines, not an empty sheet


def test_the_data_of_a_picture_are_always_the_same():
    picture = PICTURES["mass_imbalance"]
    runs = [gallery.twins(picture.farm(), picture.farm().faults[0], 24.0) for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def moved(name: str) -> bool:
    """Does what is drawn of a fault differ from the twin after the onset, and only then?"""
    picture = PICTURES[name]
    farm = picture.farm()
    fault = farm.faults[0]
    if isinstance(fault, TransportFault):
        return all(differs_from_plan(farm, fault, 24 * picture.days) for fault in farm.faults)
    seen = gallery.twins(farm, fault, 24 * picture.days)
    shown = [farm.sensors.index(panel) for panel in picture.panels]
    faulty, healthy = seen.faulty[:, shown], seen.healthy[:, shown]
    before = seen.t_s < fault.onset_s
    np.testing.assert_array_equal(faulty[before], healthy[before])
    return not np.array_equal(faulty, healthy, equal_nan=True)


def differs_from_plan(farm, fault, hours):
    healthy = gallery_messages.stamps(farm.with_faults(()), hours)[fault.machine]
    faulty = gallery_messages.stamps(farm, hours)[fault.machine]
    return (healthy.said, healthy.sent_s.tolist()) != (faulty.said, faulty.sent_s.tolist())


@pytest.mark.parametrize(
    "name",
    [name for name in FAULTS if PICTURES[name].days < 20 or issubclass(FAULTS[name], MachineFault)],
)
def test_a_picture_shows_the_fault_after_its_onset(name):
    assert moved(name)


def test_a_part_of_a_page_is_found_or_refused():
    with pytest.raises(ValueError, match="needs the lines"):
        with_part("nothing", "faults", "something")


def shell_lines():
    return re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


def python_blocks():
    return re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_examples_of_the_page_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    root = str(SIMULATOR.parents[1])
    for line in shell_lines():
        words = [sys.executable, *shlex.split(line.replace("\\\n", ""))[1:]]
        subprocess.run(words, check=True, env={"PYTHONPATH": root}, capture_output=True)
    for block in python_blocks():
        exec(block, {})
    said = capsys.readouterr().out
    assert "gearbox_kurtosis" in said
    assert "2026-01-01T0" in said
    assert "(25600,) samples" in said


def test_reality_is_measured_for_every_published_figure():
    """A short run: its figures mean nothing, but all are there and none is NaN."""
    day = shapes.simulated(9, 1, period_s=60.0, hours=24.0 * 20)
    measured = shapes.measure(
        day,
        shapes.simulated(2, 1, period_s=10.0, hours=96.0),
        shapes.simulated(9, 1, period_s=60.0, hours=96.0, machine_class="pump"),
    )
    assert not [what for what, said in measured.items() if "nan" in said]
    table = reality.markdown(measured, reality.published())
    assert table.count("\n") == 2 + len(measured)


def test_a_figure_without_a_source_is_refused():
    with pytest.raises(ValueError, match="on one side only"):
        reality.markdown({"new": "1"}, {})


def test_the_pages_table_has_every_published_figure():
    for about in reality.published().values():
        assert f"| {about['figure']} | " in TEXT
        assert f" | {about['real']} | {about['source']} |" in TEXT


def test_shapes_recognise_what_is_known():
    rng = np.random.default_rng(1)
    wind = 9 * rng.weibull(2.0, 50_000)
    assert shapes.weibull_shape(wind) == pytest.approx(2.0, abs=0.03)
    assert shapes.kurtosis(rng.standard_normal(50_000)) == pytest.approx(3.0, abs=0.1)
    walk = np.zeros((20_000, 2))
    for i in range(1, len(walk)):
        walk[i] = 0.8 * walk[i - 1] + rng.standard_normal(2)
    assert shapes.autocorrelation(walk, 1) == pytest.approx(0.8, abs=0.02)
    hours = np.arange(6 * 24 * 20) / 6
    assert shapes.daily(np.cos(2 * np.pi * hours / 24)[:, np.newaxis]) == pytest.approx(1, abs=0.02)
