"""The page while a run goes on: what is there, written now and then by a process of its own, which may fail or be ended
at any time and costs the run next to nothing.

`data/live.js` beside it says how far the run is. The page looks there, and shows itself again when it was written anew;
the report at the end takes the place of both. A run that is interrupted says so there.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from infomax_bench.base.console import line_of
from infomax_bench.base.forked import ONE_THREAD, end_with_parent
from infomax_bench.base.progress import in_time
from infomax_bench.base.store import Store, write_text

EVERY = 30.0
"""Seconds between two pages, at least."""
TIMES = 50
"""How often what the last page took goes into the time until the next: a page costs less than 2 % of the run."""
FIRST = (4.0, 0.003)
"""What the first page is taken to cost, before one is measured: seconds, and seconds a job. Of `standard` it is more
than it takes."""
POLITE = 10
"""How nice the process is: jobs go first."""


@dataclass
class Live:
    """Writes the page while a run goes on, in a `with` around it; `tell` is told how far the run is.

    root, out: the results, and the report's folder; folders: those of plug-ins. make: begins to write a page; clock: in
    seconds.
    """

    root: Path
    out: Path
    folders: Sequence[str] = ()
    make: Callable[[dict[str, Any]], Page] | None = None
    clock: Callable[[], float] = time.monotonic
    page: int = 0
    """The number of the last one: milliseconds at its beginning, so that numbers grow from run to run; 0 before."""
    took: float | None = None
    """CPU seconds of the last one."""
    _next: int = 0
    """The number of the one that is being written."""
    _idle: float = 0.0
    """Since when no page is being written."""
    _told: float = -EVERY
    _done: tuple[int, int] = (0, 0)
    _shown: int = 0
    _left: tuple[float, float] | None = None
    _making: Page | None = None
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def tell(self, done: int, of: int, left: float | None) -> None:
        """So many jobs of all are done, and so many seconds are left, if that is known."""
        self._done, self._left = (done, of), None if left is None else (left, self.clock())

    def __enter__(self) -> Live:
        self._idle = self.clock()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="page")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self._making is not None:
            self._making.end()
        if kind is not None and self.page:
            self._write_script(over=True)

    def _watch(self) -> None:
        said = ""
        while not self._over.wait(1):
            try:
                self.step()
            except Exception as error:  # the run goes on, and so may the page
                before, said = said, f"{type(error).__name__}: {error}"
                if said != before:
                    _log(self.root, said)

    def step(self) -> None:
        """What is due: to see whether a page is written, to begin one, or to say how far the run is."""
        now = self.clock()
        if self._making is not None:
            found = self._making.took()
            if found is not None:
                self._making, self._idle = None, now
                self.took, well = found
                self.page = self._next if well else self.page
        elif self._done[0] > self._shown and now >= self.due:
            self._shown = self._done[0]
            self._next = max(self.page + 1, round(1000 * time.time()))
            about = {"root": str(self.root), "out": str(self.out), "folders": [*map(str, self.folders)]}
            self._making = (self.make or Page)({**about, "live": self.told(self._next)})
        if self.page and now - self._told >= EVERY:
            self._write_script()

    @property
    def due(self) -> float:
        """When the next page may be begun."""
        took = FIRST[0] + FIRST[1] * self._done[1] if self.took is None else self.took
        return self._idle + max(EVERY, TIMES * took)

    def told(self, page: int, over: bool = False) -> dict[str, Any]:
        """What the page says: in words, which page it is, and when (in milliseconds, as browsers count)."""
        done, of = self._done
        words = f"{'the run was interrupted' if over else 'still running'}: {done:,} of {of:,} jobs"
        known = self._left  # once: the run may say otherwise in between
        if known is not None and not over:
            left, then = known
            words += f", {in_time(max(0.0, left - (self.clock() - then)), 'about ')} left"
        return {"words": words, "page": page, "at": round(1000 * time.time()), "over": over}

    def _write_script(self, over: bool = False) -> None:
        self._told = self.clock()
        with contextlib.suppress(OSError):
            write_text(self.out / "data" / "live.js", script(self.told(self.page, over)))


def script(live: dict[str, Any]) -> str:
    """What `data/live.js` holds."""
    return f"infomax.live = {json.dumps(live)};\n"


def _log(root: Path, why: str) -> None:
    with contextlib.suppress(OSError):
        Store(root).log([f"warning: the page was not written while the run went on ({line_of(why)})"])


class Page:
    """A process that writes the page once. about: what `main` is given."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._root = Path(about["root"])
        self._begin = time.monotonic()
        command = [sys.executable, "-m", "infomax_bench.report.live", json.dumps({**about, "parent": os.getpid()})]
        try:
            self._process: subprocess.Popen[str] | None = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                env=os.environ | ONE_THREAD,
                start_new_session=True,  # Ctrl-C is for the run, which ends it
            )
        except OSError:
            self._process = None

    def took(self) -> tuple[float, bool] | None:
        """The CPU seconds that it took (of the clock, if it failed) and whether it was written; None while it is."""
        if self._process is None:
            return EVERY, False
        if self._process.poll() is None:
            return None
        said = self._process.communicate()[0].strip()
        if self._process.returncode == 0:
            with contextlib.suppress(ValueError):
                return float(said.rpartition("\n")[2]), True
        _log(self._root, said)
        return max(EVERY, time.monotonic() - self._begin), False

    def end(self) -> None:
        """Ends it, with what it began; nothing half-written is left."""
        if self._process is None:
            return
        for sign, wait in ((signal.SIGTERM, 5), (getattr(signal, "SIGKILL", signal.SIGTERM), None)):
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, sign) if hasattr(os, "killpg") else self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=wait)
                return


def main(about: dict[str, Any]) -> float:
    """Writes the page of results that are not whole yet, and returns the CPU seconds that it took."""
    end_with_parent(about["parent"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with the files that are begun
    with contextlib.suppress(OSError, AttributeError):
        os.nice(POLITE)
        Path("/proc/self/oom_score_adj").write_text("1000")  # before any job
    from infomax_bench.report.build import write_page
    from infomax_bench.run.decisions import decide_all
    from infomax_bench.run.results import read_results
    from infomax_bench.study.plugins import registry

    plugins, root = registry(about["folders"], ("benchmarks",)), Path(about["root"])
    results = read_results(root)
    verdicts = decide_all(results, [plugins.benchmark(name) for name in plugins.names("benchmarks")])
    write_page(root, Path(about["out"]), plugins, results, verdicts, about["live"])
    return sum(os.times()[:4])


if __name__ == "__main__":
    answer = os.dup(1)
    os.dup2(2, 1)  # what a plug-in prints is no answer, and would fill the pipe
    try:
        said, failed = str(main(json.loads(sys.argv[1]))), False
    except Exception as error:
        said, failed = f"{type(error).__name__}: {error}"[:1000], True
    os.write(answer, said.encode("utf-8", "replace"))
    sys.exit(failed)
