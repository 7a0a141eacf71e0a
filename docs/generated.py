"""Parts of a page that a program writes, between two marks; what stands around them stays."""

from __future__ import annotations

from pathlib import Path

SIMULATOR = Path(__file__).with_name("simulator.md")


def with_part(text: str, name: str, part: str) -> str:
    r"""The page's text with what stands between its marks of this name replaced.

    >>> page = "Before\n<!-- begin sensors -->\nold\n<!-- end sensors -->\nAfter\n"
    >>> print(with_part(page, "sensors", "new"), end="")
    Before
    <!-- begin sensors -->
    new
    <!-- end sensors -->
    After

    Raises:
        ValueError: the page has no such marks, or not once.
    """
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the page needs the lines {begin.strip()} and {end.strip()}, once each")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}{part.strip()}\n{end}{rest.partition(end)[2]}"
