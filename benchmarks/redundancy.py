"""What does each objective prevent? Redundancy, and units that say nothing."""

from infomax_bench import Benchmark, Contrast, Select, View, in_panels
from infomax_bench.plots.figures import comparable, dots

DEPENDENCE = Select("nonlinear_dependence", "")
BESIDE = {
    "total correlation a unit (nats)": Select("total_correlation_per_unit", ""),
    "copula's, of all but one that sum to 1": Select("copula_total_correlation", ""),
    "information of two units (nats)": Select("neighbour_information", ""),
    "mean |correlation|": Select("mean_abs_correlation", ""),
    "effective rank / width": Select("effective_rank_share", ""),
    "effective rank / live units": Select("effective_rank_per_live_unit", ""),
    "entropy of an output (nats)": Select("output_entropy", ""),
}


class Redundancy(Benchmark):
    """How much do the outputs repeat each other, and how much does each one say?

    Rule: the measure is the nonlinear dependence between outputs (mean normalised mutual information over pairs), which
    no method trains on, on average over data sets. "Least redundant" is supported if the paired 95 % interval of the
    subject's difference to every method of the group lies below zero, refuted if at least one method is less redundant
    (Holm-corrected). Fewer than five seeds, or anything else: inconclusive.
    """

    title = "How redundant are the features?"
    order = 5
    evaluations = ("redundancy",)
    contrasts = (
        Contrast("table", "Least redundant", "nonlinear dependence between units", DEPENDENCE, higher_is_better=False),
    )
    shows = (
        View("dependence", dots, DEPENDENCE, label="dependence", higher_is_better=False),
        View("beside", dots, in_panels(BESIDE).then(comparable), panel="panel", higher_is_better=None, order=[*BESIDE]),
    )
    columns = {
        "nonlinear dependence": DEPENDENCE,
        **BESIDE,
        "% active": Select("active_share", "", scale=100),
        "% tied": Select("tied_share", "", scale=100),
        "% dead units": Select("dead_units", "", scale=100),
    }
