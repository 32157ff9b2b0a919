"""Made-up studies of many methods on data sets that are drawn: their residuals are as in the committed run, their truth
is known. All arrays are `[studies, methods, cases]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.covariance import LedoitWolf

from infomax_bench.run.results import read_results
from infomax_bench.stats.datasets import Layout, bounds
from infomax_bench.stats.roster import differences, median, sides
from infomax_bench.study.plugins import home

MEASURES = {
    "accuracy": ("pruning", "accuracy", "linear"),
    "dependence": ("redundancy", "nonlinear_dependence", ""),
    "named": ("interpretability", "nameable_units", ""),
    "prunable": ("pruning", "prunable_fraction", "best/refitted"),
}
NOISES = ("normal", "t with 3 degrees of freedom", "unequal variances")


@dataclass(frozen=True)
class Committed:
    """Of the committed run: means over seeds by method, data set and target; and the methods' families, the subject
    first."""

    rows: pd.DataFrame
    families: dict[str, str]
    losses: pd.DataFrame
    """Accuracy lost, by method and data set, and by the share of units removed (columns)."""


def committed() -> Committed:
    """What residuals are taken of."""
    results = read_results(home() / "results" / "standard")
    claims, table = results.claims(), results.table
    roster = sorted(claims.compared, key=lambda method: (method != claims.subject, method))
    wanted = pd.MultiIndex.from_tuples([*MEASURES.values(), ("transfer", "accuracy", "linear")])
    at = pd.MultiIndex.from_frame(table[["benchmark", "metric", "protocol"]].astype(str)).isin(wanted)
    keys = ["benchmark", "metric", "method", "dataset", "target"]
    kept = table[at & table["method"].isin(roster)].groupby(keys, observed=True)["value"].mean().reset_index()
    pruned = table[(table["benchmark"] == "pruning") & (table["metric"] == "accuracy")]
    pruned = pruned[(pruned["protocol"] == "best/refitted") & pruned["method"].isin(roster)]
    pruned = pruned[pruned["dataset"] != "digits"]  # too few test images for a loss of one point
    levels = pruned.pivot_table(index=["method", "dataset"], columns="x", values="value")
    return Committed(
        kept, {method: results.cards[method]["family"] for method in roster}, -levels.sub(levels[0.0], axis=0)
    )


@dataclass(frozen=True)
class Residuals:
    """What methods do beyond their own mean and the data set's: root `[M, M]` of its covariance over methods; of pairs,
    the deviations due to source, target and the pair itself."""

    root: np.ndarray
    parts: tuple[float, float, float] = (1.0, 0.0, 0.0)

    def draw(self, rng: np.random.Generator, studies: int, k: int, noise: str) -> np.ndarray:
        """One by data set, `[N, M, K]`."""
        m = len(self.root)
        z = rng.standard_normal((studies, m, k))
        if noise == NOISES[1]:
            z = rng.standard_t(3, (studies, m, k)) / 3**0.5
        if noise == NOISES[2]:
            z *= np.geomspace(0.4, 2.5, k)
        return np.einsum("ij,njk->nik", self.root, z)


def centred(wide: np.ndarray) -> np.ndarray:
    """Methods by cases, less the means of both."""
    return wide - wide.mean(axis=0) - wide.mean(axis=1, keepdims=True) + wide.mean()


def residuals(found: Committed, measure: str) -> Residuals:
    """Of one measure of the committed run; the covariance over methods by Ledoit and Wolf (2004)."""
    benchmark, metric, _ = MEASURES[measure]
    own = found.rows[(found.rows["benchmark"] == benchmark) & (found.rows["metric"] == metric)]
    wide = own.pivot_table(index="method", columns="dataset", values="value").loc[[*found.families]].to_numpy()
    return Residuals(np.linalg.cholesky(LedoitWolf().fit(centred(wide).T).covariance_))


def transfer_residuals(found: Committed) -> Residuals:
    """Of accuracy on foreign targets: methods apart, and what source, target and pair make of their variance."""
    own = found.rows[(found.rows["benchmark"] == "transfer") & (found.rows["dataset"] != found.rows["target"])]
    wide = own.pivot_table(index="method", columns=["dataset", "target"], values="value")
    left = pd.DataFrame(centred(wide.to_numpy()), wide.index, wide.columns)
    n = left.columns.get_level_values("target").nunique() - 1
    sides = [float(left.T.groupby(level=name).mean().var().mean()) for name in ("dataset", "target")]
    pair = float(left.T.var().mean())
    # a side's means hold its own effect, and of the other side's and of the pair's a share of 1 / n
    a, b, e = np.linalg.solve([[1, 1 / n, 1 / n], [1 / n, 1, 1 / n], [1, 1, 1]], [*sides, pair]).clip(0)
    return Residuals(np.eye(len(left)), (a**0.5, b**0.5, e**0.5))


@dataclass(frozen=True)
class Studies:
    """Studies on k data sets; of pairs (`crossed`), each is the source of three and the target of three."""

    residuals: Residuals
    families: tuple[str, ...]
    k: int
    noise: str
    crossed: bool = False

    def about(self, subject: int) -> Studies:
        """The same with another method as the first, which is the subject."""
        order = [subject, *(i for i in range(len(self.families)) if i != subject)]
        root = np.linalg.cholesky((self.residuals.root @ self.residuals.root.T)[np.ix_(order, order)])
        return replace(
            self, residuals=replace(self.residuals, root=root), families=tuple(self.families[i] for i in order)
        )

    @property
    def cases(self) -> list[tuple[str, str]]:
        names = [str(i) for i in range(self.k)]
        if not self.crossed:
            return [(name, name) for name in names]
        return [(names[i], names[(i + step) % self.k]) for i in range(self.k) for step in (1, 2, 4)]

    def draw(self, n: int, seed: int) -> np.ndarray:
        """Values of methods whose true means are zero."""
        rng = np.random.default_rng([seed, self.k, NOISES.index(self.noise)])
        made = self.residuals.draw(rng, n, self.k, self.noise)
        if not self.crossed:
            return made
        source, target = (np.array([int(case[side]) for case in self.cases]) for side in (0, 1))
        a, b, e = self.residuals.parts
        others = self.residuals.draw(rng, n, self.k, self.noise)
        pairs = self.residuals.draw(rng, n, len(source), self.noise)
        return a * made[..., source] + b * others[..., target] + e * pairs

    def spread(self, n: int = 4000) -> tuple[float, float]:
        """The expectation of the median by case, and the deviation over data sets of the subject less that median."""
        values = self.draw(n, 999)
        of_roster = median(values[:, 1:])
        k = values.shape[-1] if not self.crossed else self.k
        return float(of_roster.mean()), float((values[:, 0] - of_roster).mean(axis=-1).std() * k**0.5)

    def calls(self, means: np.ndarray, n: int, seed: int = 0, least: float = 0.0) -> tuple[float, float]:
        """How often the claim is called supported, and refuted; means: the methods' true ones `[M]`."""
        values = self.draw(n, seed) + means[:, None]
        found = differences(values[:, 0], values[:, 1:], self.families[1:])
        layout = Layout.of(self.cases, self.crossed)
        said = sides(bounds(found.median, layout), bounds(found.best, layout), least)
        return float((said > 0).mean()), float((said < 0).mean())


UNITS, TESTED, TOLERATED, SEEDS = 64, 10_000, 0.01, 5


def recorded(losses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """True losses of accuracy `[..., UNITS]` by the number of units removed -> the prunable fraction `[...]` that is
    recorded: the share of numbers at which the loss on TESTED images is tolerated, mean over SEEDS."""
    steps = np.maximum(np.diff(losses, axis=-1, prepend=0.0), 0)
    deviation = np.sqrt((steps + 0.03 / UNITS) / TESTED)  # images change sides both ways: 3 in 100 by the last unit
    noise = (np.cumsum(rng.standard_normal(losses.shape) * deviation, axis=-1) for _ in range(SEEDS))
    return np.mean([(losses + one <= TOLERATED).mean(axis=-1) for one in noise], axis=0)


def at_the_line(
    draw: Callable[[int], np.ndarray], rng: np.random.Generator, line: float
) -> Callable[[int], np.ndarray]:
    """What draws n losses, scaled so that the mean recorded fraction is the line."""
    low, high = 0.1, 300.0
    for _ in range(14):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if recorded(middle * draw(1000), rng).mean() > line else (low, middle)
    return lambda n: recorded((low * high) ** 0.5 * draw(n), rng)


def curves(found: Committed) -> dict[str, np.ndarray]:
    """Method -> its losses on each data set, by the number of units removed `[D, UNITS]`, never falling."""
    removed = np.arange(1, UNITS + 1) / UNITS
    made = found.losses.clip(lower=0).cummax(axis=1)
    levels = made.columns.to_numpy(dtype=float)
    own = made.apply(lambda row: pd.Series(np.interp(removed, levels, row)), axis=1)
    return {str(method): each.to_numpy() for method, each in own.groupby("method")}
