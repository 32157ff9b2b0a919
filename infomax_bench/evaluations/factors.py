"""Which factors can a linear map read from the features: the label, and what the label leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor

from infomax_bench.evaluations.context import Context, FeatureSet
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.evaluations.linear import Seed, group_means, r2, shared_seeds
from infomax_bench.evaluations.parts import LABEL, factor_codes, factor_names
from infomax_bench.evaluations.properties import PROPERTIES, properties_of


@dataclass(frozen=True)
class Variable:
    """Something that every image has a value of. codes: int64 `[N]`, from 0 on; size: how many values there are."""

    name: str
    codes: Tensor
    size: int


def variables(data: FeatureSet) -> list[Variable]:
    """The label, then every ground-truth factor but the one that the label is another name of, if there is one."""
    found = [Variable(LABEL, data.labels, data.n_classes)]
    if data.factors is None:
        return found
    codes, values = factor_codes(data.factors)
    for name, own, known in zip(factor_names(data), codes.unbind(-1), values, strict=True):
        if name != LABEL:
            found.append(Variable(name, own, len(known)))
    return found


def above_chance(train: Tensor, truth: Tensor, guess: Tensor) -> float:
    """Accuracy of a guess `[n]`, scaled so that 0 is always guessing the value most frequent in train, and 1 is right
    always; NaN if that guess is right always."""
    chance = float((truth == train.bincount().argmax()).double().mean())
    return (float((truth == guess).double().mean()) - chance) / (1 - chance) if chance < 1 else float("nan")


def decodability(seed: Seed, variable: Variable) -> float:
    """How often linear discriminants on the features tell the value of test images, above chance."""
    train, test = (variable.codes[seed.images[part]] for part in ("train", "test"))
    found = seed.classifier(variable.codes, variable.size)
    return above_chance(train, test, found(seed.x["test"]).argmax(-1))


def quantity_r2(seed: Seed, values: Tensor) -> float:
    """R^2 on test images of a ridge regression from the features to a quantity, float `[N]`."""
    found = seed.regression(lambda images: values[images].unsqueeze(1))
    return r2(values[seed.images["test"]].unsqueeze(1), found(seed.x["test"]))


def property_r2(seed: Seed, within: Seed, values: Tensor, labels: Tensor) -> float:
    """How much of what the label leaves open of a quantity, float `[N]`, the features tell: R^2 on test images of ridge
    regression between differences to the class's mean. within: the seed's, by `Seed.within`."""
    train = seed.images["train"]
    means = group_means(values[train], labels[train], int(labels.max()) + 1)
    return quantity_r2(within, values - means[labels])


R2 = Metric("r2", "share of a quantity's variance that ridge regression explains", "higher", range=(-inf, 1))


@evaluation(
    seconds=6e-6,
    of_files=True,
    metrics=[
        Metric(
            "decodability",
            "accuracy of linear discriminants for a factor, from 0 (always the commonest value) to 1",
            "higher",
            range=(-inf, 1),
            protocols=(LABEL,),
            by="factor of the data set",
            undefined="all test images have the commonest value",
        ),
        replace(R2, protocols=(), by="factor of the data set that is a quantity"),
        replace(R2.under(*PROPERTIES), name="property_r2", help="the same of what the label leaves open of a property"),
    ],
)
def factors(context: Context) -> list[Row]:
    """How well frozen features tell the label and each factor (`protocol`), linearly, on test images.

    - `decodability`: of linear discriminants, their accuracy above chance (0) and below perfection (1). A factor that
      features know nothing of scores slightly below 0 where, as in a complete grid, test images have the values that
      their like in training lack.
    - `r2`: of ridge regression to the factors that are quantities.
    - `property_r2`: of ridge regression to what the label leaves open of `properties.PROPERTIES`, from what it leaves
      open of the features.
    """
    data, seeds = context.set, shared_seeds(context)
    rows = []
    known = variables(data)
    for variable in known:
        values = torch.tensor([decodability(seed, variable) for seed in seeds])
        rows += context.rows("decodability", values, protocol=variable.name)
    if context.target is None:
        return rows
    for variable in known:
        numbers = context.target.quantities.get(variable.name)
        if numbers is not None and data.factors is not None:
            column = data.factors[:, data.factor_names.index(variable.name)]
            quantity = torch.tensor(numbers, dtype=torch.float64)[column]
            rows += context.rows("r2", torch.tensor([quantity_r2(s, quantity) for s in seeds]), protocol=variable.name)
    within = [seed.within(data.labels) for seed in seeds]
    for name, measured in zip(PROPERTIES, properties_of(context.target).unbind(1), strict=True):
        values = torch.tensor([property_r2(*pair, measured, data.labels) for pair in zip(seeds, within, strict=True)])
        rows += context.rows("property_r2", values, protocol=name)
    return rows
