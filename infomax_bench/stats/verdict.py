"""Intervals, paired comparisons and verdicts. Seeds are the unit of replication, and methods are paired by seed.

A comparison is a two-sided paired t interval at LEVEL over seeds, after averaging over data sets. A claim of being
better than every rival is one intersection-union test: it is supported only if every single interval lies above zero
(Berger 1982), so no correction is needed. It is refuted if at least one rival is better, by one-sided tests corrected
for their number (Holm 1979). Each of the two is wrong in at most ALPHA, half of 1 - LEVEL, of all studies: together in
at most 1 - LEVEL.

A claim of matching is one of non-inferiority: the margin is added to every difference, so that "supported" is the one
of the two one-sided tests of equivalence (Schuirmann 1987) that asks whether the subject is worse by the margin; being
better is no offence. It is refuted if at least one rival is better by more than the margin.

Anything else, and anything with fewer than MIN_SEEDS seeds, is inconclusive, with the number of seeds that would decide
it with probability POWER if what was seen were the truth. Beside each comparison stand two descriptions that no rule
reads: the interquartile mean over seeds and data sets, and the probability of improvement (Agarwal et al. 2021).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

LEVEL = 0.95
ALPHA = (1 - LEVEL) / 2
MIN_SEEDS = 5
POWER = 0.8
MOST_SEEDS = 100
"""More than anyone will run: beyond it no number is given."""

Outcome = Literal["supported", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds with its t interval, and the one-sided p-values of its being at most or at least zero."""

    mean: float
    low: float
    high: float
    n: int
    p_greater: float
    p_less: float
    sd: float = math.nan


def interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval:
    """The t interval of a mean; unbounded for fewer than two values."""
    x = np.asarray(values, dtype=float)
    n = len(x)
    mean = float(x.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, -math.inf, math.inf, n, 1.0, 1.0)
    sd = float(x.std(ddof=1))
    error = sd / math.sqrt(n)
    # equal values up to rounding: certain, one way or the other
    if error <= 1e-12 * max(1.0, abs(mean)):
        return Interval(mean, mean, mean, n, float(mean <= 1e-12), float(mean >= -1e-12), 0.0)
    half = _quantile(n, (1 - level) / 2) * error
    above = float(special.stdtr(n - 1, -mean / error))
    below = float(special.stdtr(n - 1, mean / error))
    return Interval(mean, mean - half, mean + half, n, above, below, sd)


@functools.lru_cache(maxsize=4096)
def _quantile(n: int, alpha: float) -> float:
    """What a t statistic of n values exceeds with probability alpha."""
    return float(stats.t.isf(alpha, n - 1))


def rank_interval(rho: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval of Spearman's rank correlation over n pairs: Fisher's z with the variance (1 + rho^2 / 2) / (n - 3)
    (Bonett and Wright 2000). All of [-1, 1] for fewer than four pairs."""
    if n < 4 or not math.isfinite(rho):
        return -1.0, 1.0
    if abs(rho) >= 1:
        return rho, rho
    half = stats.norm.isf((1 - level) / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def in_words(low: float, high: float, form: str = "+.3g") -> str:
    """An interval for a sentence; a single seed has none."""
    return f"interval {low:{form}} to {high:{form}}" if math.isfinite(high - low) else "no interval from one seed"


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(1.0, running)
    return [float(p) for p in adjusted]


@dataclass(frozen=True)
class Comparison:
    """Subject minus rival, in the direction in which the subject wins.

    While a claim with a margin is decided, the margin is added; in a Verdict it is taken off again.
    """

    rival: str
    mean: float
    low: float
    high: float
    n_seeds: int
    p_holm: float
    """That the subject is not worse, corrected for the number of rivals."""
    sd: float = math.nan
    """Standard deviation of the difference over seeds."""
    iqm: float = math.nan
    """Interquartile mean of the differences, one for each seed and case (data set and target)."""
    improvement: float = math.nan
    """Probability that the subject under one seed is better than the rival under another, mean over cases."""

    def shown(self, scale: float, margin: float) -> Comparison:
        """In the unit that is read, without the margin."""
        mean, low, high, iqm = (scale * (v - margin) for v in (self.mean, self.low, self.high, self.iqm))
        return replace(self, mean=mean, low=low, high=high, iqm=iqm, sd=scale * self.sd)


@dataclass(frozen=True)
class Verdict:
    """One claim about the subject, decided by its rule. The field names are part of the contract of verdicts.json."""

    claim: str
    title: str
    subject: str
    against: str
    track: str
    preset: str
    verdict: Outcome
    indicative: bool
    effect: float
    ci_low: float
    ci_high: float
    n_seeds: int
    rule: str
    sentence: str
    benchmark: str
    unit: str = ""
    metric: str = ""
    margin: float = 0.0
    """How far behind a rival the subject may be, in `unit`."""
    comparisons: tuple[Comparison, ...] = field(default=())
    missing: tuple[str, ...] = ()
    without_uncalibrated: str = ""
    """The outcome without the methods that are not calibrated; "" where all of them are, or nothing is left."""
    without_supervised: str = ""
    """The outcome without the methods that see labels or captions; "" where nothing is left."""
    with_defaults: str = ""
    """The outcome for the subject with its default settings; "" where it was not run with them."""
    seeds_needed: str = ""
    """If it is undecided: how many seeds would probably decide it, or "more than 100"; "" if seeds would not help."""
    line: float = 0.0
    """Where it is decided, in `unit`: zero, a bound, or the margin that is allowed."""
    aside: bool = False
    """It is about other methods than the subject, and no part of what is said of that."""
    failed: int = 0
    """Seeds under which the subject's training or evaluation failed."""
    stale: tuple[str, ...] = ()
    """Methods of which some rows were made by other versions or with other settings than today's."""

    @property
    def otherwise(self) -> list[str]:
        """What would make it another verdict, in words."""
        told = {
            "without the methods that are not calibrated (¶)": self.without_uncalibrated,
            "without those that see labels or captions": self.without_supervised,
            f"for {self.subject} with its default settings": self.with_defaults,
        }
        return [f"{outcome} {case}" for case, outcome in told.items() if outcome not in ("", self.verdict)]

    def after(self, failed: int) -> Verdict:
        """The verdict if the subject failed under so many seeds: without them there is no win."""
        if not failed or self.aside:
            return self
        sentence = f"{self.sentence} {self.subject} failed under {failed} seed{'s' * (failed != 1)}."
        if self.verdict != "supported":
            return replace(self, failed=failed, sentence=sentence)
        sentence = f"{sentence} Without them the claim would be supported; no win can do without a seed."
        return replace(self, failed=failed, sentence=sentence, verdict="inconclusive")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; numbers that are not finite become null."""
        return {k: _plain(v) for k, v in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


@dataclass(frozen=True)
class Cases:
    """Method -> values `[S, C]` by seed and case (data set and target), NaN where there is none."""

    values: dict[str, np.ndarray]
    seeds: Sequence[Any]
    cases: Sequence[tuple[str, str]]

    def paired(self, one: str, other: str, without: Collection[int] = ()) -> tuple[np.ndarray, np.ndarray]:
        """Both methods' values `[S, C]` under the seeds for which neither lacks a case, but for the cases `without`."""
        kept = [i for i in range(len(self.cases)) if i not in without]
        x, y = self.values[one][:, kept], self.values[other][:, kept]
        both = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
        return x[both], y[both]


def by_case(rows: pd.DataFrame, subject: str) -> Cases:
    """Rows with method, dataset, target, seed, value -> the values on the subject's cases."""
    good = rows[(rows["status"] == "ok").to_numpy() & np.isfinite(rows["value"].to_numpy(dtype=float))]
    method, methods = pd.factorize(good["method"])
    seed, seeds = pd.factorize(good["seed"], sort=True)
    dataset, datasets = pd.factorize(good["dataset"])
    target, targets = pd.factorize(good["target"])
    n = (len(methods), len(seeds), len(datasets) * len(targets))
    at = (method * n[1] + seed) * n[2] + dataset * len(targets) + target
    count = np.bincount(at, minlength=math.prod(n))
    total = np.bincount(at, good["value"].to_numpy(dtype=float), math.prod(n))
    values = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0).reshape(n)
    by_method = dict(zip(methods, values, strict=True))
    if subject not in by_method:
        return Cases({}, [], [])
    own = np.flatnonzero(np.isfinite(by_method[subject]).any(axis=0))
    cases = [(datasets[i // len(targets)], targets[i % len(targets)]) for i in own]
    return Cases({m: v[:, own] for m, v in by_method.items()}, list(seeds), cases)


def seed_means(rows: pd.DataFrame, subject: str) -> pd.DataFrame:
    """Rows with method, dataset, target, seed, value -> one value for each seed (index) and method (column).

    Averages over the subject's cases (data set and target). A seed under which a method lacks one of them has no value
    for it, since a mean over other cases would not be comparable.
    """
    cases = by_case(rows, subject)
    if not cases.values:
        return pd.DataFrame()
    return pd.DataFrame({m: v.mean(axis=1) for m, v in cases.values.items()}, index=pd.Index(cases.seeds, name="seed"))


def failed_seeds(rows: pd.DataFrame, subject: str) -> int:
    """Under how many seeds something failed of the subject itself (not under other settings), in a benchmark's rows.
    What failed stands there under its evaluation's name."""
    failed = (rows["method"] == subject) & (rows["status"] == "failed") & (rows["label"] == "")
    return int(rows.loc[failed, "seed"].nunique())


def stale_methods(rows: pd.DataFrame, methods: Collection[str]) -> tuple[str, ...]:
    """Those of the methods of which some rows are not what today's versions and settings would give."""
    return tuple(sorted(set(rows.loc[~rows["current"].astype(bool), "method"]) & set(methods)))


def interquartile_mean(values: np.ndarray) -> float:
    """The mean of the middle half of all values, a quarter (rounded down) cut off at each end (Agarwal et al. 2021)."""
    cut = values.size // 4
    return float(np.sort(values, axis=None)[cut : values.size - cut].mean()) if values.size else math.nan


def probability_of_improvement(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over cases of P(x > y) + P(x = y) / 2 for two runs, x `[S, C]` and y `[T, C]` (Agarwal et al. 2021)."""
    difference = x[:, None] - y[None]
    return float((np.sign(difference).mean() + 1) / 2)


def compare(
    values: Cases | pd.DataFrame,
    subject: str,
    rivals: Sequence[str],
    higher_is_better: bool = True,
    margin: float = 0.0,
    cannot: Collection[tuple[str, str]] = (),
) -> tuple[list[Comparison], list[str]]:
    """The subject against each rival, from `by_case` or `seed_means`; and the rivals that have no paired seeds with it.

    margin: how much worse than a rival still counts as matching it. cannot: (method, data set) where a method is not
    applicable by its nature; with it the subject is compared on the other cases.
    """
    sign = 1.0 if higher_is_better else -1.0
    if isinstance(values, pd.DataFrame):
        columns = {str(m): values[m].to_numpy(dtype=float)[:, None] for m in values}
        values = Cases(columns, list(values.index), [("", "")])
    found: list[tuple[str, Interval, float, float]] = []
    missing = []
    for rival in rivals:
        if subject not in values.values or rival not in values.values:
            missing.append(rival)
            continue
        x, y = (sign * v for v in values.paired(subject, rival, _impossible(values, rival, cannot)))
        difference = x - y + margin
        if not difference.size:
            missing.append(rival)
            continue
        over_seeds = interval(difference.mean(axis=1))
        found.append((rival, over_seeds, interquartile_mean(difference), probability_of_improvement(x, y)))
    adjusted = holm([i.p_less for _, i, *_ in found])
    comparisons = [
        Comparison(rival, i.mean, i.low, i.high, i.n, p, i.sd, iqm, improvement)
        for (rival, i, iqm, improvement), p in zip(found, adjusted, strict=True)
    ]
    return comparisons, missing


def cases_ahead(
    values: Cases, subject: str, rivals: Sequence[str], higher_is_better: bool = True, margin: float = 0.0
) -> int:
    """In how many cases the subject's mean over seeds is ahead of (or within the margin of) every rival's that has
    one."""
    sign = 1.0 if higher_is_better else -1.0
    means = {}
    for method in (subject, *rivals):
        if method in values.values:
            own = values.values[method]
            n = np.isfinite(own).sum(axis=0)
            means[method] = sign * np.where(n, np.nansum(own, axis=0) / np.maximum(n, 1), np.nan)
    behind = [~(means[m] >= means[subject] + margin) for m in rivals if m in means]
    return int(np.all(behind, axis=0).sum())


def _impossible(values: Cases, method: str, cannot: Collection[tuple[str, str]]) -> set[int]:
    return {i for i, (dataset, _) in enumerate(values.cases) if (method, dataset) in cannot}


def lost(comparison: Comparison, line: float = 0.0) -> bool:
    """Whether the rival is surely ahead. line: where the comparison is decided, once it is as it is shown."""
    return comparison.n_seeds >= MIN_SEEDS and comparison.p_holm < ALPHA and comparison.mean < line


def decide(comparisons: Sequence[Comparison]) -> Outcome:
    """The verdict on "better than (or within the margin of) every rival"."""
    if any(lost(c) for c in comparisons):
        return "refuted"
    if comparisons and all(c.n_seeds >= MIN_SEEDS and c.low > 0 for c in comparisons):
        return "supported"
    return "inconclusive"


def power(effect: float, sd: float, n: float | np.ndarray, alpha: float = ALPHA) -> Any:
    """How often n seeds show that a mean difference is above zero, if it is `effect` and its deviation over seeds `sd`.

    The one-sided t test at level alpha, by the noncentral t distribution; never, for fewer than MIN_SEEDS seeds.
    """
    n = np.asarray(n, dtype=float)
    if sd <= 0:
        sure = np.full(n.shape, float(effect > 0))
    else:
        df = np.maximum(n, 2) - 1
        away = np.clip(effect / sd * np.sqrt(n), -40, 40)  # certain from there on, and beyond scipy's reach further out
        sure = stats.nct.sf(special.stdtrit(df, 1 - alpha), df, away)
    result = np.where(n >= MIN_SEEDS, sure, 0.0)
    return result if result.ndim else float(result)


@dataclass(frozen=True)
class Power:
    """How often a claim against several rivals is called supported, and how often refuted, if the truth is `effect`."""

    effect: float
    n_seeds: int
    supported: float
    """If one rival is worse than the subject by `effect`, and the others far worse."""
    refuted: float
    """If one rival is better than the subject by `effect`, and the others far worse."""


def power_table(
    sd: float, rivals: int = 1, effects: Sequence[float] = (0.25, 0.5, 1.0, 2.0), seeds: Sequence[int] = (5, 10)
) -> list[Power]:
    """Power of a claim against `rivals` methods; sd: deviation of a difference over seeds, in the effects' unit."""
    return [
        Power(effect, n, power(effect, sd, n), power(effect, sd, n, ALPHA / max(1, rivals)))
        for effect in effects
        for n in seeds
    ]


def detectable(sd: float, n: int, alpha: float = ALPHA, certainty: float = POWER) -> float:
    """The mean difference that n seeds show with probability `certainty`; infinite for fewer than MIN_SEEDS seeds."""
    if n < MIN_SEEDS:
        return math.inf
    return sd * float(optimize.brentq(lambda effect: power(effect, 1.0, n, alpha) - certainty, 0.0, 80 / math.sqrt(n)))


def noise_of(verdict: Verdict) -> float:
    """The deviation over seeds that a verdict rests on, in its unit: the median over comparisons; NaN if unknown."""
    if verdict.comparisons:
        return float(np.median([c.sd for c in verdict.comparisons]))
    if verdict.n_seeds < 2:
        return math.nan
    half = (verdict.ci_high - verdict.ci_low) / 2
    return half / _quantile(verdict.n_seeds, ALPHA) * math.sqrt(verdict.n_seeds)


_SEEDS = np.arange(MIN_SEEDS, MOST_SEEDS + 1)


def _smallest(reached: np.ndarray) -> str:
    """The first of MIN_SEEDS, ..., MOST_SEEDS at which it holds, in words."""
    return str(int(_SEEDS[reached.argmax()])) if reached.any() else f"more than {MOST_SEEDS}"


def seeds_needed(comparisons: Sequence[Comparison], complete: bool = True) -> str:
    """How many seeds would probably (POWER) decide a claim against all rivals, if what was seen is the truth.

    If some rival was seen to be better, that is how many would refute the claim; else how many would support it, with
    the chances of all comparisons to miss added up. "" if seeds would not help (complete: no rival is missing) or
    nothing is known.
    """
    if not comparisons:
        return ""
    if any(c.n_seeds < 2 for c in comparisons):
        return f"at least {MIN_SEEDS}"
    behind = [c for c in comparisons if c.mean < 0]
    if behind:
        chance = np.max([power(-c.mean, c.sd, _SEEDS, ALPHA / len(comparisons)) for c in behind], axis=0)
        return _smallest(chance >= POWER)
    if not complete:
        return ""
    hard = [c for c in comparisons if power(c.mean, c.sd, MIN_SEEDS) < 1 - 1e-6]
    missed = np.sum([1 - power(c.mean, c.sd, _SEEDS) for c in hard], axis=0) + np.zeros(len(_SEEDS))
    return _smallest(missed <= 1 - POWER)


def seeds_for_bound(found: Interval, bound: float) -> str:
    """The same for a mean and a bound."""
    if found.n < 2:
        return f"at least {MIN_SEEDS}" if found.n else ""
    return _smallest(power(abs(found.mean - bound), found.sd, _SEEDS) >= POWER)


def would_decide(needed: str) -> str:
    """A sentence on how many seeds would do, to end another with; "" if there is nothing to say."""
    if not needed:
        return ""
    text = f"about {needed}" if needed.isdigit() else needed
    return f" {text[0].upper()}{text[1:]} seeds would be needed to decide it."


def hardest(comparisons: Sequence[Comparison], outcome: Outcome) -> Comparison | None:
    """The comparison that decides: the surest loss if the claim is refuted, else the interval that begins lowest."""
    behind = [c for c in comparisons if c.mean < 0 and c.n_seeds >= MIN_SEEDS]
    if outcome == "refuted" and behind:
        return min(behind, key=lambda c: (c.p_holm, c.mean))
    return min(comparisons, key=lambda c: c.low, default=None)


def decide_bound(values: Sequence[float] | np.ndarray, bound: float) -> tuple[Outcome, Interval]:
    """The verdict on "the mean is below `bound`"."""
    found = interval(values)
    if found.n < MIN_SEEDS:
        return "inconclusive", found
    if found.high < bound:
        return "supported", found
    return ("refuted" if found.low > bound else "inconclusive"), found


def summary(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and interval over seeds for every group of rows: columns `by`, mean, low, high, n."""
    good = rows[rows["status"] == "ok"]
    records: list[Mapping[str, Any]] = []
    for key, group in good.groupby(list(by), sort=False, dropna=False, observed=True):
        found = interval(group.groupby("seed")["value"].mean().to_numpy())
        names = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        records.append({**names, "mean": found.mean, "low": found.low, "high": found.high, "n": found.n})
    return pd.DataFrame(records, columns=[*by, "mean", "low", "high", "n"])
