"""Do deeper encoders, and each method's own, change the comparison?"""

import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.plots.figures import dots, intervals, seeds_of


class Backbones(Benchmark):
    """How good are the features when the encoder is more than one layer, and when every method has the encoder that it
    was published with?

    Two tracks, never mixed. Controlled: the same perceptron of two layers, or the same small convolutional net, for
    every method whose objective makes sense on it; objectives are compared, not architectures. Native: contrastive
    methods on the convolutional net, predictive ones on a transformer of four blocks, deep belief nets and stacked
    autoencoders three layers deep, and so on; what is compared is then a whole recipe. Width of the features and batch
    are those of the other benchmarks, epochs are one number for all in the native track and that of the other
    benchmarks in the controlled one, hidden layers are four times as wide, and fine-tuning is left out.

    Claim: none. The claims are about single layers; this shows how far they carry.

    Rule: none; accuracy of a linear probe with its 95 % interval. Compare methods within a track and an encoder only.
    """

    title = "Beyond one layer: deeper encoders, and each method as published"
    order = 8

    def grid(self, suite):
        evaluations = ("linear_probe", "redundancy", "training")
        for method in suite.methods:
            cells = [
                suite.cell(method, name, track="native", backbone="native", epochs=epochs)
                for name, epochs in suite.native.items()
            ]
            for name, backbones in suite.deeper.items():
                cells += [suite.deep_cell(method, name, backbone) for backbone in backbones]
            yield from ((cell, Request(evaluation)) for cell in cells for evaluation in evaluations)

    @staticmethod
    def accuracy(rows):
        chosen = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear")]
        panel = chosen["track"] + ": " + chosen["backbone"].where(chosen["track"] != "native", "its own")
        return chosen.assign(panel=panel + " on " + chosen["dataset"])

    def figures(self, rows, claims):
        accuracy = self.accuracy(rows)
        if not accuracy.empty:
            yield (
                f"Accuracy of a linear probe on features of deeper encoders ({seeds_of(accuracy)}, 95 % intervals); a "
                "column has the methods whose objective makes sense there.",
                dots(accuracy, claims, label="accuracy (%)", panel="panel", scale=100),
            )

    def table(self, rows, claims):
        by = ["track", "dataset", "backbone", "depth", "method"]
        found = intervals(self.accuracy(rows), by)
        if found.empty:
            return pd.DataFrame()
        good = rows[rows["status"] == "ok"]
        for heading, metric in (
            ("nonlinear dependence", "nonlinear_dependence"), ("parameters kept", "parameters"),
            ("discarded", "discarded_parameters"), ("seconds a seed", "train_seconds"),
        ):  # fmt: skip
            means = good[good["metric"] == metric].groupby(by)["value"].mean().rename(heading)
            found = found.merge(means, on=by, how="left")
        for column in ("mean", "low", "high"):
            found[column] *= 100
        found = found.rename(columns={"mean": "accuracy (%)"})
        return found.sort_values(["track", "dataset", "backbone", "accuracy (%)"], ascending=[True, True, True, False])
