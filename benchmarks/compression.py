"""Can whole models be pruned by 50 to 90 %, trained end to end or pretrained first?"""

import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding, Given, Request, Select, View
from infomax_bench.evaluations.thresholds import COMPRESSED, PRUNED, SHARES, TUNED
from infomax_bench.plots.figures import curves, dots, scatter
from infomax_bench.stats.compare import apart_from, difference
from infomax_bench.stats.intervals import MIN_SEEDS, interval
from infomax_bench.stats.readings import composed, diverged, tables, word_for

LEAST = 50.0  # percent: the lower end of what is claimed
CLAIM = (LEAST, f"claim: {LEAST:.0f} %")
UNTRAINED = "random_features"  # it becomes an end-to-end model with as many passes as all others are fine-tuned for
ON = composed("network", "{backbone} on {dataset}")
AGAIN = 4  # a network is trained again for so small a part of the passes that it had


def placed(rows):
    """The rows with their network in `network`, what is removed of it in `kind`, and how much, `x`, in percent."""
    kind = rows["protocol"].astype(str).str.split("/").str[0]
    return ON(rows).assign(kind=kind, x=100 * rows["x"].astype(float))


def whole(rows):
    """The rows of networks of which nothing is removed."""
    return rows[rows["x"] == 0]


def compressed(metric, after, kinds=COMPRESSED, scale=100):
    """Rows of a metric, in percent, by what is removed and what is done after."""
    return Select(metric, tuple(f"{kind}/{after}" for kind in kinds), scale=scale).then(placed)


FRACTIONS = {after: compressed("prunable_fraction", after) for after in (TUNED, PRUNED)}
ACCURACY = {after: compressed("accuracy", after, scale=1) for after in (TUNED, PRUNED)}
PANEL = {"panel": "{network}: {kind}"}
LEVELS = {"xlabel": "% removed", "ylabel": "accuracy (%)", "scale": 100, **PANEL}
LOSS = {"xlabel": "accuracy of the whole model (%)", "ylabel": "% prunable", "scale": (100, 1), **PANEL}


class Compression(Benchmark):
    """How much of a whole network can go, trained end to end on labels, or pretrained first and then trained so?

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

    def findings(self, rows, claims):
        gone = placed(diverged(rows, "compress")).groupby(["network", "method"], observed=True)
        lost = gone["seed"].nunique().to_dict()
        before, after = (tables(FRACTIONS[how](rows), ["network", "kind"], "method") for how in (PRUNED, TUNED))
        end_to_end = [m for m in claims.rivals("prior art") if m in claims.labelled]
        for network, kind in sorted(after, key=lambda at: (at[0], COMPRESSED.index(at[1]))):
            values, about = after[network, kind], {"network": network, "kind": kind}
            for method in dict.fromkeys((*sorted(claims.labelled - {claims.subject}), UNTRAINED, claims.subject)):
                if method in values:
                    found, n_lost = interval(values[method].dropna()), lost.get((network, method), 0)
                    own = {"method": method, "lost": n_lost, "claimed": method in (*end_to_end, claims.subject)}
                    yield Finding("prunable", borne_out(found, n_lost), Estimate.of(found, unit="%"), about | own)
            gone = sorted(method for at, method in lost if at == network)
            if gone:
                yield Finding("diverged", values={**about, "methods": gone})
            values = values.drop(columns=gone, errors="ignore")
            for reference in dict.fromkeys((*end_to_end, UNTRAINED)):
                found = difference(values, claims.subject, reference)
                if found.n and claims.subject != reference:
                    word = word_for(found, "more prunable", "less prunable")
                    yield Finding("against", word, Estimate.of(found, unit="points"), {**about, "reference": reference})
            for reference in end_to_end:
                known = before.get((network, kind), pd.DataFrame())
                yield from survival(values, known, reference, claims.compared - {reference}, about)

    shows = (
        View("fractions", dots, FRACTIONS[TUNED], label="% prunable", higher_is_better=None, bound=CLAIM, **PANEL),
        View("tuned", curves, ACCURACY[TUNED], **LEVELS),
        View("pruned", curves, ACCURACY[PRUNED], **LEVELS),
        View("whole", scatter, ACCURACY[TUNED].then(whole), FRACTIONS[TUNED], **LOSS),
    )
    by = ("network", "method")
    columns = {"accuracy (%)": compressed("accuracy", TUNED, COMPRESSED[:1]).then(whole)}
    for _kind in COMPRESSED:
        columns |= {
            f"% of {_kind} prunable, {TUNED}": compressed("prunable_fraction", TUNED, [_kind]),
            f"% of {_kind} prunable, {PRUNED}": compressed("prunable_fraction", PRUNED, [_kind]),
            f"{_kind}: chosen on validation": compressed("chosen_fraction", TUNED, [_kind]),
            f"{_kind}: costs, in points": compressed("chosen_loss", TUNED, [_kind]),
        }


def borne_out(found, lost=0):
    """Whether a model can be pruned by half, of the interval of its fraction; lost: seeds that diverged."""
    if found.n < MIN_SEEDS or lost:
        return "undecided"
    return "borne out" if found.low >= LEAST else "not borne out" if found.high < LEAST else "undecided"


def survival(after, before, reference, methods, about):
    """How many models differ from the end-to-end one, with and without fine-tuning after pruning."""
    n = len(methods & set(after))
    if not n or reference not in after or after[reference].notna().sum() < MIN_SEEDS:
        return
    known = reference in before
    (more, less), (further, fewer) = (apart_from(values, reference, methods) for values in (after, before))
    word = "none" if not (less or more) else "survive" if fewer or further or not known else "only after"
    counts = {"n": n, "less": len(less), "more": len(more), "fewer": len(fewer), "further": len(further)}
    yield Finding("differ", word, None, {**about, "reference": reference, "known": known, **counts})
