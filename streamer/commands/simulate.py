"""``telltale simulate``: the simulator's own command under this roof."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``python -m simulators``."""
    from simulators import command

    command.add_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Run the simulator."""
    from simulators import command

    return int(command.main(args))
