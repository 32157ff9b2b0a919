"""The source of a plug-in: what is run is compiled from the very bytes that are hashed, and what it imports of the
user's own is part of the hash.

Python trusts byte code by the size and date of the file it was made from, so that after an unzip one version of a file
could run under the hash of another. Modules that are nobody's package are therefore always compiled from their source.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import packages_distributions
from importlib.util import module_from_spec, resolve_name, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PACKAGE = str(Path(__file__).resolve().parents[1])
INSTALLED = ("site-packages", "dist-packages")
"""Folders of what a package manager brought."""

_folders: set[str] = set()
"""Folders of plug-ins: what lies there is the user's own whatever it is called."""
_packages: set[str] = set()
"""Installed packages that bring plug-ins."""
_helpers: set[str] = set()
"""Names of the modules of the user's own that plug-ins import."""


class _FromSource(SourceFileLoader):
    """Compiles a module from its source and keeps the hash of the bytes."""

    sha256 = ""

    def get_code(self, fullname: str) -> CodeType:
        content = self.get_data(self.path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        code: CodeType = self.source_to_code(content, self.path)
        return code


class _Finder:
    """Finds what Python's own finder does; modules of the user's own are then compiled from their source."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader and (_brings_plugins(name) or is_own(spec)):
            spec.loader = _FromSource(name, spec.loader.path)
        return spec


def _brings_plugins(name: str) -> bool:
    return name.partition(".")[0] in _packages


def prepare(folders: Iterable[Path], packages: Iterable[str] = ()) -> None:
    """Makes ready to load plug-ins of these folders and installed packages: modules of theirs, and helpers, are
    forgotten if one was edited since."""
    _folders.update(str(folder) for folder in folders)
    _packages.update(set(packages) - {"infomax_bench"})
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(sys.meta_path.index(PathFinder), _Finder)
    importlib.invalidate_caches()
    watched = _helpers | {name for name in sys.modules if _brings_plugins(name)}
    if any(_is_edited(name) for name in watched):
        for name in watched:
            sys.modules.pop(name, None)
        _helpers.clear()


def _is_edited(name: str) -> bool:
    """Whether a loaded module's file is not what it was."""
    loader = getattr(getattr(sys.modules.get(name), "__spec__", None), "loader", None)
    if not isinstance(loader, _FromSource):
        return False
    try:
        return hashlib.sha256(loader.get_data(loader.path)).hexdigest() != loader.sha256
    except OSError:
        return True


def is_own(spec: ModuleSpec) -> bool:
    """Whether a module is the user's own: neither Python's, nor the harness's, nor of an installed package."""
    places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or ())
    if not places or any(_is_foreign(place) for place in places):
        return False
    if any(Path(place).is_relative_to(folder) for place in places for folder in _folders):
        return True
    return spec.name.partition(".")[0] not in _distributed()


def _is_foreign(place: str) -> bool:
    path = Path(place)
    return any(part in INSTALLED for part in path.parts) or any(path.is_relative_to(folder) for folder in _of_python())


@functools.cache
def _of_python() -> tuple[str, ...]:
    return PACKAGE, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")


@functools.cache
def _distributed() -> frozenset[str]:
    """Names of modules that packages bring; those installed from a folder are among them."""
    return frozenset(packages_distributions())


def load(path: Path, name: str) -> tuple[ModuleType, bytes]:
    """The module that a file defines, run anew under `name`, and the bytes that it was compiled from.

    Raises whatever the file raises.
    """
    content = path.read_bytes()
    spec = spec_from_loader(name, SourceFileLoader(name, str(path)))
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    exec(compile(content, str(path), "exec", dont_inherit=True), vars(module))
    return module, content


def source_hash(content: bytes, module: str, package: str = "") -> str:
    """A short hash of a plug-in's source and of all modules of the user's own that it imports, at once or later.

    module: the plug-in's full name. package: modules below this name count too, though they are installed.
    """
    helpers = _imported_by(content, module, package)
    _helpers.update(helpers)
    total = hashlib.sha256(content)
    for name in sorted(helpers):
        total.update(f"\0{name}\0{helpers[name]}".encode())
    return total.hexdigest()[:16]


def _imported_by(content: bytes, module: str, package: str) -> dict[str, str]:
    """The modules of the user's own that a source imports, and that these import: name -> hash of the file."""
    found: dict[str, str] = {}
    waiting = [(content, module.rpartition(".")[0])]
    while waiting:
        text, parent = waiting.pop()
        for name in _names(text, parent):
            spec = _spec(name, package)
            if spec is None or name in found or name == module:
                continue
            file = Path(spec.origin) if spec.has_location and spec.origin else None  # a folder without a file is named
            own = file.read_bytes() if file is not None and file.is_file() else b""
            loader = getattr(getattr(sys.modules.get(name), "__spec__", None), "loader", None)
            found[name] = getattr(loader, "sha256", "") or hashlib.sha256(own).hexdigest()
            if file is not None and file.suffix == ".py":
                waiting.append((own, name if spec.submodule_search_locations is not None else spec.parent or ""))
    return found


def _names(content: bytes, package: str) -> Iterator[str]:
    """Every name that may be a module's in the import statements of a source, the packages above each before it."""
    try:
        nodes: list[Any] = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):
        return
    names: dict[str, None] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                try:
                    base = resolve_name("." * node.level + base, package)
                except ImportError:
                    continue
            names.update(dict.fromkeys([base, *(f"{base}.{alias.name}" for alias in node.names)]))
    whole: dict[str, None] = {}
    for name in names:
        parts = name.split(".")
        whole.update(dict.fromkeys(".".join(parts[: i + 1]) for i in range(len(parts))))
    yield from whole


def _spec(name: str, package: str) -> ModuleSpec | None:
    """Where a module of the user's own is, without running anything; None if it is not one."""
    above = name.rpartition(".")[0]
    loaded = getattr(sys.modules.get(name), "__spec__", None)
    if loaded is not None:
        spec: ModuleSpec | None = loaded
    elif not above:
        spec = PathFinder.find_spec(name)
    else:
        parent = _spec(above, package)
        if parent is None or parent.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(name, list(parent.submodule_search_locations))
    if spec is None or not (is_own(spec) or (package and name.partition(".")[0] == package)):
        return None
    return spec
