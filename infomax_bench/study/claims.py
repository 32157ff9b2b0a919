"""Whom claims are about, and who stands against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from infomax_bench.stats.scores import Scores


@dataclass(frozen=True)
class Claims:
    """What a verdict needs to know beside the rows: who the subject is, and who stands against it."""

    subject: str
    preset: str
    roles: dict[str, str]
    """Method -> role, of all methods that there are, measured or not: a claim about all needs all."""
    indicative: bool
    track: str = "controlled"
    width: int | None = None
    """The width of all benchmarks but those that sweep it."""
    own_width: frozenset[str] = frozenset()
    """Methods that have a width of their own."""
    fitted: frozenset[str] = frozenset()
    """Methods that are not trained by gradient."""
    supervised: frozenset[str] = frozenset()
    """Methods that see labels, or captions written from them."""
    labelled: frozenset[str] = frozenset()
    """Those of them that see the labels, and no captions, which may tell of other factors too."""
    doubtful: frozenset[str] = frozenset()
    """Methods that did not reproduce what is published of them; figures mark them."""
    uncompared: frozenset[str] = frozenset()
    """Methods that were never compared with a published number; figures mark them too."""
    roster: Mapping[str, str] = field(default_factory=dict)
    """Method -> family, of those that every subject is compared with, itself among them; if it is not told, those of
    `roles` but such as have a width of their own, with the role as family."""
    kin: Mapping[str, str] = field(default_factory=dict)
    """Method -> the one that it is a variant or an ablation of, or itself."""
    forms: tuple[str, ...] = ()
    """The subject's variants, its ablations, and itself with its default settings."""
    seeds: tuple[int, ...] = ()
    """Those of the run; others are for saying it again. () is all."""
    twins: tuple[tuple[str, ...], ...] = ()
    """Data sets that are next to the same."""
    n_test: Mapping[str, int] = field(default_factory=dict)
    """Data set -> its test images."""
    home: Scores | None = field(default=None, compare=False)
    """Accuracy on the encoders' own data sets."""

    def __post_init__(self) -> None:
        if not self.roster:
            known = {m: role for m, role in self.roles.items() if m not in self.own_width}
            object.__setattr__(self, "roster", known)

    def against(self, subject: str) -> list[str]:
        """The roster without a subject and its kin."""
        own = self.kin.get(subject, subject)
        return [m for m in self.roster if m != subject and self.kin.get(m, m) != own]

    def rivals(self, role: str) -> list[str]:
        """The methods that a claim against a role is tested against, without the subject.

        The references stand with the controls, since a claim that loses to what was not trained is lost; not those with
        a width of their own, which no claim is about.
        """
        own = {m for m, r in self.roles.items() if r == role}
        if role == "control":
            own |= {m for m, r in self.roles.items() if r == "reference"} - self.own_width
        return sorted(own - {self.subject})

    @property
    def compared(self) -> frozenset[str]:
        """The methods that are compared at one width, whatever their role: without those that have their own."""
        return frozenset(self.roles) - self.own_width

    @property
    def learners(self) -> list[str]:
        """The methods that learn by gradient and without labels, of those that are compared at one width."""
        without = self.own_width | self.fitted | self.supervised
        return sorted(m for m, role in self.roles.items() if role != "reference" and m not in without)

    @property
    def references(self) -> list[str]:
        """The methods that learn nothing, or next to nothing, whatever their width."""
        return sorted(m for m, role in self.roles.items() if role == "reference")

    def without(self, methods: frozenset[str]) -> Claims:
        """The same claims without some methods, which take no part by the rule."""
        kept = [{m: v for m, v in of.items() if m not in methods} for of in (self.roles, self.roster)]
        return replace(self, roles=kept[0], roster=kept[1])
