"""One frozen representation, many tasks: is any of them useful for everything?"""

import numpy as np
import pandas as pd

from infomax_bench import Benchmark
from infomax_bench.plots.figures import comparable, dots, matrix, seeds_of
from infomax_bench.plots.sheets import mosaic
from infomax_bench.stats.compare import by_case, compare
from infomax_bench.stats.intervals import MIN_SEEDS, in_words, interval

LABEL = "class"
CLASSES, FACTORS, MASKS, IMAGES, SAMPLES = "classes", "factors", "figure-ground", "reconstruction", "generation"
TASKS = (CLASSES, FACTORS, MASKS, IMAGES, SAMPLES)
SAMPLERS = {
    "gaussian": "drawn from a Gaussian",
    "alone": "units drawn alone",
    "chosen": "the better of the two",
    "decoded": "training images",
}
KEY = ["method", "dataset", "target", "seed"]


class Universality(Benchmark):
    """Is one frozen representation useful for everything?

    The same features serve every task, each through one linear map in closed form, the same for all methods: no decoder
    is a network. Classes and, where the ground-truth factors are known, the factors other than the class are read by
    linear discriminants; figure-ground masks, where they are known, and the image itself are drawn by a ridge
    regression with a target for every pixel. To generate, features are drawn from a Gaussian with the training
    features' mean and covariance, or with every unit drawn by itself from its training values, as independent features
    would allow, and decoded; of the two, validation images choose. Maps are fitted to at most 10,000 training images,
    and validation images choose the L2. Transfer to other data sets has a benchmark of its own.

    Every task has a score that is 0 without features and 100 % at best: accuracy above chance; intersection over union
    of figures above that of one mask for all; R² of the pixels; for generation one less the squared kernel distance
    (MMD, Gretton et al. 2012) of samples from test images, in their ten leading principal components, over that of
    images in which every pixel is drawn on its own. Invariance is shown beside the tasks, since more is not better: a
    unit that ignores an augmentation cannot tell of it.

    Claim: "useful for everything. Classification, generation, segmentation, transfer—all become easy".

    Prior art: one representation on many tasks is how features are judged elsewhere too (19 tasks by Zhai et al. 2019),
    and of many self-supervised methods none was best in all (Ericsson, Gouk and Hospedales 2021). No linear decoder of
    K features reconstructs training images better than K principal components do (Baldi and Hornik 1989), whatever the
    features. That a code of independent units can be sampled unit by unit is why factorial codes are sought for
    generation (Dinh, Krueger and Bengio 2015). One statistic of samples is not all of it: how good samples look and how
    likely images are under a model are largely independent (Theis, van den Oord and Bethge 2016).

    Rule: two measures on each data set, over the tasks that it has: the mean of the scores, and the weakest task, the
    largest distance of a score to the best mean over seeds that any method with this width has there. "Better over all
    tasks" is supported if the paired 95 % interval of the subject's difference in the mean to every method of the group
    lies above zero, on average over data sets, refuted if at least one method is better (Holm-corrected). "No weak
    task" asks the same of the weakest task: that the subject is nowhere as far behind as each of them is somewhere.
    Fewer than five seeds, or anything else: inconclusive.
    """

    title = "Is one representation useful for everything?"
    order = 7
    essay = ((60, "“useful for everything. Classification, generation, segmentation, transfer—all become easy”"),)
    evaluations = ("factors", "decoding", "invariance")
    keeps = "decoding"

    @staticmethod
    def scores(rows):
        """A row for each method, data set, seed and task (column `task`), 0 without features and 1 at best."""
        good = rows[rows["status"] == "ok"]
        metric, protocol = good["metric"], good["protocol"]
        decodable = metric == "decodability"
        kinds = {
            CLASSES: decodable & (protocol == LABEL),
            FACTORS: decodable & (protocol != LABEL),
            MASKS: metric == "mask_skill",
            IMAGES: (metric == "reconstruction") & (protocol == ""),
            SAMPLES: (metric == "sample_distance") & (protocol == "chosen"),
        }
        task = np.select(list(kinds.values()), list(kinds), "")
        named = good.assign(task=task, value=good["value"].where(task != SAMPLES, 1 - good["value"]))[task != ""]
        by = [*KEY, "task", "status", "current"]
        return named.groupby(by, observed=True, as_index=False, sort=False)["value"].mean()

    @staticmethod
    def complete(scores):
        """The scores of methods under seeds for which they have all tasks that any method has on that data set."""
        have = scores.groupby(KEY, observed=True)["task"].transform("nunique")
        return scores[have == scores.groupby("dataset", observed=True)["task"].transform("nunique")]

    @staticmethod
    def over_tasks(scores, how):
        by = [*KEY, "status", "current"]
        return scores.groupby(by, observed=True, as_index=False)["value"].agg(how)

    @staticmethod
    def behind(scores, claims):
        """How far each score is from the best mean of the task on that data set, at most 0 but for noise."""
        means = scores.groupby(["dataset", "task", "method"], observed=True)["value"].mean().reset_index()
        means = means[~means["method"].isin(claims.own_width)]
        best = means.groupby(["dataset", "task"], observed=True)["value"].max().rename("best").reset_index()
        joined = scores.merge(best, on=["dataset", "task"], how="inner")
        return joined.assign(value=joined["value"] - joined["best"])

    def decide(self, rows, claims):
        scores = self.complete(self.scores(rows))
        if scores.empty:
            return
        yield from self.better_than_all(
            self.over_tasks(scores, "mean"), claims, "universality", "Better over all tasks", "mean score over tasks",
            unit="points", scale=100,
        )  # fmt: skip
        yield from self.better_than_all(
            self.over_tasks(self.behind(scores, claims), "min"), claims, "universality", "No weak task",
            "distance to the best on the weakest task", unit="points", scale=100,
        )  # fmt: skip

    # -- what is shown ------------------------------------------------------------------------------------------------
    def answer(self, rows, claims):
        scores = self.scores(rows)
        own = scores[scores["method"] == claims.subject]
        compared = comparable(scores[scores["method"].isin(set(claims.roles) - claims.own_width)], "task")
        means = 100 * compared.groupby(["task", "method"], observed=True)["value"].mean().unstack("task")
        if own.empty or means.empty:
            return ""
        tasks = [t for t in TASKS if t in means]
        leaders = {t: means[t].idxmax() for t in tasks}
        close = {t: _standing(compared, t, leaders[t])[2] for t in tasks}
        best = ", ".join(f"{t}: {leaders[t]} ({means[t].max():.1f} %{_beside(close[t])})" for t in tasks)
        n = len(set(leaders.values()))
        word = "one method leads everywhere" if n == 1 else f"{n} different methods lead on average"
        text = f"On {len(tasks)} tasks {word} ({best})."
        if claims.subject in means.index:
            ranks = means[tasks].rank(ascending=False, method="min").loc[claims.subject]
            places = []
            for t in tasks:
                if pd.notna(ranks[t]):
                    better, worse, _ = _standing(compared, t, claims.subject)
                    places.append(f"{t} {ranks[t]:.0f} (better than {better}, worse than {worse})")
            text += (
                f" The ranks of {claims.subject} among {len(means)} methods are: {'; '.join(places)}. What is said to "
                "be better, worse or sure has a paired 95 % interval over five seeds or more that leaves 0 out, not "
                "corrected for the number of methods."
            )
        alone = rows[(rows["metric"] == "sample_distance") & (rows["method"] == claims.subject)]
        pair = alone[alone["protocol"].isin(["alone", "gaussian"])].pivot_table(
            index="seed", columns="protocol", values="value"
        )
        if {"alone", "gaussian"} <= set(pair):
            lost = interval((100 * (pair["alone"] - pair["gaussian"])).to_numpy())
            text += (
                f" Images from its units drawn each on its own, as independent units would allow, are "
                f"{100 * pair['alone'].mean():.0f} % as far from test images as unrelated pixels are; from a Gaussian "
                f"that has the covariances, {100 * pair['gaussian'].mean():.0f} % ({lost.mean:+.0f} points, "
                f"{in_words(lost.low, lost.high, '+.0f')})."
            )
        return text

    def figures(self, rows, claims):
        scores = self.scores(rows)
        if scores.empty:
            return
        measured = f"{seeds_of(scores)}, 95 % intervals"
        shown = comparable(scores, "task")
        shown = shown.assign(task=pd.Categorical(shown["task"], [t for t in TASKS if t in set(shown["task"])]))
        yield (
            "One representation, many tasks, every one through a linear map: scores in %, 0 without features and 100 "
            f"at best, means over the data sets that have the task and {seeds_of(scores)}. The mean is over tasks.",
            matrix(shown, claims, column="task", label="score (%)", scale=100),
        )
        behind = self.over_tasks(self.behind(self.complete(scores), claims), "min")
        behind = behind[~behind["method"].isin(claims.own_width)]
        if not behind.empty:
            yield (
                "The weakest task of every method: how far it is behind the best method with this width there "
                f"({measured}). 0 would be a representation that nothing beats anywhere.",
                dots(behind, claims, label="points to the best, on the weakest task", scale=100),
            )
        drawn = rows[rows["metric"] == "sample_distance"]
        drawn = drawn.assign(panel=drawn["protocol"].map(SAMPLERS)).dropna(subset=["panel"])
        if not drawn.empty:
            yield (
                "Generation: the distance from test images of what is decoded from features that were drawn, as a "
                f"share of the distance of unrelated pixels (100), mean over data sets ({measured}). Validation images "
                "choose the better of the two ways to draw. The last panel decodes the features of training images and "
                "draws nothing: what the decoder costs. If units were independent, the second would look like it.",
                dots(comparable(drawn, "panel"), claims, label="distance (%)", panel="panel", scale=100,
                     higher_is_better=False,
                     order=tuple(SAMPLERS.values())),
            )  # fmt: skip
        moved = rows[rows["metric"] == "augmentation_share"]
        if not moved.empty:
            yield (
                "Invariance: the share of a unit's variance that is within images, between augmented versions of one, "
                f"mean over live units ({measured}). 0 ignores the augmentation; 100 % is noise.",
                dots(moved, claims, label="% of variance", scale=100, higher_is_better=None),
            )

    def drawings(self, kept, claims):
        for dataset in sorted({d for _, d in kept}):
            own = {key: arrays for key, arrays in kept.items() if key[1] == dataset}
            yield (
                f"{dataset}: test images (top) as a linear decoder draws them from each method's features; their "
                "figures; and images decoded from features that were drawn from a Gaussian, and from units drawn each "
                "on its own. One seed.",
                mosaic(own, claims, dataset, label="test images", blocks={
                    "decoded": "decoded", "figure": "segmented", "drawn from a Gaussian": "gaussian",
                    "units drawn on their own": "alone",
                }, truth={"decoded": "images", "figure": "masks"}),
            )  # fmt: skip

    def table(self, rows, claims):
        scores = self.scores(rows)
        if scores.empty:
            return None
        found = 100 * scores.groupby(["dataset", "method", "task"], observed=True)["value"].mean().unstack("task")
        found = found[[t for t in TASKS if t in found]].add_suffix(" (%)").reset_index()
        more = self.means(
            rows,
            {
                "pixels, R²": ("reconstruction", ""),
                "of that of as many components": ("reconstruction_of_pca", ""),
                "IoU": ("mask_iou", ""),
                "IoU of one mask": ("mask_iou", "mean"),
                "distance, Gaussian": ("sample_distance", "gaussian"),
                "units alone": ("sample_distance", "alone"),
                "decoded": ("sample_distance", "decoded"),
                "training images": ("sample_distance", "images"),
                "% of variance by augmentation": ("augmentation_share", "", None, None, 100),
            },
            by="dataset",
        )
        more = more.dropna(axis=1, how="all") if len(more) else more
        quantities = rows[(rows["metric"] == "r2") & (rows["status"] == "ok")]
        if not quantities.empty:
            means = quantities.groupby(["dataset", "method"], observed=True)["value"].mean()
            more = more.merge(
                means.rename("factors that are quantities, R²").reset_index(), how="outer", on=["dataset", "method"]
            )
        return found.merge(more, on=["dataset", "method"], how="outer")


def _standing(scores, task, method):
    """Of how many methods the scores of one are surely above and below on a task, and whom it is not surely above."""
    values = by_case(scores[scores["task"] == task], method)
    rivals = sorted(set(values.values) - {method})
    sure = [c for c in compare(values, method, rivals)[0] if c.n_seeds >= MIN_SEEDS]
    better = {c.rival for c in sure if c.low > 0}
    return len(better), sum(c.high < 0 for c in sure), [m for m in rivals if m not in better]


def _beside(rivals, most=3):
    """Whom a leader is not surely ahead of, to stand behind its score."""
    if not rivals:
        return ""
    return (
        f", not surely ahead of {', '.join(rivals)}"
        if len(rivals) <= most
        else f", not surely ahead of {len(rivals)} others"
    )
