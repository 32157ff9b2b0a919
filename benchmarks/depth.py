"""Does the objective compose with depth?"""

import pandas as pd

from infomax_bench import Benchmark, Given, Request
from infomax_bench.plots.figures import curves, intervals, seeds_of
from infomax_bench.stats.intervals import MIN_SEEDS, interval
from infomax_bench.stats.readings import diverged, signed, with_diverged

MARGIN = 0.01  # the accuracy that a layer may cost and still compose
GREEDY, JOINT = "layer by layer", "all layers together"


class Depth(Benchmark):
    """What does another layer add, trained on the features of the one below or together with it?

    The essay asks of stacking layers of its kind: "Does this compose sensibly?" Every method that can be trained layer
    by layer is, one layer to several, all as wide; and, where its objective makes sense on a whole network, all layers
    are trained together. Layer by layer, the encoder of depth d is the d-th layer of the deepest one. Each is probed
    and its redundancy measured; trained layer by layer, also its prunable fraction (where more than two layers are
    stacked), and how well it serves the other data sets. Hyperparameters are those of the single layer (of the
    perceptron, if it was tuned, for all layers together). The comparison of the two ways is not one of equal work:
    layer by layer every layer has as many passes over the images as all of them have together.

    Claim: none; "Does this compose sensibly?" is a question.

    Rule: a method composes if the accuracy of its deepest encoder trained layer by layer, minus that of its single
    layer (paired by seed), has a 95 % interval above minus one point; it gains if the interval lies above zero; it does
    not compose if it lies below minus one point. Anything else, or fewer than five seeds, is undecided. A training that
    diverged has accuracy 0, as in tuning, and a method of which one did neither gains nor composes. All layers together
    are better (worse) than layer by layer if the paired interval of the deepest encoders' difference lies above (below)
    zero. The words are not corrected for their number.

    Prior art: greedy stacking of RBMs and of autoencoders made deep networks trainable (Hinton, Osindero and Teh 2006;
    Bengio et al. 2007); that stacks of locally trained layers can come near joint training, at some loss, was shown for
    supervised layers (Belilovsky, Eickenberg and Oyallon 2019).
    """

    title = "What does depth add, greedily and jointly?"
    order = 51
    essay = ((83, "“Does this compose sensibly?”"),)
    given = {"layers": Given(dict[str, int], "the most layers that are stacked")}
    tags = {"stacking": str}

    def grid(self, suite):
        for dataset, deepest in suite.given[self.name]["layers"].items():
            for method in suite.methods:
                own = {"label": GREEDY, "tags": {"stacking": GREEDY}, "settings": suite.settings_of(method, dataset)}
                cells = [suite.cell(method, dataset, **own)]
                for depth in range(2, deepest + 1):
                    cells.append(suite.cell(method, dataset, backbone="stack", depth=depth, **own))
                    joint = {"label": JOINT, "tags": {"stacking": JOINT}}
                    cells.append(suite.cell(method, dataset, backbone="mlp", depth=depth, **joint))
                for cell in cells:
                    for evaluation in ("linear_probe", "redundancy", "training"):
                        yield cell, Request(evaluation)
                    if cell.backbone != "mlp":
                        if deepest > 2:  # of two layers it would take more time than it tells
                            yield cell, Request("prune_units")
                        for target in suite.datasets:
                            if target != dataset:
                                yield cell, Request("linear_probe", target)

    @staticmethod
    def metric(rows, name, protocol=None, away=False):
        """Rows of one metric on the data set itself, or `away` from it; the depth in `x`."""
        if name == "accuracy":
            chosen = with_diverged(rows, name, protocol)
        else:
            chosen = rows[(rows["metric"] == name) & (rows["status"] == "ok")]
            chosen = chosen if protocol is None else chosen[chosen["protocol"] == protocol]
        foreign = chosen["target"].fillna(chosen["dataset"]) != chosen["dataset"]
        return chosen[foreign if away else ~foreign].assign(x=chosen["depth"].astype(float))

    @staticmethod
    def first_and_last(rows):
        """(data set, target, method) -> the largest depth trained layer by layer, and by seed (index) the values of
        depth 1 (column 0) and of that depth (column 1)."""
        found = {}
        greedy = rows[rows["stacking"] == GREEDY]
        for key, own in greedy.groupby(["dataset", "target", "method"], observed=True):
            d = int(own["depth"].max())
            both = _paired(own[own["depth"] == 1], own[own["depth"] == d])
            if d > 1 and len(both):
                found[key] = (d, both)
        return found

    def gains(self, rows):
        """(data set, method) -> the interval of the deepest greedy encoder's accuracy minus the single layer's, and
        under how many seeds one of the two diverged."""
        found = self.first_and_last(self.metric(rows, "accuracy", "linear"))
        lost = diverged(rows[rows["stacking"] == GREEDY], "linear_probe")
        return {
            (dataset, m): (d, _rise(both), lost.loc[
                (lost["dataset"] == dataset) & (lost["method"] == m) & lost["depth"].isin([1, d]), "seed"].nunique())
            for (dataset, target, m), (d, both) in found.items() if dataset == target
        }  # fmt: skip

    def together(self, rows):
        """(data set, method) -> the interval of the accuracy of all layers together minus that of layer by layer, at
        the largest depth that both have."""
        accuracy, found = self.metric(rows, "accuracy", "linear"), {}
        for key, own in accuracy.groupby(["dataset", "method"], observed=True):
            greedy, joint = (own[own["stacking"] == how] for how in (GREEDY, JOINT))
            d = max(set(greedy["depth"]) & set(joint["depth"]), default=0)
            both = _paired(greedy[greedy["depth"] == d], joint[joint["depth"] == d])
            if len(both):
                found[key] = _rise(both)
        return found

    @staticmethod
    def word(found, lost=0):
        """The rule's word for a gain; lost: under how many seeds training diverged, after which none is favourable."""
        if found.n < MIN_SEEDS:
            return "undecided"
        if found.high < -MARGIN:
            return "does not compose"
        if lost or found.low <= -MARGIN:
            return "undecided"
        return "gains" if found.low > 0 else "composes"

    def answer(self, rows, claims):
        sentences, gains, together = [], self.gains(rows), self.together(rows)
        for dataset in sorted({d for d, _ in gains}):
            own = {m: found for (d, m), found in gains.items() if d == dataset}
            if claims.subject in own:
                depth, found, lost = own[claims.subject]
                sentences.append(
                    f"{claims.subject} on {dataset}: {self.word(found, lost)}; layer {depth} has "
                    f"{100 * found.mean:+.1f} points of accuracy on layer 1 "
                    f"[{100 * found.low:+.1f}, {100 * found.high:+.1f}]"
                    + f"; training diverged under {lost} seeds" * bool(lost)
                    + "."
                )
                sentences += self.also(rows, dataset, claims.subject)
            others = [one for m, one in own.items() if m != claims.subject and m in claims.roles]
            words = [self.word(found, lost) for _, found, lost in others]
            counts = ", ".join(f"{words.count(w)} {w}" for w in ("gains", "composes", "does not compose", "undecided"))
            sentences.append(f"Of {len(words)} other methods on {dataset}: {counts}.")
            pairs = {
                m: found for (d, m), found in together.items()
                if d == dataset and found.n >= MIN_SEEDS and m in claims.roles
            }  # fmt: skip
            better = sorted(m for m, found in pairs.items() if found.low > 0)
            worse = sorted(m for m, found in pairs.items() if found.high < 0)
            if pairs:
                sentences.append(
                    f"Of {len(pairs)} methods trained both ways, all layers together are better for {len(better)} and "
                    f"layer by layer for {len(worse)}{f' ({_few(worse)})' if worse else ''}."
                )
            if claims.subject in pairs:
                found = pairs[claims.subject]
                word = "better" if found.low > 0 else "worse" if found.high < 0 else "undecided"
                sentences.append(
                    f"{claims.subject}, all layers together against layer by layer: {word} ({signed(found)} points)."
                )
        return " ".join(sentences)

    def also(self, rows, dataset, subject):
        """What else changes from the subject's first layer to its deepest, a sentence."""
        told = []
        for name, metric, protocol, away, scale in (
            ("dependence between units", "nonlinear_dependence", None, False, 1),
            ("% of live units prunable", "prunable_fraction", "best/refitted", False, 100),
            ("accuracy on", "accuracy", "linear", True, 100),
        ):
            found = self.first_and_last(self.metric(rows, metric, protocol, away))
            for (d, target, method), (_, both) in found.items():
                if d == dataset and method == subject:
                    means = scale * both.mean()
                    form = ".1f" if scale > 1 else ".2f"
                    change = signed(_rise(both), scale, f"+{form}")
                    told.append(f"{name}{f' {target}' * away} {means[0]:{form}} to {means[1]:{form}} ({change})")
        return [f"From its first layer to its deepest: {'; '.join(told)}."] if told else []

    def figures(self, rows, claims):
        for name, protocol, label, scale in (
            ("accuracy", "linear", "accuracy of a linear probe (%)", 100),
            ("nonlinear_dependence", None, "dependence between units", 1),
            ("prunable_fraction", "best/refitted", "% of live units prunable", 100),
        ):
            own = self.metric(rows, name, protocol)
            single = own[(own["stacking"] == GREEDY) & (own["depth"] == 1)]
            own = pd.concat([own, single.assign(stacking=JOINT)])
            own = own[own.groupby(["dataset", "method", "label"], observed=True)["x"].transform("nunique") > 1]
            if not own.empty:
                panel = own["dataset"].astype(str) + ", " + own["stacking"]
                yield (
                    f"{label[0].upper()}{label[1:]} against depth, {GREEDY} and {JOINT} ({seeds_of(own)}, 95 % "
                    "intervals); the single layer stands in both.",
                    curves(own.assign(panel=panel), claims, xlabel="layers", ylabel=label, panel="panel", scale=scale),
                )
        away = self.metric(rows, "accuracy", "linear", away=True)
        away = away[away["stacking"] == GREEDY]
        if not away.empty:
            panel = away["dataset"].astype(str) + " to " + away["target"]
            yield (
                f"Accuracy on another data set against depth, trained {GREEDY} ({seeds_of(away)}, 95 % intervals).",
                curves(away.assign(panel=panel), claims, xlabel="layers",
                       ylabel="accuracy of a linear probe (%)", panel="panel", scale=100),
            )  # fmt: skip

    def table(self, rows, claims):
        by = ["dataset", "method", "label", "depth"]
        columns = {}
        for heading, name, protocol, scale in (
            ("accuracy (%)", "accuracy", "linear", 100), ("nonlinear dependence", "nonlinear_dependence", None, 1),
            ("% prunable", "prunable_fraction", "best/refitted", 100), ("% dead units", "dead_units", None, 100),
            ("seconds a seed", "train_seconds", None, 1),
        ):  # fmt: skip
            own = intervals(self.metric(rows, name, protocol), by)
            columns[heading] = scale * own.set_index(by)["mean"]
        return pd.DataFrame(columns).reset_index().rename(columns={"label": "trained"})


def _paired(first, last):
    """The values of both by seed (index), columns 0 and 1, under the seeds that both have."""
    return pd.concat([part.groupby("seed")["value"].mean() for part in (first, last)], axis=1, keys=[0, 1]).dropna()


def _rise(both):
    return interval((both[1] - both[0]).to_numpy())


def _few(names, most=6):
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"
