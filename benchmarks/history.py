"""Why did layer-wise pretraining work, and why did it end?"""

import math

import numpy as np
import pandas as pd

from infomax_bench import Benchmark, Given, Request
from infomax_bench.plots.figures import curves, intervals, seeds_of
from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS, holm, interval
from infomax_bench.stats.readings import with_diverged

DEPTH = 4  # hidden layers
FEW = (100, 1000)  # labelled images, where there are at least twice as many
MANY = 10_000  # images, from which on a training takes too long for all seeds
LITTLE = 0.01  # of error
SIGMOID, RELU = "sigmoid", "ReLU + batch norm"
NOTHING, RANDOM = "from nothing", "random_features"
TEST, VALIDATION = "finetuned_accuracy", "finetuned_validation_accuracy"
SCRATCH, TRAINED, RESCALED = "nothing", "as trained", "rescaled"
ENERGY, DENOISING, LINEAR = "rbm", "denoising_autoencoder", "pca"
PLACE = ["dataset", "labels", "network", "method"]


class History(Benchmark):
    """Is a deep network better for the layers that it starts with?

    The essay offers two histories of layer-wise pretraining, that it made deep learning work and that better tools
    made it unnecessary, and then "A deeper story: the objective was wrong". Two networks with four hidden layers are
    trained with labels: of sigmoid units, and of ReLU with batch norm. Each starts from nothing (the initialisation of
    Glorot and Bengio for sigmoid units, of He et al. for ReLU), from a stack of RBMs, of denoising autoencoders, of PCA
    or of the subject's layers, trained on all training images without labels, with the hyperparameters of the single
    layer. From there on all is the same: the images, their order, the classifier's start, SGD with momentum 0.9
    (adaptive steps are one of the better tools), the number of updates, about the same for any number of labels, and
    how each seed chooses the learning rate, of 0.01, 0.1 and 1: by validation error at the end. The budget is short:
    more updates, or adaptive steps, would narrow what sigmoid networks lose from nothing.

    A stack starts a network in two ways: as it was trained (not units of another kind in the sigmoid network, which
    they would saturate), and by its directions alone, every unit's weights and bias scaled such that its pre-activation
    has mean 0 and variance 1 (Salimans and Kingma 2016; it makes PCA whitening). Each seed takes the one with the
    smaller validation error at the end. Random weights stand beside, treated alike, since that scaling may be all that
    helps. (A first, short run on digits showed so, and a second that rescaling every stack cost the subject's its lead
    in ReLU networks; random weights and their part in the rule came after the first, both ways after the second.)
    Batch norm takes away a layer's scales and biases at first, and what a stack knew in them. So a stack chooses among
    six settings and nothing among three; what is known of RBMs is decided on stacks as trained, which choose among
    three. The validation images that choose are labels too, and many beside the fewest that networks are trained on
    (224 of digits, 10,000 of MNIST).

    Gradient norms are those of the loss in each layer's weights at the first step, relative to the classifier's; under
    batch norm they also fall with the size of the weights. Passes are counted to the first measured point (they double
    from one to the next) with at most one point more validation error than the ReLU network from nothing has at its
    end, under the same seed and labels.

    Claim: none; the essay's histories are readings of the past: layer-wise pretraining made deep learning work, better
    tools made it unnecessary, or "A deeper story: the objective was wrong".

    Rule: differences of test error are paired by seed, with 95 % intervals; fewer than five seeds decide nothing; a
    stack whose training diverged leaves an error of 100 %. Two results are known, and the answer begins with whether
    they come out, at the fewest labels and at all: sigmoid networks gain from RBMs as trained (the interval of error
    from nothing minus error from RBMs lies above zero; it does not come out if it lies below one point, but not above
    zero), and ReLU networks gain little from RBMs as trained (the interval lies below one point; it does not come out
    if it lies above). Anything else is undecided. Better tools made pretraining
    unnecessary if the ReLU network from nothing, against the sigmoid network from RBMs, has an interval of its
    additional error below one point; they did not if it lies above. The objective was wrong if the subject's layers are
    a better start than RBMs, denoising autoencoders and random weights, in both networks (all six intervals above
    zero); it was not if they are a worse one than any (one-sided, at 2.5 %, by Holm's correction for six).

    Prior art: RBMs (Hinton, Osindero and Teh 2006) and autoencoders (Bengio et al. 2007) made deep networks trainable;
    that they act as a regulariser, and help at many labels too, Erhan et al. 2010. That gradients of sigmoid networks
    vanish at their usual start, and how to start instead, Glorot and Bengio 2010; rectifiers, Nair and Hinton 2010, and
    that with them pretraining adds little where labels are many, Glorot, Bordes and Bengio 2011; He et al. 2015; batch
    norm, Ioffe and Szegedy 2015.
    """

    title = "Why did layer-wise pretraining work, and why did it end?"
    order = 60
    essay = (
        (5, "Layer-wise pretraining made deep learning work, better tools made it unnecessary, or “A deeper story: the "
            "objective was wrong”"),
    )  # fmt: skip
    given = {"updates": Given(dict[str, int], "for about how many updates networks are fine-tuned")}
    tags = {"start": str, "network": str, "labels": float}

    def grid(self, suite):
        for dataset, updates in suite.given[self.name]["updates"].items():
            n = suite.n_train[dataset]
            few_seeds = suite.sweep_seeds if n > MANY else 0
            for method in dict.fromkeys((ENERGY, DENOISING, LINEAR, RANDOM, suite.subject)):
                if method not in suite.methods:
                    continue
                for start, network in starts(method):
                    for labels in (*(few for few in FEW if 2 * few <= n), n):
                        options = {
                            "network": network, "start": start, "labels": labels, "batch_size": suite.batch_size,
                            "passes": passes(labels, suite.batch_size, updates),
                        }  # fmt: skip
                        cell = suite.cell(
                            method, dataset, backbone="stack", depth=DEPTH, settings=suite.settings_of(method, dataset),
                            label=f"{start}; {network}; {labels} labels", n_seeds=few_seeds,
                            tags={"start": start, "network": network, "labels": labels},
                        )  # fmt: skip
                        yield cell, Request("deep_finetune", None, tuple(options.items()))

    # -- what the rows say --------------------------------------------------------------------------------------------
    @staticmethod
    def both_ways(rows, name):
        """Rows of one metric, with the tags `start`, `network`, `labels`; as method, what it starts with."""
        accuracy = name in (TEST, VALIDATION)
        good = with_diverged(rows, name, probe="deep_finetune") if accuracy else rows[rows["metric"] == name]
        good = good[good["status"] == "ok"]
        good = good.dropna(subset=["labels"])
        return good.assign(method=good["method"].astype(str).where(good["start"] != SCRATCH, NOTHING))

    @staticmethod
    def metric(rows, name):
        """Rows of one metric, as `both_ways`; of the two ways in which a stack starts, that which each seed takes."""
        good = pd.concat([History.both_ways(rows, own) for own in dict.fromkeys([name, VALIDATION])])
        score = good[good["metric"] == VALIDATION].sort_values("start")  # "as trained", if equal
        best = score.sort_values("value", ascending=False, kind="stable").drop_duplicates([*PLACE, "seed"])
        return good[good["metric"] == name].merge(best[[*PLACE, "seed", "start"]], on=[*PLACE, "seed", "start"])

    def errors(self, rows):
        """Test errors."""
        chosen = self.metric(rows, TEST)
        return chosen.assign(value=1 - chosen["value"].astype(float))

    def paired(self, rows):
        """Data set -> test errors, a column for each (labels, network, start) and a line for each seed; stacks as
        trained, whatever their seeds take, under the names that `as_trained` gives."""
        alone = self.both_ways(rows, TEST)
        alone = alone[alone["start"] == TRAINED]
        alone = alone.assign(value=1 - alone["value"].astype(float), method=as_trained(alone["method"]))
        return {
            str(dataset): own.pivot_table(index="seed", columns=["labels", "network", "method"], values="value")
            for dataset, own in pd.concat([self.errors(rows), alone]).groupby("dataset", observed=True)
        }

    def passes_needed(self, rows):
        """Rows with the passes until the error that the docstring names as value: infinite where it is not reached."""
        curve = self.metric(rows, "finetuning_error")
        by = ["dataset", "seed", "labels"]
        bar = curve[(curve["method"] == NOTHING) & (curve["network"] == RELU)]
        bar = bar.sort_values("x").groupby(by, observed=True)["value"].last().add(LITTLE + 1e-9).rename("bar")
        reached = curve.merge(bar.reset_index(), on=by)
        reached["x"] = reached["x"].where(reached["value"] <= reached["bar"], math.inf)
        return reached.groupby([*by, "network", "method"], observed=True)["x"].min().rename("value").reset_index()

    def gradients(self, rows):
        """log10 of each layer's gradient norm over the classifier's, x: the layer."""
        norms = self.metric(rows, "gradient_norm")
        by = [*PLACE, "seed"]
        classifier = norms[norms["x"] == norms.groupby(by, observed=True)["x"].transform("max")]
        found = norms.merge(classifier[[*by, "value"]].rename(columns={"value": "top"}), on=by)
        found = found[(found["value"] > 0) & (found["top"] > 0)]
        return found.assign(value=np.log10(found["value"].astype(float) / found["top"].astype(float)))

    def answer(self, rows, claims):
        known, sentences, outcomes = [], [], {}
        for dataset, table in self.paired(rows).items():
            counts = sorted(table.columns.get_level_values("labels").unique())
            for n in dict.fromkeys((counts[0], counts[-1])):
                where = f"{dataset}, {n:.0f} labels"
                one, two = (
                    difference(table, n, (network, NOTHING), (network, as_trained(ENERGY)))
                    for network in (SIGMOID, RELU)
                )
                known += [
                    (
                        where,
                        "sigmoid networks gain from RBMs as trained",
                        *comes_out(one, one.low > 0, one.high < LITTLE),
                    )
                ]
                known += [
                    (
                        where,
                        "ReLU networks gain little from RBMs as trained",
                        *comes_out(two, two.high < LITTLE, two.low > LITTLE),
                    )
                ]
            for n in counts:
                words, said = readings(table, n, f"{dataset}, {n:.0f} labels", claims.subject)
                sentences.append(" ".join(said))
                for word in words:
                    outcomes.setdefault(word, []).append(f"{dataset}, {n:.0f} labels")
            sentences += self.vanishing(rows, dataset)
        if not known:
            return ""
        bad = [f"{what} ({where}): {word}, {told}" for where, what, word, told in known if word != "comes out"]
        good = [f"{what} ({where}), {told}" for where, what, word, told in known if word == "comes out"]
        first = f"Of what is known, this does not come out, or not surely: {'; '.join(bad)}." if bad else ""
        second = f"{'What else is known comes' if bad else 'The known results come'} out: {'; '.join(good)}."
        third = "; ".join(f"{word} ({'; '.join(wheres)})" for word, wheres in outcomes.items())
        third = f"What the essay offers: {third}." if third else ""
        headline = " ".join(filter(None, [first, second if good else "", third]))
        return "\n".join(filter(None, [headline, *sentences]))

    def vanishing(self, rows, dataset):
        """How far gradients vanish, in a sentence."""
        found = self.gradients(rows)
        found = found[(found["dataset"] == dataset) & (found["x"] == 1) & all_labels(found)]
        means = 10 ** found.groupby(["network", "method"], observed=True)["value"].mean()
        names = {(SIGMOID, NOTHING): "nothing", (SIGMOID, ENERGY): "RBMs", (RELU, NOTHING): "nothing"}
        parts = [f"{means[k]:.2g} in the {k[0]} network from {who}" for k, who in names.items() if k in means.index]
        sentence = f"Gradients of the first layer over the classifier's, at the first step, on {dataset}: "
        return [f"{sentence}{', '.join(parts)}."] if parts else []

    def figures(self, rows, claims):
        errors = self.errors(rows)
        if errors.empty:
            return
        panel = errors["dataset"].astype(str) + ", " + errors["network"]
        yield (
            f"Test error after fine-tuning against the number of labelled images, by what the network started with "
            f"({seeds_by_start(errors)}, 95 % intervals).",
            curves(errors.assign(x=errors["labels"], panel=panel), claims, xlabel="labelled images",
                   ylabel="test error (%)", panel="panel", scale=100, log=True),
        )  # fmt: skip
        gradients = self.gradients(rows)
        gradients = gradients[all_labels(gradients)]
        if not gradients.empty:
            panel = gradients["dataset"].astype(str) + ", " + gradients["network"]
            yield (
                "Norm of the gradient in each layer's weights at the first step, all labels, relative to the "
                f"classifier's, which is the last ({seeds_by_start(gradients)}, 95 % intervals).",
                curves(gradients.assign(panel=panel), claims, xlabel="layer", ylabel="log10 of the ratio",
                       panel="panel"),
            )  # fmt: skip
        curve = self.metric(rows, "finetuning_error")
        for dataset, own in curve.groupby("dataset", observed=True):
            panel = own["network"] + ", " + own["labels"].map("{:.0f} labels".format)
            yield (
                f"Validation error on {dataset} while the network is fine-tuned, with the learning rate that each seed "
                f"chose ({seeds_by_start(own)}, 95 % intervals).",
                curves(own.assign(panel=panel), claims, xlabel="passes over the labelled images",
                       ylabel="validation error (%)", panel="panel", scale=100, log=True),
            )  # fmt: skip

    def table(self, rows, claims):
        by = PLACE
        errors = self.errors(rows)
        if errors.empty:
            return None
        tables = self.paired(rows)
        found = (100 * intervals(errors, by).set_index(by)["mean"]).rename("test error (%)").to_frame()
        gains = [
            difference(tables[d], n, (network, NOTHING), (network, method)) if method != NOTHING else None
            for d, n, network, method in found.index
        ]
        found["points gained on nothing"] = [f"{g.mean:+.2%}"[:-1] if g and g.n else "" for g in gains]
        found["95 % interval"] = [bounds(g) if g and g.n > 1 else "" for g in gains]
        needed = self.passes_needed(rows).groupby(by, observed=True)["value"].median()
        found["passes to the error"] = needed.map(lambda v: f"{v:g}" if math.isfinite(v) else "never")
        alone = self.both_ways(rows, TEST)
        alone = alone[alone["start"] == TRAINED]
        alone = alone.assign(value=1 - alone["value"].astype(float)).groupby(by, observed=True)["value"].mean()
        found["test error as trained (%)"] = 100 * alone
        scaled = errors.assign(value=errors["start"] == RESCALED).groupby(by, observed=True)["value"].mean()
        found["% of seeds that scale"] = 100 * scaled
        rate = self.metric(rows, "learning_rate").groupby(by, observed=True)["value"].median()
        found["learning rate"] = rate
        first = self.gradients(rows)
        first = first[first["x"] == 1].groupby(by, observed=True)["value"].mean()
        found["gradient of layer 1"] = 10**first
        return found.reset_index().astype({"labels": int})


def as_trained(method):
    """The name of a method's stack as trained, of one or of a column of them."""
    return method + ", " + TRAINED


def all_labels(rows):
    return rows["labels"] == rows.groupby("dataset", observed=True)["labels"].transform("max")


def starts(method):
    """What networks are started from a method's stack: (how, network)."""
    found = [(how, network) for how in (TRAINED, RESCALED) for network in (SIGMOID, RELU)]
    return [*found, (SCRATCH, SIGMOID), (SCRATCH, RELU)] if method == RANDOM else found  # it carries these too


def passes(labels, batch_size, updates):
    """Passes over the labelled images, a power of two or three times one, that come nearest to `updates`."""
    target = updates / (labels // min(batch_size, labels))
    return min((m * 2**k for k in range(30) for m in (1, 3)), key=lambda n: abs(math.log(n / target)))


def difference(table, labels, one, other):
    """The interval of the test error of `one` (network, start) minus that of `other`, at a number of labels."""
    columns = [(labels, *one), (labels, *other)]
    if any(c not in table.columns for c in columns):
        return interval([])
    return interval((table[columns[0]] - table[columns[1]]).dropna().to_numpy())


def bounds(found):
    return f"[{100 * found.low:+.2f}, {100 * found.high:+.2f}]"


def told(found):
    if not found.n:
        return "not measured"
    return f"{100 * found.mean:+.2f} points " + (bounds(found) if found.n > 1 else "from one seed")


def comes_out(found, yes, no):
    word = "undecided" if found.n < MIN_SEEDS or not (yes or no) else "comes out" if yes else "does not come out"
    return word, told(found)


def seeds_by_start(rows):
    """`seeds_of`, whichever of the two ways to start from a stack each seed takes."""
    return seeds_of(rows.assign(label=rows["network"] + rows["labels"].astype(str)))


def readings(table, n, where, subject):
    """What the test errors at a number of labels say of better tools and of the objective: in words, and in sentences
    with the numbers."""
    tools = difference(table, n, (RELU, NOTHING), (SIGMOID, ENERGY))
    words, sentences = [], []
    if tools.n:
        word = "whether better tools made RBMs unnecessary is undecided"
        if tools.n >= MIN_SEEDS and tools.high < LITTLE:
            word = "better tools made RBMs unnecessary"
        elif tools.n >= MIN_SEEDS and tools.low > LITTLE:
            word = "better tools did not make RBMs unnecessary"
        words.append(word)
        sentences.append(
            f"On {where}: {word} (the ReLU network from nothing against the sigmoid one from RBMs: {told(tools)})."
        )
    rivals = {
        f"{other} in the {network} network": difference(table, n, (network, other), (network, subject))
        for other in (ENERGY, DENOISING, RANDOM) for network in (SIGMOID, RELU) if other != subject
    }  # fmt: skip
    if not any(found.n for found in rivals.values()):
        return words, sentences
    word = "whether the objective was wrong is undecided"
    enough = {who: found for who, found in rivals.items() if found.n >= MIN_SEEDS}
    p = dict(zip(enough, holm([found.p_less for found in enough.values()]), strict=True))
    worse = [who for who, found in enough.items() if p[who] <= ALPHA and found.mean < 0]
    decisive = min(rivals, key=lambda who: rivals[who].low)
    if worse:
        word, decisive = "the objective was not wrong", min(worse, key=lambda who: enough[who].p_less)
    elif len(enough) == len(rivals) and all(found.low > 0 for found in enough.values()):
        word = "the objective was wrong"
    words.append(word)
    better = [who for who, found in enough.items() if found.low > 0]
    sentences.append(
        f"{'There,' if tools.n else f'On {where}:'} {word}; {subject} is the better start in {len(better)} of "
        f"{len(rivals)} comparisons, surely the worse one in {len(worse)} (hardest is {decisive}: "
        f"{told(rivals[decisive])})."
    )
    scaling = difference(table, n, (SIGMOID, ENERGY), (SIGMOID, RANDOM))
    if scaling.n:
        sentences.append(
            f"Random weights, scaled, in place of RBMs, sigmoid network: {told(scaling)}; above 0 is less error."
        )
    still = difference(table, n, (RELU, NOTHING), (RELU, subject))
    if still.n:
        sentences.append(f"{subject} in place of nothing, ReLU network: {told(still)}; above 0 is less error.")
    return words, sentences
