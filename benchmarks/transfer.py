"""P2: do InfoMax features transfer better?"""

import numpy as np
import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.evaluations.thresholds import FEW_SHOT_KNN
from infomax_bench.plots.figures import comparable, curves, dots, matrix, seeds_of
from infomax_bench.stats.compare import by_case
from infomax_bench.stats.groups import between
from infomax_bench.stats.intervals import in_words
from infomax_bench.stats.power import would_decide

ABROAD, RELATIVE = "on a foreign data set", "relative to training on it"
TASK = "Supervised features are task-specific"
SEES, BLIND = "prior art, supervised", "prior art, unsupervised"
FEW = (1, 5, 10, 50)  # labels a class
PROBES = {"linear": "linear, all labels", "knn": "k-NN, all labels", "few-shot": "linear, few labels",
          FEW_SHOT_KNN: "k-NN, few labels"}  # fmt: skip


class Transfer(Benchmark):
    """How well do features learned on one data set serve another?

    Every encoder is frozen and probed on every data set, whose images are brought to the encoder's input shape: a
    linear probe and k nearest neighbours on all training labels, and both on 1, 5, 10 and 50 labels a class.
    Beside each accuracy stands the relative one: divided by what the same method and seed reach, by the same probe,
    when trained on the target itself.

    Claim: "InfoMax features transfer better: universal, not task-specific."

    Prior art: self-supervised features already transfer as well as supervised ones or better (Chen et al. 2020;
    Ericsson, Gouk and Hospedales 2021), and features of supervised networks grow more specific to their task layer by
    layer (Yosinski et al. 2014). Universality is nothing that only InfoMax promises.

    Rule: the measure is the linear probe's accuracy on a data set other than the source, on average over all ordered
    pairs. "Transfers better" is supported if the paired 95 % interval of the subject's difference to every method of
    the group lies above zero, refuted if at least one method transfers better than the subject (Holm-corrected). "Loses
    less" asks the same of that accuracy divided by the accuracy of the same method trained on the target itself;
    features that learn nothing lose nothing, so it never stands alone. "Supervised features are task-specific" compares
    the relative accuracy of the prior-art methods that see labels (or captions), averaged, with that of the prior-art
    methods that do not, averaged: supported if the 95 % interval of the difference, paired by seed, lies above zero
    (supervised features lose more), refuted if it lies below, and undecided while a method of either kind is missing.
    Fewer than five seeds, or anything else: inconclusive.
    """

    title = "Do the features transfer?"
    order = 2
    essay = ((71, "“InfoMax features transfer better: universal, not task-specific.”"),)

    def grid(self, suite):
        for source in suite.datasets:
            for method in suite.methods:
                for target in suite.datasets:
                    # the source itself is the default target: one job, shared with the other benchmarks
                    for evaluation in ("probe", "few_shot_knn"):
                        yield suite.cell(method, source), Request(evaluation, None if target == source else target)

    @staticmethod
    def relative(rows, protocol="linear"):
        """Accuracy on a foreign target over that of the same method, seed and probe trained on the target itself.

        Column `home` is what it was divided by.
        """
        chosen = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == protocol) & (rows["status"] == "ok")]
        chosen = chosen.assign(x=chosen["x"].astype(float).fillna(0.0))
        key = ["method", "target", "seed", "x"]
        home = chosen[chosen["dataset"] == chosen["target"]].drop_duplicates(key)
        home = home[[*key, "value"]].rename(columns={"value": "home"})
        away = chosen[chosen["dataset"] != chosen["target"]].merge(home, on=key, how="left")
        return away.assign(value=away["value"] / away["home"], metric="relative_accuracy")

    def decide(self, rows, claims):
        relative = self.relative(rows)
        if relative.empty:
            return
        away = relative.assign(value=relative["value"] * relative["home"])
        yield from self.better_than_all(
            away, claims, "P2", "Transfers better", "accuracy on a foreign data set", unit="points", scale=100
        )
        yield from self.better_than_all(
            relative, claims, "P2", "Loses less in transfer", "accuracy relative to training on the target",
            unit="points of relative accuracy", scale=100,
        )  # fmt: skip
        yield from self.task_specific(relative, away, claims)

    def task_specific(self, relative, away, claims):
        """The verdict on supervised features, from `relative` rows; `away` are the accuracies themselves."""
        prior = claims.rivals("prior art")
        supervised, blind = (sorted(m for m in prior if (m in claims.supervised) == kind) for kind in (True, False))
        kept = between(by_case(relative, claims.subject), blind, supervised, scale=100)
        if kept is None:
            return
        effect = (kept.found.mean, kept.found.low, kept.found.high)
        sentence = f"{TASK}: nothing to compare yet."
        if kept.found.n:
            word = {"supported": "they lose more", "refuted": "they lose less", "inconclusive": "undecided"}
            sentence = (
                f"{TASK}: {word[kept.outcome]}; on a foreign data set they keep {kept.means[1]:.1f} % of the accuracy "
                f"of training there, unsupervised ones {kept.means[0]:.1f} % ({effect[0]:+.3g} points, "
                f"{in_words(*effect[1:])})."
            )
            whole = between(by_case(away, claims.subject), blind, supervised, scale=100)
            if whole is not None and whole.found.n:
                sentence += (
                    f" Their accuracy there is {whole.means[1]:.1f} %, that of the others {whole.means[0]:.1f} %."
                )
        sentence += would_decide(kept.seeds_needed)
        sentence += f" Not measured, failed or not able: {', '.join(kept.missing)}." * bool(kept.missing)
        yield self.verdict(
            claims, "P2", TASK, "unsupervised", kept.outcome, effect, kept.found.n, sentence,
            unit="points of relative accuracy", metric="accuracy relative to training on the target",
            missing=kept.missing, seeds_needed=kept.seeds_needed, aside=True,
        )  # fmt: skip

    def figures(self, rows, claims):
        relative = self.relative(rows)
        if relative.empty:
            return
        measured = f"{seeds_of(rows)}, 95 % intervals"
        pair = relative["dataset"].astype(str) + " → " + relative["target"].astype(str)
        away = relative.assign(value=relative["value"] * relative["home"], pair=pair)
        both = pd.concat([away.assign(panel=ABROAD), relative.assign(panel=RELATIVE)])
        yield (
            "Linear probe on a data set other than the one pretrained on, mean over all pairs; and the same relative "
            f"to features of the same method trained on the target itself ({measured}; methods that lack a pair are "
            "left out). Features that learn nothing lose nothing, so the right panel never stands alone.",
            dots(comparable(both, "panel"), claims, label="%", panel="panel", scale=100, order=(ABROAD, RELATIVE)),
        )
        yield (
            f"Accuracy of a linear probe for every pair, source → target: means over {seeds_of(rows)}.",
            matrix(away, claims, column="pair", label="accuracy (%)", scale=100),
        )
        kinds = self.kinds(rows, claims)
        if not kinds.empty:
            yield (
                "What supervision costs elsewhere: relative accuracy by each probe, mean over all pairs and over the "
                "prior-art methods that see labels or captions, and over those that do not; the subject beside them "
                f"({measured}). Below 100: features from elsewhere serve less than features from home.",
                dots(kinds, claims, label="% of home", panel="panel", scale=100, order=tuple(PROBES.values())),
            )
        few = rows[rows["protocol"].isin(["few-shot", FEW_SHOT_KNN]) & (rows["dataset"] != rows["target"])]
        few = few.assign(panel=few["target"].astype(str) + ", " + few["protocol"].map(PROBES))
        if not few.empty:
            yield (
                "Few labels: a linear probe, and nearest neighbours, on 1, 5, 10 or 50 labels a class of the target, "
                f"mean over the other sources ({measured}; methods that lack a source are left out).",
                curves(comparable(few, "panel"), claims, xlabel="labels a class", ylabel="accuracy (%)", panel="panel",
                       scale=100, log=True),
            )  # fmt: skip

    def kinds(self, rows, claims):
        """Relative accuracy by probe (column `panel`) of the subject and of the two kinds of prior art, as methods."""
        parts = []
        for protocol, panel in PROBES.items():
            relative = self.relative(rows, protocol)
            relative = comparable(
                relative[np.isfinite(relative["value"])].assign(panel=panel), "panel", ("dataset", "target", "x")
            )
            prior = relative["method"].isin(claims.rivals("prior art"))
            kind = relative["method"].isin(claims.supervised).map({True: SEES, False: BLIND})
            label = kind.where(prior, relative["method"])
            parts.append(relative.assign(method=label)[prior | (relative["method"] == claims.subject)])
        found = pd.concat(parts)
        return found if (found["method"] == SEES).any() else found.iloc[:0]

    def table(self, rows, claims):
        away = rows[(rows["dataset"] != rows["target"]) & (rows["metric"] == "accuracy")]
        ratios = [self.relative(rows, p).assign(protocol=f"{p}, relative") for p in ("linear", "knn")]
        both = pd.concat([away, *ratios])
        labelled = both.assign(dataset=both["dataset"].astype(str) + " -> " + both["target"].astype(str))
        return self.means(
            labelled,
            {
                "linear (%)": ("accuracy", "linear", None, None, 100),
                "of home (%)": ("relative_accuracy", "linear, relative", None, None, 100),
                "k-NN (%)": ("accuracy", "knn", None, None, 100),
                "k-NN, of home (%)": ("relative_accuracy", "knn, relative", None, None, 100),
                **{f"{n} label{'s' * (n > 1)} a class (%)": ("accuracy", "few-shot", n, None, 100) for n in FEW},
                **{f"k-NN, {n} a class (%)": ("accuracy", FEW_SHOT_KNN, n, None, 100) for n in FEW},
            },
            by="dataset",
        )
