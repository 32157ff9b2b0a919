"""`infomax-bench check`: does a plug-in keep the promises that the harness relies on?

The same promises are tested for all built-in plug-ins.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from infomax_bench.base.console import say
from infomax_bench.base.errors import NotApplicable, UserError, unknown
from infomax_bench.check.backbones import BACKBONE_PROMISES
from infomax_bench.check.benchmarks import BENCHMARK_PROMISES, Asked
from infomax_bench.check.datasets import DATASET_PROMISES
from infomax_bench.check.effect import BROKEN, WARNING, effects
from infomax_bench.check.evaluations import EVALUATION_PROMISES
from infomax_bench.check.methods import METHOD_PROMISES
from infomax_bench.check.promise import Broken, Skipped
from infomax_bench.models.backbones import encoding_of
from infomax_bench.run.engine import one_job
from infomax_bench.study.plugins import KINDS, Plugin, Registry, load_file, registry

PROMISES: Mapping[str, Sequence[Callable[..., None]]] = {
    "methods": METHOD_PROMISES,
    "datasets": DATASET_PROMISES,
    "benchmarks": BENCHMARK_PROMISES,
    "evaluations": EVALUATION_PROMISES,
    "backbones": BACKBONE_PROMISES,
}


QUICK = ("methods", "datasets")
"""Kinds that need none of the others, which take seconds to load."""


def promises(
    plugin: Plugin, found: Registry, asked: str = "", fast: bool = False
) -> Iterator[tuple[str, Callable[[], None]]]:
    """What the plug-in promises, in words, and the test of it; asked: its name, with the argument of a data set; fast:
    without what takes long."""
    name = asked or plugin.name
    makers: dict[str, Callable[[], tuple[Any, ...]]] = {
        "methods": lambda: (found.method(name),),
        "datasets": lambda: (found.dataset(name),),
        "benchmarks": lambda: (Asked(found.benchmark(name), found),),
        "evaluations": lambda: (found.evaluation(name), found),
        "backbones": lambda: (encoding_of(name),),
    }
    own = makers[plugin.kind]()
    for promise in PROMISES[plugin.kind]:
        if not fast or not getattr(promise, "thorough", False):
            yield _words(promise), partial(promise, *own)


def _words(promise: Callable[..., None]) -> str:
    return re.sub(r"\s+", " ", inspect.getdoc(promise) or promise.__name__)


def _find(asked: str, folders: Sequence[str]) -> tuple[dict[str, Plugin], Registry]:
    """The plug-in of that name, or the ones that a file defines (its variants too), by name and argument, if one is
    given: NAME:ARGUMENT, FILE.py:ARGUMENT."""
    name, colon, argument = asked.partition(":")
    path = Path(name)
    if path.suffix != ".py":
        for kinds in (QUICK, KINDS):
            found = registry(folders, kinds)
            for kind in kinds:
                if name in found.plugins[kind]:
                    return {asked: found.get(kind, asked)}, found
        if name in found.broken:
            raise UserError(f"{name!r} does not load: {found.broken[name]}")
        raise unknown("plug-in", name, [n for kind in found.plugins for n in found.plugins[kind]])
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        kind, *_ = load_file(path)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} does not load: {type(error).__name__}: {error}") from None
    found = registry([*folders, str(path)], QUICK if kind in QUICK else KINDS)
    own = [p for p in found.plugins[kind].values() if Path(p.path).resolve() == path.resolve()]
    if not own:
        raise UserError(f"{path} does not load: {found.broken.get(path.stem, 'it defines no plug-in')}")
    names = [f"{plugin.name}{colon}{argument}" for plugin in own]
    return {name: found.get(kind, name) for name in names}, found


def check(asked: str, folders: Sequence[str] = (), fast: bool = False) -> int:
    """Tests every promise of a plug-in (by name or file), prints a line for each, tells what a method makes of a small
    data set, and returns the exit status.

    fast: without what takes long, and with one seed. On one core: these problems are so small that a second one costs
    more than it does.
    """
    plugins, found = _find(asked, folders)
    broken = warned = 0
    with one_job():
        for name, plugin in plugins.items():
            if plugin.kind == "datasets" and plugin.cls.takes and not found.dataset(name).argument:
                raise UserError(f"data set {name!r} takes an argument: check {plugin.name}:{plugin.cls.takes}")
            say(f"{plugin.name} ({plugin.kind.rstrip('s')}, {plugin.path})")
            for words, test in promises(plugin, found, name, fast):
                broken += _kept(words, test)
        methods = [name for name, plugin in plugins.items() if plugin.kind == "methods"]
        if methods:
            for mark, line in effects(methods, found, fast):
                say(f"  {mark:7} {line}")
                broken, warned = broken + (mark == BROKEN), warned + (mark == WARNING)
    left_out = "; --fast leaves some out" if fast else ""
    warnings = f", {warned} warning{'s' if warned > 1 else ''}" if warned else ""
    say((f"{broken} broken" if broken else "all promises kept") + warnings + left_out)
    return 1 if broken else 0


def _kept(words: str, test: Callable[[], None]) -> bool:
    """Tests one promise and tells of it; whether it is broken."""
    try:
        test()
        say(f"  ok      {words}")
    except (Skipped, NotApplicable) as declared:
        say(f"  -       {words} [{declared}]")
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
        say(f"  {BROKEN}  {words}\n          {reason}")
        return True
    return False
