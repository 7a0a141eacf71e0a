"""The control socket: who may speak, what is heard, what a caller is told when nobody is there."""

from __future__ import annotations

import os
import pwd
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from streamer import control as module
from streamer.control import SOCKET, Answer, Asked, Control, ControlError, Request, ask

PATIENCE_S = 60.0
LIST = Request("list")
ME = os.getuid()
NOBODY = 65534


@contextmanager
def loop(control: Control, answer: Callable[[Asked], Answer | None]) -> Iterator[list[Asked]]:
    """Take and answer as the daemon's loop does; None: never."""
    heard: list[Asked] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            asked = control.take()
            if asked is None:
                time.sleep(0.005)
                continue
            heard.append(asked)
            if (told := answer(asked)) is not None:
                asked.answer.set_result(told)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    made.start()
    yield made
    made.close()


def raw(folder: Path, sent: bytes) -> bytes:
    """What is answered to these bytes."""
    with socket.socket(socket.AF_UNIX) as connection, module._address(folder) as address:
        connection.settimeout(PATIENCE_S)
        connection.connect(address)
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_a_request_is_heard_with_the_callers_name_and_answered(control, tmp_path) -> None:
    request = Request("accept", ["north/Größe 7"], "pump", ["flow"], "neue Dichtung\n")
    told = Answer(done=True, sentences=["gut"])
    with loop(control, lambda _: told) as heard:
        assert ask(tmp_path, request, PATIENCE_S) == told
        assert ask(tmp_path, LIST, PATIENCE_S) == told
    assert [asked.request for asked in heard] == [request, LIST]
    caller = heard[0].caller
    assert caller == (ME, pwd.getpwuid(ME).pw_name)
    assert str(caller) == f"{pwd.getpwuid(ME).pw_name} (uid {ME})"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_its_user_and_group_may_speak_and_nobody_else(tmp_path, umask) -> None:
    before = os.umask(umask)
    control = Control(tmp_path)
    control.start()
    os.umask(before)
    found = (tmp_path / SOCKET).stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o660
    control.close()
    assert not (tmp_path / SOCKET).exists()


def test_nobody_can_connect_before_its_mode_is_set(tmp_path, monkeypatch) -> None:
    tried: list[type] = []

    def chmod(path: Path, mode: int) -> None:
        with pytest.raises(ControlError) as refused:
            ask(tmp_path, LIST, PATIENCE_S)
        tried.append(type(refused.value.__cause__))

    monkeypatch.setattr(Path, "chmod", chmod)
    control = Control(tmp_path)
    control.start()
    control.close()
    assert tried == [ConnectionRefusedError]


def test_who_may_not_speak_is_told_so(tmp_path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    control = Control(folder)
    control.start()
    (folder / SOCKET).chmod(0)
    os.seteuid(ME or NOBODY)  # root may speak to everybody
    sentence = why(folder)
    os.seteuid(ME)
    assert sentence == (
        f"no permission to speak to the telltale on {folder}: its user, group or root may"
    )
    control.close()


def why(folder: Path) -> str:
    try:
        ask(folder, LIST, PATIENCE_S)
    except ControlError as error:
        return str(error)
    return "it was answered"


def test_where_nobody_listens_the_caller_is_told_so(tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        assert why(folder) == f"no telltale is running on {folder}, or it has not recovered yet"
    dead = socket.socket(socket.AF_UNIX)
    with module._address(tmp_path) as address:
        dead.bind(address)
    dead.close()  # as after kill -9
    assert "no telltale is running" in why(tmp_path)
    control = Control(tmp_path)
    control.start()
    with loop(control, lambda _: Answer(done=True)):
        assert why(tmp_path) == "it was answered"
    control.close()
    assert "no telltale is running" in why(tmp_path)


def test_a_long_path_is_none_too_long(tmp_path) -> None:
    folder = tmp_path / ("deep" * 30) / ("deeper" * 20)
    folder.mkdir(parents=True)
    control = Control(folder)
    control.start()
    with loop(control, lambda _: Answer(done=True)):
        assert why(folder) == "it was answered"
    control.close()


def test_where_no_socket_can_be_had_the_machines_are_watched_without(tmp_path, caplog) -> None:
    control = Control(tmp_path / "nowhere")
    control.start()
    assert "verbs cannot be told" in caplog.text
    assert control.take() is None
    control.close()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"?\n", "that is no request: JSON is malformed"),
        (b"\n", "that is no request"),
        (b'{"verb": "explode"}\n', "Invalid enum value 'explode'"),
        (b'{"verb": "list", "machines": [7]}\n', "Expected `str`, got `int`"),
        (b'{"verb": "list", "more": 1}\n', "unknown field `more`"),
        (b'{"verb": "accept", "note": "' + b"x" * 501 + b'"}\n', "length <= 500"),
        (b'{"verb": "accept", "machines": [' + b'"a",' * 1000 + b'"a"]}\n', "length <= 1000"),
        (b"[" * 70_000 + b"\n", "that is no request"),
        (b'{"verb": "accept", "note": "\xff"}\n', "that is no request"),
    ],
)
def test_what_is_no_request_is_refused_and_reaches_nobody(control, tmp_path, sent, sentence):
    try:
        answer = msgspec.json.decode(raw(tmp_path, sent), type=Answer)
    except OSError:
        assert len(sent) > module.REQUEST_BYTES  # it hung up on somebody who would not end
    else:
        assert not answer.done
        assert sentence in answer.sentences[0]
    assert control.take() is None


def test_who_says_nothing_is_sent_away_and_others_are_heard(control, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEARD_S", 1.0)
    with (
        socket.socket(socket.AF_UNIX) as mute,
        module._address(tmp_path) as address,
        loop(control, lambda _: Answer(done=True)),
    ):
        mute.connect(address)
        mute.sendall(b"{")
        assert why(tmp_path) == "it was answered"
        assert mute.recv(1) == b""


def test_who_leaves_before_the_answer_is_missed_by_nobody(control, tmp_path) -> None:
    with loop(control, lambda _: Answer(done=True)) as heard:
        with socket.socket(socket.AF_UNIX) as gone, module._address(tmp_path) as address:
            gone.connect(address)
            gone.sendall(msgspec.json.encode(LIST) + b"\n")
        assert why(tmp_path) == "it was answered"
    assert len(heard) == 2


def test_who_waits_when_it_stops_is_told_so(tmp_path) -> None:
    control = Control(tmp_path)
    control.start()
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(ask(tmp_path, LIST, PATIENCE_S)))
    caller.start()
    while control._asked.empty():
        time.sleep(0.005)
    control.close()
    caller.join()
    assert answers == [Answer(done=False, sentences=["telltale is stopping"])]


def test_a_daemon_that_ends_before_it_answers_is_told_from_one_that_is_slow(tmp_path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, module._address(tmp_path) as address:
        listener.bind(address)
        listener.listen()
        with pytest.raises(ControlError, match="did not answer in time"):
            ask(tmp_path, LIST, 0.05)

        def end() -> None:
            for _ in range(2):  # the one that gave up, then the next
                with listener.accept()[0] as caller:
                    caller.recv(4096)

        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(ControlError, match="ended before it answered"):
            ask(tmp_path, LIST, PATIENCE_S)
        ending.join()
