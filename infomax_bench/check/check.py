"""`infomax-bench check`: does a plug-in keep the promises that the harness relies on?

The same promises are tested for all built-in plug-ins.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from infomax_bench.base.console import say
from infomax_bench.base.errors import NotApplicable, UserError, unknown
from infomax_bench.check.backbones import BACKBONE_PROMISES
from infomax_bench.check.benchmarks import BENCHMARK_PROMISES, Asked
from infomax_bench.check.datasets import DATASET_PROMISES
from infomax_bench.check.evaluations import EVALUATION_PROMISES
from infomax_bench.check.methods import METHOD_PROMISES
from infomax_bench.check.promise import Broken, Skipped
from infomax_bench.models.backbones import encoding_of
from infomax_bench.study.plugins import Plugin, Registry, load_file, registry


def promises(plugin: Plugin, found: Registry) -> Iterator[tuple[str, Callable[[], None]]]:
    """What the plug-in promises, in words, and the test of it."""
    of_kind: dict[str, tuple[Callable[[str], Any], Sequence[Callable[..., None]]]] = {
        "methods": (found.method, METHOD_PROMISES),
        "datasets": (found.dataset, DATASET_PROMISES),
        "benchmarks": (lambda name: Asked(found.benchmark(name), found), BENCHMARK_PROMISES),
        "evaluations": (found.evaluation, EVALUATION_PROMISES),
        "backbones": (encoding_of, BACKBONE_PROMISES),
    }
    make, made = of_kind[plugin.kind]
    own = (make(plugin.name), found) if plugin.kind == "evaluations" else (make(plugin.name),)
    for promise in made:
        yield _words(promise), partial(promise, *own)


def _words(promise: Callable[..., None]) -> str:
    return re.sub(r"\s+", " ", inspect.getdoc(promise) or promise.__name__)


def _find(name: str, folders: Sequence[str]) -> tuple[list[Plugin], Registry]:
    """The plug-in of that name, or the ones that a file defines (its variants too)."""
    path = Path(name)
    if path.suffix != ".py":
        found = registry(folders)
        for kind in found.plugins:
            if name.split(":")[0] in found.plugins[kind]:
                return [found.get(kind, name)], found
        if name in found.broken:
            raise UserError(f"{name!r} does not load: {found.broken[name]}")
        raise unknown("plug-in", name, [n for kind in found.plugins for n in found.plugins[kind]])
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        kind, *_ = load_file(path)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} does not load: {type(error).__name__}: {error}") from None
    found = registry([*folders, str(path)])
    own = [p for p in found.plugins[kind].values() if Path(p.path).resolve() == path.resolve()]
    if not own:
        raise UserError(f"{path} does not load: {found.broken.get(path.stem, 'it defines no plug-in')}")
    return own, found


def check(name: str, folders: Sequence[str] = ()) -> int:
    """Tests every promise of a plug-in (by name or file), prints a line for each, and returns the exit status."""
    plugins, found = _find(name, folders)
    broken = 0
    for plugin in plugins:
        say(f"{plugin.name} ({plugin.kind.rstrip('s')}, {plugin.path})")
        for words, test in promises(plugin, found):
            try:
                test()
                say(f"  ok      {words}")
            except (Skipped, NotApplicable) as declared:
                say(f"  -       {words} [{declared}]")
            except UserError:
                raise
            except (Exception, SystemExit) as error:
                broken += 1
                reason = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
                say(f"  BROKEN  {words}\n          {reason}")
    say(f"{broken} broken" if broken else "all promises kept")
    return 1 if broken else 0
