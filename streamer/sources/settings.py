"""What an MQTT source must be told; the sections of the config have these attributes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class TlsSettings(Protocol):
    """Whom to trust and who we are."""

    @property
    def ca_file(self) -> str | Path | None:
        """Authorities to trust, PEM; the system's where None."""

    @property
    def cert_file(self) -> str | Path | None:
        """Our own certificate, PEM."""

    @property
    def key_file(self) -> str | Path | None:
        """The key of ``cert_file``; None where it stands in the same file."""

    @property
    def insecure(self) -> bool:
        """Accept any certificate of any host."""


class MqttSettings(Protocol):
    """Section ``mqtt`` of the config, without its topics."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def protocol(self) -> str:
        """``auto``, ``5`` or ``3.1.1``; auto is 5, and 3.1.1 once the broker has refused 5."""

    @property
    def client_id(self) -> str:
        """Names our session at the broker; two clients with one id throw each other out."""

    @property
    def username(self) -> str | None: ...

    @property
    def password_file(self) -> str | Path | None:
        """Read at every connection, so that a changed password needs no restart."""

    @property
    def tls(self) -> TlsSettings | None: ...

    @property
    def keepalive_s(self) -> int: ...

    @property
    def connect_timeout_s(self) -> float:
        """For TCP, for TLS and for the broker's answer, each."""

    @property
    def session_expiry_s(self) -> int:
        """How long the broker is asked to keep messages for us while we are away (MQTT 5)."""

    @property
    def receive_maximum(self) -> int:
        """How many messages may be under way to us without an acknowledgement (MQTT 5)."""

    @property
    def qos(self) -> int:
        """0 or 1."""

    @property
    def max_payload_bytes(self) -> int: ...

    @property
    def queue_messages(self) -> int: ...
