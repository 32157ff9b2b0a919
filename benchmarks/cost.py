"""What does each objective cost?"""

from infomax_bench import Benchmark
from infomax_bench.plots.figures import comparable, dots

SPENT = {
    "train_flops_per_sample": "operations (kFLOP / image)",
    "train_seconds": "time of the whole (s)",
    "peak_memory": "peak memory (MB)",
}
SCALE = {"train_flops_per_sample": 1e-3, "train_seconds": 1.0, "peak_memory": 1e-6}


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

    def verdicts(self, rows, claims):
        counted = rows[rows["metric"] == "train_flops_per_sample"]
        yield from self.better_than_all(
            counted, claims, "table", "Cheapest", "operations to train on one image",
            unit="kFLOP saved", higher_is_better=False, scale=1e-3,
        )  # fmt: skip

    def figures(self, rows, claims):
        spent = rows[rows["value"] > 0].assign(panel=rows["metric"].map(SPENT)).dropna(subset=["panel"])
        if not spent.empty:
            scaled = spent.assign(value=spent["value"] * spent["metric"].map(SCALE))
            yield (
                "Cost of pretraining one seed, means over data sets; methods that have not run on all of them are left "
                "out. Operations (matrix products) are those for one image, exact as the peak of memory is; seconds "
                "are those of all passes, or of the fit, on whichever machine ran them. Methods fitted by another "
                "library have no count of operations.",
                dots(comparable(scaled, "panel"), claims, label="", panel="panel", log=True, higher_is_better=False,
                     order=tuple(SPENT.values())),
            )  # fmt: skip

    def table(self, rows, claims):
        return self.means(
            rows,
            {
                "seconds": ("train_seconds", ""),
                "kFLOP / image": ("train_flops_per_sample", "", None, None, 1e-3),
                "parameters kept": ("parameters", ""),
                "parameters discarded": ("discarded_parameters", ""),
                "peak memory (MB)": ("peak_memory", "", None, None, 1e-6),
                "kFLOP to encode": ("encode_flops_per_sample", "", None, None, 1e-3),
            },
            by="dataset",
        )
