"""Can whole models be pruned by 50 to 90 %, trained end to end or pretrained first?"""

import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.evaluations.thresholds import COMPRESSED, PRUNED, TUNED
from infomax_bench.plots.figures import curves, dots, intervals, scatter, seeds_of
from infomax_bench.stats.intervals import MIN_SEEDS, holm, in_words, interval
from infomax_bench.stats.readings import diverged, signed

LEAST = 0.5  # the lower end of what is claimed
UNTRAINED = "random_features"  # it becomes an end-to-end model with as many passes as all others are fine-tuned for
AGAIN = 4  # a network is trained again for so small a part of the passes that it had
ALPHA = 0.05
OUTCOMES = ("borne out", "not borne out", "undecided")


class Compression(Benchmark):
    """How much of a whole network can go, trained end to end on labels, or pretrained first and then trained so?

    Every method's pretrained perceptron or convolutional net gets a linear classifier, and all of it is trained on the
    labels, for as many passes as it was pretrained for. The conventional end-to-end model is one of them: for it, and
    so for every model that saw labels before, this is more of the same training; the untrained encoder becomes an
    end-to-end model with half as much of it. Images are not centred here, as they are in pretraining: the first layer's
    biases hold their mean by then. Then, in one step, the encoder loses weights, those of least magnitude; or units
    (hidden ones, channels, and those of the last layer), those with the smallest norm of weights. Accuracy is measured
    as the network is left, and after a quarter as many passes of fine-tuning, the removed weights held at zero; the
    whole network that it is compared with is trained as much longer. Both are removed in two ways, with one threshold
    for the whole encoder or layer by layer, and by incoming weights or by all paths through the unit: validation images
    choose. Biases and the classifier stay.

    Hidden layers of perceptrons are four times as wide as the features; in the quick preset, as wide. In the
    convolutional net each group of channels that is normalised together loses as many, and keeps two.

    Claim: "Models can be pruned 50-90 %", said of conventional end-to-end models; of those pretrained with InfoMax, the
    essay predicts that they can't be.

    Prior art: that weights can be removed from trained networks, and the rest trained again, is due to LeCun, Denker
    and Solla (1989); by magnitude, 9 in 10 (Han et al. 2015). Whole filters with a small norm can go (Li et al. 2017).
    Networks of 10 to 20 % of the size, trained from the same start, reach the same accuracy (Frankle and Carbin 2019).
    Blalock et al. (2020) review it all, and how little of it can be compared.

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

    def grid(self, suite):
        for dataset, backbones in suite.compressed.items():
            epochs = suite.epochs[dataset]
            options = {"again": max(1, epochs // AGAIN), "epochs": epochs, "levels": suite.fractions}
            for backbone in backbones:
                own = {} if backbone in suite.deeper.get(dataset, ()) else {"hidden": ()}
                for method in suite.methods:
                    cell = suite.deep_cell(method, dataset, backbone, **own)
                    yield cell, Request("compress", None, tuple(sorted(options.items())))

    # -- what the rows say --------------------------------------------------------------------------------------------
    @staticmethod
    def of(rows, metric, after=None):
        """Rows of one metric, with the network in `network`, what is removed in `kind`, and what is done after in
        `after` (all, unless it is given)."""
        chosen = rows[(rows["metric"] == metric) & (rows["status"] == "ok")]
        parts = chosen["protocol"].astype(str).str.split("/", n=1, expand=True).reindex(columns=[0, 1])
        network = chosen["backbone"].astype(str) + " on " + chosen["dataset"].astype(str)
        made = chosen.assign(kind=parts[0], after=parts[1], network=network, panel=network + ": " + parts[0])
        return made if after is None else made[made["after"] == after]

    def fractions(self, rows, after=TUNED):
        """(network, kind) -> prunable fractions by seed (index) and method (columns)."""
        found = self.of(rows, "prunable_fraction", after)
        return {
            key: own.pivot_table(index="seed", columns="method", values="value")
            for key, own in found.groupby(["network", "kind"], observed=True)
        }

    @staticmethod
    def end_to_end(claims):
        """The conventional end-to-end models that stand against the subject."""
        return [m for m in claims.rivals("prior art") if m in claims.labelled]

    @staticmethod
    def lost(rows):
        """(network, method) -> under how many seeds its pretraining diverged."""
        own = diverged(rows, "compress")
        network = own["backbone"].astype(str) + " on " + own["dataset"].astype(str)
        return own.groupby([network, own["method"].astype(str)])["seed"].nunique().to_dict()

    @staticmethod
    def borne_out(found, lost=0):
        """Whether a model can be pruned by half, of the interval of its fraction; lost: seeds that diverged."""
        if found.n < MIN_SEEDS or lost:
            return "undecided"
        return "borne out" if found.low >= LEAST else "not borne out" if found.high < LEAST else "undecided"

    @staticmethod
    def compared(difference):
        """The subject's model beside another, of the interval of the paired difference."""
        if difference.n < MIN_SEEDS or not (difference.low > 0 or difference.high < 0):
            return "undecided"
        return "more prunable" if difference.low > 0 else "less prunable"

    @staticmethod
    def differing(values, reference, methods):
        """Which methods' models are less, and which more, prunable than `reference`, corrected for their number; and of
        how many."""
        others = [m for m in methods if m in values and m != reference]
        found = {m: interval((values[m] - values[reference]).dropna().to_numpy()) for m in others}
        sure = {m: d for m, d in found.items() if d.n >= MIN_SEEDS}
        p = dict(zip(sure, holm([min(1.0, 2 * min(d.p_greater, d.p_less)) for d in sure.values()]), strict=True))
        less = [m for m, d in sure.items() if d.mean < 0 and p[m] <= ALPHA]
        more = [m for m, d in sure.items() if d.mean > 0 and p[m] <= ALPHA]
        return less, more, len(others)

    def answer(self, rows, claims):
        before, lost, points = self.fractions(rows, PRUNED), self.lost(rows), []
        words: dict[str, list[str]] = {}
        for (network, kind), values in sorted(self.fractions(rows).items(), key=_in_order):
            labelled = sorted((set(values) & claims.labelled) - {claims.subject})
            said = [
                f"of {method} {self.reading(values, method, lost.get((network, method), 0))}"
                for method in dict.fromkeys((*labelled, UNTRAINED, claims.subject)) if method in values
            ]  # fmt: skip
            if not said:
                continue
            for method in dict.fromkeys((*self.end_to_end(claims), claims.subject)):
                if method not in values:
                    continue
                found = interval(values[method].dropna().to_numpy())
                words.setdefault(method, []).append(self.borne_out(found, lost.get((network, method), 0)))
            sentences = [f"Removing {kind} from the {network}, fine-tuned: {'; '.join(said)}."]
            gone = sorted(method for where, method in lost if where == network)
            sentences += [f"Diverged under some seeds, and not compared: {', '.join(gone)}."] if gone else []
            values = values.drop(columns=gone, errors="ignore")
            references = [m for m in self.end_to_end(claims) if m in values]
            for reference in [*references, UNTRAINED]:
                if {claims.subject, reference} <= set(values) and claims.subject != reference:
                    found = interval((values[claims.subject] - values[reference]).dropna().to_numpy())
                    sentences.append(
                        f"{claims.subject}'s model against that of {reference}: {self.compared(found)} "
                        f"({signed(found, form='+.0f')} points, uncorrected)."
                    )
            for reference in references:
                sentences.append(self.survival(values, before.get((network, kind)), reference, claims))
            points.append(" ".join(filter(None, sentences)))
        if not points:
            return ""
        told = "; ".join(
            f"{method}'s {', '.join(f'{word} in {own.count(word)} of {len(own)}' for word in OUTCOMES if word in own)}"
            for method, own in words.items()
        )
        if not told:
            return "\n".join(points)
        headline = f"Half of a model or more can go, by network and by what is removed: {told} cases."
        return "\n".join([headline, *points])

    def reading(self, values, method, lost):
        found = interval(values[method].dropna().to_numpy())
        bounds = in_words(100 * found.low, 100 * found.high, ".0f")
        text = f"{100 * found.mean:.0f} % ({bounds}): {self.borne_out(found, lost)}"
        return text + f", as it diverged under {lost} seed{'s' * (lost > 1)}" * bool(lost)

    def survival(self, after, before, reference, claims):
        """How many models differ from the end-to-end one, with and without fine-tuning after pruning."""
        methods = sorted(set(claims.roles) - claims.own_width)
        less, more, n = self.differing(after, reference, methods)
        if not n or after[reference].notna().sum() < MIN_SEEDS:
            return ""
        text = (
            f"Of {n} other models {len(less)} are less and {len(more)} more prunable than that of {reference}, "
            "corrected for their number"
        )
        if before is not None and reference in before:
            fewer, further, _ = self.differing(before, reference, methods)
            text += f" ({len(fewer)} and {len(further)} as pruning left them)"
            if (less or more) and not (fewer or further):
                return f"{text}: differences are shown only after fine-tuning."
        word = "differences survive fine-tuning" if less or more else "no difference is shown after fine-tuning"
        return f"{text}: {word}."

    # -- what is shown ------------------------------------------------------------------------------------------------
    def figures(self, rows, claims):
        found = self.of(rows, "prunable_fraction", TUNED)
        if found.empty:
            return
        measured = f"{seeds_of(found)}, 95 % intervals"
        yield (
            "Prunable fraction of whole models: the share of the encoder's weights, or units, that can go for at most "
            f"one point of accuracy, fine-tuned after pruning ({measured}). Right of the dashed line lies what is "
            "claimed of conventional end-to-end models.",
            dots(found, claims, label="% prunable", panel="panel", scale=100, higher_is_better=None,
                 bound=(100 * LEAST, f"claim: {100 * LEAST:.0f} %")),
        )  # fmt: skip
        accuracy = self.of(rows, "accuracy")
        for after, words in ((TUNED, "fine-tuned after pruning"), (PRUNED, "as pruning leaves them")):
            own = accuracy[accuracy["after"] == after]
            yield (
                f"Test accuracy against the share that is removed, models {words} ({measured}).",
                curves(own.assign(x=100 * own["x"]), claims, xlabel="% removed", ylabel="accuracy (%)", panel="panel",
                       scale=100),
            )  # fmt: skip
        whole = accuracy[(accuracy["after"] == TUNED) & (accuracy["x"] == 0)]
        yield (
            f"Prunable fraction, fine-tuned, against the accuracy of the whole model ({measured}): a model that has "
            "little to lose can lose much.",
            scatter(whole, found, claims, xlabel="accuracy of the whole model (%)", ylabel="% prunable", panel="panel",
                    scale=(100, 100)),
        )  # fmt: skip

    def table(self, rows, claims):
        by = ["network", "method"]
        accuracy = self.of(rows, "accuracy", TUNED)
        columns = {"accuracy (%)": accuracy[(accuracy["x"] == 0) & (accuracy["kind"] == COMPRESSED[0])]}
        for kind in COMPRESSED:
            for after in (TUNED, PRUNED):
                own = self.of(rows, "prunable_fraction", after)
                columns[f"% of {kind} prunable, {after}"] = own[own["kind"] == kind]
            for heading, metric in (("chosen on validation", "chosen_fraction"), ("costs, in points", "chosen_loss")):
                own = self.of(rows, metric, TUNED)
                columns[f"{kind}: {heading}"] = own[own["kind"] == kind]
        means = {name: 100 * intervals(own, by).set_index(by)["mean"] for name, own in columns.items() if len(own)}
        return pd.DataFrame(means).rename_axis(by).reset_index() if means else None


def _in_order(item):
    (network, kind), _ = item
    return network, COMPRESSED.index(kind)
