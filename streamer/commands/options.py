"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from streamer.config import Config

LEVELS = ("debug", "info", "warning", "error")


def add_config(parser: argparse.ArgumentParser) -> None:
    """``CONFIG`` and ``--set KEY=VALUE``."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the YAML configuration")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. mqtt.port=1884; may be given again",
    )


def add_log_level(parser: argparse.ArgumentParser) -> None:
    """``--log-level``."""
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="default: info")


def load_config(args: argparse.Namespace, **fixed: object) -> Config:
    """The configuration that ``CONFIG`` and ``--set`` name; ``fixed`` keys override both."""
    from streamer.config import load

    return load(args.config, overrides={**dict(map(_assignment, args.set)), **fixed})


def _assignment(text: str) -> tuple[str, object]:
    from streamer.config import ConfigError

    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError([f"--set {text}: KEY=VALUE is needed, e.g. --set mqtt.port=1884"])
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError([f"--set {text}: {value!r} is not a YAML value"]) from None


def set_up_logging(level: str) -> None:
    """Plain lines on standard error; systemd and containers add the time themselves."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(levelname)s %(name)s: %(message)s",
    )
