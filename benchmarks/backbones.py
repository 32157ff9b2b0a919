"""Do deeper encoders, and each method's own, change the comparison?"""

from infomax_bench import Benchmark, Request, Select, View
from infomax_bench.plots.figures import dots, intervals

BY = ("track", "dataset", "backbone", "depth", "method")


def by_encoder(rows):
    """The rows with what they are compared within, a track, an encoder and a data set, in the column `panel`."""
    encoder = rows["track"] + ": " + rows["backbone"].where(rows["track"] != "native", "its own")
    return rows.assign(panel=encoder + " on " + rows["dataset"])


ACCURACY = Select("accuracy", "linear", scale=100)


class Backbones(Benchmark):
    """How good are the features when the encoder is more than one layer, and when every method has the encoder that it
    was published with?

    Claim: none. The claims are about single layers; this shows how far they carry.

    Rule: none; accuracy of a linear probe with its 95 % interval. Compare methods within a track and an encoder only.
    """

    title = "Beyond one layer: deeper encoders, and each method as published"
    order = 8
    shows = (View("accuracy", dots, ACCURACY.then(by_encoder), label="accuracy (%)", panel="panel"),)
    columns = {
        "nonlinear dependence": Select("nonlinear_dependence"),
        "parameters kept": Select("parameters"),
        "discarded": Select("discarded_parameters"),
        "seconds a seed": Select("train_seconds"),
    }

    def grid(self, suite):
        for method in suite.methods:
            cells = [
                suite.cell(method, name, track="native", backbone="native", epochs=epochs)
                for name, epochs in suite.native.items()
            ]
            for name, backbones in suite.deeper.items():
                cells += [suite.deep_cell(method, name, backbone) for backbone in backbones]
            yield from ((cell, Request(one)) for cell in cells for one in ("linear_probe", "redundancy", "training"))

    def table(self, rows, claims):
        found = intervals(ACCURACY(rows), BY).rename(columns={"mean": "accuracy (%)"})
        found = found.merge(self.means(rows, self.columns, BY), how="left")
        return found.sort_values([*BY[:3], "accuracy (%)"], ascending=[True, True, True, False])
