"""What we ship is what we have: wheel, editable install, compiled kernels, locks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PYPROJECT["tool"]["setuptools"]["packages"]
SHIPPED = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "config")

KERNEL = '''"""Twice a number."""
import cython

def twice(x: cython.double) -> cython.double:
    return 2.0 * x
'''

WHERE_IS_CONFIG = "from streamer.resources import config_path; print(config_path('turbines.yaml'))"
HOW_RUNS_KERNEL = """
from detectors import kernels
from detectors.kernels import kernel
print(kernels.compiled(), kernel.twice(21), kernel.__file__.endswith(".py"))
"""
RECIPE = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]


def copy_of_the_checkout(home: Path, kernel: str | None = None) -> Path:
    """What a build reads, without what earlier builds left; with one small kernel if asked."""
    home.mkdir()
    left = shutil.ignore_patterns("__pycache__", "*.so", "*.so.sha256")
    for name in (*SHIPPED, "detectors", "simulators", "streamer"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=left)
        else:
            shutil.copy(source, home / name)
    if kernel is not None:
        for path in (home / "detectors/kernels").glob("[!_]*.py"):
            path.unlink()
        (home / "detectors/kernels/kernel.py").write_text(kernel, "utf-8")
        (home / "detectors/__init__.py").write_text("", "utf-8")  # it wants the real ones
    return home


def pip(*arguments: str | Path, python: Path | str = sys.executable, compiler: str = "") -> None:
    env = {**os.environ, **({"CC": compiler} if compiler else {})}
    command = [sys.executable, "-m", "pip", "--python", python, *arguments]
    ran = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def build_wheel(checkout: Path, compiler: str = "") -> Path:
    pip("wheel", *RECIPE, "--wheel-dir", checkout / "dist", checkout, compiler=compiler)
    (wheel,) = (checkout / "dist").glob("*.whl")
    return wheel


def run(
    python: Path | str, program: str, cwd: Path, *paths: Path
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [python, "-c", program]
    return subprocess.run(command, check=False, cwd=cwd, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as a machine without a C compiler builds it."""
    checkout = copy_of_the_checkout(tmp_path_factory.mktemp("wheel") / "checkout")
    return build_wheel(checkout, compiler="no-such-compiler")


@pytest.fixture
def editable(tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the checkout with one small kernel, and a Python in which it is to be installed."""
    checkout = copy_of_the_checkout(tmp_path / "checkout", KERNEL)
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv/bin/python"
    # What we depend on, and what builds us, is taken from the environment that runs the tests.
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    return checkout, python


def install_editable(checkout: Path, python: Path, compiler: str = "") -> None:
    pip("install", *RECIPE, "--editable", checkout, python=python, compiler=compiler)


def test_every_package_is_listed_and_every_listed_package_is_there() -> None:
    tops = [ROOT / name for name in ("detectors", "simulators", "streamer")]
    homes = {path.parent for top in tops for path in top.rglob("*.py")}
    assert sorted(".".join(home.relative_to(ROOT).parts) for home in homes) == sorted(PACKAGES)
    assert [home for home in homes if not (home / "__init__.py").exists()] == []


def test_the_wheel_holds_the_packages_the_config_and_nothing_else(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package.replace(".", "/")).iterdir()
        if path.is_file() and not path.name.endswith((".so", ".so.sha256"))
    }
    wanted |= {f"streamer/share/config/{path.name}" for path in (ROOT / "config").glob("*.*")}
    compared = (ROOT / "config/benchmarks").iterdir()
    wanted |= {f"streamer/share/config/benchmarks/{path.name}" for path in compared}
    scenarios = (ROOT / "config/scenarios").iterdir()
    wanted |= {f"simulators/share/scenarios/{path.name}" for path in scenarios}
    assert {name for name in held if ".dist-info/" not in name} == wanted
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_the_command_is_telltale(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "telltale = streamer.cli:main" in archive.read(name).decode()


def test_config_is_found_in_a_checkout() -> None:
    ran = run(sys.executable, WHERE_IS_CONFIG, ROOT)
    assert ran.stdout.strip() == str(ROOT / "config/turbines.yaml"), ran.stderr


def test_config_is_found_in_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "installed"
    pip("install", *RECIPE, "--target", home, wheel)
    # Somebody else's `config` beside ours must not be taken for ours.
    (home / "config").mkdir()
    (home / "config/turbines.yaml").write_text("not ours", "utf-8")
    ran = run(sys.executable, WHERE_IS_CONFIG, tmp_path, home)
    found = Path(ran.stdout.strip())
    assert found.is_relative_to(home), ran.stderr
    assert found.read_bytes() == (ROOT / "config/turbines.yaml").read_bytes()


def test_scenarios_are_found_in_an_installed_wheel_and_in_a_checkout(
    wheel: Path, tmp_path: Path
) -> None:
    home = tmp_path / "installed"
    pip("install", *RECIPE, "--target", home, wheel)
    program = """
from simulators.scenarios.file import load_scenario, shipped_scenarios
shipped = shipped_scenarios()
print(load_scenario("storm_week", quick=True).name, *shipped, *{p.parent for p in shipped.values()})
"""
    names = sorted(path.stem for path in (ROOT / "config/scenarios").iterdir())
    for root, where in ((home, "simulators/share/scenarios"), (ROOT, "config/scenarios")):
        ran = run(sys.executable, program, tmp_path, root)
        assert ran.stdout.split() == ["storm_week", *names, str(root / where)], ran.stderr


def test_an_unknown_config_is_refused_by_naming_the_known() -> None:
    from streamer.resources import config_path

    with pytest.raises(FileNotFoundError, match=r"called windmills\.yaml, there are: .*turbines"):
        config_path("windmills.yaml")


def test_without_a_compiler_the_kernels_run_as_python(wheel: Path, tmp_path: Path) -> None:
    pip("install", *RECIPE, "--target", tmp_path / "installed", wheel)
    program = "from detectors import kernels; print(kernels.compiled(), kernels.description())"
    ran = run(sys.executable, program, tmp_path, tmp_path / "installed")
    assert ran.stdout.startswith("False interpreted (built without a C compiler"), ran.stderr


needs_compiler = pytest.mark.skipif(
    shutil.which((os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0])
    is None,
    reason="no C compiler here",
)


@needs_compiler
def test_a_wheel_carries_its_kernels_compiled(tmp_path: Path) -> None:
    built = build_wheel(copy_of_the_checkout(tmp_path / "checkout", KERNEL))
    pip("install", *RECIPE, "--target", tmp_path / "installed", built)
    ran = run(sys.executable, HOW_RUNS_KERNEL, tmp_path, tmp_path / "installed")
    assert ran.stdout == "True 42.0 False\n", ran.stderr


@needs_compiler
def test_an_edited_kernel_is_refused_until_it_is_compiled_again(
    editable: tuple[Path, Path], tmp_path: Path
) -> None:
    checkout, python = editable
    install_editable(checkout, python)
    assert run(python, WHERE_IS_CONFIG, tmp_path).stdout.strip() == str(
        checkout / "config/turbines.yaml"
    )
    ran = run(python, HOW_RUNS_KERNEL, tmp_path)
    assert ran.stdout == "True 42.0 False\n", ran.stderr

    kernel = checkout / "detectors/kernels/kernel.py"
    kernel.write_text(KERNEL.replace("2.0", "3.0"), "utf-8")
    refused = run(python, HOW_RUNS_KERNEL, tmp_path)
    assert refused.stdout == ""
    assert "was not compiled from the kernel.py beside it: install again" in refused.stderr

    install_editable(checkout, python)
    assert run(python, HOW_RUNS_KERNEL, tmp_path).stdout == "True 63.0 False\n"


@needs_compiler
def test_a_build_that_cannot_compile_leaves_no_old_kernel_behind(
    editable: tuple[Path, Path], tmp_path: Path
) -> None:
    checkout, python = editable
    install_editable(checkout, python)
    assert run(python, HOW_RUNS_KERNEL, tmp_path).stdout == "True 42.0 False\n"
    install_editable(checkout, python, compiler="no-such-compiler")
    ran = run(python, HOW_RUNS_KERNEL, tmp_path)
    assert ran.stdout == "False 42.0 True\n", ran.stderr

    build_wheel(checkout)
    wheel = build_wheel(checkout, compiler="no-such-compiler")
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if ".so" in name]


@needs_compiler
def test_a_compiled_kernel_of_unknown_origin_is_refused(
    editable: tuple[Path, Path], tmp_path: Path
) -> None:
    checkout, python = editable
    install_editable(checkout, python)
    for record in (checkout / "detectors/kernels").glob("*.sha256"):
        record.unlink()
    assert "was not compiled from" in run(python, HOW_RUNS_KERNEL, tmp_path).stderr


def locked(name: str) -> dict[str, set[str]]:
    """Name → versions of a lock file (several where they differ between Pythons)."""
    text = (ROOT / name).read_text("utf-8")
    versions: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE):
        versions.setdefault(package, set()).add(version)
    return versions


def asked_for(*extras: str) -> list[Requirement]:
    project = PYPROJECT["project"]
    lines = [*project["dependencies"], *PYPROJECT["build-system"]["requires"]]
    lines += [line for extra in extras for line in project["optional-dependencies"][extra]]
    return [r for r in map(Requirement, lines) if r.name != project["name"]]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ("demo",)),
        ("requirements-test.lock", tuple(PYPROJECT["project"]["optional-dependencies"])),
    ],
)
def test_the_lock_holds_what_pyproject_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    versions = locked(lock)
    for requirement in asked_for(*extras):
        for version in versions[requirement.name.lower()]:
            assert version in requirement.specifier, f"{lock}: {requirement.name} {version}"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_every_locked_package_has_its_hashes_and_no_address(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text("utf-8").strip())
    for entry in entries:
        assert re.match(r"[\w.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
        assert "://" not in entry, entry


def test_the_two_locks_agree() -> None:
    small, large = locked("requirements.lock"), locked("requirements-test.lock")
    assert {name: large.get(name) for name in small} == small


def test_every_range_has_an_upper_bound() -> None:
    for requirement in asked_for(*PYPROJECT["project"]["optional-dependencies"]):
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators & {"<", "==", "~="}, requirement
