"""Where the files of `config/` are: the one place that knows.

They stand at the root of a checkout, where people look for them, and are no package. A wheel
carries them inside `streamer`: what is installed under a prefix's `share/` instead gets lost with
``pip install --target``.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "share" / "config"
_CHECKOUT = _PACKAGE.parent / "config"


def config_path(name: str) -> Path:
    """The shipped config file of that name, in an installed wheel as in a checkout.

    What `telltale evaluate` runs is called with its folder: ``benchmarks/nab.yaml``.

    Raises `FileNotFoundError` naming those there are.

    Examples
    --------
    >>> config_path("turbines.yaml").name
    'turbines.yaml'
    """
    # The wheel's own copy first: beside an installed package, `config` may be anybody's.
    home = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    found = [*home.glob("*.yaml"), *home.glob("benchmarks/*.yaml")]
    shipped = sorted(path.relative_to(home).as_posix() for path in found)
    if name not in shipped:
        raise FileNotFoundError(
            f"no shipped config is called {name}, there are: {', '.join(shipped) or 'none'}"
        )
    return home / name
