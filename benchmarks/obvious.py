"""The program a River user would write: a callback, a pipeline per machine, points, batches.

``python -m benchmarks.obvious PORT URL ROOT``. Nothing in it is slow on purpose: it is put
together from the first pages of the documentation of paho-mqtt, River and influxdb-client, with
their defaults. It keeps nothing: what it has not written when it stops is gone, and so are its
models.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import defaultdict

import paho.mqtt.client as mqtt
from influxdb_client import InfluxDBClient, Point, WriteApi, WritePrecision
from influxdb_client.client.write_api import WriteOptions
from river import anomaly, compose, preprocessing


def new_model() -> compose.Pipeline:
    return preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=42)


class Program:
    """What happens to a message."""

    def __init__(self, root: str, write_api: WriteApi) -> None:
        self.topics = f"{root}/+/+/telemetry"
        self.write_api = write_api
        self.models: dict[str, compose.Pipeline] = defaultdict(new_model)

    def on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(self.topics, qos=1)

    def on_subscribe(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"STATUS=subscribed", os.environ["NOTIFY_SOCKET"])

    def on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        del client, userdata
        _, site, machine, _ = message.topic.split("/")
        reading = json.loads(message.payload)
        time_us = reading.pop("ts")
        model = self.models[machine]
        score = model.score_one(reading)
        model.learn_one(reading)
        point = Point("turbine").tag("site", site).tag("machine", machine)
        for name, value in reading.items():
            point = point.field(name, value)
        point = point.field("score", score).time(time_us, WritePrecision.US)
        self.write_api.write(bucket="bench", record=point)


def main(port: str, url: str, root: str) -> None:
    influxdb = InfluxDBClient(url, token="", org="bench")
    program = Program(root, influxdb.write_api(write_options=WriteOptions()))
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = program.on_connect
    client.on_subscribe = program.on_subscribe
    client.on_message = program.on_message
    client.connect("127.0.0.1", int(port))
    client.loop_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
