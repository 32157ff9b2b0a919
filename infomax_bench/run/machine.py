"""What results were made on, with what code, and what they took: recorded beside every job, and in run.json."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from infomax_bench.base import repeatable
from infomax_bench.base.forked import available_cores
from infomax_bench.base.version import __version__
from infomax_bench.study.plugins import KINDS, PACKAGE, home, in_clone


@cache
def git_sha() -> str:
    """The commit that the harness and its plug-ins are at, with a + if they were edited since; "" outside a clone."""
    if not in_clone():  # a wheel may lie in whatever repository
        return ""
    root, git = home(), ["git", "--no-optional-locks"]
    told = [
        [*git, "rev-parse", "--show-toplevel"],
        [*git, "rev-parse", "--short=12", "HEAD"],
        [*git, "status", "--porcelain", "--untracked-files=no", "--", PACKAGE.name, *KINDS],
    ]
    try:
        done = [subprocess.run(command, cwd=root, capture_output=True, text=True) for command in told]
    except OSError:
        return ""
    top, sha, edited = (one.stdout.strip() for one in done)
    if any(one.returncode for one in done) or Path(top).resolve() != root:
        return ""
    return sha + "+" * bool(edited)


@cache
def _processor() -> dict[str, str]:
    """What Linux says of this machine's first processor; {} elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def cpu() -> str:
    """The model of this machine's CPU."""
    return _processor().get("model name") or platform.processor() or platform.machine()


def make_of_cpu() -> str:
    """Its vendor and its model: times of one make compare, and numbers are the same to the last bit."""
    return " ".join(filter(None, (_processor().get("vendor_id"), cpu())))


def machine() -> dict[str, Any]:
    """What the numbers were made on; no host name."""
    return {
        "cpu": cpu(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "products": repeatable.in_words(),
        "cores": available_cores(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in ("torch", "scikit-learn", "numpy", "scipy")},
    }


def stamp(device: str) -> dict[str, Any]:
    """What is recorded beside every job. Older jobs lack some of it: what is missing is unknown."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"version": __version__, "git_sha": git_sha(), "device": device, "cpu": make_of_cpu(), "created": now}


def peak_bytes() -> int:
    """The most memory that this process has had, since `forget_peak` where there is one; 0 where the system does not
    say."""
    with suppress(OSError):  # it begins with the program: rusage counts the process that this one was forked from
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Lets `peak_bytes` begin anew, where the system can do that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
