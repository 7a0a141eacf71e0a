"""The systemd unit: systemd takes it, and it agrees with the daemon that it starts."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from streamer import cli, daemon
from streamer.config import Config, load

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "telltale.service"
WORST_EXPOSURE = 15
"""In tenths, of 100: systemd calls anything below 50 OK."""


def settings() -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in UNIT.read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def only(key: str) -> str:
    (value,) = settings()[key]
    return value


def seconds(text: str) -> int:
    return 60 * int(text.removesuffix("min")) if text.endswith("min") else int(text)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit as it would be where the program is installed."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    unit = tmp_path / "telltale.service"
    program = shlex.split(only("ExecStart"))[0]
    unit.write_text(UNIT.read_text("utf-8").replace(program, "/bin/true"), "utf-8")
    return unit


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_systemd_takes_it(installed: Path) -> None:
    ran = analyze("verify", installed)
    assert ran.returncode == 0
    assert ran.stdout + ran.stderr == ""  # of a key that it does not know it only complains


def test_what_systemd_does_not_know_is_seen(installed: Path) -> None:
    text = installed.read_text("utf-8")
    installed.write_text(text.replace("WatchdogSec=", "WachdogSec="), "utf-8")
    assert "WachdogSec" in analyze("verify", installed).stderr


def test_it_may_do_little(installed: Path) -> None:
    ran = analyze("security", "--offline=true", f"--threshold={WORST_EXPOSURE}", installed)
    assert ran.returncode == 0, ran.stdout[-200:]


def test_its_command_is_one_of_ours() -> None:
    _, command, config = shlex.split(only("ExecStart"))
    assert command in cli.COMMANDS
    assert config.endswith(".yaml")


def test_a_wrong_configuration_is_not_tried_again() -> None:
    assert only("Restart") == "always"
    assert only("RestartPreventExitStatus") == str(cli.WRONG_USE)


def test_no_turn_is_too_long_for_the_watchdog_and_no_drain_for_the_stop() -> None:
    field = Config.model_fields["commit_s"]
    longest = min(limit.le for limit in field.metadata if hasattr(limit, "le"))
    assert seconds(only("WatchdogSec")) >= 3 * longest
    assert seconds(only("TimeoutStopSec")) >= daemon.DRAIN_S + longest
    assert only("Type") == "notify"


def test_its_only_place_is_that_of_the_example() -> None:
    state_dir = load(ROOT / "config" / "turbines.yaml").state_dir
    assert state_dir == Path("/var/lib") / only("StateDirectory")
    assert only("ProtectSystem") == "strict"
