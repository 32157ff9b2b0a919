"""What is said of every method beside its rows, as plain values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import Registry


def cards(registry: Registry, drafts: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Method -> its card, and what else tables and claims need of it; `drafts` have that role whatever they say."""
    found = {}
    for name in registry.names("methods"):
        plugin = registry.get("methods", name)
        cls: Any = plugin.cls
        found[name] = {
            **asdict(cls.card),
            **({"role": "draft"} if name in drafts else {}),
            "supervised": cls.supervised(),
            "needs": cls.needs,
            "fitted": cls.fitted(),
            "own_width": cls.own_width(),
            "file": Path(plugin.path).stem,
            "backbones": list(cls.backbones),
            "tunable": sorted(cls.search_space(plugin.settings)),
        }
    return found


def claims_of(
    cards: Mapping[str, Mapping[str, Any]],
    subject: str,
    preset: str,
    indicative: bool = False,
    width: int | None = None,
) -> Claims:
    """Who is claimed about, and who stands against it, on single layers.

    Of the subject's own kind ("this work"), the variants in its file and what is declared an ablation of it stand
    nowhere; methods of other files are what came before it. Drafts stand nowhere, but for the subject.
    """
    file = cards.get(subject, {}).get("file", subject)
    roles = {}
    for method, card in cards.items():
        if "shown_beside" in card:
            continue
        variant = card.get("file", method) == file or card.get("ablation_of") == subject
        role = card.get("role", "draft")
        part = role != "draft" and not variant and "linear" in card.get("backbones", ("linear",))
        if method == subject or part:
            roles[method] = "prior art" if role in ("this work", "draft") else role
    return Claims(
        subject,
        preset,
        roles,
        indicative,
        width=width,
        own_width=frozenset(m for m, card in cards.items() if card.get("own_width")),
        supervised=frozenset(m for m, card in cards.items() if card.get("supervised")),
        labelled=frozenset(m for m, card in cards.items() if "labels" in card.get("needs", ())),
        fitted=frozenset(m for m, card in cards.items() if card.get("fitted")),
    )
