"""P4: are InfoMax features interpretable: can you name them?"""

from dataclasses import replace
from typing import Any

from infomax_bench import Benchmark, BoundContrast, Contrast, Given, Select, View, in_panels
from infomax_bench.evaluations.thresholds import NAMEABLE, SPARSE
from infomax_bench.plots.figures import comparable, curves, dots
from infomax_bench.stats.readings import open_factors

NAMED = Select("nameable_units", "", scale=100)
SHARE, MOST = "share of nameable units", 95.0  # percent above which we say "you can name them"
EARNED: dict[str, Any] = {"guard": "random_features"}
SPARSELY = Select("sparse_accuracy", "", scale=100)
BY_UNITS = {"log": True, "told": {"units": SPARSE}}
OPEN = {  # of the factors that are not the label
    "mutual information gap": Select("mig").then(open_factors),
    "SAP": Select("sap").then(open_factors),
    "DCI disentanglement": Select("disentanglement").then(open_factors),
    "DCI completeness": Select("completeness").then(open_factors),
    "DCI informativeness": Select("informativeness").then(open_factors),
}
GAP = OPEN["mutual information gap"]
FACTOR_VAE = {"FactorVAE score": Select("factor_vae", "")}
ALIGNED = {name: OPEN[name] for name in ("mutual information gap", "DCI disentanglement", "SAP")} | FACTOR_VAE


class Interpretability(Benchmark):
    """Does a unit stand for something a person could name?

    Rule: a unit is nameable if its AUROC on test images, for the class or factor and the direction that training images
    chose, is at least 0.9; the measure is the share of all units, dead ones included, that are. "Can be named" is
    supported if the mean over data sets is surely above 95 %, and so is every single one, and the features are surely
    better at home than random ones; refuted if it is surely below, and every single one. "More nameable units" is
    supported if the subject's share is surely above that of the median method, and of the best of every family; refuted
    if it is surely below the median. "Aligned with the factors" asks the same of the mutual information gap, between
    the two units that training images chose for each factor but the label's, on the data sets that have factors.
    """

    title = "Can the units be named?"
    order = 4
    evaluations = ("interpretability", "dci", "gallery")
    given = {"dci_seeds": Given(int, "seeds whose units are asked for DCI, whose trees take a second each", 5)}

    def grid(self, suite):
        few = ("seeds", suite.given[self.name]["dci_seeds"])
        for cell, request in super().grid(suite):
            yield cell, replace(request, options=(few,)) if request.evaluation == "dci" else request

    contrasts = (
        BoundContrast("P4", "Can be named", SHARE, NAMED, MOST, "can_be_named", below=False, **EARNED, unit="%"),
        Contrast("P4", "More nameable units", SHARE, NAMED, **EARNED, unit="points"),
        Contrast("P4", "Aligned with the factors", "mutual information gap", GAP, **EARNED, where_measured=True),
    )
    shows = (
        View("named", dots, NAMED, label="% of units", told={"nameable": NAMEABLE}),
        View("aligned", dots, in_panels(ALIGNED).then(comparable), panel="panel", order=[*ALIGNED]),
        View("sparse", curves, SPARSELY, xlabel="units for each class", ylabel="accuracy (%)", **BY_UNITS),
    )
    columns = {
        "% nameable units": NAMED,
        "mean AUROC of the best class": Select("unit_auroc", ""),
        "% classes named": Select("classes_named", "", scale=100),
        **{f"accuracy (%), {k} a class": Select("sparse_accuracy", "", scale=100, x=k) for k in SPARSE},
        **OPEN,
        **FACTOR_VAE,
        "factor alignment": Select("factor_alignment", ""),
    }
