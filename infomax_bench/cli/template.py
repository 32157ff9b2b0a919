"""What `infomax-bench new-...` writes: a commented plug-in that already runs, to be changed into one's own idea.

The templates are plug-in files themselves, so linters read them and tests run them; they lie in `templates/`.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from infomax_bench.base.errors import UserError
from infomax_bench.base.store import write_text
from infomax_bench.study.plugins import home, in_clone, registry

FOLDER = Path(__file__).parent / "templates"


def filled(kind: str, name: str, hooks: str = "loss") -> str:
    """The template of a kind of plug-in ("methods", ...), under a name; hooks: of a method, what it shows."""
    one = kind.rstrip("s")
    text = (FOLDER / f"{f'{one}_{hooks}' if kind == 'methods' else one}.py").read_text(encoding="utf-8")
    words = name.split("_")
    cls = "".join(word.capitalize() for word in words)
    if cls != "MyIdea" and re.search(rf"\b{cls}\b", text):  # what the template itself imports
        cls += one.capitalize()
    return text.replace("MyIdea", cls).replace("My idea", " ".join(words).capitalize()).replace("my_idea", name)


def write_plugin(kind: str, name: str, folder: Path | None = None, hooks: str = "loss") -> Path:
    """Writes a template as NAME.py into the folder, or the clone's folder of its kind, or here where there is no clone.

    Raises UserError for a name that cannot be one, or is taken, and for a folder that is not there.
    """
    one = kind.rstrip("s")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(f"{name!r} is no name of a {one}; use small letters, digits and _ as in my_idea")
    if folder is not None and not folder.is_dir():
        raise UserError(f"--dir {folder}: no such folder")
    own = home() / kind if in_clone() else Path()
    path = (folder or own) / f"{name}.py"
    if path.exists() or name in registry().plugins[kind]:
        raise UserError(f"there is a {one} {name!r} already; choose another name")
    path.parent.mkdir(exist_ok=True)  # nobody has evaluations or backbones of their own before the first
    write_text(path, filled(kind, name, hooks))
    return path
