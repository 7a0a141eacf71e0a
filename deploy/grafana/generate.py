"""Writes all that Grafana is told: data source, dashboard, alert rules.

    python deploy/grafana/generate.py [CONFIG] [--out FOLDER]

The dashboard finds classes, machines and sensors in the database by itself. Labels of the machines,
units, limits and classes to watch are those of CONFIG (`config/turbines.yaml` unless given).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))

from alert_rules import alert_rules
from dashboard import dashboard
from queries import SOURCE, Json

from streamer.config import Config, ConfigError, load

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "config" / "turbines.yaml"
DASHBOARDS = "/var/lib/grafana/dashboards/telltale"

DATASOURCE_WHY = """\
Where Telltale's sink `influxdb` writes. InfluxQL, because InfluxDB 1.x, 2.x and 3 all answer it.
Grafana takes the three variables from its own environment, see README.md.
"""
PROVIDER_WHY = "Every dashboard file in `path`, read again when it changes.\n"
ALERTING_WHY = """\
Telltale has judged already, with its own delays and hysteresis: the first rule only repeats what
it says. Never an alert is good news (noDataState OK); a database that does not answer is an error,
not an all-clear. Events about Telltale itself are left out, for some of them have no end.

The others watch the watchman: where nothing is judged no alert can come, so there no data is the
alarm. They also fire until the first machine of a new class has learnt what is usual.
"""


def main() -> None:
    """Write the files of a configuration."""
    parser = argparse.ArgumentParser(description="Write all that Grafana is told.")
    parser.add_argument("config", nargs="?", type=Path, default=EXAMPLE, metavar="CONFIG")
    parser.add_argument("--out", type=Path, default=HERE, metavar="FOLDER")
    args = parser.parse_args()
    try:
        config = load(args.config)
    except ConfigError as error:
        parser.error(str(error))
    for name, text in files(config).items():
        path = args.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def files(config: Config) -> dict[str, str]:
    """Path → text of every file."""
    return {
        "provisioning/datasources/telltale.yaml": _yaml(DATASOURCE_WHY, datasource()),
        "provisioning/dashboards/telltale.yaml": _yaml(PROVIDER_WHY, provider()),
        "provisioning/alerting/telltale.yaml": _yaml(ALERTING_WHY, alert_rules(config)),
        "dashboards/machine.json": _json(dashboard(config)),
    }


def datasource() -> Json:
    """The database; the header is how InfluxDB 2 and 3 take a token, 1.x does not look at it."""
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Telltale",
                "uid": SOURCE["uid"],
                "orgId": 1,
                "type": SOURCE["type"],
                "access": "proxy",
                "url": "${TELLTALE_INFLUXDB_URL}",
                "editable": False,
                "jsonData": {
                    "version": "InfluxQL",
                    "dbName": "${TELLTALE_INFLUXDB_DATABASE}",
                    "httpMode": "GET",
                    "httpHeaderName1": "Authorization",
                },
                "secureJsonData": {"httpHeaderValue1": "Token ${TELLTALE_INFLUXDB_TOKEN}"},
            }
        ],
    }


def provider() -> Json:
    """Where Grafana looks for the dashboard."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "telltale",
                "orgId": 1,
                "folder": "Telltale",
                "type": "file",
                "allowUiUpdates": False,
                "options": {"path": DASHBOARDS},
            }
        ],
    }


def _json(data: Json) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _yaml(why: str, data: Json) -> str:
    comment = "".join(f"# {line}".rstrip() + "\n" for line in why.splitlines())
    text = yaml.dump(data, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)
    return f"# Written by generate.py.\n#\n{comment}{text}"


class _Plain(yaml.SafeDumper):
    """Says a thing twice rather than refer to it: a person reads these files."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


if __name__ == "__main__":
    main()
