"""`telltale evaluate` as a person meets it: what it prints, writes, and says when it cannot."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

from streamer import cli
from streamer.commands.evaluate import Progress
from tests.evaluate.made import SCENARIO, write_nab, write_skab

CONFIG = ["--config", "turbines.yaml", "--baselines", "none"]


@pytest.fixture
def scenario(tmp_path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SCENARIO, "utf-8")
    return str(path)


@pytest.fixture
def evaluate(capsys):
    """Run the command; its exit status, what it printed, and what it complained of."""

    def run(*words) -> tuple[int, str, str]:
        status = cli.main(["evaluate", *map(str, words)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_farm_is_told_in_tables(evaluate, scenario) -> None:
    status, out, err = evaluate("simulator", "--scenario", scenario, "--quick", *CONFIG)
    assert (status, err) == (0, "")
    events, faults, points, learning = out.split("\n\n")
    assert "of its learning" in learning
    assert events.startswith("| entrant ")
    assert "| overheating " in faults
    assert "ROC-AUC" in points


def test_json_is_one_object_and_nothing_else(evaluate, scenario) -> None:
    status, out, _ = evaluate("simulator", "--scenario", scenario, "--quick", *CONFIG, "--json")
    data = json.loads(out)
    assert status == 0
    assert (data["on"], data["quick"], data["machines"]) == ("simulator", True, 2)
    assert out.count("\n") == 1


def test_public_sets_are_told_in_a_table(evaluate, tmp_path) -> None:
    write_nab(tmp_path / "nab")
    write_skab(tmp_path / "skab")
    for name, column in (("nab", "windows caught"), ("skab", "changepoints")):
        status, out, err = evaluate(
            name, "--data", tmp_path / name, "--baselines", "rolling_zscore"
        )
        assert (status, err) == (0, ""), name
        assert column in out
        assert "| rolling_zscore " in out


def write_own(tmp_path):
    """A recording of a flow that breaks, its labels, and a configuration for it."""
    value = np.random.default_rng(1).normal(5, 1, 600)
    value[500:] += 50
    times = pd.date_range("2026-01-01", periods=600, freq="10min", tz="UTC")
    path, labels = tmp_path / "pump.csv", tmp_path / "labels.csv"
    pd.DataFrame({"time": times, "value": value}).to_csv(path, index=False)
    labels.write_text(f"start,end\n{times[500]},{times[599]}\n", "utf-8")
    return path, labels


def test_a_recording_of_ones_own_with_all_that_can_be_written(evaluate, tmp_path) -> None:
    path, labels = write_own(tmp_path)
    config = ("--config", "benchmarks/nab.yaml", "--baselines", "static_limits,static_limits")
    report, scores = tmp_path / "report.html", tmp_path / "new" / "scores"
    status, out, err = evaluate(
        "csv", path, "--labels", labels, *config, "--report", report, "--scores", scores, "--json"
    )
    assert (status, err) == (0, "")
    data = json.loads(out)
    assert (data["file"], data["machines"], data["readings"]) == ("pump.csv", 1, 600)
    ours = data["entrants"][0]["events"]
    assert ours["detected"] == {"share": 1.0, "part": 1, "whole": 1}
    assert [one["entrant"] for one in data["entrants"]].count("static_limits") == 1
    assert report.read_text("utf-8").count("<img") == 1
    table = pd.read_csv(scores / "recording.csv")
    assert len(table) == 600
    assert set(table["alert"]) == {"inactive", "firing"}


def test_without_labels_there_is_only_to_be_alarmed(evaluate, tmp_path) -> None:
    path, _ = write_own(tmp_path)
    status, out, _ = evaluate("csv", path, "--config", "benchmarks/nab.yaml", "--baselines", "none")
    assert status == 0
    assert "| fault " not in out
    assert out.splitlines()[2].split("|")[2].strip() == "–"


def test_the_scores_that_do_not_fit_into_memory_are_counted(
    evaluate, scenario, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("streamer.evaluate.studies.TRACED_MAX", 1)
    status, _, err = evaluate(
        "simulator", "--scenario", scenario, "--quick", *CONFIG, "--scores", tmp_path / "s"
    )
    assert (status, len(list((tmp_path / "s").iterdir()))) == (0, 1)
    assert err == "--scores: 1 machines are left out, too much to keep in memory\n"


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["--scenario", "nix"], 2, "there is no scenario 'nix'"),
        (["--scenario", "nix.yaml"], 2, "nix.yaml: there is no such file"),
        (["--seeds", "0"], 2, "--seeds is 0, at least 1 is needed"),
        (["--class", "pump"], 2, "turbines.yaml has no class 'pump', there are turbine"),
        (["--baselines", "magic"], 2, "there is no baseline 'magic', there are static_limits, "),
        (["--baselines", ""], 2, "there is no baseline ''"),
        (
            ["--config", "nix.yaml"],
            2,
            "--config nix.yaml: there is no such file, and no shipped config is ",
        ),
        (["--report", "{tmp}/nix/r.html"], 1, "--report {tmp}/nix/r.html: there is no folder "),
        (["--report", "{tmp}"], 1, "--report {tmp}: is a folder, a file is needed"),
        (["--scores", "{tmp}/file"], 1, "--scores {tmp}/file: is a file, a folder is needed"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    evaluate, tmp_path, words, status, sentence
) -> None:
    (tmp_path / "file").touch()
    words = [word.format(tmp=tmp_path) for word in words]
    said = evaluate("simulator", "--config", "turbines.yaml", *words)
    assert said[:2] == (status, "")
    assert said[2].startswith(f"telltale evaluate: {sentence.format(tmp=tmp_path)}")
    assert said[2].count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nab", "--data", "{tmp}"], "{tmp} holds no combined_windows.json: a copy of NAB"),
        (["skab", "--data", "{tmp}"], "{tmp} holds no experiments, files like"),
        (["csv", "{tmp}/x.csv", "--config", "turbines.yaml"], "{tmp}/x.csv: there is no such file"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(evaluate, tmp_path, words, sentence) -> None:
    status, out, err = evaluate(*(word.format(tmp=tmp_path) for word in words))
    assert (status, out) == (2, "")
    assert err.startswith(f"telltale evaluate: {sentence.format(tmp=tmp_path)}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["csv", "x.csv"], ["nab"], ["simulator", "--seeds", "many"]])
def test_wrong_words_are_wrong_use(evaluate, words, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        evaluate(*words)
    assert left.value.code == 2


def test_a_configuration_that_is_wrong_is_wrong_use(evaluate, tmp_path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("classes: {}\n", "utf-8")
    status, out, err = evaluate("simulator", "--config", path)
    assert (status, out) == (2, "")
    assert "wrong.yaml" in err


def test_without_matplotlib_there_is_no_report_and_no_work_for_nothing(
    evaluate, scenario, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ("simulator", "--scenario", scenario, "--quick", *CONFIG)
    status, out, err = evaluate(*words, "--report", tmp_path / "r.html")
    assert (status, out) == (1, "")
    assert err == "telltale evaluate: it needs matplotlib: pip install 'telltale[evaluate]'\n"
    assert not (tmp_path / "r.html").exists()
    assert evaluate(*words)[0] == 0, "tables need no pictures"


def test_without_scikit_learn_there_is_no_isolation_forest(evaluate, scenario, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for name in [name for name in sys.modules if name.startswith("sklearn.")]:
        monkeypatch.setitem(sys.modules, name, None)
    words = ("simulator", "--scenario", scenario, "--quick", "--config", "turbines.yaml")
    status, out, err = evaluate(*words, "--baselines", "isolation_forest")
    assert (status, out) == (1, "")
    assert err.startswith("telltale evaluate: it needs ")
    assert err.endswith(": pip install 'telltale[evaluate]'\n")
    assert evaluate(*words, "--baselines", "rolling_zscore")[0] == 0
    status, out, err = evaluate(*words)
    assert status == 0, "all are those that can run"
    assert "isolation_forest" not in out
    assert err.startswith("left out: isolation_forest needs scikit-learn: pip install ")


def test_our_own_mistakes_are_not_put_down_to_the_user(evaluate, scenario, monkeypatch) -> None:
    def fails(*arguments, **more):
        raise ValueError("cannot reshape array of size 0")

    monkeypatch.setattr("streamer.evaluate.studies.walk", fails)
    with pytest.raises(ValueError, match="cannot reshape"):
        evaluate("simulator", "--scenario", scenario, "--quick", *CONFIG)


def test_progress_is_shown_on_a_terminal_and_wiped_away(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = Progress()
    progress("every_fault, seed 1", 0.5)
    progress("every_fault, seed 1", 0.51)
    assert capsys.readouterr().err == "\revery_fault, seed 1:  50 % \x1b[K", "not too often"
    progress.end()
    assert capsys.readouterr().err == "\r\x1b[K"


def test_progress_is_silent_in_a_pipe(capsys) -> None:
    progress = Progress()
    progress("every_fault, seed 1", 0.5)
    progress.end()
    assert capsys.readouterr().err == ""
