"""Text from elsewhere as text that can be printed, written and drawn.

A file name need not be UTF-8: Python keeps its odd bytes as lone surrogates, which no file and no terminal takes. And
what a stranger's results call a method may hold control characters, which a terminal obeys.
"""

from __future__ import annotations

import re
from typing import Any

ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"  # controls but for tab and line feed; half characters
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # what turns the direction of reading
)
_ESCAPES = re.compile(r"\\(?=\\*(?:x[0-9a-f]{2}|u[0-9a-f]{4}|" + ODD.pattern + "))")


def printable(value: Any) -> Any:
    """A text with what cannot be printed written as Python would escape it, `caf\\udce9`; in lists and dictionaries,
    their keys too, every text.

    Texts that differ stay different: the backslash of what looks like an escape already is doubled.
    """
    if isinstance(value, str):
        return value if value.isprintable() and "\\" not in value else ODD.sub(escaped, _ESCAPES.sub(r"\\\\", value))
    if isinstance(value, dict):
        return {printable(key): printable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(printable(one) for one in value)
    return value


def escaped(found: re.Match[str]) -> str:
    """How Python writes a character that was found."""
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
