"""P2: do InfoMax features transfer better?"""

from itertools import product
from typing import Any

import numpy as np

from infomax_bench import Benchmark, Contrast, GroupContrast, Request, Select, View, in_panels, reads
from infomax_bench.evaluations.thresholds import FEW_SHOT_KNN
from infomax_bench.plots.figures import comparable, curves, dots, matrix
from infomax_bench.stats.readings import composed
from infomax_bench.study.selection import at_home, away, of_home

UNTRAINED = "random_features"
SEES, BLIND = "prior art, supervised", "prior art, unsupervised"
FEW = (1, 5, 10, 50)  # labels a class
PROBES = {
    "linear": "linear, all labels",
    "knn": "k-NN, all labels",
    "few-shot": "linear, few labels",
    FEW_SHOT_KNN: "k-NN, few labels",
}


def abroad(protocol, change=away, **where):
    """Accuracy on foreign targets by a probe, by pair, in percent."""
    return Select("accuracy", protocol, scale=100, **where).then(change).then(PAIR)


PAIR = composed("dataset", "{dataset} -> {target}")
RELATIVE = Select("accuracy", "linear").then(of_home)
VALIDATION = Select("validation_accuracy", "linear").then(at_home)
ABROAD = RELATIVE.then(lambda rows: rows.assign(value=rows["value"] * rows["home"]))
BOTH = {"on a foreign data set": ABROAD, "relative to training on it": RELATIVE}
BY_PROBE = in_panels({panel: Select("accuracy", protocol).then(of_home) for protocol, panel in PROBES.items()})
FEW_LABELS = in_panels({PROBES[protocol]: Select("accuracy", protocol) for protocol in ("few-shot", FEW_SHOT_KNN)})
FEW_ABROAD = FEW_LABELS.then(away).then(composed("panel", "{target}, {panel}")).then(comparable)
LOST = "accuracy relative to training on the target"
LOSS: dict[str, Any] = {"metric": LOST, "rows": RELATIVE, "unit": "points of relative accuracy", "scale": 100}
FEWER = Select("accuracy", "few-shot", x=10)
PROBED = {"by nearest neighbours": Select("accuracy", "knn"), f"with {FEWER.where['x']} labels a class": FEWER}
ASKED = {"where_measured": True, "variants": [in_panels(PROBED).then(away)]}
BETTER: dict[str, Any] = {"unit": "points", "scale": 100, "least": 1.0, "ranking": VALIDATION, **ASKED}
LOOK = {"panel": "panel", "scale": 100}


@reads(*BY_PROBE.selects)
def kinds(rows, claims):
    """Relative accuracy by probe of the subject and of the two kinds of prior art, as methods."""
    found = BY_PROBE(rows, claims)
    found = comparable(found[np.isfinite(found["value"])], over=("dataset", "target", "x"))
    prior = found["method"].isin(claims.rivals("prior art"))
    kind = found["method"].isin(claims.supervised).map({True: SEES, False: BLIND})
    found = found.assign(method=kind.where(prior, found["method"]))[prior | (found["method"] == claims.subject)]
    return found if (found["method"] == SEES).any() else found.iloc[:0]


def by_supervision(claims):
    """Prior art that sees neither labels nor captions, and that which does."""
    prior = claims.rivals("prior art")
    return [m for m in prior if m not in claims.supervised], [m for m in prior if m in claims.supervised]


class Transfer(Benchmark):
    """How well do features learned on one data set serve another?

    Rule: the measure is the linear probe's accuracy on a data set other than the source, over the pairs that the preset
    names (all ordered pairs, if it names none), of which each data set is the source of several and the target of
    several: both are drawn. "Transfers better" is supported if the subject is surely ahead of the median method, and of
    the best of every family (by validation accuracy on the source), by more than one point; refuted if it is surely not
    ahead of the median by one point. "Loses less" asks the same, by more than zero, of that accuracy divided by the
    accuracy of the same method trained on the target itself; features that learn nothing lose nothing, so it is not
    supported unless the subject is surely better at home than random features. "Supervised features are task-specific"
    compares the relative accuracy of the prior-art methods that see labels (or captions), averaged, with that of the
    prior-art methods that do not, averaged: supported if it is surely lower, refuted if it is surely higher.
    """

    title = "Do the features transfer?"
    order = 2
    contrasts = (
        Contrast("P2", "Transfers better", "accuracy on a foreign data set", ABROAD, **BETTER),
        Contrast("P2", "Loses less in transfer", **LOSS, guard=UNTRAINED, where_measured=True),
        GroupContrast(
            "P2",
            "Supervised features are task-specific",
            **LOSS,
            groups=by_supervision,
            against="unsupervised",
            said="task_specific",
            beside=ABROAD,
        ),
    )
    shows = (
        View("abroad", dots, in_panels(BOTH).then(comparable), label="%", order=[*BOTH], **LOOK),
        View("pairs", matrix, ABROAD, column="{dataset} → {target}", label="accuracy (%)", scale=100),
        View("kinds", dots, kinds, label="% of home", order=[*PROBES.values()], **LOOK),
        View("few", curves, FEW_ABROAD, xlabel="labels a class", ylabel="accuracy (%)", log=True, **LOOK),
    )
    columns = {
        "linear (%)": abroad("linear"),
        "of home (%)": abroad("linear", of_home),
        "k-NN (%)": abroad("knn"),
        "k-NN, of home (%)": abroad("knn", of_home),
        **{f"{n} label{'s' * (n > 1)} a class (%)": abroad("few-shot", x=n) for n in FEW},
        **{f"k-NN, {n} a class (%)": abroad(FEW_SHOT_KNN, x=n) for n in FEW},
    }

    def grid(self, suite):
        evaluations = ("probe", "few_shot_knn")
        for source, method, name in product(suite.datasets, suite.methods, evaluations):
            for target in (None, *suite.targets(source)):  # None: the source itself, shared with the other benchmarks
                yield suite.cell(method, source), Request(name, target)
