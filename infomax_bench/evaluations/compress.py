"""Compression of whole networks: how many of their weights, or units, can go when labels train them end to end?

**Network.** The pretrained encoder and a linear classifier on it are first trained on the labels, all parameters
together. An encoder that was trained on labels is one like any other: for it, this is more of the same.

**Weights.** The encoder's weights of least magnitude become 0, in one step. Either they are of least magnitude in the
whole encoder ("global": one threshold for all layers), or each layer loses the same share ("by layer"): the scale of a
layer may be arbitrary, and one of small scale would go as a whole. Biases, gains and the classifier stay.

**Units.** Every layer of the encoder loses the same share of its units (of channels, in each group that is normalised
together), those with the smallest norm of incoming weights ("incoming"), or of paths through them ("path", which does
not depend on the units' scale). What is left is a smaller network, exactly. Some units always stay (`slim.kept_units`).

**Fine-tuned** networks are then trained again, with the removed weights held at zero; and so, for as long, is the whole
one that they are compared with.

**Which of the two ways** is decided by validation images before any further training, for each share and seed. Test
images choose nothing.

**Prunable fraction** is as for features (`curves.py`): the share of all removals that cost at most a point of test
accuracy. `chosen_fraction` is the largest that validation images tolerate, and `chosen_loss` what it costs on test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.curves import PRUNABLE, prunable_fraction, tolerable
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.finetune import Tuning
from infomax_bench.evaluations.probe import ACCURACY, VALIDATION_ACCURACY
from infomax_bench.evaluations.thresholds import COMPRESSED, PRUNED, SHARES, TUNED
from infomax_bench.models.blocks import Params
from infomax_bench.models.encoder import Layer
from infomax_bench.models.slim import (
    incoming_norm,
    kept_units,
    layers_in_turn,
    masked,
    path_norm,
    removed_share,
    smallest,
    with_units,
)

READER = "classifier.weight"
WAYS = {"weights": ("global", "by layer"), "units": ("incoming", "path")}
"""Of each kind of compression, how what goes is chosen."""


@dataclass(frozen=True)
class Candidate:
    """A compressed network: what trains and judges it, its parameters, and the masks that are to be held."""

    tuning: Tuning
    params: Params
    masks: Params | None = None

    def accuracies(self, parts: Sequence[str]) -> Tensor:
        """Accuracy on each of the parts, `[P, S]`."""
        return torch.stack([self.tuning.accuracy(self.params, part) for part in parts])

    def trained(self, epochs: int) -> Candidate:
        return replace(self, params=self.tuning(self.params, epochs, self.masks))


def without_weights(tuning: Tuning, whole: Params, layers: Sequence[Layer], share: float) -> dict[str, Candidate]:
    """Both ways of removing weights."""
    weights = {layer.weight: whole[layer.weight] for layer in layers}
    masks = {way: smallest(weights, share, across=way == "global") for way in WAYS["weights"]}
    return {way: Candidate(tuning, masked(whole, own), own) for way, own in masks.items()}


def without_units(
    tuning: Tuning, whole: Params, layers: Sequence[Layer], share: float
) -> tuple[float, dict[str, Candidate]]:
    """Both ways of removing units, and the share of all of them that is gone."""
    found, gone = {}, 0.0
    for way, norm in zip(WAYS["units"], (incoming_norm, path_norm), strict=True):
        scores = norm(whole, layers, READER)
        kept = kept_units(scores, layers, share)
        params, problem = with_units(whole, tuning.problem, layers, READER, kept)
        found[way] = Candidate(replace(tuning, problem=problem), params)
        gone = removed_share(kept, scores)
    return gone, found


def preferred(found: dict[str, Candidate], accuracies: dict[str, Tensor]) -> tuple[Candidate, Tensor]:
    """Each seed's own choice of the candidates, the one of the highest accuracy on the last part, as one candidate;
    and its accuracies. accuracies: `[P, S]` of each."""
    candidates = list(found.values())
    all_of = torch.stack([accuracies[way] for way in found])
    choice = all_of[:, -1].argmax(0)  # the first, of equals

    def own(parts: Sequence[Params]) -> Params:
        return {name: torch.stack([parts[c][name][i] for i, c in enumerate(choice)]) for name in parts[0]}

    masks = own([c.masks for c in candidates if c.masks is not None]) if candidates[0].masks is not None else None
    one = replace(candidates[0], params=own([c.params for c in candidates]), masks=masks)
    return one, all_of[choice, :, torch.arange(len(choice))].T


JUDGED = tuple(f"{kind}/{end}" for kind in COMPRESSED for end in (PRUNED, TUNED))
CURVES = (*JUDGED, *(f"{kind}/{way}" for kind in COMPRESSED for way in WAYS[kind]))


@evaluation(
    seconds=2e-5,
    trainings=3.5,
    metrics=[
        ACCURACY.under(*CURVES, x="share of all weights, or units, that is gone", at=(0.0, *SHARES)),
        VALIDATION_ACCURACY.under(*CURVES, x="share of all weights, or units, that is gone", at=(0.0, *SHARES)),
        PRUNABLE.under(*JUDGED),
        Metric("chosen_fraction", "largest share that validation images tolerate", "higher", "", (0, 1), JUDGED),
        Metric("chosen_loss", "test accuracy that it costs", "lower", range=(-1, 1), protocols=JUDGED),
    ],
)
def compress(
    context: Context,
    epochs: int = 20,
    again: int = 5,
    levels: Sequence[float] = SHARES,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
) -> list[Row]:
    """Test and validation accuracy of networks without some of their weights, or units.

    epochs: of training the whole network on labels; again: of training what is left of it. levels: the shares that are
    removed; `x` is the share of all weights, or units, that really went. Protocols are "weights/..." and "units/...":
    one of the two ways; "pruned", the way that was preferred; "fine-tuned", this trained again.

    Raises NotApplicable for encoders whose layers do not follow each other.
    """
    layers = layers_in_turn(context.need_encoder().problem)
    tuning = Tuning.of(context, batch_size, learning_rate=learning_rate, schedule="cosine")
    parts = ("test", "validation") if context.validation else ("test",)
    whole = Candidate(tuning, tuning(context.need_encoder().kept(), epochs))
    before, after = whole.accuracies(parts), whole.trained(again).accuracies(parts)

    def some(kind: str, share: float) -> tuple[float, dict[str, Candidate]]:
        if kind == "units":
            return without_units(tuning, whole.params, layers, share)
        return share, without_weights(tuning, whole.params, layers, share)

    rows: list[Row] = []
    for kind in COMPRESSED:
        curves = {f"{kind}/{PRUNED}": {0.0: before}, f"{kind}/{TUNED}": {0.0: after}}
        for share in sorted(levels):
            gone, found = some(kind, share)
            if gone in curves[f"{kind}/{PRUNED}"]:  # so few units that both shares round to one number
                continue
            single = {way: one.accuracies(parts) for way, one in found.items()}
            for way, accuracies in single.items():
                curves.setdefault(f"{kind}/{way}", {})[gone] = accuracies
            best, curves[f"{kind}/{PRUNED}"][gone] = preferred(found, single)
            curves[f"{kind}/{TUNED}"][gone] = best.trained(again).accuracies(parts)
        for protocol, curve in curves.items():
            rows += _rows_of(context, protocol, curve)
    return rows


def _rows_of(context: Context, protocol: str, curve: dict[float, Tensor]) -> list[Row]:
    """Rows of accuracies `[P, S]` by the share that is gone, and of what the curve says as a whole."""
    rows: list[Row] = []
    for gone, accuracies in curve.items():
        for metric, values in zip(("accuracy", "validation_accuracy"), accuracies, strict=False):
            rows += context.rows(metric, values, protocol=protocol, x=gone)
    if 0.0 not in curve:
        return rows
    fraction = torch.tensor(list(curve), dtype=torch.float64)
    by_part = torch.stack(list(curve.values()), dim=-1)  # [P, S, R]
    values = torch.tensor([prunable_fraction(own, fraction) for own in by_part[0]])
    rows += context.rows("prunable_fraction", values, protocol=protocol)
    if context.validation:
        chosen = torch.tensor([int(tolerable(own).nonzero()[-1]) for own in by_part[1]])
        seeds = torch.arange(len(chosen))
        rows += context.rows("chosen_fraction", fraction[chosen], protocol=protocol)
        rows += context.rows("chosen_loss", by_part[0, :, 0] - by_part[0, seeds, chosen], protocol=protocol)
    return rows
