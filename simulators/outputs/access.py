"""What a broker asks for before it listens: who we are, and that the way is encrypted."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paho.mqtt.client import Client


@dataclass(frozen=True)
class Access:
    """What a broker asks for before it listens.

    Raises:
        ValueError: a password has no user.
    """

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    """Speak TLS, and believe the authorities that this computer knows."""
    ca_file: str | None = None
    """Speak TLS, and believe this authority only (PEM)."""

    def __post_init__(self) -> None:
        if self.password is not None and not self.user:
            raise ValueError("there is a password, but no user that it belongs to")

    @property
    def encrypted(self) -> bool:
        """Is TLS spoken?"""
        return self.tls or self.ca_file is not None

    @property
    def usual_port(self) -> int:
        """The port of brokers that give access in this way."""
        return 8883 if self.encrypted else 1883

    def give(self, client: Client) -> None:
        """Tell a client.

        Raises:
            ValueError: the file is no certificate.
            OSError: the file cannot be read.
        """
        if self.user:
            client.username_pw_set(self.user, self.password)
        if not self.encrypted:
            return
        if self.ca_file is not None:
            Path(self.ca_file).read_bytes()  # for its error, which names the file
        try:
            client.tls_set(ca_certs=self.ca_file)
        except ssl.SSLError:
            raise ValueError(f"{self.ca_file} holds no certificate in PEM form") from None
