"""What is left of the linear probe's accuracy when test images are corrupted, or units fall silent.

Nothing is fitted again: the probe is that of the clean training images, and features are standardised by their moments.
How the accuracy kept is normalised is up to who reads the rows; chance is one of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from infomax_bench.base.streams import generator
from infomax_bench.data.corruptions import SEVERITIES, corrupt
from infomax_bench.data.dataset import images_as
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.probe import ACCURACY, Probe, accuracy, shared_probe
from infomax_bench.evaluations.thresholds import CORRUPTIONS, DROPOUT

DROPPED = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of the live units that are silenced."""
DRAWS = 10
"""Orders in which units fall silent, for each seed; the same for all methods of one width."""


@evaluation(
    version=2,
    seconds=2.5e-5,
    of_files=True,
    metrics=[
        ACCURACY.under(*CORRUPTIONS, x="severity, from 0 (clean) to 5", at=(0, *SEVERITIES)),
        ACCURACY.under(DROPOUT, x="share of live units that are silenced", at=(0.0, *DROPPED)),
        Metric("chance_accuracy", "1 over the number of classes", range=(0, 0.5)),
    ],
)
def robustness(context: Context) -> list[Row]:
    """Test accuracy of the linear probe under corruption and unit drop-out.

    Rows of metric `accuracy`: for each protocol of CORRUPTIONS at x from 0 (clean) to 5; under DROPOUT at
    the share x of live units silenced, a mean over draws. `chance_accuracy` is 1 over the number of classes.
    Features without images have no corruptions.
    """
    probe, data = shared_probe(context), context.set
    chance = torch.full((len(context.seeds),), 1 / data.n_classes, dtype=torch.float64)
    rows = context.rows("chance_accuracy", chance)
    for name in CORRUPTIONS if context.encoder is not None else ():
        rows += context.rows("accuracy", probe.test, protocol=name, x=0)
        under = torch.stack([corrupted_accuracy(context, probe, i, name) for i in range(len(context.seeds))])
        for severity, values in zip(SEVERITIES, under.T, strict=True):
            rows += context.rows("accuracy", values, protocol=name, x=severity)
    rows += context.rows("accuracy", probe.test, protocol=DROPOUT, x=0)
    for share, values in zip(DROPPED, silenced_accuracy(context, probe).T, strict=True):
        rows += context.rows("accuracy", values, protocol=DROPOUT, x=share)
    return rows


def corrupted_accuracy(
    context: Context, probe: Probe, i: int, name: str, severities: tuple[int, ...] = SEVERITIES
) -> Tensor:
    """Accuracy of the i-th seed's probe on the test images at each severity of a corruption, float64 `[R]`."""
    encoder, data = context.need_encoder(), context.set
    assert context.target is not None
    test = data.splits[i].test
    images = corrupt(images_as(context.target, encoder.problem.input_shape)[test], name, context.seeds[i], severities)

    def logits(part: Tensor) -> Tensor:
        return data.standardised(encoder.take([i]).features(part)[0], i) @ probe.weight[i] + probe.bias[i]

    return accuracy(torch.stack([logits(part) for part in images]), data.labels[test])


def silenced_accuracy(context: Context, probe: Probe) -> Tensor:
    """Test accuracy with shares DROPPED of the live units at their training mean, mean over draws, float64 `[S, R]`.

    The silent units of a larger share are those of a smaller one and more.
    """
    data = context.set
    result = []
    for seed, x, y, live, weight, bias in zip(
        context.seeds, data.x("test"), data.y("test"), data.live(), probe.weight, probe.bias, strict=True
    ):
        rank = silencing_ranks(live, seed)
        counts = [round(share * int(live.sum())) for share in DROPPED]
        kept = torch.stack([(rank >= count) & live for count in counts])  # [R, draws, K]
        draws = [[accuracy(x @ (own.unsqueeze(1) * weight) + bias, y) for own in some] for some in kept]
        right = torch.tensor(draws, dtype=torch.float64)  # [R, draws]
        result.append(right.mean(1))
    return torch.stack(result)


def silencing_ranks(live: Tensor, seed: int, draws: int = DRAWS) -> Tensor:
    """When each live unit falls silent, from 0 on, int64 `[draws, K]`; a dead one, bool `live` `[K]`, comes after all.

    Depends on the seed and the width alone, but for the dead units.
    """
    scores = torch.rand(draws, len(live), generator=generator(seed, "silenced units"))
    return scores.masked_fill(~live, 2.0).argsort(dim=1, stable=True).argsort(dim=1)
