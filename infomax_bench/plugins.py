"""Finds methods, data sets and benchmarks: files dropped in a folder, installed packages, `--plugins DIR`.

A plug-in file is any `NAME.py` in `methods/`, `datasets/` or `benchmarks/` of the clone (or of the wheel), or anywhere
in a folder given by the user. Its plug-in is the one subclass of Method, Dataset or Benchmark that it defines. A file
that does not load costs one warning line; the others still work.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infomax_bench.errors import UserError, unknown
from infomax_bench.places import expanded

if TYPE_CHECKING:
    from infomax_bench.benchmark import Benchmark
    from infomax_bench.data import Dataset
    from infomax_bench.method import Method

KINDS = {
    "methods": ("infomax_bench.method", "Method"),
    "datasets": ("infomax_bench.data", "Dataset"),
    "benchmarks": ("infomax_bench.benchmark", "Benchmark"),
}
"""Kind -> module and name of its base class, which whoever defines one has imported: benchmarks load without torch."""

NO_NAME = ":,|/"
"""What the command line and tables put between names."""

PACKAGE = Path(__file__).resolve().parent


def in_clone() -> bool:
    """Whether this is a clone of the repository, and not an installed wheel."""
    return (PACKAGE.parent / "benchmarks" / "presets.toml").is_file()


def home() -> Path:
    """The folder that holds `methods/`, `datasets/` and `benchmarks/`: the clone, or the plug-ins in the wheel."""
    return PACKAGE.parent if in_clone() else PACKAGE / "_plugins"


@dataclass(frozen=True)
class Plugin:
    """One plug-in: its class, the settings that a variant changes, the file it came from and a hash of its source."""

    name: str
    kind: str
    cls: type
    path: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Registry:
    """All plug-ins by kind and name. `broken` maps a file's stem to why it did not load."""

    plugins: dict[str, dict[str, Plugin]]
    broken: dict[str, str]
    warnings: list[str]

    def get(self, kind: str, name: str) -> Plugin:
        """The plug-in of that name; of data sets, which alone take an argument, `name:ARGUMENT` finds `name`.

        Raises UserError for a name that is not there, or whose file does not load.
        """
        base, colon, _ = name.partition(":")
        if colon and kind != "datasets":
            raise UserError(f"{name!r}: {kind} take no argument; did you mean {base!r}?")
        found = self.plugins[kind].get(base)
        if found is None:
            if base in self.broken:
                raise UserError(f"{kind.rstrip('s')} {base!r} does not load: {self.broken[base]}")
            raise unknown(kind.rstrip("s"), base, self.plugins[kind])
        return found

    def names(self, kind: str) -> list[str]:
        return sorted(self.plugins[kind])

    def method(self, name: str, settings: Mapping[str, Any] | None = None) -> Method:
        plugin = self.get("methods", name)
        built: Method = plugin.cls.build({**plugin.settings, **(settings or {})})  # type: ignore[attr-defined]
        return built

    def dataset(self, name: str) -> Dataset:
        plugin = self.get("datasets", name)
        argument = name.split(":", 1)[1] if ":" in name else None
        built: Dataset = plugin.cls(argument)
        return built

    def benchmark(self, name: str) -> Benchmark:
        built: Benchmark = self.get("benchmarks", name).cls()
        return built


def registry(folders: Iterable[str] = (), kinds: Iterable[str] = tuple(KINDS)) -> Registry:
    """Everything there is of these kinds. `folders` are the user's own, which may replace built-in plug-ins by name;
    files that lie loose there are of any kind."""
    return _registry(tuple(str(expanded(f).resolve()) for f in folders), tuple(kinds))


def reread() -> None:
    """Reads all files again when they are next asked for: a worker may be older than what it is to do."""
    _registry.cache_clear()


@functools.lru_cache(maxsize=4)
def _registry(folders: tuple[str, ...], kinds: tuple[str, ...]) -> Registry:
    found = Registry({kind: {} for kind in KINDS}, {}, [])
    for kind in kinds:
        for path in sorted((home() / kind).glob("*.py")):
            _add_file(found, path)
        for entry in entry_points(group=f"infomax_bench.{kind}"):
            try:
                cls = entry.load()
                _add_class(found, kind, entry.name, cls, Path(inspect.getfile(cls)))
            except Exception as error:
                _broken(found, entry.name, f"entry point {entry.value}", error)
    for folder in folders:
        root = Path(folder)
        if root.suffix == ".py" and root.is_file():  # a single plug-in
            _add_file(found, root)
            continue
        if not root.is_dir():
            raise UserError(f"--plugins {folder}: {'no folder and no .py file' if root.exists() else 'no such folder'}")
        if not any(path for place in (root, *(root / kind for kind in KINDS)) for path in place.glob("*.py")):
            raise UserError(f"--plugins {folder}: no plug-in files there, nor in methods/, datasets/ or benchmarks/")
        for path in sorted([*root.glob("*.py"), *(p for kind in kinds for p in (root / kind).glob("*.py"))]):
            _add_file(found, path)
    return found


def _broken(found: Registry, name: str, where: str, error: BaseException) -> None:
    reason = " ".join(traceback.format_exception_only(error)[-1].split())
    if isinstance(error, SyntaxError):
        reason = f"{reason} (line {error.lineno})"
    found.broken[name] = reason
    instead = next((own[name].path for own in found.plugins.values() if name in own), "")
    found.warnings.append(
        f"{where} does not load and is left out{f', {instead} is used instead' if instead else ''}: {reason}"
    )


def _add_file(found: Registry, path: Path) -> None:
    try:
        kind, cls = load_file(path)
        _add_class(found, kind, path.stem, cls, path)
    except Exception as error:
        _broken(found, path.stem, str(path), error)


def _note_replaced(found: Registry, kind: str, name: str, cls: type, path: Path) -> None:
    """A warning for each plug-in of another file whose name this one takes, be it for a variant."""
    whole = ""
    for own in (name, *getattr(cls, "variants", {})):
        old = found.plugins[kind].get(own)
        if old is None or old.path in (str(path), whole):
            continue
        if own == name == Path(old.path).stem:
            whole = old.path
        found.warnings.append(f"{path} replaces {whole or f'{own!r} of {old.path}'}")


def _add_class(found: Registry, kind: str, name: str, cls: type, path: Path) -> None:
    for own in (name, *getattr(cls, "variants", {})):
        if not own.strip() or not own.isprintable() or set(own) & set(NO_NAME):
            raise ValueError(f"{own!r} is no name for a plug-in: without {' '.join(NO_NAME)}, and printable")
    _note_replaced(found, kind, name, cls, path)
    cls.name = name  # type: ignore[attr-defined]
    source = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    found.plugins[kind][name] = Plugin(name, kind, cls, str(path), source)
    for variant, changes in getattr(cls, "variants", {}).items():
        settings = {k: v for k, v in changes.items() if k in cls.parameters()}  # type: ignore[attr-defined]
        attributes = {k: v for k, v in changes.items() if k not in settings}
        # a class of its own, so that what it makes knows the variant's name
        named = type(
            cls.__name__, (cls,), {**attributes, "name": variant, "__module__": cls.__module__, "variants": {}}
        )
        found.plugins[kind][variant] = Plugin(variant, kind, named, str(path), source, settings)


def load_file(path: Path) -> tuple[str, type]:
    """Imports a plug-in file and returns its kind and class.

    Raises ValueError if it does not define exactly one plug-in, and whatever the file itself raises.
    """
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    module_name = f"infomax_bench_plugins.{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    own = [
        (kind, value)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module_name and not value.__name__.startswith("_")
        for kind, base in KINDS.items()
        if base in {(c.__module__, c.__qualname__) for c in value.__mro__}
    ]
    if len(own) != 1:
        raise ValueError(f"a plug-in file defines exactly one Method, Dataset or Benchmark; this one has {len(own)}")
    for variant, changes in getattr(own[0][1], "variants", {}).items():
        for name in (k for k in changes if not hasattr(own[0][1], k)):
            raise ValueError(f"variant {variant!r} changes {name!r}, which the class does not have")
    return own[0]
