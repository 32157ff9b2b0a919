"""What does each objective prevent? Redundancy, and units that say nothing."""

from infomax_bench import Benchmark
from infomax_bench.plots.figures import comparable, dots, seeds_of

BESIDE = {
    "total_correlation_per_unit": "total correlation a unit (nats)",
    "mean_abs_correlation": "mean |correlation|",
    "effective_rank_share": "effective rank / width",
    "output_entropy": "entropy of an output (nats)",
}


class Redundancy(Benchmark):
    """How much do the outputs repeat each other, and how much does each one say?

    On the test images: the entropy of every output, total correlation, mean absolute correlation, effective rank, dead
    units, and a dependence that is not linear, since some methods train on the linear one.

    Claim: InfoMax is "the only objective that explicitly targets non-redundancy".

    Prior art: others target it explicitly, and long before. Barlow (1961) proposed redundancy reduction as what senses
    do; independent component analysis (Comon 1994) and the first InfoMax (Bell and Sejnowski 1995) minimise the mutual
    information of outputs; whitening removes all linear correlation; Barlow Twins (Zbontar et al. 2021), VICReg (Bardes
    et al. 2022) and W-MSE (Ermolov et al. 2021) penalise correlation between units, and beta-TCVAE (Chen et al. 2018)
    the total correlation itself. These are the controls here.

    Rule: the measure is the nonlinear dependence between outputs (mean normalised mutual information over pairs), which
    no method trains on, on average over data sets. "Least redundant" is supported if the paired 95 % interval of the
    subject's difference to every method of the group lies below zero, refuted if at least one method is less redundant
    (Holm-corrected). Fewer than five seeds, or anything else: inconclusive.
    """

    title = "How redundant are the features?"
    order = 5
    essay = ((20, "“the only objective that explicitly targets non-redundancy”"),)
    evaluations = ("redundancy",)

    def decide(self, rows, claims):
        yield from self.better_than_all(
            rows[rows["metric"] == "nonlinear_dependence"], claims, "table", "Least redundant",
            "nonlinear dependence between units", higher_is_better=False,
        )  # fmt: skip

    def figures(self, rows, claims):
        measured = f"{seeds_of(rows)}, 95 % intervals"
        dependence = rows[rows["metric"] == "nonlinear_dependence"]
        if not dependence.empty:
            yield (
                "Nonlinear dependence: normalised mutual information of two units, mean over pairs; 0 is independent, "
                f"round which estimates scatter, since what chance gives is taken off ({measured}).",
                dots(dependence, claims, label="dependence", higher_is_better=False),
            )
        beside = rows.assign(panel=rows["metric"].map(BESIDE)).dropna(subset=["panel"])
        if not beside.empty:
            yield (
                "What else says how much the units repeat each other, and how much each one says: means over data "
                f"sets of the methods that have run on all of them ({measured}). Dead units are left out of all "
                "but the rank.",
                dots(comparable(beside, "panel"), claims, label="", panel="panel", higher_is_better=None,
                     order=tuple(BESIDE.values())),
            )  # fmt: skip

    def table(self, rows, claims):
        return self.means(
            rows,
            {
                "nonlinear dependence": ("nonlinear_dependence", ""),
                "total correlation a unit (nats)": ("total_correlation_per_unit", ""),
                "mean |correlation|": ("mean_abs_correlation", ""),
                "effective rank / width": ("effective_rank_share", ""),
                "entropy of an output (nats)": ("output_entropy", ""),
                "% active": ("active_share", "", None, None, 100),
                "% dead units": ("dead_units", "", None, None, 100),
            },
            by="dataset",
        )
