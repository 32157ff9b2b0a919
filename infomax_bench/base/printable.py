"""Text from elsewhere as text that can be printed, written and drawn.

A file name need not be UTF-8: Python keeps its odd bytes as lone surrogates, which no file and no terminal takes. And
what a stranger's results call a method may hold control characters, which a terminal obeys.
"""

from __future__ import annotations

import re
from typing import Any

_ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"  # controls but for tab and line feed; half characters
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # what turns the direction of reading
)
_ESCAPES = re.compile(r"\\(?=\\*(?:x[0-9a-f]{2}|u[0-9a-f]{4}|" + _ODD.pattern + "))")


def printable(value: Any) -> Any:
    """A text with what cannot be printed written as Python would escape it, `caf\\udce9`; in lists and dictionaries,
    their keys too, every text.

    Texts that differ stay different: the backslash of what looks like an escape already is doubled.
    """
    if isinstance(value, str):
        return value if value.isprintable() and "\\" not in value else _escaped(value)
    if isinstance(value, dict):
        return {printable(key): printable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(printable(one) for one in value)
    return value


def _escaped(text: str) -> str:
    return _ODD.sub(_escape, _ESCAPES.sub(r"\\\\", text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
