"""What a report needs of run.json, whoever wrote it: what has another shape than the harness gives it is left out, part
by part, so that the rest is shown."""

from __future__ import annotations

from typing import Any

STUDY = {
    "method": str,
    "dataset": str,
    "backbone": str,
    "settings": {str: object},
    "default": float,
    "best": float,
    "trials": int,
    "spread": float,
    "seconds": float,
    "seeds": int,
    "current": bool,
}
CARD = {
    "family": "",
    "objective": "",
    "prevents": "",
    "paper": "",
    "essay_cost": "",
    "role": str,
    "file": str,
    "ablation_of": str,
    "backbones": [str],
    "needs": [str],
}
LISTS = {"seeds": [int], "again": [int], "twins": [[str]]}
RECORD = {
    "subject": "",
    "seconds": 0.0,
    "version": "",
    "command": "",
    "suite": {"preset": "", "width": int, "widths": [int], "batch_size": int, "epochs": {str: int}, **LISTS},
    "machine": {"cpu": str, "instructions": str, "gpu": str, "python": str, "products": str, "packages": {str: str}},
    "methods": {str: CARD},
    "datasets": {str: {"summary": "", "shape": [int], "classes": [str], "n_rest": int, "n_test": int}},
    "tuning": {str: STUDY},
    "broken": {str: ""},
    "runs": [{"machine": str, "peak_gib": 0.0}],
}
"""A type, or `[...]`, a list of such: what may be missing. A value: what it is if it is missing. `{str: ...}`: such by
name, and of a dictionary other keys are kept as they are; none if it is missing."""


def fitted(value: Any, like: Any) -> Any:
    """The value without what is not like `like`; None if nothing of it is."""
    if isinstance(like, dict):
        own = value if isinstance(value, dict) else {}
        if str in like:
            return {name: one for name in own if (one := fitted(own[name], like[str])) is not None}
        parts = {name: fitted(own.get(name), part) for name, part in like.items()}
        rest = {name: one for name, one in own.items() if name not in like}
        return rest | {name: part for name, part in parts.items() if part is not None}
    if isinstance(like, list):
        return (
            [one for each in value if (one := fitted(each, like[0])) is not None] if isinstance(value, list) else None
        )
    kind = like if isinstance(like, type) else type(like)
    return value if _is(value, kind) else None if isinstance(like, type) else like


def _is(value: Any, kind: type) -> bool:
    """As Python sees it, but that truth values are no numbers, and whole numbers are numbers."""
    numbers = (int, float) if kind is float else kind
    return isinstance(value, numbers) and (kind in (bool, object) or not isinstance(value, bool))
