"""``telltale version``: which Telltale, which kernels, which libraries."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version

LIBRARIES = ("river", "numpy", "paho-mqtt", "influxdb-client")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes none."""
    del parser


def main(args: argparse.Namespace) -> int:
    """Print it."""
    from detectors import kernels

    del args
    print(f"telltale {version('telltale')}")
    print(f"kernels: {kernels.description()}")
    print(f"python {platform.python_version()} on {platform.machine()}")
    print(", ".join(f"{name} {version(name)}" for name in LIBRARIES))
    return 0
