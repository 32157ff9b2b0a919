"""Finds plug-ins of every kind: files dropped in a folder, installed packages, `--plugins DIR`.

A plug-in file is any `NAME.py` in `methods/`, `datasets/`, `benchmarks/`, `evaluations/` or `backbones/` of the clone
(or of the wheel), or anywhere in a folder given by the user. Its plug-in is the one subclass of Method, Dataset,
Benchmark or Encoding that it defines, or the functions that it declares to be evaluations. A file that does not load,
or lacks what every listing and every run asks of it, costs one warning line; the others still work.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from infomax_bench.base import sources
from infomax_bench.base.errors import UserError, unknown
from infomax_bench.base.places import expanded
from infomax_bench.evaluations.declare import Evaluation, Metric, Pairwise, declaration_of, evaluations_in

if TYPE_CHECKING:
    from infomax_bench.data.dataset import Dataset
    from infomax_bench.study.benchmark import Benchmark
    from infomax_bench.training.method import Method

CLASSES = {
    "methods": ("infomax_bench.training.method", "Method"),
    "datasets": ("infomax_bench.data.dataset", "Dataset"),
    "benchmarks": ("infomax_bench.study.benchmark", "Benchmark"),
    "backbones": ("infomax_bench.models.encoder", "Encoding"),
}
"""Kind -> module and name of its base class, which whoever defines one has imported: benchmarks load without torch."""

BUNDLED = {"evaluations": "infomax_bench.evaluations", "backbones": "infomax_bench.models.backbones"}
"""Kind -> the package whose modules bring those of the harness itself. Their keys hold a version and not the source, so
that no other file may take their names."""

KINDS = ("methods", "datasets", "benchmarks", "evaluations", "backbones")

NO_NAME = ":,|/"
"""What the command line and tables put between names."""

PACKAGE = Path(__file__).resolve().parents[1]


def in_clone() -> bool:
    """Whether this is a clone of the repository, and not an installed wheel."""
    return (PACKAGE.parent / "benchmarks" / "presets.toml").is_file()


def home() -> Path:
    """The folder that holds `methods/`, `datasets/` and `benchmarks/`: the clone, or the plug-ins in the wheel."""
    return PACKAGE.parent if in_clone() else PACKAGE / "_plugins"


@dataclass(frozen=True)
class Plugin:
    """One plug-in: its class (of an evaluation, what it declares), the settings that a variant changes, the file it
    came from, and a hash of its source and of what that imports of the user's own."""

    name: str
    kind: str
    cls: Any
    path: str
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bundled(self) -> bool:
        return self.kind in BUNDLED and Path(self.path).is_relative_to(PACKAGE)


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
        base, colon, _ = (self._own_name(name) if kind == "datasets" else name).partition(":")
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
        built: Method = plugin.cls.build({**plugin.settings, **(settings or {})})
        return built

    def dataset(self, name: str) -> Dataset:
        plugin, name = self.get("datasets", name), self._own_name(name)
        argument = name.split(":", 1)[1] if ":" in name else None
        built: Dataset = plugin.cls(argument)
        return built

    def _own_name(self, name: str) -> str:
        """The name of a data set that is known by others too."""
        for own, plugin in self.plugins["datasets"].items():
            if name in plugin.cls.also:
                argument = plugin.cls.also[name]
                return f"{own}:{argument}" if argument else own
        return name

    def benchmark(self, name: str) -> Benchmark:
        built: Benchmark = self.get("benchmarks", name).cls()
        return built

    def evaluation(self, name: str) -> Evaluation:
        found: Evaluation = self.get("evaluations", name).cls
        return found

    def comparison(self, name: str) -> Pairwise:
        """The evaluation of pairs of that name. Raises UserError if it is one of single encoders."""
        found = self.evaluation(name)
        if not isinstance(found, Pairwise):
            raise UserError(f"evaluation {name!r} compares no encoders with each other")
        return found

    def declared(self, metric: str, protocol: str | None = None) -> list[tuple[str, Metric]]:
        """Who measures a metric under that protocol (None: under any), and what they declare of it."""
        every = [self.evaluation(name) for name in self.names("evaluations")]
        return [(one.name, own) for one in every for own in one.declared(metric, protocol)]


def registry(folders: Iterable[str] = (), kinds: Iterable[str] = KINDS) -> Registry:
    """Everything there is of these kinds. `folders` are the user's own, which may replace built-in plug-ins by name;
    files that lie loose there are of any kind."""
    return _registry(tuple(str(expanded(f).resolve()) for f in folders), tuple(kinds))


def reread() -> None:
    """Reads all files again when they are next asked for: a worker may be older than what it is to do."""
    _registry.cache_clear()


@functools.lru_cache(maxsize=8)
def _registry(folders: tuple[str, ...], kinds: tuple[str, ...]) -> Registry:
    found = Registry({kind: {} for kind in KINDS}, {}, [])
    roots = [Path(folder) for folder in folders]
    installed = {kind: entry_points(group=f"infomax_bench.{kind}") for kind in kinds}
    sources.prepare(
        [*(home() / kind for kind in kinds), *(p if p.suffix != ".py" else p.parent for p in roots)],
        [entry.value.partition(":")[0].partition(".")[0] for group in installed.values() for entry in group],
    )
    for kind in kinds:
        _add_bundled(found, kind)
        for path in sorted((home() / kind).glob("*.py")):
            _add_file(found, path)
        for entry in installed[kind]:
            try:
                thing = entry.load()
                path = Path(inspect.getfile(thing))
                source = sources.source_hash(path.read_bytes(), thing.__module__, thing.__module__.partition(".")[0])
                _add(found, kind, {entry.name: declaration_of(thing) or thing}, path, source)
            except (Exception, SystemExit) as error:
                _broken(found, entry.name, f"entry point {entry.value}", error)
    for root in roots:
        if root.suffix == ".py" and root.is_file():  # a single plug-in
            _add_file(found, root)
            continue
        if not root.is_dir():
            raise UserError(f"--plugins {root}: {'no folder and no .py file' if root.exists() else 'no such folder'}")
        if not any(path for place in (root, *(root / kind for kind in KINDS)) for path in place.glob("*.py")):
            raise UserError(f"--plugins {root}: no plug-in files there, nor in {in_words(f'{k}/' for k in KINDS)}")
        for path in sorted([*root.glob("*.py"), *(p for kind in kinds for p in (root / kind).glob("*.py"))]):
            _add_file(found, path)
    return found


def in_words(names: Iterable[str]) -> str:
    """ "methods/, datasets/ or benchmarks/"."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _broken(found: Registry, name: str, where: str, error: BaseException) -> None:
    reason = " ".join(traceback.format_exception_only(error)[-1].split())
    if isinstance(error, SyntaxError):
        reason = f"{reason} (line {error.lineno})"
    if isinstance(error, SystemExit):
        reason = f"it ends the program (SystemExit: {error})"
    found.broken[name] = reason
    instead = next((own[name].path for own in found.plugins.values() if name in own), "")
    found.warnings.append(
        f"{where} does not load and is left out{f', {instead} is used instead' if instead else ''}: {reason}"
    )


def _add_bundled(found: Registry, kind: str) -> None:
    """Adds those that the harness's own modules define."""
    if kind not in BUNDLED:
        return
    package = importlib.import_module(BUNDLED[kind])
    for path in sorted(Path(str(package.__file__)).parent.glob("[a-z]*.py")):
        module = importlib.import_module(f"{BUNDLED[kind]}.{path.stem}")
        own = {name: thing for its, name, thing in _defined(module, path.stem) if its == kind}
        _add(found, kind, own, path, hashlib.sha256(path.read_bytes()).hexdigest()[:16])


def _add_file(found: Registry, path: Path) -> None:
    try:
        kind, own, source = load_file(path)
        _add(found, kind, own, path, source)
    except (Exception, SystemExit) as error:
        _broken(found, path.stem, str(path), error)


def _note_replaced(found: Registry, kind: str, names: Iterable[str], path: Path) -> None:
    """A warning for each plug-in of another file whose name this one takes, be it for a variant."""
    whole = ""
    for own in names:
        old = found.plugins[kind].get(own)
        if old is None or old.path in (str(path), whole):
            continue
        if own == path.stem == Path(old.path).stem:
            whole = old.path
        found.warnings.append(f"{path} replaces {whole or f'{own!r} of {old.path}'}")


def _add(found: Registry, kind: str, defined: Mapping[str, Any], path: Path, source: str) -> None:
    """Adds what a file defines, by name, and the variants of it, all or none, and notes what it replaces.

    Raises ValueError for one that lacks what everything else relies on, and whatever its own code raises.
    """
    own = {p.name: p for name, thing in defined.items() for p in _plugins(kind, name, thing, path, source)}
    for name, plugin in own.items():
        if not name.strip() or not name.isprintable() or set(name) & set(NO_NAME):
            raise ValueError(f"{name!r} is no name for a plug-in: without {' '.join(NO_NAME)}, and printable")
        before = found.plugins[kind].get(name)
        if before is not None and before.bundled and before.path != str(path):
            raise ValueError(f"{name!r} is the name of one that comes with the project, whose results it would share")
        _need_basics(plugin)
    _note_replaced(found, kind, own, path)
    found.plugins[kind].update(own)
    if kind == "backbones":
        from infomax_bench.models import backbones

        for name, plugin in own.items():
            backbones.add(name, plugin.cls)


def _plugins(kind: str, name: str, thing: Any, path: Path, source: str) -> Iterator[Plugin]:
    """A plug-in and its variants."""
    if isinstance(thing, type):
        thing.name = name  # type: ignore[attr-defined]
    if kind == "datasets":
        thing.code = source
    yield Plugin(name, kind, thing, str(path), source)
    for variant, changes in getattr(thing, "variants", {}).items():
        settings = {k: v for k, v in changes.items() if k in thing.parameters()}
        attributes = {k: v for k, v in changes.items() if k not in settings}
        # a class of its own, so that what it makes knows the variant's name
        own = {**attributes, "name": variant, "__module__": thing.__module__, "variants": {}}
        yield Plugin(variant, kind, type(thing.__name__, (thing,), own), str(path), source, settings)


def _need_basics(plugin: Plugin) -> None:
    """Raises ValueError, or what the plug-in's own code raises, if it lacks what lists and runs ask of all."""
    cls = plugin.cls
    if plugin.kind == "methods":
        from infomax_bench.training.method import HOOKS, Card, Method, Native

        card = getattr(cls, "card", None)
        if not isinstance(card, Card) or not all(isinstance(v, str) for v in asdict(card).values()):
            raise ValueError(f"{plugin.name} has no card = Card(...) of texts")
        for name in ("backbones", "needs"):
            if isinstance(getattr(cls, name), str) or not all(isinstance(v, str) for v in getattr(cls, name)):
                raise ValueError(f"{plugin.name}.{name} is not a tuple of names")
        if not isinstance(cls.native, Native):
            raise ValueError(f"{plugin.name}.native is not a Native(...)")
        if getattr(cls, cls.hook()) is getattr(Method, cls.hook()):
            raise ValueError(f"{plugin.name} defines none of {', '.join(HOOKS)}")
        cls.build(plugin.settings)
    elif plugin.kind == "datasets":
        wanted = ("summary",) if cls.takes else ("summary", "shape", "class_names", "n_rest", "n_test")
        built = cls() if not cls.takes else cls
        for name in wanted:
            getattr(built, name)
    elif plugin.kind == "benchmarks" and not hasattr(cls, "title"):
        raise ValueError(f"{plugin.name} has no title")
    elif plugin.kind == "backbones":
        if not cls.summary or type(cls.version) is not int or cls.version < 1:
            raise ValueError(f"{plugin.name} has no summary, or a version that is no whole number from 1 on")
    elif plugin.kind == "evaluations":
        if not isinstance(cls, Evaluation):
            raise ValueError(f"{plugin.name} is not declared by @evaluation(...)")
        cls.need_basics()


def _defined(module: ModuleType, stem: str) -> list[tuple[str, str, Any]]:
    """The kind, the name and what it is, of every plug-in that a module itself defines. A class has the file's name."""
    own = [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__]
    classes = [
        (kind, stem, value)
        for value in own
        if not value.__name__.startswith("_")
        for kind, base in CLASSES.items()
        if base in {(c.__module__, c.__qualname__) for c in value.__mro__}
    ]
    return classes + [("evaluations", declared.name, declared) for declared in evaluations_in(module)]


def load_file(path: Path) -> tuple[str, dict[str, Any], str]:
    """Runs a plug-in file and returns its kind, its class or what its evaluations declare, by name, and the hash of its
    source.

    Raises ValueError if it does not define one class, or evaluations, and whatever the file itself raises.
    """
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    module_name = f"infomax_bench_plugins.{path.stem}_{digest}"
    module, content = sources.load(path, module_name)
    found = _defined(module, path.stem)
    kinds = {kind for kind, _, _ in found}
    if len(kinds) != 1 or (kinds != {"evaluations"} and len(found) > 1):
        one = in_words(name for _, name in CLASSES.values())
        raise ValueError(f"a plug-in file defines exactly one {one}, or evaluations; this one has {len(found)}")
    kind, _, cls = found[0]
    variants = getattr(cls, "variants", {})
    if not isinstance(variants, Mapping):
        raise ValueError("variants is a mapping of names to what differs")
    for variant, changes in variants.items():
        if not isinstance(variant, str) or not variant.isprintable() or not variant or not isinstance(changes, Mapping):
            raise ValueError(f"variant {variant!r} is not a name with a mapping of what differs")
        for name in (k for k in changes if not hasattr(cls, k)):
            raise ValueError(f"variant {variant!r} changes {name!r}, which the class does not have")
    return kind, {name: thing for _, name, thing in found}, sources.source_hash(content, module_name)
