"""Every key of the configuration: its name, its kind, its default and what it is for.

The docstring below a key is its entry in docs/configuration.md. The keys of a machine class are in
`streamer.config.classes`; sinks and notifiers keep their keys in their own files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, model_validator

from streamer.config.classes import MachineClass
from streamer.config.types import (
    Bytes,
    ConfigPath,
    Count,
    Name,
    Port,
    PositiveSeconds,
    Seconds,
    Section,
    Text,
    empty_is_on,
    some,
)
from streamer.config.waveforms import Waveform
from streamer.config.yaml_marks import shown
from streamer.decode.waveform import Recording


def _five_is_text(value: object) -> object:
    return "5" if type(value) is int and value == 5 else value


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"is {shown(value)}, host:port is needed, such as 127.0.0.1:8080")
    return value


class Tls(Section):
    """Encryption on the way to the broker; ``tls:`` alone trusts the system's authorities."""

    ca_file: ConfigPath | None = None
    """Certificates of the authorities to trust, PEM; without it, the system's."""
    cert_file: ConfigPath | None = None
    """Our own certificate, PEM, where the broker asks for one; goes with ``key_file``."""
    key_file: ConfigPath | None = None
    """The private key of ``cert_file``, PEM, without a passphrase."""
    insecure: bool = False
    """Accept a certificate that names another host; for tests only."""


class Topic(Section):
    """Topics of one form, and how the messages on them are read. The first that matches decides."""

    topic: Text = Field(examples=["`plant/{site}/{machine}/telemetry`"])
    """Levels are plain text or one ``{name}``; the names become the machine's labels."""
    machine_class: Name = Field(alias="class", examples=["`class: turbine`"])
    """Which of ``classes`` these machines belong to."""
    dialect: str = "json"
    """``json``: an object, or an array of objects. ``number``: one value, with ``{sensor}`` in the
    topic. ``waveform``: a recording of vibration, with ``{sensor}`` as well."""
    time_field: Text = "ts"
    """The field that holds the time: epoch s, ms, µs or ns, or ISO 8601."""
    machine_field: Text | None = None
    """The field that names the machine, where a gateway sends several on one topic."""
    waveform: Waveform | None = None
    """What the recordings are; for the dialect ``waveform`` alone."""

    def recording(self, sensors: Iterable[str]) -> Recording | None:
        """What the dialect ``waveform`` is told, for a class of these sensors."""
        if self.dialect != "waveform":
            return None
        return (self.waveform or Waveform()).recording(sensors)


class Mqtt(Section):
    """The broker, the session with it, and the topics."""

    host: Text = Field(examples=["`host: localhost`"])
    """Name or address of the broker."""
    port: Port = 1883
    """Its port; 8883 where ``tls`` is set."""
    protocol: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(_five_is_text)] = "auto"
    """MQTT version; ``auto`` is 5, and 3.1.1 where the broker refuses that."""
    client_id: Text = "telltale"
    """Names our session at the broker; must be our own, for a second client takes the session."""
    username: Text | None = None
    """User at the broker."""
    password_file: ConfigPath | None = None
    """File with the password in one line; goes with ``username``."""
    tls: Annotated[Tls | None, BeforeValidator(empty_is_on)] = None
    """Encrypt; off where the key is absent."""
    keepalive_s: Annotated[int, Field(ge=1, le=65535)] = 30
    """A dead connection is noticed after about one and a half times this."""
    connect_timeout_s: PositiveSeconds = 10.0
    """How long one attempt to connect may take."""
    session_expiry_s: Annotated[int, Field(ge=0, le=2**32 - 1)] = 604_800
    """How long the broker keeps our messages while we are away (MQTT 5)."""
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 10_000
    """How many messages may be on the way to us without acknowledgement (MQTT 5)."""
    qos: Annotated[int, Field(ge=0, le=1)] = 1
    """Quality of service asked for; 1 loses nothing, and what comes twice is recognised."""
    max_payload_bytes: Annotated[Bytes, Field(le=256 << 20)] = 256 << 10
    """Larger messages are refused."""
    queue_messages: Count = 50_000
    """How many messages may wait in memory."""
    topics: Annotated[
        tuple[Topic, ...],
        AfterValidator(some),
        Field(
            strict=False, max_length=1000, examples=["`- {topic: plant/{machine}, class: pump}`"]
        ),
    ]
    """What to listen to, in order of precedence."""

    @model_validator(mode="before")
    @classmethod
    def _port_of_tls(cls, data: object) -> object:
        if isinstance(data, dict) and "tls" in data and "port" not in data:
            return {**data, "port": 8883}
        return data


class Journal(Section):
    """The database of all that was read, said and told, in ``state_dir``."""

    quota_bytes: Annotated[Bytes, Field(ge=1 << 20)] = 1 << 30
    """How much disk it may take; an alert comes at 80 %."""
    at_quota: Literal["drop_scores", "block"] = "drop_scores"
    """At the quota, drop the oldest scores that a broken sink has not taken, or stop reading."""


class Web(Section):
    """The status page and metrics; off where the key is absent."""

    listen: Annotated[Text, AfterValidator(_listen)] = "127.0.0.1:8080"
    """Host and port to listen on."""

    @property
    def host(self) -> str:
        """The host of ``listen``, an IPv6 address without its brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of ``listen``."""
        return int(self.listen.rpartition(":")[2])


class Config(Section):
    """A whole configuration."""

    state_dir: ConfigPath = Field(examples=["`state_dir: /var/lib/telltale`"])
    """Where the journal, snapshots and scores are kept."""
    clock: Literal["wall", "data"] = "wall"
    """``wall``: readings are compared with the clock; ``data``: their own times are the clock, for
    replay and simulation."""
    max_ahead_s: Seconds = 300.0
    """Readings further ahead of the clock are refused."""
    commit_s: Annotated[PositiveSeconds, Field(le=60)] = 0.5
    """How long readings are collected before they are written to disk, judged and acknowledged."""
    turn_readings: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    """How many messages are collected at most."""
    snapshot_s: PositiveSeconds = 3600.0
    """How often what was learnt is written down; a restart repeats the readings after it."""
    mqtt: Mqtt = Field(examples=["`mqtt: {host: localhost, topics: […]}`"])
    """The broker and the topics."""
    journal: Journal = Journal()
    """The database of all that was read."""
    classes: Annotated[
        Mapping[Name, MachineClass],
        AfterValidator(some),
        Field(max_length=1000, examples=["`classes: {turbine: {sensors: …}}`"]),
    ]
    """Name → machine class."""
    sinks: Mapping[str, SerializeAsAny[Section]] = Field(default_factory=dict)
    """Where scores go; each one is on where its key is present."""
    notifiers: Mapping[str, SerializeAsAny[Section]] = Field(default_factory=dict)
    """Who is told of alerts; each one is on where its key is present."""
    web: Annotated[Web | None, BeforeValidator(empty_is_on)] = None
    """The status page; off where the key is absent."""

    def fingerprint(self, class_name: str) -> str:
        """Name what the learnt arrays of a class depend on; another value means they are void.

        Units, limits, alerts, ages and the checks of instruments may change without unlearning
        anything.
        """
        one = self.classes[class_name]
        judged = {"unit", "stuck_s", "max_step", "harm", "inert", "rests", "follower", "zones"}
        learnt = {
            "sensors": [[n, s.model_dump(exclude=judged)] for n, s in one.sensors.items()],
            "context": one.context.model_dump(),
            "regime": None if one.regime is None else one.regime.model_dump(),
            "components": [[name, *sensors] for name, sensors in one.parts.items()],
            "sample_s": one.sample_s,
            "detectors": {name: d.parameters for name, d in one.detectors.items()},
        }
        text = json.dumps(learnt, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
