"""What an outcome rests on: the same rule without a data set, without a pair, and with twins counted as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from infomax_bench.stats.roster import Word


@dataclass(frozen=True)
class Variation:
    """Cases that are kept, `[C]`, and data sets that count as another; what: in words; dataset: the one left out, ""
    if it is something else."""

    what: str
    kept: np.ndarray
    as_one: dict[str, str] = field(default_factory=dict)
    dataset: str = ""


@dataclass(frozen=True)
class Flip:
    """A variation with which the outcome is another one."""

    what: str
    verdict: Word
    dataset: str = ""


def variations(
    cases: Sequence[tuple[str, str]], crossed: bool = False, twins: Iterable[Sequence[str]] = ()
) -> Iterator[Variation]:
    """Each data set left out (of pairs, as source and as target), each pair, and each group of twins as one. A data set
    that is one of `twins` in another variant ("cifar100:25k" of "cifar100") counts."""
    sources, targets = (np.array([case[side] for case in cases]) for side in (0, 1))
    names = sorted({*sources, *targets} if crossed else {*sources})
    for name in names:
        kept = (sources != name) & (targets != name if crossed else True)
        yield Variation(f"without {name}", kept, dataset=name)
    for i, (source, target) in enumerate(cases if crossed else ()):
        yield Variation(f"without {source} -> {target}", np.arange(len(cases)) != i)
    for group in twins:
        own = [name for name in names if name.split(":")[0] in group]
        if len(own) > 1:
            everything = np.ones(len(cases), bool)
            yield Variation(f"with {' and '.join(own)} as one", everything, dict.fromkeys(own, own[0]))


def flips(outcome: Word, varied: Iterable[Variation], decide: Callable[[Variation], Word]) -> list[Flip]:
    """The variations with which `decide` says something else."""
    told = ((one, decide(one)) for one in varied)
    return [Flip(one.what, word, one.dataset) for one, word in told if word != outcome]


def rests_on(found: Sequence[Flip], n: int) -> str:
    """On which data sets an outcome rests, of n: "sprites alone", "3 of 9 data sets", or "" for none of them."""
    own = [flip.dataset for flip in found if flip.dataset]
    return f"{own[0]} alone" if len(own) == 1 else f"{len(own)} of {n} data sets" if own else ""
