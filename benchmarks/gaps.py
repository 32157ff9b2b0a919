"""Does end-to-end training leave gaps? Which factors can be read from features, and which not."""

from functools import partial

import pandas as pd

from infomax_bench import Benchmark, Contrast, Estimate, Finding, GroupContrast, Select, View, in_panels, reads
from infomax_bench.plots.figures import comparable, dots, matrix, scatter
from infomax_bench.plots.sheets import stacked
from infomax_bench.stats.compare import by_case
from infomax_bench.stats.groups import between, mean_of
from infomax_bench.stats.readings import averaged, where, where_not, word_for
from infomax_bench.study.selection import Derived

LABEL = "class"
UNTRAINED = "random_features"
KNOWN, MEASURED = "known factors", "measured properties"
READ = {KNOWN: Select("decodability", scale=100), MEASURED: Select("property_r2", scale=100)}
FACTORS, PROPERTIES = READ.values()
SHARES = Select("variance_share")
ORDER = ("ink", "width", "height", "slant")
everywhere = partial(comparable, by="protocol")  # of everything that is read, the methods that ran on all data sets


def with_factors(rows):
    """The rows of data sets that have factors beside the label, of methods that have run on all of these."""
    return everywhere(rows[rows["dataset"].isin(where_not(rows, protocol=LABEL)["dataset"])])


def groups(claims):
    """Prior art that sees neither labels nor captions, and that which is trained on labels alone."""
    prior = claims.rivals("prior art")
    return [m for m in prior if m not in claims.supervised], [m for m in prior if m in claims.labelled]


ITEMS = in_panels(READ)
TOLD = in_panels(dict.fromkeys(READ, FACTORS.then(partial(where, protocol=LABEL))))
OPEN = {kind: select.then(partial(where_not, protocol=LABEL)).then(averaged) for kind, select in READ.items()}
SAID, HERE = ("unsupervised", "leaves_gaps", "points"), {"scope": "these data sets alone"}
AXES = {"xlabel": "label: accuracy above chance (%)", "ylabel": "what it leaves open (%)"}


def by_item(rows, claims):
    """(data set, what is read) -> its values, `Cases`."""
    each = ITEMS(rows, claims).groupby(["dataset", "protocol"], observed=True)
    return {key: by_case(own, claims.subject) for key, own in each}


@reads(ITEMS)
def ahead(rows, claims):
    """By seed, how far features trained on labels are ahead of unsupervised prior art, of the methods that were
    measured: rows in which what is read stands for a method."""
    parts = []
    for (dataset, item), own in by_item(rows, claims).items():
        blind, labelled = (mean_of([m for m in group if m in own.values], own) for group in groups(claims))
        parts.append(pd.DataFrame({"seed": own.seeds, "value": labelled - blind}).assign(method=item, dataset=dataset))
    made = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["value"])
    return made.dropna(subset=["value"]).assign(status="ok", current=True)


class Gaps(Benchmark):
    """What do features trained for one question know of the others?

    Rule: two measures, each on average over what the label leaves open: decodability of the known factors, and R² of
    the measured properties. For each, "labels leave gaps" compares the prior-art methods that see neither labels nor
    captions, averaged, with those that are trained on labels alone, averaged: supported if the latter surely tell less,
    refuted if they surely tell more; captions may name the factors, so who sees them is of neither kind. "Tells more"
    is supported if the subject surely tells more than the median method, and than the best of every family; refuted if
    it surely tells less than the median. That labels leave gaps is a known result; the answer begins with whether it
    comes out, and says how far those trained on labels are from random features. Waste, units that repeat each other or
    can go, is what the benchmarks on redundancy and pruning measure.
    """

    title = "Does end-to-end training leave gaps?"
    order = 7
    evaluations = ("factors", "invariance")
    contrasts = tuple(
        contrast
        for kind, read in OPEN.items()
        for contrast in (
            GroupContrast("gaps", f"Labels leave gaps in {kind}", kind, read, groups, *SAID),
            Contrast("gaps", f"Tells more of the {kind}", kind, read, "points", where_measured=True),
        )
    )

    def findings(self, rows, claims):
        blind, labelled = groups(claims)
        every = {key: between(own, labelled, blind) for key, own in by_item(rows, claims).items()}
        found = {key: one for key, one in every.items() if one is not None and one.found.n}
        for kind, select in OPEN.items() if found else ():
            cases = by_case(select(rows, claims), claims.subject)
            known, beside = (between(cases, group, labelled) for group in (blind, [UNTRAINED]))
            if known is not None and known.found.n:
                random = Estimate.of(beside.found) if beside is not None and beside.found.n else None
                whole = Estimate.of(known.found, unit="points")
                yield Finding("known", known.outcome, whole, {"kind": kind, "random": random, **HERE})
        for (dataset, item), one in found.items():
            word, name = word_for(one.found, "more", "less"), "label" if item == LABEL else "left_open"
            about = {"dataset": dataset, "item": item, "missing": one.missing}
            yield Finding(name, word, Estimate.of(one.found, unit="points"), about)
        for dataset, item in every if found else ():
            if (dataset, item) not in found:
                yield Finding("unknown", values={"dataset": dataset, "item": item})

    shows = (
        View("ahead", dots, ahead, label="points ahead", higher_is_better=None, bound=(0.0, "")),
        View("label", scatter, TOLD, in_panels(OPEN), panel="{dataset}: {panel}", **AXES),
        View("factors", matrix, FACTORS.then(with_factors), column="protocol", label="above chance (%)"),
        View("properties", dots, PROPERTIES.then(everywhere), label="R² (%)", panel="protocol", order=ORDER),
        View("shares", stacked, SHARES, part="protocol", order=[LABEL], rest="rest", label="% of variance", scale=100),
    )

    def table(self, rows, claims):
        items = [(s.metric, item) for s in READ.values() for item in sorted(set(s(rows)["protocol"])) if item != LABEL]
        columns: dict[str, Select | Derived] = {
            **{f"{item} (%)": Select(metric, item, scale=100) for metric, item in [(FACTORS.metric, LABEL), *items]},
            **{f"mean of {kind} (%)": select for kind, select in OPEN.items()},
        }
        return self.means(rows, columns, "dataset", claims)
