"""Does InfoMax scale?"""

from functools import partial
from itertools import product

from infomax_bench import Benchmark, Estimate, Finding, Request, Select, View, reads
from infomax_bench.plots.figures import curves, dots
from infomax_bench.stats.compare import apart_from
from infomax_bench.stats.intervals import MIN_SEEDS, interval
from infomax_bench.stats.power_law import exponents, using
from infomax_bench.stats.readings import complete, diverged, tables, where, word_for
from infomax_bench.study.amounts import amounts
from infomax_bench.study.selection import complement

FLOOR = 0.2  # the least error in % that a logarithm is taken of: a perfect probe has none
RESOURCES = {"images": "images", "width": "units", "passes": "passes over the images"}
CURVE = ["method", "dataset", "sweep", "seed"]


def swept(rows):
    """What belongs to a curve."""
    return rows[rows["amount"].notna()]


ACCURACY = Select("accuracy", "linear", scale=100)
MEASURED = ACCURACY.then(swept)
ERRORS = ACCURACY.or_diverged().then(swept).then(complement)
WHOLE = ERRORS.then(partial(complete, of="amount", by=CURVE, among=["dataset", "sweep"]))  # curves that lack no amount


@reads(WHOLE)
def power_law(rows, claims=None):
    found = exponents(WHOLE(rows), CURVE, "amount", FLOOR)
    return found.assign(resource=found["sweep"].map(RESOURCES))


def axes(of):
    return {"x": "amount", "xlabel": of, "told": {"of": of}, "ylabel": "error (%)", "log": True}


class Scale(Benchmark):
    """What do more images, wider encoders and longer training buy each method?

    Rule: a method scales with a resource if the 95 % interval of its exponent over seeds lies above zero, and does not
    if it lies below; anything else, or fewer than five seeds, is undecided. The subject scales better (worse) than
    another method if the paired 95 % interval of the difference of exponents lies above (below) zero, and the
    difference survives Holm's correction for the number of methods. Methods that make no use of a resource, their error
    being the same with any amount of it, are not compared in it, and neither are those that lack an amount. A training
    that diverged has accuracy 0, as in tuning; since the least amount is where it helps most, a subject that diverged
    with some amount neither scales nor scales better, and none scales worse than a method that diverged. (What is said
    of methods that make no use of a resource, lack an amount or diverged was added while the standard run went on.)
    """

    title = "Does it scale with images, width and training?"
    order = 50
    sweeps_width = True
    tags = {"sweep": str, "amount": float}

    def grid(self, suite):
        for dataset, method in product(suite.scaled, suite.methods):
            # of a method with a width of its own nothing can be swept: it is a line to compare with
            for sweep, amount, changes in amounts(suite, dataset, level=method in suite.own_width):
                tags = {"sweep": sweep, "amount": amount}
                cell = suite.cell(method, dataset, label=f"{sweep}: {amount}", tags=tags, **changes)
                yield from ((cell, Request(evaluation)) for evaluation in ("linear_probe", "redundancy", "training"))

    def findings(self, rows, claims):
        lost = swept(diverged(rows, "linear_probe"))
        errors = tables(WHOLE(rows), ["dataset", "sweep"], ["method", "amount"])
        used = using(power_law(rows), MEASURED(rows), CURVE)
        for (dataset, sweep), values in tables(used, ["dataset", "sweep"], "method").items():
            if claims.subject not in values:
                continue
            gone = set(where(lost, dataset=dataset, sweep=sweep)["method"])
            others = [m for m in values if m in claims.compared - {claims.subject}]
            worse, better = apart_from(values, claims.subject, others)
            better, worse = [] if claims.subject in gone else better, [m for m in worse if m not in gone]
            found = interval(values[claims.subject].dropna())
            why = "few" if found.n < MIN_SEEDS else "diverged" if claims.subject in gone else ""
            word = "undecided" if why else word_for(found, "scales", "does not scale")
            about = {"dataset": dataset, "sweep": sweep, "why": why}
            counts = {"others": len(others), "better": better, "worse": worse}
            yield Finding("exponent", word, Estimate.of(found), {**about, **counts})
            yield from levels(errors[dataset, sweep].mean().unstack(), claims, about)

    shows = (
        *(
            View("error", curves, ERRORS.then(partial(where, sweep=sweep)), **axes(of))
            for sweep, of in RESOURCES.items()
        ),
        View("exponent", dots, power_law, label="exponent", panel="{dataset}: {resource}", bound=(0.0, "")),
    )
    by, headings = ("dataset", "method", "sweep", "amount"), {"sweep": "resource", "amount": "how much"}
    columns = {
        "error (%)": ERRORS,
        "% dead units": Select("dead_units", scale=100).then(swept),
        "nonlinear dependence": Select("nonlinear_dependence").then(swept),
        "seconds a seed": Select("train_seconds").then(swept),
    }


def levels(means, claims, about):
    """The subject's error with least and most of a resource, and how many methods err less with most of it; means: by
    method and amount."""
    if claims.subject not in means.index:
        return
    mine, others = means.loc[claims.subject], set(means.index) & claims.compared
    least, most = mine.index[0], mine.index[-1]
    fewer = int((means.loc[sorted(others - {claims.subject}), most] < mine[most]).sum())
    values = {"least": least, "most": most, "first": mine[least], "last": mine[most]}
    yield Finding("level", values={**about, **values, "fewer": fewer, "others": len(others - {claims.subject})})
