"""Can whole models be pruned by 50 to 90 %, trained end to end or pretrained first?"""

import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding, Given, Request, Select, View
from infomax_bench.evaluations.thresholds import COMPRESSED, PRUNED, SHARES, TUNED
from infomax_bench.plots.figures import curves, dots, intervals, scatter
from infomax_bench.stats.intervals import MIN_SEEDS, holm, interval
from infomax_bench.stats.readings import diverged, word_for

LEAST = 0.5  # the lower end of what is claimed
CLAIM = (100 * LEAST, f"claim: {100 * LEAST:.0f} %")
UNTRAINED = "random_features"  # it becomes an end-to-end model with as many passes as all others are fine-tuned for
AGAIN = 4  # a network is trained again for so small a part of the passes that it had
ALPHA = 0.05


def placed(after=None):
    """A change of rows: good ones, with the network in `network`, what is removed in `kind`, and what is done after in
    `after`, of which one may be chosen."""

    def change(rows):
        rows = rows[rows["status"] == "ok"]
        parts = rows["protocol"].astype(str).str.split("/").str
        network = rows["backbone"].astype(str) + " on " + rows["dataset"].astype(str)
        made = rows.assign(kind=parts[0].astype(str), after=parts[1].astype(str), network=network)
        made["panel"] = network + ": " + made["kind"]
        return made if after is None else made[made["after"] == after]

    return change


FRACTIONS = {after: Select("prunable_fraction").then(placed(after)) for after in (TUNED, PRUNED)}
ACCURACY = {after: Select("accuracy").then(placed(after)) for after in (TUNED, PRUNED)}
PRUNABLE = {"label": "% prunable", "panel": "panel", "scale": 100}
LEVELS = {"xlabel": "% removed", "ylabel": "accuracy (%)", "panel": "panel", "scale": 100}
LOSS = {"xlabel": "accuracy of the whole model (%)", "ylabel": "% prunable", "panel": "panel", "scale": (100, 100)}
COSTS = {"chosen on validation": "chosen_fraction", "costs, in points": "chosen_loss"}


def in_percent(rows):
    return rows.assign(x=100 * rows["x"])


def whole(rows):
    return rows[rows["x"] == 0]


class Compression(Benchmark):
    """How much of a whole network can go, trained end to end on labels, or pretrained first and then trained so?

    Claim: "Models can be pruned 50-90 %", said of conventional end-to-end models; of those pretrained with InfoMax, the
    essay predicts that they can't be.

    Rule: the prunable fraction is the share of all removals that cost at most one point of test accuracy, after
    fine-tuning; for each data set and backbone, weights and units apart. For a model, the claim is borne out if the 95
    % interval of its fraction over seeds does not reach below 50 %, and not borne out if it lies below; else, and with
    fewer than five seeds, undecided. (Fractions are measured at a few shares and rounded down to them, so that 50 %
    means 50 or more.) A model that diverged under some seed is undecided, and named. The subject's model is less (more)
    prunable than the end-to-end model if the 95 % interval of the difference, paired by seed, lies below (above) zero;
    else, and with fewer than five seeds, undecided; and in the same way against the model that starts untrained, which
    has seen labels for as many passes as an unsupervised subject's and not for twice as many. Differences in
    prunability survive fine-tuning if some model, after it, is less or more prunable than the end-to-end model by the
    paired t test with Holm's correction for the number of models. No verdict depends on it.
    """

    title = "Can whole models be pruned by 50 to 90 %?"
    order = 62
    essay = ((50, "“Models can be pruned 50-90 %”"),)
    given = {
        "backbones": Given(dict[str, tuple[str, ...]], "of the networks that are compressed"),
        "fractions": Given(tuple[float, ...], "the shares that are removed", SHARES),
    }

    def grid(self, suite):
        given = suite.given[self.name]
        for dataset, backbones in given["backbones"].items():
            epochs = suite.epochs[dataset]
            options = {"again": max(1, epochs // AGAIN), "epochs": epochs, "levels": given["fractions"]}
            for backbone in backbones:
                own = {} if backbone in suite.deeper.get(dataset, ()) else {"hidden": ()}
                for method in suite.methods:
                    cell = suite.deep_cell(method, dataset, backbone, **own)
                    yield cell, Request("compress", None, tuple(sorted(options.items())))

    # -- the rule -----------------------------------------------------------------------------------------------------
    def findings(self, rows, claims):
        lost = diverged_seeds(rows)
        before = by_network(FRACTIONS[PRUNED](rows, claims))
        end_to_end = [m for m in claims.rivals("prior art") if m in claims.labelled]
        for (network, kind), values in by_network(FRACTIONS[TUNED](rows, claims)).items():
            where = {"network": network, "kind": kind}
            labelled = sorted((set(values) & claims.labelled) - {claims.subject})
            for method in dict.fromkeys((*labelled, UNTRAINED, claims.subject)):
                if method in values:
                    n_lost = lost.get((network, method), 0)
                    found = interval(values[method].dropna())
                    claimed = method in (*end_to_end, claims.subject)
                    about = {**where, "method": method, "lost": n_lost, "claimed": claimed}
                    yield Finding("prunable", borne_out(found, n_lost), Estimate.of(found, 100, "%"), about)
            gone = sorted(method for at, method in lost if at == network)
            if gone:
                yield Finding("diverged", values={**where, "methods": gone})
            values = values.drop(columns=gone, errors="ignore")
            references = [m for m in end_to_end if m in values]
            for reference in [*references, UNTRAINED]:
                if {claims.subject, reference} <= set(values) and claims.subject != reference:
                    found = interval((values[claims.subject] - values[reference]).dropna())
                    word = word_for(found, "more prunable", "less prunable")
                    yield Finding("against", word, Estimate.of(found, 100, "points"), {**where, "reference": reference})
            for reference in references:
                yield from survival(values, before.get((network, kind)), reference, claims, where)

    # -- what is shown ------------------------------------------------------------------------------------------------
    shows = (
        View("fractions", dots, FRACTIONS[TUNED], **PRUNABLE, higher_is_better=None, bound=CLAIM),
        View("tuned", curves, ACCURACY[TUNED].then(in_percent), **LEVELS),
        View("pruned", curves, ACCURACY[PRUNED].then(in_percent), **LEVELS),
        View("whole", scatter, ACCURACY[TUNED].then(whole), FRACTIONS[TUNED], **LOSS),
    )

    def table(self, rows, claims):
        by = ["network", "method"]
        accuracy = ACCURACY[TUNED](rows, claims)
        columns = {"accuracy (%)": accuracy[(accuracy["x"] == 0) & (accuracy["kind"] == COMPRESSED[0])]}
        for kind in COMPRESSED:
            for after, fractions in FRACTIONS.items():
                columns[f"% of {kind} prunable, {after}"] = of(kind, fractions(rows, claims))
            for heading, metric in COSTS.items():
                columns[f"{kind}: {heading}"] = of(kind, Select(metric).then(placed(TUNED))(rows, claims))
        means = {name: 100 * intervals(own, by).set_index(by)["mean"] for name, own in columns.items() if len(own)}
        return pd.DataFrame(means).rename_axis(by).reset_index() if means else None


def of(kind, rows):
    return rows[rows["kind"] == kind]


def by_network(rows):
    """(network, kind) -> prunable fractions by seed (index) and method (columns)."""
    groups = rows.groupby(["network", "kind"], observed=True)
    found = {key: own.pivot_table(index="seed", columns="method", values="value") for key, own in groups}
    return dict(sorted(found.items(), key=lambda item: (item[0][0], COMPRESSED.index(item[0][1]))))


def diverged_seeds(rows):
    """(network, method) -> under how many seeds its pretraining diverged."""
    own = diverged(rows, "compress")
    network = own["backbone"].astype(str) + " on " + own["dataset"].astype(str)
    return own.groupby([network, own["method"].astype(str)])["seed"].nunique().to_dict()


def borne_out(found, lost=0):
    """Whether a model can be pruned by half, of the interval of its fraction; lost: seeds that diverged."""
    if found.n < MIN_SEEDS or lost:
        return "undecided"
    return "borne out" if found.low >= LEAST else "not borne out" if found.high < LEAST else "undecided"


def differing(values, reference, methods):
    """Which methods' models are less, and which more, prunable than `reference`, corrected for their number; and of
    how many."""
    others = [m for m in methods if m in values and m != reference]
    found = {m: interval((values[m] - values[reference]).dropna()) for m in others}
    sure = {m: d for m, d in found.items() if d.n >= MIN_SEEDS}
    p = dict(zip(sure, holm([min(1.0, 2 * min(d.p_greater, d.p_less)) for d in sure.values()]), strict=True))
    less = [m for m, d in sure.items() if d.mean < 0 and p[m] <= ALPHA]
    more = [m for m, d in sure.items() if d.mean > 0 and p[m] <= ALPHA]
    return less, more, len(others)


def survival(after, before, reference, claims, where):
    """How many models differ from the end-to-end one, with and without fine-tuning after pruning."""
    methods = sorted(set(claims.roles) - claims.own_width)
    less, more, n = differing(after, reference, methods)
    if not n or after[reference].notna().sum() < MIN_SEEDS:
        return
    known = before is not None and reference in before
    fewer, further = differing(before, reference, methods)[:2] if known else ([], [])
    word = "survive" if less or more else "none"
    if known and word == "survive" and not (fewer or further):
        word = "only after"
    counts = {"n": n, "less": len(less), "more": len(more), "fewer": len(fewer), "further": len(further)}
    yield Finding("differ", word, None, {**where, "reference": reference, "known": known, **counts})
