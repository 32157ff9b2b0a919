"""Where modules stood before the package had rooms. A plug-in file that names one goes on working, and keeps its keys:
its source is part of them."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "contents": "base.contents",
    "errors": "base.errors",
    "pictures": "data.pictures",
    "places": "base.places",
    "random": "base.streams",
    "torchvision_data": "data.torchvision",
}
"""Old name -> new one, below `infomax_bench`."""


class _Moved(MetaPathFinder, Loader):
    """Finds what is imported by an old name, and gives the module that has taken its place."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, old = name.rpartition(".")
        return ModuleSpec(name, self) if package == __package__ and old in MOVED else None

    def create_module(self, spec: ModuleSpec) -> None:
        """None: Python makes an empty one, which `exec_module` replaces."""

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__.rpartition(".")[2]
        sys.modules[module.__name__] = importlib.import_module(f"{__package__}.{MOVED[old]}")


def install() -> None:
    """Makes the old names known; once is enough."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
