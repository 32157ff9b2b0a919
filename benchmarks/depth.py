"""Does the objective compose with depth?"""

import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding, Given, Request, Select, View
from infomax_bench.plots.figures import curves
from infomax_bench.stats.compare import difference
from infomax_bench.stats.intervals import MIN_SEEDS
from infomax_bench.stats.readings import diverged, side, tables, where, word_for
from infomax_bench.study.selection import at_home, away

MARGIN = 1.0  # points of accuracy that a layer may cost and still compose
GREEDY, JOINT = "layer by layer", "all layers together"


def both_ways(rows):
    """The single layer stands with both ways of training; without what was trained at one depth only."""
    single = rows[(rows["stacking"] == GREEDY) & (rows["depth"] == 1)]
    rows = pd.concat([rows, single.assign(stacking=JOINT)])
    return rows[rows.groupby(["dataset", "method", "stacking"], observed=True)["depth"].transform("nunique") > 1]


ACCURACY = Select("accuracy", "linear", scale=100).or_diverged()
HOME, AWAY = ACCURACY.then(at_home), ACCURACY.then(away)
DEPENDENCE = Select("nonlinear_dependence").then(at_home)
PRUNABLE = Select("prunable_fraction", "best/refitted", scale=100).then(at_home)
CHANGES = {"dependence": DEPENDENCE, "prunable": PRUNABLE, "away": AWAY}
AXES = {"x": "depth", "xlabel": "layers", "panel": "{dataset}, {stacking}"}
PAIR = "{dataset} to {target}"


class Depth(Benchmark):
    """What does another layer add, trained on the features of the one below or together with it?

    Rule: a method composes if the accuracy of its deepest encoder trained layer by layer, minus that of its single
    layer (paired by seed), has a 95 % interval above minus one point; it gains if the interval lies above zero; it does
    not compose if it lies below minus one point. Anything else, or fewer than five seeds, is undecided. A training that
    diverged has accuracy 0, as in tuning, and a method of which one did neither gains nor composes. All layers together
    are better (worse) than layer by layer if the paired interval of the deepest encoders' difference lies above (below)
    zero. The words are not corrected for their number.
    """

    title = "What does depth add, greedily and jointly?"
    order = 51
    given = {"layers": Given(dict[str, int], "the most layers that are stacked")}
    tags = {"stacking": str}

    def grid(self, suite):
        for dataset, deepest in suite.given[self.name]["layers"].items():
            more = ("prune_units",) if deepest > 2 else ()  # of two layers it would take more time than it tells
            for method in suite.methods:
                own = {"label": GREEDY, "tags": {"stacking": GREEDY}, "settings": suite.settings_of(method, dataset)}
                joint = {"label": JOINT, "tags": {"stacking": JOINT}, "backbone": "mlp"}
                layers = range(2, deepest + 1)
                greedy = [suite.cell(method, dataset, backbone="stack", depth=depth, **own) for depth in layers]
                greedy.insert(0, suite.cell(method, dataset, **own))
                both = [*greedy, *(suite.cell(method, dataset, depth=depth, **joint) for depth in layers)]
                yield from ((cell, Request(one)) for cell in both for one in ("linear_probe", "redundancy", "training"))
                yield from ((cell, Request(one)) for cell in greedy for one in more)
                others = suite.targets(dataset)
                yield from ((cell, Request("linear_probe", target)) for cell in greedy for target in others)

    def findings(self, rows, claims):
        lost = where(diverged(rows, "linear_probe"), stacking=GREEDY)
        for about, values in by_depth(HOME(rows), claims):
            layers, found = rise(values)
            if found.n:
                own = where(lost, dataset=about["dataset"], method=about["method"])
                about |= {"layers": layers, "lost": own.loc[own["depth"].isin([1, layers]), "seed"].nunique()}
                yield Finding("gain", gaining(found, about["lost"]), Estimate.of(found, unit="points"), about)
            both = together(values)
            if both.n >= MIN_SEEDS:
                yield Finding("together", word_for(both, "better", "worse"), Estimate.of(both, unit="points"), about)
        for what, select in CHANGES.items():
            for about, values in by_depth(select(rows), claims):
                layers, found = rise(values)
                if about["own"] and found.n:
                    first, last = values[[(GREEDY, 1), (GREEDY, layers)]].dropna().mean()
                    about |= {"what": what, "first": first, "last": last}
                    yield Finding("change", "", Estimate.of(found), about)

    shows = (
        View("accuracy", curves, HOME.then(both_ways), ylabel="accuracy of a linear probe (%)", **AXES),
        View("dependence", curves, DEPENDENCE.then(both_ways), ylabel="dependence between units", **AXES),
        View("prunable", curves, PRUNABLE.then(both_ways), ylabel="% of live units prunable", **AXES),
        View("elsewhere", curves, AWAY, ylabel="accuracy of a linear probe (%)", **AXES | {"panel": PAIR}),
    )
    by, headings = ("dataset", "method", "stacking", "depth"), {"stacking": "trained"}
    columns = {
        "accuracy (%)": HOME,
        "nonlinear dependence": DEPENDENCE,
        "% prunable": PRUNABLE,
        "% dead units": Select("dead_units", scale=100),
        "seconds a seed": Select("train_seconds"),
    }


def by_depth(rows, claims):
    """What a table is about, and the values by seed (index), way of training and depth (columns)."""
    names = ["dataset", "target", "method"]
    for case, values in tables(rows, names, ["stacking", "depth"]).items():
        if case[2] in {claims.subject, *claims.roles}:
            yield {**dict(zip(names, case, strict=True)), "own": case[2] == claims.subject}, values


def rise(values):
    """The largest depth trained layer by layer, and how far its values are above the single layer's: an interval."""
    layers = max((depth for how, depth in values if how == GREEDY), default=1)
    return layers, difference(values, (GREEDY, layers), (GREEDY, 1 if layers > 1 else None))


def together(values):
    """How far all layers together are above layer by layer, at the largest depth that both have: an interval."""
    layers = max((depth for how, depth in values if {(GREEDY, depth), (JOINT, depth)} <= set(values)), default=1)
    return difference(values, (JOINT, layers), (GREEDY, layers))


def gaining(found, lost=0):
    """The rule's word for a gain; lost: under how many seeds training diverged, after which none is favourable."""
    if lost or side(found, -MARGIN) <= 0:
        return "does not compose" if side(found, -MARGIN) < 0 else "undecided"
    return "gains" if found.low > 0 else "composes"
