"""What Grafana demands of the files it is given, as its provisioning reads them.

Source: pkg/services/provisioning of Grafana 12 (datasources/types.go, dashboards/types.go,
alerting/rules_types.go, values/values.go). Grafana itself passes over keys it does not know; here
they are refused, because a key with a typo in it does nothing.
"""

# ruff: noqa: N815 - the names are Grafana's

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

UID = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,40}$")]
Text = Annotated[str, Field(pattern=r"\S")]
Duration = Annotated[str, Field(pattern=r"^(0|(\d+(ms|[ywdhms]))+)$")]
"""As Prometheus writes them."""


def _no_dollar(text: str) -> str:
    if "$" in text:
        raise ValueError(f"{text!r}: Grafana puts its environment in the place of $ here")
    return text


def _only_environment(text: str) -> str:
    if "$" in re.sub(r"\$\{[A-Z][A-Z0-9_]*\}", "", text):
        raise ValueError(f"{text!r}: $ stands for something else than a variable ${{NAME}}")
    return text


def _no_braced_dollar(text: str) -> str:
    if "${" in text:
        raise ValueError(f"{text!r}: Grafana puts its environment in the place of ${{…}} here")
    return text


Plain = Annotated[Text, AfterValidator(_no_dollar)]
Expanded = Annotated[Text, AfterValidator(_only_environment)]
Templated = Annotated[Text, AfterValidator(_no_braced_dollar)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class InfluxSettings(Strict):
    version: Literal["InfluxQL"]
    dbName: Expanded
    httpMode: Literal["GET", "POST"]
    httpHeaderName1: Literal["Authorization"]


class Datasource(Strict):
    name: Plain
    uid: UID
    orgId: int
    type: Literal["influxdb"]
    access: Literal["proxy"]
    url: Expanded
    editable: bool
    jsonData: InfluxSettings
    secureJsonData: dict[Literal["httpHeaderValue1"], Expanded]


class DatasourceFile(Strict):
    apiVersion: Literal[1]
    datasources: Annotated[list[Datasource], Field(min_length=1)]


class Provider(Strict):
    name: Plain
    orgId: int
    folder: Plain
    type: Literal["file"]
    allowUiUpdates: bool
    options: dict[Literal["path"], Plain]


class ProviderFile(Strict):
    apiVersion: Literal[1]
    providers: Annotated[list[Provider], Field(min_length=1)]


class TimeRange(Strict):
    """Seconds before now."""

    from_: Annotated[int, Field(alias="from", gt=0)]
    to: Annotated[int, Field(ge=0)]


class Query(Strict):
    refId: Plain
    relativeTimeRange: TimeRange
    datasourceUid: Plain
    model: dict[str, Any]

    @model_validator(mode="after")
    def _model_agrees(self) -> Self:
        if self.model["refId"] != self.refId:
            raise ValueError(f"{self.refId}: its model is called {self.model['refId']}")
        if self.model["datasource"]["uid"] != self.datasourceUid:
            raise ValueError(f"{self.refId}: its model asks another data source")
        return self


class Rule(Strict):
    uid: UID
    title: Plain
    condition: Plain
    data: Annotated[list[Query], Field(min_length=1)]
    for_: Annotated[Duration, Field(alias="for")]
    noDataState: Literal["Alerting", "NoData", "OK", "KeepLast"]
    execErrState: Literal["Alerting", "Error", "OK", "KeepLast"]
    dashboardUid: UID | None = None
    panelId: int | None = None
    annotations: dict[Plain, Templated]
    labels: dict[Plain, Plain]

    @model_validator(mode="after")
    def _steps_follow_one_another(self) -> Self:
        known: list[str] = []
        for query in self.data:
            source = query.model.get("expression")
            if query.datasourceUid == "__expr__" and source not in known:
                raise ValueError(f"{query.refId} is made of {source}, there are {known}")
            if query.refId in known:
                raise ValueError(f"two steps are called {query.refId}")
            known.append(query.refId)
        if self.condition not in known:
            raise ValueError(f"the condition is {self.condition}, there are {known}")
        if (self.dashboardUid is None) != (self.panelId is None):
            raise ValueError("dashboardUid and panelId go together")
        return self


class Group(Strict):
    orgId: int
    name: Plain
    folder: Plain
    interval: Duration
    rules: Annotated[list[Rule], Field(min_length=1)]


class AlertingFile(Strict):
    apiVersion: Literal[1]
    groups: Annotated[list[Group], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_two_rules_alike(self) -> Self:
        rules = [rule for group in self.groups for rule in group.rules]
        for names in ([rule.uid for rule in rules], [rule.title for rule in rules]):
            if len(set(names)) < len(names):
                raise ValueError(f"two rules are called the same: {names}")
        return self
