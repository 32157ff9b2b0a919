"""What numbers depend on beside plug-ins and data: harness and libraries, compared before a worker does a job."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

from infomax_bench.base.version import __version__

PACKAGES = ("torch", "numpy", "scikit-learn", "scipy")


def _of_sources() -> str:
    """A short hash of the harness's source files. Plug-ins, which a wheel has among them, have hashes of their own."""
    root = Path(__file__).resolve().parents[1]
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith("_plugins/"):
            total.update(f"{name}\0".encode() + path.read_bytes())
    return total.hexdigest()[:12]


HARNESS = _of_sources()
"""As they are when this process begins: it goes on with what it has read, whatever becomes of the files."""


@functools.cache
def versions() -> dict[str, str]:
    """Of the harness in this process, and of the libraries; not how a library was built, which the device decides."""
    found = {name: importlib.metadata.version(name).split("+")[0] for name in PACKAGES}
    return {"infomax-bench": f"{__version__} ({HARNESS})", **found}


def difference(own: Mapping[str, str], asked: Mapping[str, str]) -> str:
    """The first difference, in words; "" if there is none."""
    for name, version in asked.items():
        if own.get(name) != version:
            return f"{name} {own.get(name)} where the run has {version}"
    return ""
