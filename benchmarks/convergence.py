"""Do all methods end in the same features?"""

from itertools import product

from infomax_bench import Benchmark, Estimate, Finding, Request, Select, View, in_panels
from infomax_bench.plots.effects import sweep
from infomax_bench.plots.figures import comparable, dots
from infomax_bench.plots.sheets import clustered, pairs
from infomax_bench.stats.intervals import MIN_SEEDS
from infomax_bench.stats.pairs import BETWEEN, OWN, along, at_ends, both_ways, kinds, nearest, side_by_side, squares
from infomax_bench.stats.readings import with_values
from infomax_bench.study.amounts import ends
from infomax_bench.study.view import seeds_of

SEEDS = 5  # one block: what is compared is kept on disk
ENOUGH = 0.8  # of the similarity between two seeds of one method: as alike as that is alike
LEAST = 0.05  # similarity between seeds below which it is no measure for anything

CKA, NEIGHBOURS, UNITS = "CKA", "mutual neighbours", "matched units"
MEASURES = {CKA: Select("cka"), NEIGHBOURS: Select("mutual_neighbours"), UNITS: Select("matched_units")}
MEASURED = in_panels(MEASURES).then(with_values)
WIDTH, IMAGES = "width", "images"
RESOURCES = {WIDTH: "width", IMAGES: "training images"}

CONVERGE, CLOSER = "they converge", "they come closer but stay apart"
ALIKE, APART, UNDECIDED = "they are alike, and no closer than with less", "they stay apart", "undecided"
FREE = "they are alike, but not shown to be more so than they are like what learned nothing"


class Convergence(Benchmark):
    """Do methods end in the same features as encoders grow wider and see more images?

    Rule: nothing is predicted and there is no verdict; these are the words of the answer. The methods are all that
    learn without labels and by gradient, the references and the subject's variants left out, and of those the ones
    measured under every seed and at every width (and number of images) that most of them have. The similarity of two
    methods is the mean over all pairs of these and over data sets; that of two seeds, the mean over the same methods
    with themselves; that with a reference, the mean over the same methods with it. Three numbers are taken, seed by
    seed, for each measure: the rise of the similarity of two methods from the smallest width (number of images) to the
    largest; the part of the similarity of two seeds that it is at the largest; and how far it lies there above that
    with each reference of the same width that was measured there on all data sets. "They converge" if the 95 % interval
    of the rise lies above zero, that of the part above 0.8, and that of the last above zero for every reference; "they
    are alike, and no closer than with less" if the same holds but for the rise; "they are alike, but not shown to be
    more so than they are like what learned nothing" if the part lies above 0.8 and for some reference the interval does
    not lie above zero; "they come closer but stay apart" if the rise lies above zero and the part below 0.8; "they stay
    apart" if the part lies below 0.8 and the rise does not lie above zero. Anything else, fewer than five seeds, no
    reference, or a similarity of two seeds below 0.05 is undecided, and so is the question as a whole unless all three
    measures say the same. The comparison with references was added after a trial (eight methods on digits, three
    epochs) in which random features came as close: more random projections of the same pixels are more alike, too. That
    nothing is decided without a reference, and that intervals allow for pairs which share an encoder, was added while
    the standard run went on.
    """

    title = "Do all methods converge to the same features?"
    order = 52
    sweeps_width = True
    compares = "similarity"
    tags = {"sweep": str, "amount": float, "available": float}

    def grid(self, suite):
        for dataset in suite.datasets:
            for method, (what, amount, changes) in product(suite.methods, ends(suite, dataset)):
                own = {**changes, "n_seeds": SEEDS}
                if what == IMAGES:
                    n = suite.n_train[dataset]
                    own |= {"label": f"images: {amount} of {n}"}
                    own |= {"tags": {"sweep": IMAGES, "amount": amount, "available": n}}
                if what == WIDTH or (what == IMAGES and changes):
                    yield suite.cell(method, dataset, **own), Request("representation")

    def findings(self, rows, claims):
        similar = similarities(rows, claims)
        absent = sorted({m for names in similar["absent"] for m in names.split(", ") if m})
        for resource, own in ((resource, similar[similar["resource"] == resource]) for resource in RESOURCES):
            if len(own):
                found = [measure(resource, panel, one, claims) for panel, one in own.groupby("panel")]
                words = {one.outcome for one in found}
                steps = own.groupby("dataset", observed=True)["x"].agg(["min", "max"])
                about = {"resource": resource, "agree": len(words) == 1, "methods": sorted({int(n) for n in own["n"]})}
                about["ends"] = {dataset: tuple(step) for dataset, step in steps.T.items()}
                yield Finding("resource", words.pop() if len(words) == 1 else UNDECIDED, values=about)
                yield from found
        if absent:
            yield Finding("left out", values={"methods": absent})
        if len(similar):
            closest = nearest(at_width(rows, claims), claims.subject, claims.roles)
            yield from (Finding("nearest", values=one) for one in closest)

    def views(self, rows, claims):
        similar, found = similarities(rows, claims), at_width(rows, claims)
        for resource, xlabel in RESOURCES.items():
            own = similar[similar["resource"] == resource]
            names = sorted(own["dataset"].unique())
            panel = "{dataset}: {panel}" if len(names) > 1 and resource == IMAGES else "panel"  # numbers of their own
            axes = {"x": "x", "panel": panel, "line": "what", "xlabel": xlabel, "order": list(MEASURES)}
            told = {"against": xlabel, "methods": own["n"].max(), "datasets": names}
            yield View("against", sweep, own, **axes, told={**told, "seeds": seeds_of(found)})
        tables = squares(found)
        if tables and len(tables[CKA]) > 2:
            order = clustered(sum(tables.values(), 0 * tables[CKA]) / len(tables))
            shown = found[found["method"].isin(order)]
            sides = {name: tables[panel].loc[order, order] for name, panel in (("below", CKA), ("above", UNITS))}
            label = f"below: {CKA}, above: {UNITS} (0: independent, 100: the same)"
            told = {"datasets": sorted(set(shown["dataset"]))}
            yield View("pairs", pairs, shown, **sides, label=label, told=told)
        own = kinds(found, claims.learners, claims.references)
        own = own[(own["panel"] == CKA) & own["what"].isin([BETWEEN, OWN])]
        how = {"panel": "what", "higher_is_better": None, "order": (BETWEEN, OWN)}
        yield View("each", dots, comparable(own, "what"), label=CKA, **how, told={"seeds": seeds_of(found)})

    def table(self, rows, claims):
        found = kinds(at_width(rows, claims), claims.learners, claims.references)
        return side_by_side(found, [*MEASURES]) if len(found) else None


def similarities(rows, claims):
    """How alike the methods are that the rule is about, along each resource."""
    return along(MEASURED(rows), MEASURES, claims.learners, claims.references).assign(status="ok")


def measure(resource, panel, own, claims):
    """What one measure says of methods along a resource, by the rule."""
    found = at_ends(own, claims.compared)
    about = {"resource": resource, "measure": panel, "least": found.least, "most": found.most}
    about |= {"rise": Estimate.of(found.rise), "above": {name: Estimate.of(one) for name, one in found.above.items()}}
    return Finding("measure", reading(found), Estimate.of(found.part), about)


def reading(found):
    """The rule's word for Ends."""
    if found.rise.n < MIN_SEEDS or not found.above or not found.own.low > LEAST:
        return UNDECIDED
    if found.part.high < ENOUGH:
        return CLOSER if found.rise.low > 0 else APART
    if found.part.low <= ENOUGH:
        return UNDECIDED
    if any(above.low <= 0 for above in found.above.values()):
        return FREE
    return CONVERGE if found.rise.low > 0 else ALIKE


def at_width(rows, claims):
    """Both ways round, the pairs of encoders of one width that were trained on all images."""
    found = MEASURED(rows)
    return both_ways(found[found["amount"].isna() & (claims.width is None or found["width"] == claims.width)])
