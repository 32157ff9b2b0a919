"""What does each objective cost?"""

import pandas as pd

from infomax_bench import Benchmark, Contrast, Select, View, reads
from infomax_bench.plots.figures import comparable, dots

SPENT = {
    "operations (kFLOP / image)": Select("train_flops_per_sample", scale=1e-3),
    "time of the whole (s)": Select("train_seconds"),
    "peak memory (MB)": Select("peak_memory", scale=1e-6),
}


@reads(*SPENT.values())
def spent(rows, claims):
    """Rows of everything that training takes, by panel; of methods that have run on all data sets."""
    parts = [select(rows).assign(panel=panel) for panel, select in SPENT.items()]
    found = pd.concat(parts)
    return comparable(found[found["value"] > 0], "panel")


class Cost(Benchmark):
    """Time, arithmetic, parameters and memory of pretraining the same encoder with each objective.

    Operations are those of matrix products and convolutions in one training step, and memory is the peak of what that
    step (or a whole fit) allocates: both are exact. Sampling, activations and all else that is done element by element
    is no matrix product, and is in the seconds alone: those of the whole pretraining of one seed on one core, seeds
    trained together where the method allows it. Heads that are thrown away after pretraining are counted apart.

    Claim: the essay's table calls the cost of InfoMax+EM and of autoencoders low, of contrastive learning medium, of
    RBMs high.

    Prior art: that competition by responsibilities can be learned by one cheap update an image is online EM (Neal and
    Hinton 1998), and with hard responsibilities online k-means (MacQueen 1967).

    Rule: the measure is the operations that training on one image takes, at equal width, on average over data sets; it
    is the same under every seed. "Cheapest" is supported if the subject needs fewer than every method of the group,
    refuted if at least one method needs fewer. Seconds stand beside it, since a method may use its operations well or
    badly. Methods fitted by another library have no count of operations: against a group that has such methods the
    claim cannot be supported (they took no part until after the standard run, in which "cheapest" passed against the
    controls without the ones that take least time).
    """

    title = "What does pretraining cost?"
    order = 6
    essay = (
        (
            10,
            "Cost: RBMs high (sampling), autoencoders low, contrastive learning medium (large batches), foundation "
            "models extreme, InfoMax + EM low",
        ),
    )
    evaluations = ("training", "cost")
    contrasts = (
        Contrast(
            "table",
            "Cheapest",
            "operations to train on one image",
            Select("train_flops_per_sample"),
            unit="kFLOP saved",
            scale=1e-3,
            higher_is_better=False,
        ),
    )
    shows = (View("spent", dots, spent, label="", panel="panel", log=True, higher_is_better=False, order=tuple(SPENT)),)
    columns = {
        "seconds": Select("train_seconds", ""),
        "kFLOP / image": Select("train_flops_per_sample", "", scale=1e-3),
        "parameters kept": Select("parameters", ""),
        "parameters discarded": Select("discarded_parameters", ""),
        "peak memory (MB)": Select("peak_memory", "", scale=1e-6),
        "kFLOP to encode": Select("encode_flops_per_sample", "", scale=1e-3),
    }
