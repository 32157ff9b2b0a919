"""P4: are InfoMax features interpretable: can you name them?"""

from infomax_bench import Benchmark
from infomax_bench.figures import dots, seeds_of


class Interpretability(Benchmark):
    """Does a unit stand for something a person could name?

    For every unit, how well its output alone tells each class from the rest (the area under its ROC curve, whichever
    way round); and, where the ground-truth factors of the images are known, how much it says about each factor (mutual
    information, and the mutual information gap of Chen et al. 2018). The report shows the units themselves.

    Claim: "InfoMax features are interpretable: you can name them."

    Rule: a unit is nameable if its AUROC for its best class is at least 0.9; the measure is the share of all units that
    are, on average over data sets. "More nameable units" is supported if the paired 95 % interval of the subject's
    difference to every method of the group lies above zero, refuted if at least one method has more (Holm-corrected).
    "Aligned with the factors" asks the same of the mutual information gap, on the data sets that have factors. Fewer
    than five seeds, or anything else: inconclusive.
    """

    title = "Can the units be named?"
    order = 4
    evaluations = ("interpretability", "gallery")

    def verdicts(self, rows, claims):
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
                f"Units that one class explains (AUROC at least 0.9), as a share of all units ({measured}).",
                dots(named, claims, label="% of units", scale=100),
            )
        gap = rows[(rows["metric"] == "mig") & (rows["status"] == "ok")]
        if not gap.empty:
            yield (
                "Mutual information gap, where the ground-truth factors are known: 1 if every factor has one unit of "
                f"its own, 0 if the two best units know equally much ({measured}).",
                dots(gap, claims, label="mutual information gap"),
            )

    def table(self, rows, claims):
        return self.means(
            rows,
            {
                "% nameable units": ("nameable_units", "", None, None, 100),
                "mean AUROC of the best class": ("unit_auroc", ""),
                "% classes named": ("classes_named", "", None, None, 100),
                "mutual information gap": ("mig", ""),
                "factor alignment": ("factor_alignment", ""),
            },
            by="dataset",
        )
