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

    The roster is the same for every subject: no drafts, nothing with a width of its own, and of "this work" its main
    method alone, whose variants and ablations are forms of it. Of the subject's own kin nobody stands against it; of
    others' methods, what is called "this work" is what came before.
    """
    kin = {m: _main(m, card) for m, card in cards.items()}
    known = {m: card for m, card in cards.items() if "linear" in card.get("backbones", ("linear",))}
    roster = {m: card for m, card in known.items() if _stands(m, card, kin[m])}
    others = {m for m in roster if kin[m] != kin.get(subject, subject)}
    part = {subject, *others} & {*cards}
    return Claims(
        subject,
        preset,
        {m: _role(cards[m]) for m in cards if m in part},
        indicative,
        width=width,
        own_width=frozenset(m for m, card in cards.items() if card.get("own_width")),
        supervised=frozenset(m for m, card in cards.items() if card.get("supervised")),
        labelled=frozenset(m for m, card in cards.items() if "labels" in card.get("needs", ())),
        fitted=frozenset(m for m, card in cards.items() if card.get("fitted")),
        roster={m: str(card.get("family", "")) for m, card in roster.items() if not card.get("own_width")},
        kin=kin,
        forms=tuple(sorted(m for m in known if m != subject and kin[m] == kin.get(subject) and m not in roster)),
    )


def _main(method: str, card: Mapping[str, Any]) -> str:
    """Whose variant or ablation it is."""
    return str(card.get("ablation_of") or card.get("file", method))


def _stands(method: str, card: Mapping[str, Any], main: str) -> bool:
    """Whether others are compared with it."""
    role = card.get("role", "draft")
    return role != "draft" and "shown_beside" not in card and (role != "this work" or method == main)


def _role(card: Mapping[str, Any]) -> str:
    role = str(card.get("role", "draft"))
    return "prior art" if role in ("this work", "draft") else role
