"""What a method promises."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from infomax_bench.check.promise import Skipped, hold, thorough
from infomax_bench.check.small import (
    N_IMAGES,
    ODD_SHAPE,
    PRODUCTS_A_PASS,
    SHAPE,
    Looks,
    captions_of,
    data_of,
    double_precision,
    doubled,
    fitted,
    images_of,
    labels_of,
    problem_of,
)
from infomax_bench.models.backbones import encoding_of
from infomax_bench.models.blocks import Problem
from infomax_bench.study.plugins import registry
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import Method, Role
from infomax_bench.training.session import named_terms, session_for
from infomax_bench.training.trainer import Trained

SLOW = 1e-5
"""Seconds per pixel of backbones that take minutes; another of their kind stands for them."""


def card_is_complete(method: Method) -> None:
    """The card says what the comparison table shows."""
    card = method.card
    for name in ("family", "objective", "prevents", "paper"):
        hold(bool(getattr(card, name)), f"card.{name} is empty")
    roles = get_args(Role)
    hold(card.role in roles, f"card.role is one of {', '.join(roles)}, not {card.role!r}")


def hyperparameters_are_declared(method: Method) -> None:
    """Every hyperparameter has a help text and says which values are valid; its default is one that a tuner tries."""
    for name, field in type(method).parameters().items():
        meta: Any = field.metadata
        default: Any = field.default
        hold(bool(meta.get("help")), f"{name} is not made with param(..., help=...)")
        number = isinstance(default, int | float) and not isinstance(default, bool)
        hold(
            not number or bool(meta["valid"] or meta["choices"]),
            f"{name} does not say which numbers are valid: param({default!r}, valid='[0, inf)', ...) is at least 0, "
            "'(0, 1)' between 0 and 1, '(-inf, inf)' any number; so a wrong one is refused, and not trained with",
        )
        text = f"{name} does not say which texts are valid: param({default!r}, choices=(...), ...)"
        hold(not isinstance(default, str) or bool(meta["choices"]), text)
        search: tuple[Any, ...] = meta["search"] or (default,)
        for value in search:
            type(method)(**{name: value})
        inside = search[0] <= default <= search[1] if number and len(search) == 2 else default in search
        hold(inside, f"{name}'s default {default!r} is outside its search range {search}")


def features_fit(method: Method) -> None:
    """Features are finite float32 [seeds, images, width], of square images and of odd ones in colour."""
    _fit(method, (SHAPE, ODD_SHAPE))


@thorough
def features_fit_every_data_set(method: Method) -> None:
    """They are for every data set's image shape, too."""
    found = registry(kinds=("datasets",))
    datasets = (found.dataset(name) for name in found.names("datasets"))
    _fit(method, sorted({dataset.shape for dataset in datasets if not dataset.takes}))


def _fit(method: Method, shapes: Iterable[tuple[int, int, int]]) -> None:
    for shape in shapes:
        problem = problem_of(method, shape)
        features = _encoder(method, problem, fitted(method, problem)).features(images_of(shape)[:10])
        wanted = (2, 10, problem.width)
        hold(tuple(features.shape) == wanted, f"features of {shape} images are {tuple(features.shape)}, not {wanted}")
        hold(features.dtype == torch.float32, f"features are {features.dtype}, not float32")


def same_seed_same_numbers(method: Method) -> None:
    """Two trainings under the same seeds give the same parameters, bit for bit."""
    problem = problem_of(method)
    same = _same(fitted(method, problem), fitted(method, problem))
    hold(same, "two trainings under the same seeds differ: draw only from `rng`")


def seeds_matter(method: Method) -> None:
    """Different seeds give different encoders, unless the method is the same function of its data for all of them."""
    problem = problem_of(method)
    trained = fitted(method, problem)
    encoder = _encoder(method, problem, trained)
    if encoder.n_parameters and not method.fitted():
        weights = [p for name, p in encoder.kept().items() if name.endswith("weight")]
        hold(any(not torch.equal(p[0], p[1]) for p in weights), "two seeds end with the same encoder")


def gradient_reaches_the_encoder(method: Method) -> None:
    """The loss is finite, one number a seed, and its gradient reaches the encoder and every head."""
    if not method.by_gradient():
        raise Skipped("has no loss")
    problem = problem_of(method)
    seeds = (0, 1) if method.batched else (0,)
    session = session_for(method, problem, data_of(problem, seeds), seeds, n_steps=4)
    session.advance()  # some methods fill a queue first
    batch = session.batch()
    terms = named_terms(method.loss(session.net, batch, session.state, session.rng))
    for name, term in terms.items():
        hold(bool(term.isfinite().all()), f"loss term {name!r} is not finite on random images")
    session.differentiate(terms)
    for name, p in session.net.params.items():
        hold(p.grad is not None, f"no gradient reaches {name}")
        hold(p.grad is None or bool(p.grad.isfinite().all()), f"the gradient of {name} is not finite")
    own = [p.grad for name, p in session.net.params.items() if name.startswith("encoder.") and p.grad is not None]
    reached = any(bool(grad.abs().sum() > 0) for grad in own)
    hold(reached, "the gradient of the encoder is zero everywhere")


def an_update_moves_the_encoder(method: Method) -> None:
    """An update is finite, of parameters in their shapes, and moves the encoder."""
    if method.hook() != "update":
        raise Skipped("gives no updates")
    problem = problem_of(method)
    seeds = (0, 1) if method.batched else (0,)
    session = session_for(method, problem, data_of(problem, seeds), seeds, n_steps=4)
    session.advance()
    changes = session.changes(session.batch())
    for name, change in changes.items():
        hold(bool(change.isfinite().all()), f"the update of {name} is not finite on random images")
    moved = any(name.startswith("encoder.") and bool(change.any()) for name, change in changes.items())
    hold(moved, "the update leaves the encoder as it is")


def a_fit_counts_its_passes(method: Method) -> None:
    """What is fitted to the images says how many passes it makes over them, and makes none that it is not given."""
    if not method.fitted():
        raise Skipped("the harness makes its passes")
    problem, method = problem_of(method), dataclasses.replace(method, centred=False)  # the mean is the harness's
    with Looks(problem.n_train) as looks:
        trained = fitted(method, problem)
    learns = not _same(trained, fitted(method, problem, images=images_of(problem.input_shape).flip(0)))
    said = "learns from the images and counts no pass: loop `for _ in budget`, or say budget.spend(passes)"
    hold(trained.passes > 0 or not learns, said)
    often, most = looks.often / 2, PRODUCTS_A_PASS * max(1.0, trained.passes)  # of two seeds
    said = (
        f"multiplies all images {often:.0f} times and counts {trained.passes:.3g} passes: count every one that it makes"
    )
    hold(often <= most, said)


@thorough
def every_backbone_works(method: Method) -> None:
    """On each backbone that it declares it trains to finite features of the right shape."""
    for backbone in method.backbones[1:]:
        if encoding_of(backbone).seconds_per_pixel > SLOW:
            continue
        problem = problem_of(method, backbone=backbone)
        trained = fitted(method, problem)
        hold(not any(trained.diverged), f"parameters are not finite after training a {backbone}")
        features = _encoder(method, problem, trained).features(images_of(SHAPE)[:10])
        hold(tuple(features.shape) == (2, 10, problem.width), f"features of a {backbone} are {tuple(features.shape)}")


def labels_are_not_used(method: Method) -> None:
    """A method that does not ask for labels (or captions) learns the same from shuffled ones."""
    problem = problem_of(method)
    order = torch.randperm(N_IMAGES, generator=torch.Generator().manual_seed(3))
    shuffled = fitted(method, problem, labels=labels_of()[order], captions=captions_of()[order])
    same = _same(fitted(method, problem), shuffled)
    if method.supervised():
        hold(not same, f"asks for {' and '.join(method.needs)} and does not use them")
    else:
        hold(same, "does not ask for labels, but other labels give another encoder")


def degenerate_images_stay_finite(method: Method) -> None:
    """Identical images, and images of one grey, give finite losses, parameters and features."""
    problem = problem_of(method)
    for kind in ("identical", "constant"):
        images = images_of(problem.input_shape, kind)
        trained = fitted(method, problem, images=images)
        hold(not any(trained.diverged), f"parameters are not finite after training on {kind} images")
        for name, values in trained.log.items():
            hold(bool(values.isfinite().all()), f"loss term {name!r} is not finite on {kind} images")
        features = _encoder(method, problem, trained).features(images[:4])
        hold(bool(features.isfinite().all()), f"features of {kind} images are not finite")


def alone_as_in_a_group(method: Method) -> None:
    """A seed starts the same way alone and beside others: its draws and its loss do not depend on the company.

    In float32 a few updates can make much of a last digit, so they are made in float64; a method that asks for float32
    somewhere is held to its first loss.
    """
    if method.fitted() or not method.batched:
        raise Skipped("is trained one seed after another")
    problem = problem_of(method)

    def first_losses(seeds: tuple[int, ...], n: int) -> Tensor:
        session = doubled(session_for(method, problem, data_of(problem, seeds), seeds, n_steps=4))
        return torch.stack([torch.stack(list(session.advance().values())).sum(0) for _ in range(n)])

    try:
        with double_precision():
            alone, group, rounding = first_losses((1,), 3)[:, 0], first_losses((0, 1, 2), 3)[:, 1], 1e-7
    except RuntimeError:  # torch's, for a product of both types
        alone, group, rounding = first_losses((1,), 1)[:, 0], first_losses((0, 1, 2), 1)[:, 1], 1e-4
    close = torch.allclose(alone, group, rtol=rounding, atol=rounding)
    hold(close, f"the first losses of seed 1 are {alone.tolist()} alone and {group.tolist()} beside others")


def inputs_are_left_alone(method: Method) -> None:
    """Training and encoding do not change the images they are given."""
    problem = problem_of(method)
    images = images_of(problem.input_shape)
    before = images.clone()
    _encoder(method, problem, fitted(method, problem, images=images)).features(images)
    hold(torch.equal(images, before), "the images were changed in place")


def an_encoder_survives_the_disk(method: Method) -> None:
    """A saved encoder, read back, gives the same features."""
    problem = problem_of(method)
    encoder = _encoder(method, problem, fitted(method, problem))
    images = images_of(problem.input_shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.safetensors"
        encoder.save(path)
        back = Encoder.load(path, type(method))
    hold(torch.equal(back.features(images), encoder.features(images)), "features differ after saving and loading")


def _encoder(method: Method, problem: Problem, trained: Trained, seeds: Sequence[int] = (0, 1)) -> Encoder:
    return Encoder(method, problem, trained.params, tuple(seeds), "check")


def _same(a: Trained, b: Trained) -> bool:
    return all(torch.equal(a.params[name], b.params[name]) for name in a.params)


METHOD_PROMISES: tuple[Callable[[Method], None], ...] = (
    card_is_complete,
    hyperparameters_are_declared,
    features_fit,
    features_fit_every_data_set,
    same_seed_same_numbers,
    seeds_matter,
    gradient_reaches_the_encoder,
    an_update_moves_the_encoder,
    a_fit_counts_its_passes,
    labels_are_not_used,
    degenerate_images_stay_finite,
    alone_as_in_a_group,
    inputs_are_left_alone,
    every_backbone_works,
    an_encoder_survives_the_disk,
)
