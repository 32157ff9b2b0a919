"""What does each objective cost?"""

from typing import Any

from infomax_bench import Benchmark, Contrast, Select, View, in_panels
from infomax_bench.plots.figures import comparable, dots

LESS: dict[str, Any] = {"higher_is_better": False}
OPERATIONS = Select("train_flops_per_sample", "", scale=1e-3)
SPENT = {
    "operations (kFLOP / image)": OPERATIONS,
    "time of the whole (s)": Select("train_seconds", ""),
    "peak memory (MB)": Select("peak_memory", "", scale=1e-6),
}


def known(rows):
    """Rows of what was counted, of the methods that have run on all data sets."""
    return comparable(rows[rows["value"] > 0])


class Cost(Benchmark):
    """Time, arithmetic, parameters and memory of pretraining the same encoder with each objective.

    Rule: the measure is the operations that training on one image takes, at equal width, on average over data sets; it
    is the same under every seed. "Cheapest" is supported if the subject needs fewer than every method of the group,
    refuted if at least one method needs fewer. Seconds stand beside it, since a method may use its operations well or
    badly. Methods fitted by another library have no count of operations: against a group that has such methods the
    claim cannot be supported (they took no part until after the standard run, in which "cheapest" passed against the
    controls without the ones that take least time).
    """

    title = "What does pretraining cost?"
    order = 6
    evaluations = ("training", "cost")
    contrasts = (Contrast("table", "Cheapest", "operations to train on one image", OPERATIONS, "kFLOP saved", **LESS),)
    shows = (View("spent", dots, in_panels(SPENT).then(known), panel="panel", log=True, order=[*SPENT], **LESS),)
    columns = {
        "seconds": Select("train_seconds", ""),
        "kFLOP / image": OPERATIONS,
        "parameters kept": Select("parameters", ""),
        "parameters discarded": Select("discarded_parameters", ""),
        "peak memory (MB)": Select("peak_memory", "", scale=1e-6),
        "kFLOP to encode": Select("encode_flops_per_sample", "", scale=1e-3),
    }
