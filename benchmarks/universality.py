"""One frozen representation, many tasks: is any of them useful for everything?"""

from functools import partial

import pandas as pd

from infomax_bench import Benchmark, Contrast, Estimate, Finding, Select, View, in_panels, reads
from infomax_bench.plots.figures import comparable, dots, matrix
from infomax_bench.plots.sheets import mosaic
from infomax_bench.stats.compare import difference
from infomax_bench.stats.findings import standing_of
from infomax_bench.stats.readings import averaged, below_best, complete, tables, where, where_not
from infomax_bench.study.selection import Derived, complement, of_this_width

LABEL, GAUSSIAN, ALONE = "class", "drawn from a Gaussian", "units drawn alone"
TASKS: dict[str, Select | Derived] = {
    "classes": Select("decodability", LABEL, scale=100),
    "factors": Select("decodability", scale=100).then(partial(where_not, protocol=LABEL)),
    "figure-ground": Select("mask_skill", scale=100),
    "reconstruction": Select("reconstruction", "", scale=100),
    "generation": Select("sample_distance", "chosen", scale=100).then(complement),
}
DISTANCES = {
    GAUSSIAN: Select("sample_distance", "gaussian"),
    ALONE: Select("sample_distance", "alone"),
    "the better of the two": Select("sample_distance", "chosen"),
    "training images": Select("sample_distance", "decoded"),
}
DRAWN = {"label": "distance (%)", "panel": "panel", "scale": 100, "higher_is_better": False, "order": tuple(DISTANCES)}
MOVED = {"label": "% of variance", "scale": 100, "higher_is_better": None}
BLOCKS = {"decoded": "decoded", "figure": "segmented", GAUSSIAN: "gaussian", "units drawn on their own": "alone"}
WEAKEST = "distance to the best on the weakest task"
SCORES = in_panels(TASKS).then(lambda rows: averaged(rows, ["panel"]))  # 0 without features and 100 % at best


SEED = ["method", "dataset", "target", "seed"]
COMPLETE = SCORES.then(partial(complete, of="panel", by=SEED, among=["dataset"]))  # seeds that lack no task
MEAN = COMPLETE.then(averaged)


@reads(*TASKS.values())
def weakest(rows, claims):
    return averaged(below_best(COMPLETE(rows), ["dataset", "panel"], claims.own_width), how="min")


class Universality(Benchmark):
    """Is one frozen representation useful for everything?

    Rule: two measures on each data set, over the tasks that it has: the mean of the scores, and the weakest task, the
    largest distance of a score to the best mean over seeds that any method with this width has there. "Better over all
    tasks" is supported if the subject's mean is surely above that of the median method, and of the best of every
    family; refuted if it is surely below the median. "No weak task" asks the same of the weakest task: that the subject
    is nowhere as far behind as they are somewhere.
    """

    title = "Is one representation useful for everything?"
    order = 7
    evaluations = ("factors", "decoding", "invariance")
    keeps = "decoding"
    contrasts = (
        Contrast("universality", "Better over all tasks", "mean score over tasks", MEAN, "points", where_measured=True),
        Contrast("universality", "No weak task", WEAKEST, weakest, "points", where_measured=True),
    )

    def findings(self, rows, claims):
        scores = SCORES(rows)
        if claims.subject not in set(scores["method"]):
            return
        compared = comparable(scores[scores["method"].isin(claims.compared)])
        means = compared.groupby(["panel", "method"], observed=True)["value"].mean()
        levels = {task: means[task] for task in TASKS if task in means}
        for task, own in levels.items():
            stands = standing_of(where(compared, panel=task), own.idxmax())
            about = {"task": task, "method": own.idxmax(), "score": own.max()}
            yield Finding("leader", values={**about, "close": sorted((*stands.level, *stands.behind))})
            if claims.subject in own:
                stands = standing_of(where(compared, panel=task), claims.subject)
                counts = {"rank": 1 + int((own > own[claims.subject]).sum()), "methods": compared["method"].nunique()}
                counts |= {"better": len(stands.ahead), "worse": len(stands.behind)}
                yield Finding("place", values={"task": task, **counts})
        by_draw = tables(in_panels(DISTANCES)(rows), ["method"], "panel").get((claims.subject,), pd.DataFrame())
        lost = difference(by_draw, ALONE, GAUSSIAN)
        if lost.n:
            each = {"alone": 100 * by_draw[ALONE].mean(), "gaussian": 100 * by_draw[GAUSSIAN].mean()}
            yield Finding("drawn", "", Estimate.of(lost, 100, "points"), each)

    shows = (
        View("scores", matrix, SCORES.then(comparable), column="panel", label="score (%)", order=tuple(TASKS)),
        View("weakest", dots, of_this_width(weakest), label="points to the best, on the weakest task"),
        View("generation", dots, in_panels(DISTANCES).then(comparable), **DRAWN),
        View("invariance", dots, Select("augmentation_share"), **MOVED),
    )
    columns = {
        **{f"{task} (%)": one for task, one in TASKS.items()},
        "pixels, R²": Select("reconstruction", ""),
        "of that of as many components": Select("reconstruction_of_pca", ""),
        "IoU": Select("mask_iou", ""),
        "IoU of one mask": Select("mask_iou", "mean"),
        "distance, Gaussian": DISTANCES[GAUSSIAN],
        "units alone": DISTANCES[ALONE],
        "decoded": DISTANCES["training images"],
        "training images": Select("sample_distance", "images"),
        "% of variance by augmentation": Select("augmentation_share", "", scale=100),
        "factors that are quantities, R²": Select("r2"),
    }

    def pictures(self, kept, claims):
        for dataset in sorted({d for _, d in kept}):
            options = {"label": "test images", "blocks": BLOCKS, "truth": {"decoded": "images", "figure": "masks"}}
            yield View("drawn_images", mosaic, told={"dataset": dataset}, kept=kept, dataset=dataset, **options)
