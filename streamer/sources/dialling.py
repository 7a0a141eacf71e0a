"""How a connection is made: paho's client with our identity, our secrets and our properties."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streamer.sources.frames import Cutter
from streamer.sources.settings import MqttSettings, TlsSettings
from streamer.sources.tap import TappedClient


def new_client(settings: MqttSettings, protocol: str, cutter: Cutter | None) -> Client:
    """Build a client that is not connected yet; tapped where there is a cutter.

    Raises
    ------
    OSError
        If a file of a password or a certificate cannot be read.
    """
    context = None if settings.tls is None else tls_context(settings.tls)
    arguments: dict[str, Any] = {
        "callback_api_version": CallbackAPIVersion.VERSION2,
        "client_id": settings.client_id,
        "clean_session": None if protocol == "5" else False,
        "protocol": MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311,
        "reconnect_on_failure": False,
        "manual_ack": True,
    }
    client = (
        Client(**arguments)
        if cutter is None
        else TappedClient(lambda: _connect(settings, context), cutter, **arguments)
    )
    client.connect_timeout = settings.connect_timeout_s
    if settings.username is not None:
        client.username_pw_set(settings.username, password(settings.password_file))
    if context is not None:
        # The tapped client makes its own socket; should its hook be missing, paho makes one.
        client.tls_set_context(context)
    return client


def dial(client: Client, settings: MqttSettings, protocol: str) -> MQTTErrorCode:
    """Connect and send CONNECT; an `OSError` where nobody is there or TLS fails."""
    host, port, keepalive = settings.host, settings.port, settings.keepalive_s
    if protocol == "5":
        properties = _properties(settings)
        client.connect_async(host, port, keepalive, clean_start=False, properties=properties)
    else:
        client.connect_async(host, port, keepalive)
    return client.reconnect()


def describe(error: OSError) -> str:
    """An operating system's or a TLS library's error as a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the broker's certificate is refused, {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "timed out"
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {error.filename}" if error.filename else error.strerror


def _connect(settings: MqttSettings, context: ssl.SSLContext | None) -> socket.socket:
    address = (settings.host, settings.port)
    sock = socket.create_connection(address, timeout=settings.connect_timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock if context is None else context.wrap_socket(sock, server_hostname=settings.host)


def _properties(settings: MqttSettings) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.ReceiveMaximum = settings.receive_maximum
    # No Maximum Packet Size: the broker would drop a larger message and tell nobody. It comes, is
    # cut short as it streams by, and ends as a dead letter.
    return properties


def password(file: str | Path | None) -> str | None:
    """The password that a file holds; None where there is no file.

    Raises
    ------
    OSError
        With one sentence that names the key, if the file does not hold one line of text.
    """
    from streamer.config import ConfigError, read_secret

    if file is None:
        return None
    try:
        return read_secret(Path(file))
    except ConfigError as error:
        # Like a broker that is not there: told once, and tried again until somebody mends it.
        raise OSError(f"mqtt.password_file: {error}") from None


def tls_context(tls: TlsSettings) -> ssl.SSLContext:
    """TLS 1.2 or newer with these certificates, verifying the broker unless told not to."""
    context = ssl.create_default_context(cafile=tls.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
