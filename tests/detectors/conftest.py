"""What the tests of the detectors share: every kernel in both its lives."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from detectors import kernels

CompiledKernel = Callable[[str], ModuleType]


@pytest.fixture(scope="session")
def compiled_kernel(tmp_path_factory) -> CompiledKernel:
    """Compile a kernel of the working tree as the build does, whatever is installed beside it.

    Its counterpart, the same source run as Python, is `detectors.kernels.interpreted`.
    """
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"no C compiler: {compiler[0]} was not found")
    folder = tmp_path_factory.mktemp("kernels")
    modules: dict[str, ModuleType] = {}

    def compiled(name: str) -> ModuleType:
        if name not in modules:
            modules[name] = _load(name, _build(name, folder, compiler))
        return modules[name]

    return compiled


def _build(name: str, folder: Path, compiler: list[str]) -> Path:
    source = Path(kernels.__file__).with_name(f"{name}.py")
    c_file, library = folder / f"{name}.c", folder / f"{name}.so"
    _run(sys.executable, "-m", "cython", "-3", str(source), "-o", str(c_file))
    include = f"-I{sysconfig.get_path('include')}"
    flags = ["-shared", "-fPIC", "-O3", "-ffp-contract=off", "-w", include]
    _run(*compiler, *flags, str(c_file), "-o", str(library))
    return library


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


def _load(name: str, library: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"compiled_kernels.{name}", library)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
