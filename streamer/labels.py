"""Names from strangers: the one rule for what may become a label, and how to show what may not."""

from __future__ import annotations

import re

SHOWN_CHARACTERS = 60
_LABEL = re.compile(r"(?!\.{1,2}\Z)(?! )[\w .:@-]{1,64}(?<! )\Z")


def valid_label(text: str) -> bool:
    """Whether a name from a topic or a payload may become a label.

    One to 64 letters, digits or any of ``_ . : @ -``, spaces inside; no control character, no
    ``/``, no wildcard, no quote, not ``.`` or ``..``.

    >>> valid_label("T03"), valid_label("Größe 7"), valid_label("a,b"), valid_label("..")
    (True, True, False, False)
    """
    return _LABEL.match(text) is not None


def shown(value: object) -> str:
    r"""What a stranger sent, printable and short enough for a sentence in a log.

    >>> print(shown("a\nb"), shown(7), shown({}))
    'a\nb' 7 a value of type dict
    """
    if isinstance(value, str | bytes):
        text = repr(value[:SHOWN_CHARACTERS])
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) < 1e40):
        text = repr(value)
    else:
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
