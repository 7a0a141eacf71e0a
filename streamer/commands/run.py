"""``telltale run CONFIG``: the daemon."""

from __future__ import annotations

import argparse
import fcntl
import logging
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamer.commands.options import add_config, add_log_level, load_config, set_up_logging

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``CONFIG [--set KEY=VALUE] [--log-level LEVEL]``."""
    add_config(parser)
    add_log_level(parser)


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    set_up_logging(args.log_level)
    config = load_config(args)
    with _only_one(config.state_dir) as alone:
        if not alone:
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
    daemon.run()
    return 0


def _failed(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


@contextmanager
def _only_one(state_dir: Path) -> Iterator[bool]:
    """Holds a lock on the state directory; two daemons on one journal would both be wrong."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
