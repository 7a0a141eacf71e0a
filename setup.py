"""Builds the kernels and carries `config/` into the wheel; everything else is in pyproject.toml.

The examples go into `streamer`, the scenarios into `simulators`, which finds its own without it.

Each kernel is an optional extension: where it cannot be compiled the build goes on, and the same
file runs as Python. Beside each compiled kernel lies the SHA-256 of the source it came from, which
`detectors.kernels` compares before it believes it.
"""

import hashlib
import os
import shutil
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

KERNELS = sorted(p for p in Path("detectors/kernels").glob("*.py") if p.stem != "__init__")

# No fast-math and no fused multiply-add: the bits must be those that Python computes.
FLAGS = ["-O3", "-ffp-contract=off", "-g0"]


class BuildKernels(build_ext):
    """Translate and compile every kernel afresh; time stamps are not trusted."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.force = True
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        self.hashes = {ext.name: sha256(Path(ext.sources[0])) for ext in self.extensions}
        translated = cythonize(self.extensions, force=True, build_dir=self.build_temp, quiet=True)
        # cythonize returns new extensions that have forgotten `optional`; only their C is wanted.
        sources = {ext.name: ext.sources for ext in translated}
        for ext in self.extensions:
            ext.sources = sources[ext.name]
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        library = Path(self.build_lib, self.get_ext_filename(ext.name))
        for leftover in (library, record(library)):
            leftover.unlink(missing_ok=True)
        super().build_extension(ext)
        record(library).write_text(self.hashes[ext.name], encoding="ascii")

    def copy_extensions_to_source(self) -> None:
        """In place, as an editable install wants it: what could not be compiled leaves nothing."""
        for ext in self.extensions:
            built = Path(self.build_lib, self.get_ext_filename(ext.name))
            for source in (built, record(built)):
                target = Path("detectors/kernels", source.name)
                target.unlink(missing_ok=True)
                if source.exists():
                    shutil.copyfile(source, target)


class BuildPython(build_py):
    """The packages, and `config/` as data inside them, where any kind of install keeps it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self.config_files():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target)

    def config_files(self) -> list[tuple[str, str]]:
        homes = {
            "config": "streamer/share/config",
            "config/benchmarks": "streamer/share/config/benchmarks",
            "config/scenarios": "simulators/share/scenarios",
        }
        return [
            (str(path), str(Path(self.build_lib, home, path.name)))
            for source, home in homes.items()
            for path in sorted(Path(source).glob("*.yaml"))
        ]

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *(source for source, _ in self.config_files())]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002
        carried = [] if self.editable_mode else [target for _, target in self.config_files()]
        return [*super().get_outputs(include_bytecode), *carried]


def record(library: Path) -> Path:
    return library.with_name(f"{library.name}.sha256")


def sha256(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


setup(
    cmdclass={"build_ext": BuildKernels, "build_py": BuildPython},
    ext_modules=[
        Extension(
            f"detectors.kernels.{path.stem}",
            [str(path)],
            extra_compile_args=FLAGS,
            optional=True,
        )
        for path in KERNELS
    ],
)
