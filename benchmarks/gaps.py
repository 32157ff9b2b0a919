"""Does end-to-end training leave gaps? Which factors can be read from features, and which not."""

import numpy as np
import pandas as pd

from infomax_bench import Benchmark
from infomax_bench.plots.figures import comparable, dots, matrix, scatter, seeds_of
from infomax_bench.plots.sheets import stacked
from infomax_bench.stats.compare import by_case
from infomax_bench.stats.groups import between, mean_of
from infomax_bench.stats.intervals import MIN_SEEDS, in_words
from infomax_bench.stats.power import would_decide
from infomax_bench.stats.readings import signed

LABEL, REST = "class", "rest"
UNTRAINED = "random_features"
KNOWN, MEASURED = "known factors", "measured properties"
KINDS = {"decodability": KNOWN, "property_r2": MEASURED}
LEAVES = {KNOWN: "Labels leave gaps in known factors", MEASURED: "Labels leave gaps in measured properties"}
TELLS = {KNOWN: "Tells more of the known factors", MEASURED: "Tells more of the measured properties"}


class Gaps(Benchmark):
    """What do features trained for one question know of the others?

    From every encoder's frozen features a linear map reads the label and all that the label leaves open. Encoders are
    single layers, those trained on labels too: what more layers would lose is not seen here. Where the ground-truth
    factors of the images are known, those are the factors other than the label (of sprites scale, orientation and
    position). On every data set, they are four properties that are measured from the pixels: ink (mean intensity),
    width, height and slant of what is shown.

    A factor is read by linear discriminants, the same probe as for the label beside it: accuracy on test images, scaled
    so that 0 is always naming the most frequent value and 100 % is always right. A property is read by ridge
    regression, within classes: 0 is knowing the label and nothing else, 100 % is knowing the rest too (R²). Maps are
    fitted to at most 10,000 training images, and validation images choose the L2. What is not read may still be in the
    features in a form that is not linear. Beside it: what the variance of a unit is due to.

    Claim: end-to-end training leaves "gaps" and "waste".

    Prior art: that features trained on labels keep what is needed and lose the rest is the information-bottleneck view
    of deep learning (Tishby and Zaslavsky 2015; Achille and Soatto 2018), and Hermann and Lampinen (2020) saw networks
    suppress, in part, features that their task does not need. Against it, Hong et al. (2016) found position, size and
    pose the easier to read linearly the deeper the layer of a network that was trained on categories alone. A network
    before any training already lets much be read (Alain and Bengio 2017), so that random features are the yardstick of
    what training adds or takes away.

    Rule: two measures, each on average over what the label leaves open and over data sets: decodability of the known
    factors, and R² of the measured properties. For each, "labels leave gaps" compares the prior-art methods that see
    neither labels nor captions, averaged, with those that are trained on labels alone, averaged: supported if the 95 %
    interval of the difference, paired by seed, lies above zero (those trained on labels tell less), refuted if it lies
    below, and undecided while a method of either kind is missing; captions may name the factors, so who sees them is of
    neither kind. "Tells more" is supported if the paired 95 % interval of the subject's difference to every method of
    the group lies above zero, refuted if at least one method tells more (Holm-corrected). Fewer than five seeds, or
    anything else: inconclusive. That labels leave gaps is a known result; the answer begins with whether it comes out,
    and says how far those trained on labels are from random features. Waste, units that repeat each other or can go, is
    what the benchmarks on redundancy and pruning measure.
    """

    title = "Does end-to-end training leave gaps?"
    order = 7
    essay = ((40, "“gaps”, “waste”"),)
    evaluations = ("factors", "invariance")

    @staticmethod
    def items(rows):
        """Rows of what is read from features: columns `kind`, KNOWN or MEASURED, and `item`."""
        found = rows[rows["metric"].isin(list(KINDS)) & (rows["status"] == "ok")]
        return found.assign(kind=found["metric"].map(KINDS), item=found["protocol"])

    def left_open(self, rows, kind):
        """Means over what the label leaves open, of one kind."""
        found = self.items(rows)
        found = found[(found["kind"] == kind) & (found["item"] != LABEL)]
        by = ["method", "dataset", "target", "seed", "status", "current"]
        return found.groupby(by, observed=True, as_index=False)["value"].mean()

    @staticmethod
    def groups(claims):
        """Prior art that sees neither labels nor captions, and that which is trained on labels alone."""
        prior = claims.rivals("prior art")
        return [m for m in prior if m not in claims.supervised], [m for m in prior if m in claims.labelled]

    def decide(self, rows, claims):
        for kind in (KNOWN, MEASURED):
            values = self.left_open(rows, kind)
            if values.empty:
                continue
            yield from self.leaves_gaps(values, claims, kind)
            yield from self.better_than_all(values, claims, "gaps", TELLS[kind], kind, unit="points", scale=100)

    def leaves_gaps(self, values, claims, kind):
        cases, (blind, labelled) = by_case(values, claims.subject), self.groups(claims)
        found = between(cases, blind, labelled, scale=100)
        if found is None:
            return
        effect = (found.found.mean, found.found.low, found.found.high)
        sentence = f"{LEAVES[kind]}: nothing to compare yet."
        if found.found.n:
            word = {"supported": "they do", "refuted": "they do not", "inconclusive": "undecided"}[found.outcome]
            sentence = (
                f"{LEAVES[kind]}: {word}; features trained on labels score {found.means[1]:.1f} %, those of "
                f"unsupervised prior art {found.means[0]:.1f} % ({effect[0]:+.3g} points, {in_words(*effect[1:])})."
            )
            own = {m: 100 * np.nanmean(mean_of([m], cases)) for m in blind if m in cases.values}
            n_more = sum(mean > found.means[1] for mean in own.values())
            sentence += f" Of the {len(own)} unsupervised methods {n_more} score more than those trained on labels."
            sentence += self.by_data_set(values, claims)
        sentence += would_decide(found.seeds_needed)
        sentence += f" Not measured, failed or not able: {', '.join(found.missing)}." * bool(found.missing)
        yield self.verdict(
            claims, "gaps", LEAVES[kind], "unsupervised", found.outcome, effect, found.found.n, sentence,
            unit="points", metric=kind, missing=found.missing, seeds_needed=found.seeds_needed, aside=True,
        )  # fmt: skip

    def by_data_set(self, values, claims):
        """How far unsupervised prior art is ahead on each data set, if there are several: a sentence."""
        groups = self.groups(claims)
        each = {d: between(by_case(own, claims.subject), *groups, scale=100) for d, own in values.groupby("dataset")}
        told = [f"{d} {one.found.mean:+.1f}" for d, one in each.items() if one is not None and one.found.n]
        return f" By data set: {', '.join(told)}." if len(told) > 1 else ""

    # -- what is shown ------------------------------------------------------------------------------------------------
    def cases(self, rows, claims):
        """(data set, item) -> the values of what is read, `Cases`."""
        groups = self.items(rows).groupby(["dataset", "item"], observed=True)
        return {key: by_case(own, claims.subject) for key, own in groups}

    def differences(self, rows, claims):
        """(data set, item) -> how far features trained on labels are ahead of unsupervised prior art: a `Between`."""
        blind, labelled = self.groups(claims)
        found = {key: between(own, labelled, blind, scale=100) for key, own in self.cases(rows, claims).items()}
        return {key: one for key, one in found.items() if one is not None and one.found.n}

    def ahead(self, rows, claims):
        """The same by seed, as rows in which an item stands for a method; of the methods that were measured."""
        groups = self.groups(claims)
        parts = []
        for (dataset, item), own in self.cases(rows, claims).items():
            blind, labelled = (mean_of([m for m in group if m in own.values], own) for group in groups)
            parts.append(
                pd.DataFrame({"seed": own.seeds, "value": labelled - blind}).assign(method=item, dataset=dataset)
            )
        made = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["value"])
        return made.dropna(subset=["value"]).assign(status="ok", current=True)

    def answer(self, rows, claims):
        found = self.differences(rows, claims)
        if not found:
            return ""
        label = ", ".join(f"{one.found.mean:+.1f} points on {d}" for (d, item), one in found.items() if item == LABEL)
        rest = {key: one.found for key, one in found.items() if key[1] != LABEL}
        sure = {key: one for key, one in rest.items() if one.n >= MIN_SEEDS and (one.low > 0 or one.high < 0)}

        def told(sign):
            ordered = sorted((one.mean, item, dataset) for (dataset, item), one in sure.items() if sign * one.mean > 0)
            return ", ".join(f"{item} on {dataset} ({mean:+.1f})" for mean, item, dataset in ordered) or "nothing"

        text = self.known(rows, claims) + (
            f"Features trained on labels, against the mean of unsupervised prior art: the label itself {label}. Of "
            f"what the label leaves open they tell less of {told(-1)}, and more of {told(1)} (points; where the 95 % "
            "interval leaves 0 out, not corrected for the number of intervals)."
        )
        unsure = ", ".join(f"{item} on {dataset}" for dataset, item in rest if (dataset, item) not in sure)
        text += f" No difference is shown in {unsure}." if unsure else ""
        never = ", ".join(f"{item} on {d}" for d, item in self.cases(rows, claims) if (d, item) not in found)
        text += f" Nothing can be said of {never}: no seed has all methods." if never else ""
        lost = {m for one in found.values() for m in one.missing}
        return text + (f" Without {', '.join(sorted(lost))}, not measured everywhere." if lost else "")

    def known(self, rows, claims):
        """Whether the known result comes out, and how features trained on labels stand against those of no training."""
        blind, labelled = self.groups(claims)
        told = []
        for kind in (KNOWN, MEASURED):
            cases = by_case(self.left_open(rows, kind), claims.subject)
            found = between(cases, blind, labelled, scale=100)
            if found is None or not found.found.n:
                continue
            word = {"supported": "comes out", "refuted": "does not come out", "inconclusive": "is undecided"}
            text = f"in {kind} it {word[found.outcome]} ({signed(found.found, 1)} points"
            beside = between(cases, [UNTRAINED], labelled, scale=100)
            if beside is not None and beside.found.n:
                text += f"; random features less those trained on labels {signed(beside.found, 1)}"
            told.append(f"{text})")
        return f"The known result that labels leave gaps: {'; '.join(told)}. " if told else ""

    def figures(self, rows, claims):
        items = self.items(rows)
        if items.empty:
            return
        measured = f"{seeds_of(items)}, 95 % intervals"
        ahead = self.ahead(rows, claims)
        if not ahead.empty:
            yield (
                "How much more is read from features that were trained on labels than from those of unsupervised prior "
                f"art, each a mean over its methods ({measured}): the class itself, the known factors, and within a "
                "class ink, width, height and slant. Left of the line are the gaps.",
                dots(ahead, claims, label="points ahead", scale=100, higher_is_better=None, bound=(0.0, "")),
            )
        label = items[items["item"] == LABEL]
        panels = {kind: self.left_open(rows, kind) for kind in (KNOWN, MEASURED)}
        across, up = [], []
        for kind, own in panels.items():
            named = own.assign(panel=own["dataset"].astype(str) + ": " + kind)
            up.append(named)
            across += [label[label["dataset"] == d].assign(panel=f"{d}: {kind}") for d in own["dataset"].unique()]
        if label.empty or not across:
            return
        yield (
            "What the features tell of the label (across) and of what it leaves open (up; mean over factors, or over "
            f"properties within a class), by linear maps on test images ({measured}). A method that has what it was "
            "trained on and lacks the rest lies at the lower right.",
            scatter(pd.concat(across), pd.concat(up), claims, xlabel="label: accuracy above chance (%)",
                    ylabel="what it leaves open (%)", panel="panel", scale=(100, 100)),
        )  # fmt: skip
        factors = items[items["kind"] == KNOWN]
        factors = factors[factors["dataset"].isin(factors.loc[factors["item"] != LABEL, "dataset"])]
        if not factors.empty:
            yield (
                "Each known factor, and the class: accuracy of linear discriminants above chance (0) and below "
                f"perfection (100), means over {seeds_of(factors)}; the mean takes the class in. Slightly below 0: "
                "knows nothing, and in a complete grid test images have the values that their like in training lack.",
                matrix(comparable(factors, "item"), claims, column="item", label="above chance (%)", scale=100),
            )
        properties = items[items["kind"] == MEASURED].assign(panel=items["item"])
        if not properties.empty:
            yield (
                "Properties that are measured from the pixels, within a class: R² of ridge regression on test images, "
                f"mean over data sets ({measured}). Below 0: worse than knowing the class alone.",
                dots(comparable(properties, "panel"), claims, label="R² (%)", panel="panel", scale=100,
                     order=("ink", "width", "height", "slant")),
            )  # fmt: skip
        shares = rows[rows["metric"] == "variance_share"]
        if not shares.empty:
            order = [p for p in dict.fromkeys(items["item"]) if p in set(shares["protocol"]) and p != LABEL]
            yield (
                "What the variance of a unit is due to, mean over live units, test images: the class (the numbers), "
                "each other factor on its own, and the rest, which takes several of them together or is noise "
                f"(means over {seeds_of(shares)}).",
                stacked(shares, claims, part="protocol", order=[LABEL, *order], rest=REST, label="% of variance",
                        scale=100),
            )  # fmt: skip

    def table(self, rows, claims):
        items = self.items(rows)
        if items.empty:
            return None
        columns = {}
        for metric, own in items.groupby("metric", sort=True):
            for item in dict.fromkeys(own["item"]):
                columns[f"{item} (%)"] = (metric, item, None, None, 100)
        ordered = {k: columns[k] for k in sorted(columns, key=lambda k: k != f"{LABEL} (%)")}
        found = self.means(rows, ordered, by="dataset")
        for kind in (KNOWN, MEASURED):
            own = self.left_open(rows, kind)
            if not own.empty:
                means = 100 * own.groupby(["dataset", "method"])["value"].mean()
                found = found.join(means.rename(f"mean of {kind} (%)"), on=["dataset", "method"])
        return found
