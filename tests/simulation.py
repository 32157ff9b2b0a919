"""Studies made up with a known truth, decided by every benchmark's own verdict code.

A study is the whole table that a run writes (`results.COLUMNS`), with noise as in the standard run (a test holds it to
that): accuracies deviate by about half a point over seeds, a part of which all methods share, and data sets differ in
difficulty and in what each method is good at. What is decided by which rows is known to the benchmarks only: `MEASURED`
says which metrics there are, and where the line of each claim is.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from infomax_bench.run.results import COLUMNS
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry

SUBJECT = "subject"
ROLES = {
    SUBJECT: "prior art",
    **{f"prior{i}": "prior art" for i in range(4)},
    **{f"control{i}": "control" for i in range(2)},
    "reference0": "reference",
}
SUPERVISED = frozenset({"prior0", "prior1"})
METHODS = list(ROLES)
RIVALS = np.array([m != SUBJECT for m in METHODS])
DATASETS = ("one", "two")
WIDTHS = (8, 16, 32)
WIDTH = 16
LEVEL = 0.05
"""The nominal level of each of the two outcomes."""
NOISY = np.array([1.0, 0.5, 1.5, 0.7, 2.0, 0.6, 1.8, 1.2])
"""How much noise each method has, in deviations of its metric: real ones differ fourfold."""
LEANING = np.array([1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0])
"""Which way each method's noise is skewed, where it is: if all were alike, differences would not be."""


@dataclass(frozen=True)
class Measured:
    """A metric of a benchmark: its mean, the deviation over seeds, and which way the claim is won.

    shared: the part of the deviation that all methods share under a seed. margin: by how much a rival may be ahead.
    """

    benchmark: str
    metric: str
    protocol: str = ""
    mean: float = 0.8
    sd: float = 0.006
    sign: int = 1
    margin: float = 0.0
    shared: float = 0.003


MEASURED = (
    Measured("pruning", "prunable_fraction", "best/refitted", mean=0.05, sd=0.06, sign=-1, shared=0.0),
    Measured("interpretability", "nameable_units", mean=0.4, sd=0.018),
    Measured("interpretability", "mig", mean=0.1, sd=0.01),
    Measured("redundancy", "nonlinear_dependence", mean=0.02, sd=0.0014, sign=-1, shared=0.0005),
    Measured("transfer", "accuracy", "linear", sd=0.005, shared=0.002),
    Measured("width", "accuracy", "linear", margin=0.01),
    Measured("gaps", "decodability", "scale", mean=0.5, sd=0.009),
    Measured("gaps", "property_r2", "ink", mean=0.7, sd=0.006),
    Measured("universality", "reconstruction", mean=0.7, sd=0.004, shared=0.001),
)

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
NOISE: dict[str, Noise] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "heavy tails": lambda rng, shape: rng.standard_t(3, shape) / 3**0.5,
    "skewed": lambda rng, shape: (rng.standard_gamma(4.0, shape) - 4) / 2,
}
"""Each has mean 0 and variance 1."""

PATTERNS: dict[str, tuple[float, float]] = {
    "all at the line": (0.0, 0.0),
    "one at the line": (0.0, -1.0),
    "one better": (1.0, -1.0),
}
"""How far ahead of the line the first rival of each role is, and how far the others, in units that noise never bridges.

The line is the edge of the null hypothesis: a rival exactly as good as the subject, or better by just the margin.
"""


def advantages(first: float, others: float) -> np.ndarray:
    """Of every method over the line, `[M]`: the first of each role, and the others; the subject has none."""
    firsts = np.array([m.endswith("0") for m in METHODS])
    return np.where(RIVALS, np.where(firsts, first, others), 0.0)


def far(measured: Measured) -> float:
    return 30 * max(measured.sd, 1e-3 * measured.mean)


class Study:
    """Draws tables; all that does not change from one to the next is made once.

    ahead: by how much every method is ahead of the line, `[M]`, for a metric. only: a benchmark, to be quick.
    alike: all methods have the same noise.
    """

    def __init__(
        self,
        ahead: Callable[[Measured], np.ndarray],
        n_seeds: int,
        noise: str = "normal",
        only: str = "",
        alike: bool = False,
    ) -> None:
        self.ahead, self.n_seeds, self.noise = ahead, n_seeds, NOISE[noise]
        self.noisy = (np.ones(len(METHODS)) if alike else NOISY * LEANING)[:, None, None]
        self.claims = Claims(
            SUBJECT, "simulated", ROLES, False, width=WIDTH, supervised=SUPERVISED, labelled=SUPERVISED
        )
        found = registry()
        self.benchmarks = {n: found.benchmark(n) for n in found.names("benchmarks")}
        self.frames = {m: self.frame(m) for m in MEASURED if only in ("", m.benchmark)}

    def places(self, measured: Measured) -> list[tuple[str, str, int]]:
        """Data set, target and width of every case of a metric."""
        if measured.benchmark == "transfer":
            return [(d, t, WIDTH) for d in DATASETS for t in DATASETS]
        return [(d, d, w) for d in DATASETS for w in (WIDTHS if measured.benchmark == "width" else (WIDTH,))]

    def frame(self, measured: Measured) -> pd.DataFrame:
        """The rows of one metric without their values, in the order of `values`."""
        index = [(m, *place, s) for m in METHODS for place in self.places(measured) for s in range(self.n_seeds)]
        frame = pd.DataFrame(index, columns=["method", "dataset", "target", "width", "seed"])
        frame = frame.assign(
            benchmark=measured.benchmark,
            metric=measured.metric,
            protocol=measured.protocol,
            status="ok",
            x=np.nan,
            value=np.nan,
            track="controlled",
            current=True,
            label="",
            backbone="linear",
            role=frame["method"].map(ROLES),
        )
        return frame.reindex(columns=list(COLUMNS))

    def values(self, measured: Measured, rng: np.random.Generator) -> np.ndarray:
        """One draw, `[M * cases * seeds]`. Rivals are as good as the line says, on average over the cases."""
        places = self.places(measured)
        shape = (len(METHODS), len(places), self.n_seeds)
        ahead = self.ahead(measured) + np.where(RIVALS, measured.margin, 0.0)
        counts = np.array([measured.benchmark != "transfer" or d != t for d, t, _ in places])  # at home all are as good
        truth = measured.mean + measured.sign * ahead[:, None] * counts
        taste = 5 * measured.sd * rng.standard_normal(shape[:2])  # what a method is good at
        if measured.benchmark == "transfer":
            truth += self.transfer_taste(places, taste)
        elif measured.benchmark == "width":
            truth += self.width_taste(places, taste)
        else:
            truth += taste - taste.mean(axis=1, keepdims=True) + self.difficulty(places, measured)
        own = (measured.sd**2 - measured.shared**2) ** 0.5
        noise = own * self.noisy * self.noise(rng, shape)
        noise += measured.shared * rng.standard_normal((1, len(places), self.n_seeds))
        return (truth[..., None] + noise).ravel()

    @staticmethod
    def difficulty(places: Sequence[tuple[str, str, int]], measured: Measured) -> np.ndarray:
        """Data sets differ much more than methods do; around the mean."""
        at = np.array([10 * measured.sd * (1 if t == DATASETS[0] else -1) for _, t, _ in places])
        return at - at.mean()

    @staticmethod
    def transfer_taste(places: Sequence[tuple[str, str, int]], taste: np.ndarray) -> np.ndarray:
        """All are better at home; abroad a method's tastes cancel."""
        home = np.array([d == t for d, t, _ in places])
        away = np.where(home, 0.0, taste)
        away -= np.where(home, 0.0, away.sum(axis=1, keepdims=True) / (~home).sum())
        return np.where(home, 0.1, away)

    @staticmethod
    def width_taste(places: Sequence[tuple[str, str, int]], taste: np.ndarray) -> np.ndarray:
        """A doubling of the width is worth a point of accuracy to rivals and to the subject at half of it.

        The claim compares the subject at half the width: it stands at twice its width on the same line.
        """
        doublings = np.log2([w for *_, w in places])
        gain = 0.01 * (doublings - doublings.mean())
        compared = np.array([w != min(WIDTHS) for *_, w in places])  # the rivals' cases
        free = np.where(compared, taste, 0.0)
        free -= np.where(compared, free.sum(axis=1, keepdims=True) / compared.sum(), 0.0)
        return gain + np.where(RIVALS[:, None], free, 0.01)

    def table(self, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
        """A study: each benchmark's rows."""
        made: dict[str, list[pd.DataFrame]] = {}
        for measured, frame in self.frames.items():
            made.setdefault(measured.benchmark, []).append(frame.assign(value=self.values(measured, rng)))
        return {name: pd.concat(frames) if len(frames) > 1 else frames[0] for name, frames in made.items()}

    def verdicts(self, rng: np.random.Generator) -> dict[tuple[str, str], str]:
        """(title, against) -> the verdict on one study."""
        found = {}
        for name, rows in self.table(rng).items():
            for verdict in self.benchmarks[name].decide(rows, self.claims):
                assert verdict.n_seeds, f"no simulated measurement bears on {verdict.title!r}"
                found[verdict.title, verdict.against] = verdict.verdict
        return found

    def calls(self, studies: int, seed: int = 0) -> dict[tuple[str, str], Counter[str]]:
        """(title, against) -> how often each verdict was called."""
        rng = np.random.default_rng([seed, self.n_seeds, studies])
        calls: dict[tuple[str, str], Counter[str]] = {}
        for _ in range(studies):
            for key, verdict in self.verdicts(rng).items():
                calls.setdefault(key, Counter())[verdict] += 1
        return calls


def at_the_line(key: tuple[str, str], name: str, outcome: str) -> bool:
    """Whether an outcome would be false under a pattern: the truth is in that outcome's null hypothesis."""
    against = key[1]
    if against == "itself":  # a mean that all patterns put on its bound
        return True
    if against == "unsupervised":  # of means over groups, which are equal in one pattern only
        return name == "all at the line"
    return outcome == "supported" or name != "one better"


def most(studies: int) -> int:
    """How many false calls of one outcome LEVEL allows: the 99 % binomial bound, 67 of 1,000."""
    return int(stats.binom.ppf(0.99, studies, LEVEL))


def false_calls(studies: int, n_seeds: int) -> dict[tuple[tuple[str, str], str, str, str], tuple[int, int]]:
    """(claim and against whom, outcome, pattern, noise) -> false calls, and of how many studies."""
    found = {}
    for seed, (name, noise) in enumerate(itertools.product(PATTERNS, NOISE)):  # other studies in each
        for key, calls in pattern(name, n_seeds, noise).calls(studies, seed).items():
            for outcome in ("supported", "refuted"):
                if at_the_line(key, name, outcome):
                    found[key, outcome, name, noise] = (calls[outcome], studies)
    return found


def pattern(name: str, n_seeds: int, noise: str) -> Study:
    """Studies with one of PATTERNS as the truth, for all claims at once."""
    return Study(lambda m: far(m) * advantages(*PATTERNS[name]), n_seeds, noise)
