"""``telltale run CONFIG``: the daemon."""

from __future__ import annotations

import argparse
import fcntl
import gc
import logging
import sqlite3
import sys
from typing import TextIO

from streamer.commands.options import add_config, add_log_level, load_config, set_up_logging

log = logging.getLogger(__name__)

COLLECT_AFTER = 20_000
"""New objects before Python looks for garbage in cycles; 700 unless told. Messages come by the
thousand and hold no cycles, so looking at them over and over is a twentieth of all CPU time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``CONFIG [--set KEY=VALUE] [--log-level LEVEL]``."""
    add_config(parser)
    add_log_level(parser)


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    from streamer.web.server import check_installed

    set_up_logging(args.log_level)
    config = load_config(args)
    if config.web is not None:
        check_installed()
    try:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        lock = (config.state_dir / "lock").open("w")
    except OSError as error:
        return _failed(f"state_dir {config.state_dir} cannot be used: {_words(error)}")
    with lock:
        if not _is_alone(lock):
            return _failed(f"{config.state_dir} is in use by another telltale; each needs its own")
        return _run(config)


def _run(config: object) -> int:
    from detectors import kernels
    from streamer.config import Config
    from streamer.daemon import Daemon
    from streamer.journal import JournalVersionError

    assert isinstance(config, Config)
    log.info("kernels: %s", kernels.description())
    try:
        daemon = Daemon(config)
    except (JournalVersionError, sqlite3.Error, OSError) as error:
        return _failed(f"{config.state_dir / 'journal.db'} cannot be used: {error}")
    daemon.stop_on_signals()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    try:
        daemon.run()
    except sqlite3.Error as error:
        log.debug("where the journal failed", exc_info=True)
        return _failed(
            f"the journal in {config.state_dir} cannot be written ({error}): stopped; what it "
            "does not hold was not acknowledged and will come again"
        )
    return 0


def _words(error: OSError) -> str:
    """Why a folder cannot be used, in words.

    >>> _words(FileExistsError(17, "File exists", "state"))
    'state is not a folder'
    """
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename} is not a folder"
    return f"{error.filename}: {error.strerror}"


def _failed(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _is_alone(lock: TextIO) -> bool:
    """Takes the lock on the state directory; two daemons on one journal would both be wrong."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
