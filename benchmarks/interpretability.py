"""P4: are InfoMax features interpretable: can you name them?"""

from infomax_bench import Benchmark
from infomax_bench.evaluations.thresholds import NAMEABLE, SPARSE
from infomax_bench.plots.figures import comparable, curves, dots, seeds_of

ALIGNED = {
    "mig": "mutual information gap",
    "disentanglement": "DCI disentanglement",
    "sap": "SAP",
    "factor_vae": "FactorVAE score",
}


class Interpretability(Benchmark):
    """Does a unit stand for something a person could name?

    A concept is a class or, where the ground-truth factors of the images are known, a value of a factor. Every unit is
    named after the concept that its output alone tells best from the rest, whichever way round, on training images; the
    area under its ROC curve (AUROC) for that name, on test images, says how well it stands for it. Sparse probes
    (Gurnee et al. 2023) show how much of a class 1, 2 or 5 units hold. Where factors are known, four published scores
    ask whether each has a unit of its own: the mutual information gap (MIG, Chen et al. 2018), DCI (Eastwood and
    Williams 2018), SAP (Kumar et al. 2018) and the FactorVAE score (Kim and Mnih 2018). Units, votes and predictors are
    chosen on training images; scores are of test images. The report shows the units themselves.

    Claim: "InfoMax features are interpretable: you can name them."

    Prior art: without supervision or further assumptions, no objective can be sure to find the factors that made the
    images, since rotated ones explain them as well (Locatello et al. 2019; for Gaussian sources already Comon 1994).
    Which unit codes which factor has therefore differed as much between seeds as between objectives. Units that can be
    named have been reported for sparse codes (Olshausen and Field 1996) and sparse autoencoders (Bricken et al. 2023).

    Rule: a unit is nameable if its AUROC on test images, for the concept and the direction that training images chose,
    is at least 0.9; the measure is the share of all units, dead ones included, that are, on average over data sets.
    "More nameable units" is supported if the paired 95 % interval of the subject's difference to every method of the
    group lies above zero, refuted if at least one method has more (Holm-corrected). "Aligned with the factors" asks the
    same of the mutual information gap, between the two units that training images chose for each factor, on the data
    sets that have factors. Fewer than five seeds, or anything else: inconclusive.
    """

    title = "Can the units be named?"
    order = 4
    essay = ((73, "“InfoMax features are interpretable: you can name them.”"),)
    evaluations = ("interpretability", "gallery")

    def decide(self, rows, claims):
        yield from self.better_than_all(
            rows[rows["metric"] == "nameable_units"], claims, "P4", "More nameable units", "share of nameable units",
            unit="points", scale=100,
        )  # fmt: skip
        gap = rows[rows["metric"] == "mig"]
        if not gap.empty:
            yield from self.better_than_all(gap, claims, "P4", "Aligned with the factors", "mutual information gap")

    def figures(self, rows, claims):
        measured = f"{seeds_of(rows)}, 95 % intervals"
        named = rows[rows["metric"] == "nameable_units"]
        if not named.empty:
            yield (
                "Units that one concept (a class, or a factor's value) explains: an AUROC of at least "
                f"{NAMEABLE:g} on test images, as a share of all units ({measured}).",
                dots(named, claims, label="% of units", scale=100),
            )
        aligned = rows.assign(panel=rows["metric"].map(ALIGNED)).dropna(subset=["panel"])
        if not aligned.empty:
            yield (
                "Does every factor have a unit of its own, and every unit one factor? Where the ground-truth factors "
                "are known; 1 is perfect, but for SAP, which no factor of n values can bring above 1 - 1/n. Units "
                "that say nothing score 0, and in the FactorVAE score one in the number of factors "
                f"({measured}).",
                dots(comparable(aligned, "panel"), claims, label="", panel="panel", order=tuple(ALIGNED.values())),
            )
        sparse = rows[rows["metric"] == "sparse_accuracy"]
        if not sparse.empty:
            yield (
                f"Accuracy of sparse probes: each class is told by {_listed(SPARSE)} units of its own, chosen on "
                f"training images ({measured}).",
                curves(sparse, claims, xlabel="units for each class", ylabel="accuracy (%)", scale=100, log=True),
            )

    def table(self, rows, claims):
        return self.means(
            rows,
            {
                "% nameable units": ("nameable_units", "", None, None, 100),
                "mean AUROC of the best class": ("unit_auroc", ""),
                "% classes named": ("classes_named", "", None, None, 100),
                **{f"accuracy (%), {k} a class": ("sparse_accuracy", "", k, None, 100) for k in SPARSE},
                "mutual information gap": ("mig", ""),
                "SAP": ("sap", ""),
                "DCI disentanglement": ("disentanglement", ""),
                "DCI completeness": ("completeness", ""),
                "DCI informativeness": ("informativeness", ""),
                "FactorVAE score": ("factor_vae", ""),
                "factor alignment": ("factor_alignment", ""),
            },
            by="dataset",
        )


def _listed(numbers):
    return f"{', '.join(map(str, numbers[:-1]))} or {numbers[-1]}"
