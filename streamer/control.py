"""A local socket by which a person tells the daemon something: one JSON line in, one JSON line out.

It lies in ``state_dir``, mode 0660: who may write there, the daemon's user and group, may speak.
The kernel says who does (SO_PEERCRED), so nobody can give another's name. A request is taken by the
loop between two turns and answered after the commit that holds what became of it: an answer is a
promise.

The socket's thread serves one caller after the other and owns nothing; whoever says nothing for
`HEARD_S` is sent away.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from streamer.condition import ComponentHealth
from streamer.records import VerbName

log = logging.getLogger(__name__)

SOCKET = "control.sock"
MODE = 0o660
REQUEST_BYTES = 1 << 16
NOTE_CHARACTERS = 500
HEARD_S = 2.0
"""How long a caller may take to say what it wants, and to hear the answer."""
WAITING = 16
"""Callers that may wait for their turn; the system refuses more."""

Name = Annotated[str, Meta(max_length=300)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller wants: a verb, or to look."""

    verb: VerbName | Literal["list", "show"]
    machines: Annotated[list[Name], Meta(max_length=1000)] = []
    """Names; for ``list`` none."""
    machine_class: Name = ""
    """Only where a name stands for machines of several classes."""
    sensors: Annotated[list[Name], Meta(max_length=1000)] = []
    note: Annotated[str, Meta(max_length=NOTE_CHARACTERS)] = ""


class StandingAlert(msgspec.Struct, frozen=True):
    """A pending or firing alert of a machine."""

    rule: str
    state: str
    since_ns: int
    reason: str


class MachineState(msgspec.Struct, frozen=True):
    """How it stands with one machine."""

    machine_class: str
    machine: str
    in_service_since_ns: int | None
    last_seen_ns: int | None
    ready: float
    """Share of its learning that is done, 0 … 1."""
    alerts: list[StandingAlert]
    progress: str = ""
    """What it has learnt and what it still has to, for a person."""
    health: list[ComponentHealth] = []


class Answer(msgspec.Struct, frozen=True):
    """What became of a request: sentences for a person, and how the machines stand."""

    done: bool
    sentences: list[str] = []
    machines: list[MachineState] = []


class Caller(NamedTuple):
    """Who speaks, as the kernel says."""

    uid: int
    user: str
    """Their name; empty where the system knows none."""

    def __str__(self) -> str:
        return f"{self.user} (uid {self.uid})" if self.user else f"uid {self.uid}"


class Asked(NamedTuple):
    """A request that waits for its answer."""

    request: Request
    caller: Caller
    answer: Future[Answer]


class ControlError(Exception):
    """The daemon could not be asked; the sentence says why."""


class Control:
    """The daemon's end.

    Parameters
    ----------
    folder
        Where the socket lies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin to listen; where no socket can be had, say so and watch the machines without."""
        try:
            self._listener = _listen(self._folder)
        except OSError as error:
            log.warning("no control socket in %s, verbs cannot be told: %s", self._folder, error)
            return
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def take(self) -> Asked | None:
        """The request that waits, if one does; its ``answer`` must be given."""
        try:
            return self._asked.get_nowait()
        except queue.Empty:
            return None

    def close(self) -> None:
        """Listen no more; who still waits is told that we end."""
        self._closed.set()
        if self._listener is None or self._thread is None:
            return
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._refuse_waiting()
        self._thread.join(HEARD_S)
        self._refuse_waiting()
        self._listener.close()
        (self._folder / SOCKET).unlink(missing_ok=True)

    def _refuse_waiting(self) -> None:
        while (asked := self.take()) is not None:
            asked.answer.set_result(Answer(done=False, sentences=["telltale is stopping"]))

    # The socket's thread.

    def _serve(self) -> None:
        assert self._listener is not None
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._closed.is_set():
                    return
                time.sleep(HEARD_S)  # no descriptors left, perhaps; do not spin
                continue
            with connection, contextlib.suppress(OSError):
                self._speak(connection)

    def _speak(self, connection: socket.socket) -> None:
        caller = _caller(connection)
        line = _line(connection, REQUEST_BYTES, HEARD_S)
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("%s sent a request that is none: %s", caller, error)
            answer = Answer(done=False, sentences=[f"that is no request: {error}"])
        else:
            answer = self._ask(Asked(request, caller, Future()))
        connection.settimeout(HEARD_S)
        connection.sendall(msgspec.json.encode(answer) + b"\n")

    def _ask(self, asked: Asked) -> Answer:
        self._asked.put(asked)
        if self._closed.is_set():  # nobody takes it any more
            self._refuse_waiting()
        return asked.answer.result()


def ask(folder: Path, request: Request, patience_s: float) -> Answer:
    """The caller's end: ask the daemon whose state is in ``folder``, and wait for its answer.

    Raises
    ------
    ControlError
        It does not run, may not be spoken to, or did not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(patience_s)
            with _address(folder) as address:
                connection.connect(address)
            connection.sendall(msgspec.json.encode(request) + b"\n")
            line = _line(connection, 1 << 30, patience_s)
        except OSError as error:
            raise ControlError(_why_not(folder, error)) from error
    if not line:
        raise ControlError("telltale ended before it answered; ask again when it runs")
    return msgspec.json.decode(line, type=Answer)


def _why_not(folder: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return f"no telltale is running on {folder}, or it has not recovered yet"
    if isinstance(error, PermissionError):
        return f"no permission to speak to the telltale on {folder}: its user, group or root may"
    if isinstance(error, TimeoutError):
        return "telltale did not answer in time; what was told may still be carried out"
    return f"the telltale on {folder} cannot be asked: {error.strerror or error}"


def _listen(folder: Path) -> socket.socket:
    """A listening socket. Its mode is set before anybody can connect, which is from `listen` on."""
    # Whoever holds the lock of the folder is alone: a socket that lies there is a dead daemon's.
    (folder / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(folder) as address:
            listener.bind(address)
        (folder / SOCKET).chmod(MODE)
        listener.listen(WAITING)
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """The socket's address; by way of the folder's descriptor, for an address ends at 107 bytes."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


def _caller(connection: socket.socket) -> Caller:
    form = struct.Struct("3i")
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
    _, uid, _ = form.unpack(told)
    try:
        return Caller(uid, pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Caller(uid, "")


def _line(connection: socket.socket, most: int, patience_s: float) -> bytes:
    """All up to the first newline, the end, or ``most`` bytes; TimeoutError if it takes longer."""
    deadline, line = time.monotonic() + patience_s, bytearray()
    while len(line) < most:
        connection.settimeout(max(deadline - time.monotonic(), 1e-3))
        part = connection.recv(1 << 16)
        line += part
        if not part or part.endswith(b"\n"):
            break
    return bytes(line)
