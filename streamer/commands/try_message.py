"""``telltale try CONFIG --topic T --payload P``: how would this message be read?"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streamer.commands.options import add_config, load_config

if TYPE_CHECKING:
    from streamer.config import Config
    from streamer.records import Reading
    from streamer.topics import Route


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``CONFIG --topic T --payload P``; ``-`` takes the payload from standard input."""
    add_config(parser)
    parser.add_argument("--topic", required=True, help="the topic it would come on")
    parser.add_argument("--payload", required=True, help="the payload; - reads standard input")


def main(args: argparse.Namespace) -> int:
    """Print what each reading in it would become; 1 if any of it would be refused."""
    from streamer.decode import decode
    from streamer.pipeline import router
    from streamer.records import Fault

    config = load_config(args)
    payload = sys.stdin.buffer.read() if args.payload == "-" else args.payload.encode()
    route = router(config).route(args.topic)
    if isinstance(route, Fault):
        print(f"refused: {route.reason}: {route.detail}")
        return 1
    print(f"class {route.machine_class}, read as {route.dialect}")
    found = decode(
        route.dialect,
        payload,
        time_field=route.time_field,
        machine_field=route.machine_field,
        sensor=route.sensor,
        recording=route.recording,
        max_payload_bytes=config.mqtt.max_payload_bytes,
    )
    refused = 0
    for one in found:
        if isinstance(one, Fault):
            print(f"refused: {one.reason}: {one.detail}")
            refused += 1
        else:
            refused += _show(config, route, one)
    return 1 if refused else 0


def _show(config: Config, route: Route, reading: Reading) -> int:
    labels = dict(route.labels)
    if reading.machine is not None:
        labels["machine"] = reading.machine
    spec = config.classes[route.machine_class]
    name = "/".join(labels.values())
    print(f"machine {name} ({', '.join(f'{k}={v}' for k, v in labels.items())}) {_time(reading)}")
    refused = [f"{fault.reason}: {fault.detail}" for fault in reading.faults]
    if not spec.admits(name):
        refused.append(f"unknown_machine: {name!r} is not among {route.machine_class}'s machines")
    for sensor, value in reading.values.items():
        if sensor in spec.sensors:
            print(f"  {sensor} = {value:g} {spec.sensors[sensor].unit}".rstrip())
        else:
            refused.append(
                f"unknown_sensor: {sensor!r} is no sensor of class {route.machine_class}, "
                f"which has {', '.join(spec.sensors)}"
            )
    for sentence in refused:
        print(f"  refused: {sentence}")
    return len(refused)


def _time(reading: Reading) -> str:
    if reading.time_ns is None:
        return "at the time it arrives"
    seconds, ns = divmod(reading.time_ns, 1_000_000_000)
    return f"at {datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"
