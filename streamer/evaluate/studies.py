"""The comparisons that ``telltale evaluate`` offers: what to walk, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.config import Config, MachineClass
from streamer.evaluate import nab, recording, skab, tables
from streamer.evaluate.nab import NabLine
from streamer.evaluate.outcome import Run, said_together
from streamer.evaluate.series import Labelled, evaluate
from streamer.evaluate.skab import SkabLine
from streamer.evaluate.trace import Trace
from streamer.evaluate.walk import Course, Walked, walk

if TYPE_CHECKING:
    from simulators import Farm, Scenario

Progress = Callable[[str, float], None]
"""Told what is being walked, and which share of it is through."""

FORMAT = 1
"""Of the JSON: a new number where a key changes its meaning."""

TRACED_MAX = 100_000_000
"""Numbers kept to be looked at, 800 MB; machines beyond are left out."""


class WrongUse(Exception):
    """What was asked for cannot be evaluated; why, in one sentence."""


@dataclass(frozen=True)
class Study:
    """What came of a comparison."""

    text: str
    """Markdown tables."""
    data: Mapping[str, Any]
    """The same for programs."""
    traces: Sequence[Trace] = field(default_factory=list)
    untraced: int = 0
    """Machines that are in the tables and have no trace: `TRACED_MAX`."""


@dataclass(frozen=True)
class Setting:
    """What is compared, on all kinds of data."""

    config: Config
    machine_class: str
    baselines: Sequence[str] = ()
    traced: bool = False
    progress: Progress = lambda _what, _share: None

    @property
    def spec(self) -> MachineClass:
        """The section of the class."""
        return self.config.classes[self.machine_class]


def simulated(setting: Setting, scenario: str, *, seeds: int = 1, quick: bool = False) -> Study:
    """Farms of one scenario, each of another seed, together.

    Raises
    ------
    WrongUse
        There is no such scenario, or its machines lack a sensor of this class.
    """
    from streamer.evaluate.world import course_of

    if seeds < 1:
        raise WrongUse(f"--seeds is {seeds}, at least 1 is needed")
    first, _ = _farm(setting, scenario, quick=quick)
    numbers = range(first.seed, first.seed + seeds)
    walked = []
    for seed in numbers:
        story, farm = _farm(setting, scenario, quick=quick, seed=seed)
        course = course_of(farm, story.hours, setting.config, setting.machine_class)
        walked.append(_walk(setting, course, f"{story.name}, seed {seed}", TRACED_MAX // seeds))
    about = {
        "on": "simulator",
        "scenario": first.name,
        "quick": quick,
        "seeds": list(numbers),
        "machines": len(walked[0].run.machines),
        "days": first.hours / 24,
        "period_s": first.period_s,
        "invisible": [str(fault) for fault in story.invisible],
    }
    return _told(walked, about)


def _farm(
    setting: Setting, scenario: str, *, quick: bool, seed: int | None = None
) -> tuple[Scenario, Farm]:
    """A scenario and its farm, at a site of its own for each seed."""
    from simulators import load_scenario

    try:
        story = load_scenario(scenario, quick=quick, seed=seed)
        story.site = f"{story.site}-{story.seed}"
        return story, story.farm(list(setting.spec.sensors))
    except FileNotFoundError:
        raise WrongUse(f"{scenario}: there is no such file") from None
    except ValueError as error:
        raise WrongUse(str(error)) from None


def recorded(setting: Setting, path: Path, labels: Path | None) -> Study:
    """A recording of one's own; without labels there is nothing to be found, only to be alarmed."""
    course = recording.course_of(path, labels, setting.spec, setting.machine_class)
    about = {"on": "csv", "file": path.name, "machines": len(course.machines)}
    return _told([_walk(setting, course, path.name)], about)


def on_nab(setting: Setting, folder: Path) -> Study:
    """The Numenta Anomaly Benchmark, with the thresholds chosen as its leaderboard does."""
    corpus = list(nab.nab_series(folder))
    said, traces = _public(setting, corpus)
    lines = {name: nab.nab_line(corpus, parts, None) for name, parts in said.items()}
    return Study(tables.nab_table(lines), _data({"on": "nab"}, corpus, lines), traces)


def on_skab(setting: Setting, folder: Path) -> Study:
    """The Skoltech Anomaly Benchmark, every entrant at its own limit."""
    corpus = list(skab.skab_series(folder))
    said, traces = _public(setting, corpus)
    lines = {name: skab.skab_line(corpus, parts) for name, parts in said.items()}
    return Study(tables.skab_table(lines), _data({"on": "skab"}, corpus, lines), traces)


def _walk(setting: Setting, course: Course, what: str, most: int = TRACED_MAX) -> Walked:
    return walk(
        course,
        setting.spec,
        baselines=setting.baselines,
        traced=_worth_showing(course, setting, most) if setting.traced else [],
        progress=lambda done: setting.progress(what, done / course.readings),
    )


def _worth_showing(course: Course, setting: Setting, most: int) -> list[str]:
    """The machines, those first that something was wrong with, up to ``most`` numbers in all."""
    names = [fault.machine for fault in course.faults]
    names += [machine.name for machine in course.machines]
    severities = 1 + len(setting.spec.detectors) + len(setting.baselines)
    numbers = course.readings * (1 + 3 * len(setting.spec.sensors) + severities)
    each = max(numbers / len(course.machines), 1)
    return list(dict.fromkeys(names))[: max(int(most / each), 1)]


def _told(walked: Sequence[Walked], about: Mapping[str, Any]) -> Study:
    run = Run.together([one.run for one in walked])
    outcomes = [
        run.score(name, said_together([one.said[name] for one in walked]))
        for name in walked[0].said
    ]
    parts = [tables.events_table(outcomes), tables.points_table(outcomes)]
    if run.faults:
        parts.insert(1, tables.faults_table(outcomes))
    learnt = min(one.learnt for one in walked)
    if learnt < 1.0:
        parts.append(
            f"At the end a machine had done {100 * learnt:.0f} % of its learning: until it has "
            "learnt a machine the product says nothing of it."
        )
    data = {"format": FORMAT, **about, "readings": len(run.rows), "learnt": learnt}
    data["entrants"] = [outcome.to_dict() for outcome in outcomes]
    traces = [trace for one in walked for trace in one.traces]
    untraced = len(run.machines) - len(traces) if traces else 0
    return Study("\n\n".join(parts), data, traces, untraced)


def _public(setting: Setting, corpus: Sequence[Labelled]) -> tuple[Any, list[Trace]]:
    return evaluate(
        corpus,
        setting.spec,
        setting.machine_class,
        setting.baselines,
        traced=setting.traced,
        progress=lambda done: setting.progress("series", done / len(corpus)),
    )


def _data(
    about: Mapping[str, Any],
    corpus: Sequence[Labelled],
    lines: Mapping[str, NabLine] | Mapping[str, SkabLine],
) -> dict[str, Any]:
    entrants = [{"entrant": name, **line.to_dict()} for name, line in lines.items()]
    readings = sum(len(series.times) for series in corpus)
    return {
        "format": FORMAT,
        **about,
        "series": len(corpus),
        "readings": readings,
        "entrants": entrants,
    }
