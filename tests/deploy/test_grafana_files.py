"""The files for Grafana: written by their generator, and such as Grafana takes them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from streamer.config import load
from tests.deploy import grafana
from tests.deploy.grafana import generate
from tests.deploy.grafana_rules import AlertingFile, DatasourceFile, ProviderFile

EXAMPLE = grafana.FOLDER.parents[1] / "config" / "turbines.yaml"


def texts(folder: Path) -> dict[str, str]:
    written = [*folder.glob("provisioning/**/*.*"), *folder.glob("dashboards/**/*.*")]
    return {p.relative_to(folder).as_posix(): p.read_text("utf-8") for p in written}


def test_the_generator_writes_the_committed_files(tmp_path: Path) -> None:
    generate(tmp_path)
    assert texts(tmp_path) == texts(grafana.FOLDER), "run deploy/grafana/generate.py"
    assert len(texts(tmp_path)) == 4


def test_grafana_takes_the_provisioning() -> None:
    DatasourceFile.model_validate(grafana.provisioning("datasources"))
    ProviderFile.model_validate(grafana.provisioning("dashboards"))
    AlertingFile.model_validate(grafana.provisioning("alerting"))


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    file = copy.deepcopy(grafana.provisioning("alerting"))
    change(file["groups"][0])
    return file


@pytest.mark.parametrize(
    "change",
    [
        lambda group: group.pop("folder"),
        lambda group: group.update(interval="1 minute"),
        lambda group: group["rules"].append(group["rules"][0]),
        lambda group: group["rules"][0].pop("uid"),
        lambda group: group["rules"][0].update(title=" "),
        lambda group: group["rules"][0].update(condition="D"),
        lambda group: group["rules"][0].update(data=[]),
        lambda group: group["rules"][0].update(noDataState="Ok"),
        lambda group: group["rules"][0].pop("panelId"),
        lambda group: group["rules"][0].update({"for": "5 m"}),
        lambda group: group["rules"][0].update(keepFiring="5m"),
        lambda group: group["rules"][0]["labels"].update(rule="{{ $labels.rule }}"),
        lambda group: group["rules"][0]["annotations"].update(summary="${machine}"),
        lambda group: group["rules"][0]["data"].reverse(),
        lambda group: group["rules"][0]["data"][0].update(datasourceUid="other"),
    ],
)
def test_what_grafana_would_not_take_is_seen(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ValidationError):
        AlertingFile.model_validate(broken(change))


def test_everything_asks_the_one_data_source() -> None:
    (source,) = grafana.provisioning("datasources")["datasources"]
    found = re.findall(
        r'"type": "influxdb",\s+"uid": "([^"]+)"', texts(grafana.FOLDER)["dashboards/machine.json"]
    )
    assert len(found) > 10
    asked = {rule["data"][0]["datasourceUid"] for rule in grafana.rules()}
    assert {*found, *asked} == {source["uid"]}


def test_the_dashboard_is_whole() -> None:
    board = grafana.dashboard()
    assert board["uid"]
    assert board["title"]
    defined = {variable["name"] for variable in board["templating"]["list"]}
    used = set().union(*map(grafana.names_in, grafana.strings(board)))
    # $1 belongs to a regular expression.
    assert used - grafana.BUILT_IN - {"1"} == defined
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["type"] == "row" or panel["targets"]


def test_no_panel_lies_on_another() -> None:
    panels = grafana.dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [set(cells_of(**panel["gridPos"])) for panel in panels]
    assert all(x < 24 for x, _ in set().union(*cells))
    assert not any(one & other for one, other in combinations(cells, 2))


def cells_of(x: int, y: int, w: int, h: int) -> list[tuple[int, int]]:
    return [(x + i, y + j) for i in range(w) for j in range(h)]


def test_an_alert_leads_to_the_severity() -> None:
    rule = grafana.rules()[0]
    board = grafana.dashboard()
    (panel,) = (panel for panel in board["panels"] if panel["id"] == rule["panelId"])
    assert rule["dashboardUid"] == board["uid"]
    assert panel["title"].startswith("Severity")


def test_every_score_is_shown_with_the_limit_it_is_judged_by() -> None:
    shown = {panel["title"]: panel for panel in grafana.dashboard()["panels"]}
    for name, detector in load(EXAMPLE).classes["turbine"].detectors.items():
        panel = shown[f"{name.replace('_', ' ')} (limit {detector.limit:g})"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["thresholds"]["steps"][-1] == {"color": "red", "value": detector.limit}
        assert defaults["custom"]["thresholdsStyle"]["mode"] == "line"


def test_whoever_shows_no_data_says_what_that_means() -> None:
    states = {rule["title"]: rule["noDataState"] for rule in grafana.rules()}
    assert states == {"A machine needs a look": "OK", "No turbine is judged": "Alerting"}


def test_a_configuration_of_ones_own_is_followed(pumps: Path) -> None:
    AlertingFile.model_validate(grafana.provisioning("alerting", pumps))
    board = grafana.dashboard(pumps)
    variables = [variable["name"] for variable in board["templating"]["list"]]
    assert variables == ["class", "site", "machine", "hall", "line", "sensor"]
    titles = [panel["title"] for panel in board["panels"]]
    assert "ewma multichart (limit 4, 6)" in titles
    assert "river.anomaly.LocalOutlierFactor (limit 2)" in titles
    units = board["panels"][-1]["fieldConfig"]["overrides"]
    assert [unit["matcher"]["options"] for unit in units] == ["vibration"]
    quiet = {rule["uid"]: rule["data"][0]["relativeTimeRange"] for rule in grafana.rules(pumps)}
    assert quiet["telltale-quiet-pump"] == {"from": 120, "to": 0}
