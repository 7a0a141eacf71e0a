"""The laws of the layout: who may know whom, and what may stand where."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("detectors", "simulators", "streamer")

# The commands that need a world; they build one when asked, not when imported.
WORLDLY = {"demo", "evaluate", "simulate"}


def tracked() -> list[Path]:
    """Every file of the repository, also those not yet committed."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def python_files(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Each module that anything in the tree imports, by its full name, and the statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def imported(path: Path) -> set[str]:
    """Top-level names of all that a file imports, anywhere in it."""
    return {module.split(".")[0] for module, _ in imports(ast.parse(path.read_text("utf-8")))}


def imported_at_once(path: Path) -> set[str]:
    """Those it imports when it is imported itself: not in functions, not for the type checker."""
    tree = ast.parse(path.read_text("utf-8"))
    late = {
        id(statement)
        for later in filter(runs_later, ast.walk(tree))
        for _, statement in imports(later)
    }
    return {
        module.split(".")[0] for module, statement in imports(tree) if id(statement) not in late
    }


def runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


@pytest.mark.parametrize("package", ["detectors", "simulators"])
def test_detectors_and_simulators_import_nothing_of_ours(package: str) -> None:
    ours = {*PACKAGES, "benchmarks", "tests"} - {package}
    for path in python_files(package):
        assert not imported(path) & ours, name_of(path)


def test_only_the_commands_that_need_a_world_import_it_and_only_when_run() -> None:
    for path in python_files("streamer"):
        if "simulators" in imported(path):
            assert {path.stem, path.parent.name} & WORLDLY, f"{name_of(path)} needs no world"
            assert "simulators" not in imported_at_once(path), f"{name_of(path)} imports it at once"


def test_the_daemon_imports_neither_tests_nor_benchmarks() -> None:
    for path in python_files("streamer"):
        assert not imported(path) & {"benchmarks", "tests"}, name_of(path)


def test_detectors_know_no_wire_no_file_no_clock_and_no_config_format() -> None:
    unknown = {"asyncio", "datetime", "msgspec", "os", "paho", "pydantic", "socket", "sqlite3"}
    unknown |= {"tempfile", "threading", "time", "yaml"}
    for path in python_files("detectors"):
        assert not imported(path) & unknown, name_of(path)


def test_nothing_is_pickled() -> None:
    picklers = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
    for path in python_files(*PACKAGES, "tests", "benchmarks", "deploy"):
        assert not imported(path) & picklers, name_of(path)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = (
                node.func.attr if isinstance(getattr(node, "func", None), ast.Attribute) else ""
            )
            assert called not in {"read_pickle", "to_pickle"}, name_of(path)
            loads = isinstance(node, ast.keyword) and node.arg == "allow_pickle"
            assert not loads or ast.unparse(node.value) == "False", name_of(path)


def test_config_holds_yaml_only() -> None:
    files = [path for path in (ROOT / "config").rglob("*") if path.is_file()]
    assert files, "config/ holds the commented examples"
    assert {path.suffix for path in files} == {".yaml"}


def test_no_file_names_a_machine_or_a_package_index() -> None:
    """What holds only on one machine, or tells where somebody gets packages, helps nobody else."""
    home_of_somebody = r"(?<![\w.~}])/(?:home|root|Users|work|workspace)/"
    package_index = r"pypi\.org|pythonhosted|https?://\S+/simple\b|--(?:extra-)?index-url"
    local_index = r"--find-links|file:///"
    wanted = re.compile(f"{home_of_somebody}|{package_index}|{local_index}")
    own = re.compile(re.escape(str(ROOT))) if len(ROOT.parts) > 2 else None
    for path in tracked():
        text = path.read_text("utf-8", errors="replace") if path != Path(__file__) else ""
        for number, line in enumerate(text.splitlines(), 1):
            found = wanted.search(line) or (own.search(line) if own else None)
            assert not found, f"{name_of(path)}:{number}: {line.strip()}"


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    quoted = re.findall(r"`([\w.-]+(?:/[\w.-]*)+|[\w-]+\.(?:py|md|toml|lock|yaml))`", text)
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    drawn = re.findall(r"\b(?:\w+/)*\w+\.py\b", " ".join(re.findall(r"```.*?```", text, re.DOTALL)))
    beside = (ROOT / page).parent
    missing = {name for name in quoted if not (ROOT / name).exists()}
    missing |= {name for name in linked if not (beside / name).exists()}
    # Pictures show the path of a reading, whose names are those inside the daemon.
    missing |= {name for name in drawn if not (ROOT / "streamer" / name).exists()}
    # `my_chart.py` stands for the file that the reader is about to write.
    missing = {name for name in missing if not Path(name).name.startswith("my_")}
    assert quoted, f"{page} names no path at all"
    assert not missing


def public_members(module_name: str) -> Iterator[tuple[str, object]]:
    module = importlib.import_module(module_name)
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", None) != module_name:
            continue
        if inspect.isclass(member) or inspect.isroutine(member):
            yield f"{module_name}.{name}", member
        if inspect.isclass(member):
            for inner, value in vars(member).items():
                if not inner.startswith("_") and (callable(value) or isinstance(value, property)):
                    # By name, so that a method may take its docstring from the contract it fills.
                    yield f"{module_name}.{name}.{inner}", getattr(member, inner)


@pytest.mark.parametrize("path", python_files("detectors"), ids=name_of)
def test_every_public_thing_of_the_detectors_is_explained(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module_name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    assert inspect.getdoc(importlib.import_module(module_name)), module_name
    if not module_name.startswith("detectors.kernels."):  # their wrappers are what people read
        for name, member in public_members(module_name):
            assert inspect.getdoc(member), name


def test_starting_the_detectors_does_not_drag_in_the_heavy_libraries() -> None:
    program = (
        "import sys, detectors; print(*{'pandas', 'scipy.stats', 'sklearn'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert ran.stdout.split() == []
