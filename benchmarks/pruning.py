"""P1: can InfoMax-pretrained features be pruned?"""

import numpy as np
import pandas as pd

from infomax_bench import Benchmark
from infomax_bench.plots.figures import curves, dots, scatter, seeds_of
from infomax_bench.stats.compare import seed_means
from infomax_bench.stats.intervals import in_words
from infomax_bench.stats.power import seeds_for_bound, would_decide
from infomax_bench.stats.verdict import decide_bound, stale_methods

TITLE = "Cannot be pruned"
MOST_PRUNABLE = 0.05  # the share of live units below which we say "can't be pruned"
TOLERANCES = (0.25, 0.5, 1, 2, 4)  # points, beside the rule's one
SAME = ["dataset", "target", "method", "seed"]
FEW = 8  # units kept, at which what features carry is compared


class Pruning(Benchmark):
    """How much of an encoder can be removed before its features stop serving?

    Live units are removed one at a time in four orders (random, least important to the probe first, most predictable
    from the other units first, and greedily: always the unit without which a least-squares probe, refitted exactly,
    fits the training labels best), with the logistic probe frozen or fitted again to what is left, its L2 that of the
    whole probe times the share of units kept; and encoder weights by magnitude within each unit. Orders are chosen on
    training images, and of the orders the best on validation images. Dead units are counted apart. Raw pixels, whose
    number is not that of the encoders' units, are not pruned.

    Features that carry little look unprunable too, since there is little to lose: so the accuracy that the best few
    units keep stands beside every fraction.

    Claim: "InfoMax-pretrained models can't be pruned: each feature is unique."

    Prior art: that trained networks can be pruned by half and more is well known (LeCun et al. 1990; Han et al. 2015),
    and so is that it depends on the order and on fitting again. Whitened features are the textbook case of units of
    which none repeats another, and yet most of them can be left out, the ones of least variance first (Pearson 1901):
    that nothing is repeated does not mean that everything is needed.

    Rule: the prunable fraction is the share of all numbers of live units whose removal costs at most one point of
    accuracy with the probe refitted, in the order that prunes furthest on validation, on average over data sets; where
    accuracy only falls, that is the largest fraction that can go for a point. "Can't be pruned" is supported if the 95
    % interval of the subject's fraction lies below 5 %, refuted if it lies above. "Less prunable than prior art" (and
    than the controls) is supported if the paired 95 % interval of the difference to every method of that group, at
    equal width, lies below zero, refuted if at least one method is less prunable than the subject (Holm-corrected).
    Fewer than five seeds, or anything else: inconclusive.
    """

    title = "Can the features be pruned?"
    order = 1
    essay = ((70, "“InfoMax-pretrained models can't be pruned: each feature is unique.”"),)
    evaluations = ("prune_units", "prune_weights", "probe")

    def verdicts(self, rows, claims):
        fractions = rows[(rows["metric"] == "prunable_fraction") & (rows["protocol"] == "best/refitted")]
        values = seed_means(fractions, claims.subject)
        if claims.subject in values:
            outcome, found = decide_bound(values[claims.subject].dropna(), MOST_PRUNABLE)
            needed = seeds_for_bound(found, MOST_PRUNABLE) if outcome == "inconclusive" else ""
            effect = (100 * found.mean, 100 * found.low, 100 * found.high)
            own = (rows["metric"] == "dead_units") & (rows["method"] == claims.subject)
            sentence = (
                f"{TITLE}: {effect[0]:.0f} % of {claims.subject}'s live units can be removed for one point of accuracy "
                f"({in_words(*effect[1:], '.0f')}; the claim allows {100 * MOST_PRUNABLE:.0f} %; "
                f"{100 * rows.loc[own, 'value'].mean():.0f} % of all are dead).{would_decide(needed)}"
            )
            yield self.verdict(
                claims, "P1", TITLE, "itself", outcome, effect, found.n, sentence, unit="%", metric="prunable fraction",
                seeds_needed=needed, line=100 * MOST_PRUNABLE, stale=stale_methods(fractions, [claims.subject]),
            )  # fmt: skip
        yield from self.better_than_all(
            fractions, claims, "P1", "Less prunable", "prunable fraction", unit="points less prunable",
            higher_is_better=False, scale=100,
        )  # fmt: skip

    def figures(self, rows, claims):
        measured = f"{seeds_of(rows)}, 95 % intervals"
        best = rows[rows["protocol"] == "best/refitted"]
        fractions = best[best["metric"] == "prunable_fraction"]
        alive = fractions.loc[np.isfinite(fractions["value"]), SAME].drop_duplicates()
        levels = best[best["metric"] == "accuracy"].merge(alive, on=SAME)  # with no live unit there is no share of them
        units = best[best["metric"] == "accuracy_at_units"]
        few = units[units["x"] == FEW]
        if not fractions.empty:
            yield (
                "Prunable fraction: how many of the live units can go for at most one point of accuracy, probe "
                f"refitted, in the order that prunes furthest on validation ({measured}). Left of the dashed "
                "line is what the claim calls unprunable. A feature set that carries little loses little: read "
                "this beside the next figure.",
                dots(fractions, claims, label="% of live units", scale=100, higher_is_better=False,
                     bound=(100 * MOST_PRUNABLE, f"claim: {100 * MOST_PRUNABLE:.0f} %")),
            )  # fmt: skip
        if not few.empty and not fractions.empty:
            yield (
                f"What can be pruned against what is carried: the accuracy that the best {FEW} units keep, beside the "
                f"prunable fraction ({measured}). Where every unit matters, little can go and few units keep little: "
                "bottom left. Features that carry little at all stand there too; the accuracy of all units, in the "
                "table, tells the two apart. Top right, few units carry nearly everything.",
                scatter(fractions, few, claims, xlabel="% of live units prunable",
                        ylabel=f"accuracy with {FEW} units kept (%)", scale=(100, 100)),
            )  # fmt: skip
        if not units.empty:
            yield (
                "Accuracy at equal numbers of units kept, in the order that validation prefers at each number; probe "
                f"refitted ({measured}).",
                curves(units, claims, xlabel="units kept", ylabel="accuracy (%)", scale=100, log=True),
            )
        if not levels.empty:
            yield (
                "Would another tolerance than the rule's one point change the picture? The prunable fraction by the "
                "loss that is allowed, probe refitted: read off straight lines between the measured shares, in the "
                "order that validation prefers at each, so at one point it differs by some points from what the rule "
                f"says of every number of units in one order ({measured}).",
                curves(by_tolerance(levels), claims, xlabel="points of accuracy that may be lost",
                       ylabel="% of live units prunable", scale=100, log=True),
            )  # fmt: skip
        kept = best[best["metric"] == "kept"]
        if not kept.empty:
            yield (
                "Accuracy above chance that is kept, as a share of that of all units, against the share of live units "
                f"removed, in the order that validation prefers at each share; probe refitted ({measured}).",
                curves(kept.assign(x=100 * kept["x"]), claims, xlabel="% of live units removed",
                       ylabel="% of accuracy above chance", scale=100),
            )  # fmt: skip
        accuracy = rows[rows["metric"] == "accuracy"]
        for protocol, what in (
            ("redundancy/refitted", "live units removed, the most predictable from the others first; probe refitted"),
            ("greedy/refitted", "live units removed, always the one that a refitted least-squares probe misses least"),
            ("redundancy/frozen", "live units removed, the most predictable from the others first; probe frozen"),
            ("magnitude/refitted", "encoder weights removed, the smallest of each unit first; probe refitted"),
        ):
            chosen = accuracy[accuracy["protocol"] == protocol]
            if not chosen.empty:
                share = "% of weights removed" if protocol.startswith("magnitude") else "% of live units removed"
                yield (
                    f"Accuracy against the share of {what} ({measured}).",
                    curves(chosen.assign(x=100 * chosen["x"]), claims, xlabel=share, ylabel="accuracy (%)", scale=100),
                )

    def table(self, rows, claims):
        return self.means(
            rows,
            {
                "accuracy (%)": ("accuracy", "linear", None, None, 100),
                "% prunable, refitted (best order)": ("prunable_fraction", "best/refitted", None, None, 100),
                "up to the first loss": ("prunable_fraction_first", "best/refitted", None, None, 100),
                "up to the last": ("prunable_fraction_last", "best/refitted", None, None, 100),
                "± points of a seed's loss": ("loss_noise", "best/refitted", None, None, 100),
                f"accuracy with {FEW} units kept (%)": ("accuracy_at_units", "best/refitted", FEW, None, 100),
                "with half": ("accuracy", "best/refitted", 0.5, None, 100),
                "area (best order)": ("area", "best/refitted"),
                "area (random)": ("area", "random/refitted"),
                "% prunable, frozen (redundancy)": ("prunable_fraction", "redundancy/frozen", None, None, 100),
                "% of weights prunable": ("prunable_fraction", "magnitude/refitted", None, None, 100),
                "% dead units": ("dead_units", "", None, None, 100),
            },
            by="dataset",
        )


def by_tolerance(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of accuracy by the share of units removed, `x` -> rows of the prunable fraction by the points allowed.

    Nothing beyond the last measured share counts as prunable.
    """
    levels = rows[rows["status"] == "ok"].pivot_table(index=[*SAME, "status", "current"], columns="x", values="value")
    shares = np.linspace(0, 1, 401)
    found = np.stack(
        [np.interp(shares, own.index, own, right=-np.inf) for own in (row.dropna() for _, row in levels.iterrows())]
    )
    lost = 100 * (found[:, :1] - found)
    whose = levels.index.to_frame(index=False)
    return pd.concat([whose.assign(x=points, value=(lost <= points + 1e-9).mean(axis=1)) for points in TOLERANCES])
