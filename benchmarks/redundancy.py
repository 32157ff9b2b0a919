"""What does each objective prevent? Redundancy, and units that say nothing."""

from typing import Any

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
LESS: dict[str, Any] = {"higher_is_better": False, "unit": "less dependence", "guard": "random_features"}
ALSO = ((Select("copula_total_correlation", ""), False), (Select("effective_rank_per_live_unit", ""), True))


class Redundancy(Benchmark):
    """How much do the outputs repeat each other, and how much does each one say?

    Rule: the measure is the nonlinear dependence between outputs (mean normalised mutual information over pairs), which
    no method trains on. "Least redundant" is supported if the subject's is surely below that of the median method, and
    of the least redundant of every family, and its features are surely better at home than random ones; refuted if it
    is surely above the median. One estimator does not decide: all that the word rests on must have the same sign by the
    copula's total correlation a living unit and by the effective rank over the number of living units, where these were
    measured.
    """

    title = "How redundant are the features?"
    order = 5
    evaluations = ("redundancy",)
    contrasts = (
        Contrast("table", "Least redundant", "nonlinear dependence between units", DEPENDENCE, **LESS, also=ALSO),
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
