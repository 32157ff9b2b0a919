"""What a backbone promises."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from infomax_bench.base.streams import Rng
from infomax_bench.check.promise import hold, thorough
from infomax_bench.check.small import BATCH, ODD_SHAPE, SHAPE, WIDTH, data_of, images_of, problem_of
from infomax_bench.models.backbones import Plain, decoder
from infomax_bench.models.blocks import Block, Net, Problem, init_params
from infomax_bench.models.encoder import Encoding
from infomax_bench.run.engine import one_job
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import Batch, Method
from infomax_bench.training.trainer import Trained, train

SEEDS, EPOCHS = (0, 1), 3


class Reconstruction(Method):
    """An autoencoder."""

    name = "reconstruction"

    def heads(self, problem: Problem) -> dict[str, Block]:
        return {"decoder": decoder(problem)}

    def loss(self, net: Net, batch: Batch, state: dict[str, Tensor], rng: Rng) -> Tensor:
        error: Tensor = net.decoder(net.encoder(batch.images)) - batch.x
        return error.square().sum(-1).mean(-1)


def _problem(encoding: type[Encoding], shape: tuple[int, int, int] = SHAPE) -> Problem:
    return problem_of(Reconstruction.build({}), shape, backbone=encoding.name)


def _trained(encoding: type[Encoding], epochs: int, most: int | None = None) -> Trained:
    """On `most` images of each seed."""
    problem = _problem(encoding)
    data = data_of(problem, SEEDS)
    if most is not None:
        problem = replace(problem, n_train=most)  # which says how many updates there are
        data = replace(data, splits=[replace(own, train=own.train[:most]) for own in data.splits])
    with one_job():
        return train(Reconstruction.build({}), problem, data, SEEDS, epochs)


def features_fit_every_shape(encoding: type[Encoding]) -> None:
    """Features are finite [seeds, images, width] for square and odd images, of a seed the same alone and in a group."""
    for shape in (SHAPE, ODD_SHAPE):
        block = encoding(_problem(encoding, shape), Plain())
        params = {name.removeprefix("encoder."): p for name, p in init_params({"encoder": block}, SEEDS).items()}
        images = images_of(shape)[:5].float() / 255
        both = block(params, images.expand(len(SEEDS), *images.shape))
        hold(tuple(both.shape) == (2, 5, WIDTH), f"features of {shape} images are {tuple(both.shape)}")
        hold(bool(both.isfinite().all()), f"features of {shape} images are not finite")
        alone = block({name: p[1] for name, p in params.items()}, images)
        hold(torch.allclose(alone, both[1], rtol=1e-4, atol=1e-5), "a seed has other features alone than in a group")
        trunk = block.trunk(params, images.expand(len(SEEDS), *images.shape))
        hold(trunk.shape[-1] == block.trunk_size, f"trunk_size is {block.trunk_size}, and the trunk {trunk.shape[-1]}")


def seeds_decide_the_start(encoding: type[Encoding]) -> None:
    """The same seed starts the same, whoever is beside it, and another one otherwise."""
    block = encoding(_problem(encoding), Plain())
    both, alone = (init_params({"encoder": block}, seeds) for seeds in (SEEDS, SEEDS[1:]))
    hold(all(torch.equal(both[name][1], p[0]) for name, p in alone.items()), "a seed starts otherwise alone")
    hold(any(not torch.equal(p[0], p[1]) for p in both.values()), "two seeds start alike")


@thorough
def it_trains(encoding: type[Encoding]) -> None:
    """Trained as an autoencoder its loss falls, every parameter stays finite, and twice is the same bit for bit."""
    trained = _trained(encoding, EPOCHS)
    hold(not any(trained.diverged), "parameters are not finite after training")
    for name, values in trained.log.items():
        falls = encoding.greedy or bool((values[:, -1] < values[:, 0]).all())
        hold(falls, f"{name} does not fall in training")
    again = _trained(encoding, EPOCHS)
    same = all(torch.equal(p, again.params[name]) for name, p in trained.params.items())
    hold(same, "two trainings under the same seeds differ")


def frozen_is_what_was_trained(encoding: type[Encoding]) -> None:
    """Frozen features are finite, do not depend on which images are beside one, and survive the disk."""
    method, trained, images = Reconstruction.build({}), _trained(encoding, 1, 4 * BATCH), images_of(SHAPE)[:20]
    encoder = Encoder(method, _problem(encoding), trained.params, SEEDS, "check")
    features = encoder.features(images)
    hold(bool(features.isfinite().all()), "features of the frozen encoder are not finite")
    few = encoder.features(images[:3])
    hold(torch.allclose(few, features[:, :3], rtol=1e-4, atol=1e-5), "an image's features depend on those beside it")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.safetensors"
        encoder.save(path)
        back = Encoder.load(path, Reconstruction).features(images)
    hold(torch.equal(back, features), "features differ after saving and loading")


BACKBONE_PROMISES: tuple[Callable[[type[Encoding]], None], ...] = (
    features_fit_every_shape,
    seeds_decide_the_start,
    it_trains,
    frozen_is_what_was_trained,
)
