"""The files for Grafana, and how it fills in the variables of a query."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
BUILT_IN = {"timeFilter", "__interval", "col"}
_NAMED = re.compile(r"\$(?:\{(\w+)(?::(\w+))?\}|(\w+))")


def generate(out: Path, *config: Path) -> None:
    command = [sys.executable, FOLDER / "generate.py", *config, "--out", out]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def dashboard(folder: Path = FOLDER) -> dict[str, Any]:
    return json.loads((folder / "dashboards/machine.json").read_text("utf-8"))


def provisioning(kind: str, folder: Path = FOLDER) -> dict[str, Any]:
    (path,) = (folder / "provisioning" / kind).glob("*.yaml")
    return yaml.safe_load(path.read_text("utf-8"))


def rules(folder: Path = FOLDER) -> list[dict[str, Any]]:
    return [rule for group in provisioning("alerting", folder)["groups"] for rule in group["rules"]]


def names_in(text: str) -> set[str]:
    """The variables that a text uses."""
    return {braced or plain for braced, _, plain in _NAMED.findall(text)}


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; escaped where it says ``:regex``."""

    def value(match: re.Match[str]) -> str:
        braced, form, plain = match.groups()
        found = values[braced or plain]
        return escaped(found) if form == "regex" else found

    return _NAMED.sub(value, text)


def escaped(text: str) -> str:
    """As the format ``regex`` of Grafana's variables does it."""
    return re.sub(r"[\\^$*+?.()|[\]{}/]", r"\\\g<0>", text)


def strings(node: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from strings(inner)
