"""A real mosquitto for a test: free loopback port, own directory, ended by its pid."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers._process import Process, binary, free_port

PASSWORD = "correct horse"


class Mosquitto(Process):
    """``start``, ``stop``, ``kill``; started again it listens on the same port.

    With ``persistence`` it keeps sessions and messages over ``stop``, and over ``kill`` what it had
    saved by then; without, it forgets them.
    """

    def __init__(self, directory: Path, *lines: str, persistence: bool = False) -> None:
        self.port = free_port()
        self.directory = directory
        lines = (f"listener {self.port} 127.0.0.1", *lines)
        if not any(line.startswith("allow_anonymous") for line in lines):
            lines += ("allow_anonymous true",)
        if persistence:
            lines += ("persistence true", f"persistence_location {directory}/")
            lines += ("autosave_interval 1", "autosave_on_changes true")
        # Debian's build gives up root for a user who may not read a test's directory.
        lines += ("user root", "log_type all", "max_queued_messages 0")
        self.config = directory / "mosquitto.conf"
        self.config.write_text("\n".join(lines) + "\n")
        program = binary("mosquitto", "mosquitto")
        super().__init__([program, "-c", str(self.config)], [self.port], directory / "log")


MosquittoFactory = Callable[..., Mosquitto]


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[MosquittoFactory]:
    """Start brokers with extra lines of configuration; all of them end with the test."""
    brokers: list[Mosquitto] = []

    def start(*lines: str, persistence: bool = False) -> Mosquitto:
        directory = tmp_path / f"mosquitto{len(brokers)}"
        directory.mkdir()
        broker = Mosquitto(directory, *lines, persistence=persistence)
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.stop()


@pytest.fixture
def mosquitto(start_mosquitto: MosquittoFactory) -> Mosquitto:
    """One broker with default settings."""
    return start_mosquitto()


def password_lines(directory: Path, user: str, password: str = PASSWORD) -> tuple[str, ...]:
    """Configuration that lets in one user only."""
    file = directory / "passwords"
    file.touch(mode=0o600)
    program = binary("mosquitto_passwd", "mosquitto")
    subprocess.run([program, "-b", str(file), user, password], check=True, capture_output=True)
    return ("allow_anonymous false", f"password_file {file}")
