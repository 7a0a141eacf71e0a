"""``telltale check CONFIG``: what a configuration means, or what is wrong with it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from streamer.commands.options import add_config, load_config

if TYPE_CHECKING:
    from streamer.config import Config
    from streamer.monitor import ClassMonitor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``CONFIG [--effective]``."""
    add_config(parser)
    parser.add_argument(
        "--effective", action="store_true", help="print every setting with the value in force"
    )


def main(args: argparse.Namespace) -> int:
    """Say it; a wrong configuration is told line by line, with status 2."""
    from streamer.config import describe

    config = load_config(args)
    if config.web is not None:
        _check_web()
    if args.effective:
        print(describe(config), end="")
        return 0
    print(f"{args.config} is right")
    for line in _summary(config):
        print(line)
    return 0


def _check_web() -> None:
    from streamer.web.server import check_installed

    check_installed()


def _summary(config: Config) -> list[str]:
    from streamer.topics import Template, subscriptions

    broker = f"{config.mqtt.host}:{config.mqtt.port}"
    filters = subscriptions(Template(topic.topic) for topic in config.mqtt.topics)
    lines = [f"reads {', '.join(filters)} from {broker}, keeps its state in {config.state_dir}"]
    for name in config.classes:
        lines += _class_lines(config, name)
    writes = ", ".join(config.sinks) or "nowhere"
    tells = ", ".join(config.notifiers) or "nobody"
    return [*lines, f"writes scores to: {writes}", f"tells of alerts: {tells}"]


def _class_lines(config: Config, name: str) -> list[str]:
    from streamer.monitor import ClassMonitor
    from streamer.records import Machine

    spec = config.classes[name]
    monitor = ClassMonitor(name, spec, [Machine(name, ())])
    judged, size = ", ".join(spec.health), _bytes_per_machine(monitor)
    most = spec.max_machines
    lines = [f"class {name}: judges {judged} in {size} bytes per machine, at most {most} machines"]
    for key, detector in spec.detectors.items():
        lines.append(f"  {key}, limit {detector.limit:g}")
        if "." in key:
            lines.append(RIVER)
    for rule_name, rule in spec.alerts.items():
        lines.append(f"  alert {rule_name} ({rule.kind})")
    return lines


RIVER = (
    "    runs a River estimator: after a restart it is rebuilt from the last readings, "
    "so its scores are not the same to the last bit"
)


def _bytes_per_machine(monitor: ClassMonitor) -> int:
    return sum(array.nbytes for array in monitor.stages.arrays(1).values())
