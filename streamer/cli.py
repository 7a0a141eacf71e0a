"""The command ``telltale``: one word per command, each in a file of its own.

Exit status: 0 done, 1 failed, 2 wrong use or wrong configuration.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "run": ("streamer.commands.run", "watch the machines of a configuration, for years"),
    "check": (
        "streamer.commands.check",
        "say what a configuration means, or what is wrong with it",
    ),
    "try": ("streamer.commands.try_message", "show how one message would be read"),
    "machine": (
        "streamer.commands.machine",
        "tell it what was done to a machine, or ask how it stands",
    ),
    "replay": ("streamer.commands.replay", "walk recorded messages through the same monitor"),
    "export": ("streamer.commands.export", "write stored scores as CSV or Parquet"),
    "simulate": (
        "streamer.commands.simulate",
        "make readings of a wind farm whose faults are known",
    ),
    "demo": ("streamer.commands.demo", "see all of it work, in about a minute"),
    "evaluate": (
        "streamer.commands.evaluate",
        "say how good it is, where the faults are known",
    ),
    "tune": (
        "streamer.commands.tune",
        "say what other limits would have said of a recording",
    ),
    "version": ("streamer.commands.version", "say which Telltale this is and how it was built"),
}
"""Command → its module, which offers ``add_arguments(parser)`` and ``main(args) -> int``, and what
it is for. A module is imported only when its command is called, so that ``telltale --help`` answers
at once on a small gateway."""

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(words[0] if words else "")
    args = parser.parse_args(words)
    if args.command is None:
        parser.print_help()
        return WRONG_USE
    return _guarded(args)


def _parser(called: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="telltale", description="Watches machines: how strange is this reading, and why?"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose.capitalize() + ".")
        if name == called:
            importlib.import_module(module).add_arguments(command)
    return parser


def _guarded(args: argparse.Namespace) -> int:
    from streamer.config import ConfigError

    try:
        status = int(importlib.import_module(COMMANDS[args.command][0]).main(args))
        sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return 128 + 2
    except BrokenPipeError:
        # `telltale … | head` is no failure; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return status


if __name__ == "__main__":
    sys.exit(main())
