"""The verdicts of a results folder once more, from its rows, by other code: pandas, scipy, and nothing of the package.

Rows are a table of measurements; cards say of each method its role, family and kin. What is told is the outcome of
every claim about `subject`, what it rests on, and the interval of 90 % over data sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

Found = dict[str, tuple[str, float, float, float, int]]
"""By title: outcome, effect, its lower and upper bound, and how many data sets."""
UNTRAINED = "random_features"


def family_of_roster(cards: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Methods of single layers that others are compared with, and their families."""
    return {
        name: card["family"]
        for name, card in cards.items()
        if "linear" in card["backbones"]
        and not card["own_width"]
        and card["role"] != "draft"
        and "shown_beside" not in card
        and not (card["role"] == "this work" and (card["file"] != name or card.get("ablation_of")))
    }


def mean_of(rows: pd.DataFrame, by: list[str]) -> pd.Series:
    """Over seeds, of the means by seed."""
    good = rows[(rows["status"] == "ok") & np.isfinite(rows["value"].astype(float))]
    seeds = good.groupby(["method", *by, "seed"], observed=True)["value"].mean()
    return seeds.groupby(["method", *by], observed=True).mean()


def bounds(by_case: pd.Series) -> tuple[float, float, float, int]:
    """Mean and one-sided bounds over data sets (index level 0); of pairs, over sources and targets."""
    pairs = by_case.index.nlevels == 2 and by_case.index.names[1] == "target" and by_case.index.nunique() > 1
    pairs = pairs and any(a != b for a, b in by_case.index)
    sides = [by_case.groupby(level=i).mean() for i in ((0, 1) if pairs else (0,))]
    k = min(len(side) for side in sides)
    mean = by_case.mean() if pairs else sides[0].mean()
    if k < 2:
        return mean, -np.inf, np.inf, k
    parts = [side.var() / len(side) for side in sides]
    variance = max(sum(parts) - by_case.var() / len(by_case), *parts) if pairs else parts[0]
    half = stats.t.ppf(0.95, k - 1) * variance**0.5
    return mean, mean - half, mean + half, k


class Recomputed:
    """One subject's claims."""

    def __init__(self, table: pd.DataFrame, cards: Mapping[str, Mapping[str, Any]], subject: str, width: int) -> None:
        self.table, self.cards, self.subject, self.width = table, cards, subject, width
        self.families = family_of_roster(cards)
        kin = {m: c.get("ablation_of") or c["file"] for m, c in cards.items()}
        self.rivals = [m for m in self.families if m != subject and kin[m] != kin[subject]]
        home = self.rows("pruning", "accuracy", "linear")
        accuracy = mean_of(home[home["dataset"] == home["target"]], ["dataset"])
        self.learned = bounds((accuracy[subject] - accuracy[UNTRAINED]).dropna())[1] > 0

    def rows(self, benchmark: str, metric: str, protocol: str | None = "", every_width: bool = False) -> pd.DataFrame:
        kept = (self.table["benchmark"] == benchmark) & (self.table["metric"] == metric)
        if protocol is not None:
            kept &= self.table["protocol"] == protocol
        if not every_width:
            kept &= self.table["width"] == self.width
        return self.table[kept]

    def excused(self, benchmark: str) -> set[tuple[str, str, int]]:
        out = self.table[(self.table["benchmark"] == benchmark) & (self.table["status"] == "not applicable")]
        return {(m, d, int(w)) for m, d, w in zip(out["method"], out["dataset"], out["width"], strict=True)}

    def comparative(
        self,
        values: pd.Series,
        own: pd.Series | None = None,
        least: float = 0.0,
        ranking: pd.Series | None = None,
        guarded: bool = False,
        never: Mapping[str, set[Any]] | None = None,
        also: Sequence[pd.Series] = (),
    ) -> tuple[str, float, float, float, int]:
        """values: by method and case, more being better; also: what else has to have the sign of the outcome."""
        mine = (values if own is None else own)[self.subject]
        wide = values.unstack("method").reindex(columns=self.rivals)
        wide = wide[wide.notna().any(axis=1)]
        mine = mine[mine.index.isin(wide.index)]
        wide = wide.loc[mine.index]
        middle = bounds(mine - wide.median(axis=1))
        lacking = [m for m in wide if any(case not in (never or {}).get(m, ()) for case in wide.index[wide[m].isna()])]
        ahead, chosen = [], []
        for family in sorted(set(self.families.values())):
            whole = [m for m in wide if self.families[m] == family and wide[m].notna().all()]
            if whole:
                best = max(whole, key=lambda m: wide[m].mean() if ranking is None else ranking[m])
                ahead.append(bounds(mine - wide[best])[1] > least)
                chosen.append(best)
        word = "supported" if middle[1] > least and all(ahead) else "refuted" if middle[2] < least else "inconclusive"
        if middle[3] < 4 or len(lacking) > len(self.rivals) / 4:
            word = "inconclusive"
        if word == "supported" and (lacking or (guarded and not self.learned)):
            word = "inconclusive"
        for other in also if word != "inconclusive" else ():
            seen = other.unstack("method").reindex(index=wide.index)
            against = [seen.reindex(columns=self.rivals).median(axis=1)]
            against += [seen[best] for best in chosen] if word == "supported" else []
            mine = seen.reindex(columns=[self.subject])[self.subject]
            signs = [(mine - one).mean() * (1 if word == "supported" else -1) for one in against]
            word = "inconclusive" if any(sign <= 0 for sign in signs) else word  # nothing was measured: NaN
        return (word, *middle)

    def absolute(self, values: pd.Series, line: float, below: bool) -> tuple[str, float, float, float, int]:
        mean, low, high, k = bounds(values)
        under, over = high < line and (values < line).all(), low > line and (values > line).all()
        word = "inconclusive" if k < 4 or not (under or over) else "supported" if under == below else "refuted"
        return ("inconclusive" if word == "supported" and not self.learned else word, mean, low, high, k)

    def grouped(self, values: pd.Series, blind: bool, minus: bool) -> tuple[str, float, float, float, int]:
        """Unsupervised prior art less that which sees labels (blind: and no captions), or the other way round."""
        prior = [m for m in self.rivals if self.cards[m]["role"] in ("prior art", "this work")]
        sees = [m for m in prior if ("labels" in self.cards[m]["needs"] if blind else self.cards[m]["supervised"])]
        others = [m for m in prior if not self.cards[m]["supervised"]]
        wide = values.unstack("method")
        found = bounds((-1 if minus else 1) * (wide[others].mean(axis=1) - wide[sees].mean(axis=1)))
        word = "supported" if found[1] > 0 else "refuted" if found[2] < 0 else "inconclusive"
        return ("inconclusive" if found[3] < 4 or wide[others + sees].isna().any(axis=None) else word, *found)

    # -- the claims ---------------------------------------------------------------------------------------------------
    def all(self, tests: Mapping[str, int]) -> Found:
        parts = (self.pruning(tests), self.transfer(), self.matched(), self.named(), self.gaps(), self.tasks())
        return {title: one for part in parts for title, one in part.items()}

    def pruning(self, tests: Mapping[str, int]) -> Found:
        fraction = 100 * mean_of(self.rows("pruning", "prunable_fraction", "best/refitted"), ["dataset"])
        own = fraction[self.subject]
        return {
            "Cannot be pruned": self.absolute(own[[tests[d] >= 1000 for d in own.index]], 5, below=True),
            "Less prunable": self.comparative(-fraction, guarded=True),
        }

    def transfer(self) -> Found:
        rows = self.rows("transfer", "accuracy", "linear")
        key = ["method", "target", "seed"]
        home = rows[rows["dataset"] == rows["target"]].set_index(key)["value"].rename("home")
        home = home[~home.index.duplicated()]
        away = rows[rows["dataset"] != rows["target"]].join(home, on=key)
        accuracy = 100 * mean_of(away[away["home"].notna()], ["dataset", "target"])
        relative = 100 * mean_of(away.assign(value=away["value"] / away["home"]), ["dataset", "target"])
        validation = self.rows("transfer", "validation_accuracy", "linear")
        validation = mean_of(validation[validation["dataset"] == validation["target"]], ["dataset"])
        return {
            "Transfers better": self.comparative(accuracy, least=1, ranking=validation.groupby("method").mean()),
            "Loses less in transfer": self.comparative(relative, guarded=True),
            "Supervised features are task-specific": self.grouped(relative, blind=False, minus=False),
        }

    def matched(self) -> Found:
        rows = self.rows("width", "accuracy", "linear", every_width=True)
        accuracy = 100 * mean_of(rows, ["dataset", "width"])
        own = accuracy.copy()
        own.index = own.index.set_levels([2 * w for w in own.index.levels[2]], level=2)
        doubled = set(own.index.get_level_values("width")) & set(rows["width"])
        kept = accuracy[accuracy.index.get_level_values("width").isin(doubled)]
        rows = self.rows("width", "validation_accuracy", "linear", every_width=True)
        validation = mean_of(rows, ["dataset", "width"])
        validation = validation[validation.index.get_level_values("width").isin(doubled)]
        never: dict[str, set[Any]] = {}
        for m, d, w in self.excused("width"):
            never.setdefault(m, set()).add((d, w))
        found = self.comparative(kept, own, -1, validation.groupby("method").mean(), never=never)
        return {"Matches at half the width": found}

    def named(self) -> Found:
        share = 100 * mean_of(self.rows("interpretability", "nameable_units"), ["dataset"])
        gaps = self.rows("interpretability", "mig", None)
        single = gaps[gaps["protocol"] != ""]  # older rows have the mean over factors alone
        gaps = pd.concat([single[single["protocol"] != "class"], gaps[~gaps["dataset"].isin(single["dataset"])]])
        gap = mean_of(gaps, ["dataset"])
        dependence = mean_of(self.rows("redundancy", "nonlinear_dependence"), ["dataset"])
        copula = -mean_of(self.rows("redundancy", "copula_total_correlation"), ["dataset"])
        also = [copula, mean_of(self.rows("redundancy", "effective_rank_per_live_unit"), ["dataset"])]
        return {
            "Can be named": self.absolute(share[self.subject], 95, below=False),
            "More nameable units": self.comparative(share, guarded=True),
            "Aligned with the factors": self.comparative(gap, guarded=True),
            "Least redundant": self.comparative(-dependence, guarded=True, also=also),
        }

    def gaps(self) -> Found:
        factors = self.rows("gaps", "decodability", None)
        factors = 100 * mean_of(factors[factors["protocol"] != "class"], ["dataset"])
        properties = 100 * mean_of(self.rows("gaps", "property_r2", None), ["dataset"])
        found: Found = {}
        for kind, values in (("known factors", factors), ("measured properties", properties)):
            found[f"Labels leave gaps in {kind}"] = self.grouped(values, blind=True, minus=False)
            found[f"Tells more of the {kind}"] = self.comparative(values)
        return found

    def tasks(self) -> Found:
        factors = self.rows("universality", "decodability", None)
        parts = {
            "classes": factors[factors["protocol"] == "class"],
            "factors": factors[factors["protocol"] != "class"],
            "figure": self.rows("universality", "mask_skill", None),
            "reconstruction": self.rows("universality", "reconstruction"),
            "generation": self.rows("universality", "sample_distance", "chosen").assign(value=lambda t: 1 - t["value"]),
        }
        rows = pd.concat([own.assign(task=task) for task, own in parts.items()])
        rows = rows[rows["status"] == "ok"]
        scores = 100 * rows.groupby(["method", "dataset", "seed", "task"], observed=True)["value"].mean()
        n = scores.groupby(["dataset"]).apply(lambda own: own.index.get_level_values("task").nunique())
        have = scores.groupby(["method", "dataset", "seed"]).transform("size")
        scores = scores[have.to_numpy() == n.loc[scores.index.get_level_values("dataset")].to_numpy()]
        best = scores.groupby(["method", "dataset", "task"]).mean().groupby(["dataset", "task"]).max()
        behind = scores - best.reindex(scores.index.droplevel(["method", "seed"])).to_numpy()
        means, worst = (
            own.groupby(["method", "dataset", "seed"]).agg(how).groupby(["method", "dataset"]).mean()
            for own, how in ((scores, "mean"), (behind, "min"))
        )
        return {"Better over all tasks": self.comparative(means), "No weak task": self.comparative(worst)}
