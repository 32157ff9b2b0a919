"""`infomax-bench check`: does a plug-in keep the promises that the harness relies on?

Every promise is a function that raises Broken with what it saw. The same promises are tested for all built-in plug-ins.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import torch
from torch import Tensor

from infomax_bench.base.console import say
from infomax_bench.base.errors import NotApplicable, UserError, unknown
from infomax_bench.base.streams import Rng
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Dataset, Split, load, split
from infomax_bench.data.dataset import captions_of as captions_of_dataset
from infomax_bench.evaluations import EVALUATIONS, PAIRWISE
from infomax_bench.models.blocks import Problem
from infomax_bench.run.results import COLUMNS
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import Plugin, Registry, load_file, registry
from infomax_bench.study.suite import Suite
from infomax_bench.training.data import Data
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.method import Method, Role
from infomax_bench.training.session import Session, named_terms, session_for
from infomax_bench.training.trainer import Trained, train

WIDTH = 6
BATCH = 16
N_IMAGES = 780
"""More than a small queue or a few clusters need, so that no promise is out of reach."""
N_CLASSES = 4
EPOCHS = 1
SHAPE = (1, 8, 8)
ODD_SHAPE = (3, 12, 16)
LAYERED = ("stack", "mlp", "vit")
"""Backbones whose depth is a parameter."""


class Broken(AssertionError):
    """A promise that a plug-in does not keep, and what was seen instead."""


class Skipped(Exception):
    """A promise that does not concern this plug-in, and why."""


def hold(condition: bool, message: str) -> None:
    """Raises Broken unless `condition` holds."""
    if not condition:
        raise Broken(message)


# -- a small problem -----------------------------------------------------------------------------------------


def images_of(shape: tuple[int, int, int], kind: str = "varied") -> Tensor:
    """A few uint8 images of a shape: varied, all identical, or each constant."""
    rng = torch.Generator().manual_seed(1)
    varied = torch.randint(0, 256, (N_IMAGES, *shape), generator=rng, dtype=torch.uint8)
    if kind == "identical":
        return varied[:1].expand(N_IMAGES, *shape).contiguous()
    return torch.full_like(varied, 128) if kind == "constant" else varied


def labels_of() -> Tensor:
    return torch.arange(N_IMAGES) % N_CLASSES


def captions_of() -> Tensor:
    """Two words that all captions share and one that says the class; the first class's has a word less."""
    words = torch.tensor([[1, 2, 3 + label] if label else [1, 3, 0] for label in range(N_CLASSES)])
    return words[labels_of()]


def _splits(seeds: Sequence[int]) -> list[Split]:
    test = torch.arange(N_IMAGES) >= N_IMAGES - 20
    return [split(test, seed) for seed in seeds]


def problem_of(method: Method, shape: tuple[int, int, int] = SHAPE, width: int = WIDTH, backbone: str = "") -> Problem:
    """A small problem for the method, on the first of its backbones unless told otherwise."""
    backbone = backbone or method.backbones[0]
    n = len(_splits([0])[0].train)
    depth, words = (2 if backbone in LAYERED else 1), captions_of()
    asked = Problem(shape, width, N_CLASSES, n, BATCH, backbone, depth, (), int(words.max()) + 1, words.shape[1])
    problem = replace(asked, width=method.width(asked))
    reason = method.unavailable(problem)
    if reason:
        raise Skipped(f"declared as not available on a small problem: {reason}")
    return problem


def fitted(method: Method, problem: Problem, seeds: Sequence[int] = (0, 1), **changes: Any) -> Trained:
    """The method trained on the small problem."""
    return train(method, problem, data_of(problem, seeds, **changes), seeds, EPOCHS)


def data_of(problem: Problem, seeds: Sequence[int], **changes: Any) -> Data:
    """Random images, of which 12 are held out."""
    augmentation = Augmentation(shift=0.1, noise=0.02)
    data = Data(images_of(problem.input_shape), labels_of(), _splits(seeds), augmentation, captions_of())
    return replace(data, **changes)


def _encoder(method: Method, problem: Problem, trained: Trained, seeds: Sequence[int] = (0, 1)) -> Encoder:
    return Encoder(method, problem, trained.params, tuple(seeds), "check")


def _same(a: Trained, b: Trained) -> bool:
    return all(torch.equal(a.params[name], b.params[name]) for name in a.params)


# -- what a method promises ----------------------------------------------------------------------------------


def card_is_complete(method: Method) -> None:
    """The card says what the comparison table shows."""
    card = method.card
    for name in ("family", "objective", "prevents", "paper"):
        hold(bool(getattr(card, name)), f"card.{name} is empty")
    roles = get_args(Role)
    hold(card.role in roles, f"card.role is one of {', '.join(roles)}, not {card.role!r}")


def hyperparameters_are_declared(method: Method) -> None:
    """Every hyperparameter has a help text, and its default lies in its own search range."""
    for name, field in type(method).parameters().items():
        meta = field.metadata
        hold(bool(meta.get("help")), f"{name} is not made with param(..., help=...)")
        search, choices = meta["search"], meta["choices"]
        if search and not choices and isinstance(field.default, float):
            hold(search[0] <= field.default <= search[1], f"{name}'s default {field.default} is outside {search}")
        if choices:
            hold(field.default in choices, f"{name}'s default {field.default!r} is not one of its choices")


def features_fit_every_shape(method: Method) -> None:
    """Features are finite float32 [seeds, images, width] for every data set's image shape, and for an odd one."""
    found = registry()
    datasets = (found.dataset(name) for name in found.names("datasets"))
    for shape in sorted({ODD_SHAPE, *(dataset.shape for dataset in datasets if not dataset.takes)}):
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
    if encoder.n_parameters and method.by_gradient():
        weights = [p for name, p in encoder.kept().items() if name.endswith("weight")]
        hold(any(not torch.equal(p[0], p[1]) for p in weights), "two seeds end with the same encoder")


def gradient_reaches_the_encoder(method: Method) -> None:
    """The loss is finite, one number a seed, and its gradient reaches the encoder and every head."""
    if not method.by_gradient():
        raise Skipped("has no gradient")
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


def every_backbone_works(method: Method) -> None:
    """On each backbone that it declares it trains to finite features of the right shape."""
    for backbone in method.backbones[1:]:
        if backbone == "resnet18":  # as the small convolutional net, and a hundred times its time
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
    if not method.by_gradient() or not method.batched:
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


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """Trains in float64 within: what rounding does to a few updates then stays far below what a mistake does."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def doubled(session: Session) -> Session:
    """The session, with its state in torch's default type whatever a method made it of."""
    kind = torch.get_default_dtype()
    session.state = {name: v.to(kind) if v.is_floating_point() else v for name, v in session.state.items()}
    return session


def inputs_are_left_alone(method: Method) -> None:
    """Training and encoding do not change the images they are given."""
    problem = problem_of(method)
    images = images_of(problem.input_shape)
    before = images.clone()
    _encoder(method, problem, fitted(method, problem, images=images)).features(images)
    hold(torch.equal(images, before), "the images were changed in place")


def an_encoder_survives_the_disk(method: Method, folder: Path) -> None:
    """A saved encoder, read back, gives the same features."""
    problem = problem_of(method)
    encoder = _encoder(method, problem, fitted(method, problem))
    path = folder / "encoder.safetensors"
    encoder.save(path)
    images = images_of(problem.input_shape)
    back = Encoder.load(path, type(method))
    hold(torch.equal(back.features(images), encoder.features(images)), "features differ after saving and loading")


METHOD_PROMISES: tuple[Callable[[Method], None], ...] = (
    card_is_complete, hyperparameters_are_declared, features_fit_every_shape, same_seed_same_numbers, seeds_matter,
    gradient_reaches_the_encoder, labels_are_not_used, degenerate_images_stay_finite, alone_as_in_a_group,
    inputs_are_left_alone, every_backbone_works,
)  # fmt: skip


# -- what a data set promises --------------------------------------------------------------------------------


def declaration_matches_images(dataset: Dataset) -> None:
    """Shape, counts, classes and factors are what was declared without loading."""
    data = load(dataset)
    n = len(data.images)
    shape = tuple(data.images.shape[1:])
    hold(shape == tuple(dataset.shape), f"images are {shape}, not {dataset.shape}")
    hold(int(data.test.sum()) == dataset.n_test, f"{int(data.test.sum())} test images, not {dataset.n_test}")
    hold(n - dataset.n_test == dataset.n_rest, f"{n - dataset.n_test} other images, not {dataset.n_rest}")
    classes = data.labels.unique().tolist()
    hold(classes == list(range(dataset.n_classes)), f"labels are {classes}, not 0 to {dataset.n_classes - 1}")
    n_factors = 0 if data.factors is None else data.factors.shape[1]
    hold(n_factors == len(dataset.factor_names), f"{n_factors} factors for {len(dataset.factor_names)} names")


def captions_are_written(dataset: Dataset) -> None:
    """Every image has a caption, made of the vocabulary and of no more words than declared without loading."""
    try:
        ids = captions_of_dataset(dataset)
    except (ValueError, LookupError) as error:
        raise Broken(f"captions cannot be written: {type(error).__name__}: {error}") from error
    n = len(load(dataset).images)
    hold(len(ids) == n, f"{len(ids)} captions for {n} images")
    hold(bool(ids.any(1).all()), "a caption has no words")


def loading_is_deterministic(dataset: Dataset) -> None:
    """Loading twice gives the same images, labels and test part; the fingerprint stays."""
    a, b = dataset.load(), type(dataset)(dataset.argument).load()
    same = torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and torch.equal(a.test, b.test)
    hold(same, "two loads differ")
    hold(dataset.fingerprint() == type(dataset)(dataset.argument).fingerprint(), "two fingerprints differ")


def augmentation_keeps_images(dataset: Dataset) -> None:
    """Augmented images keep their shape and range, and are not what they were."""
    images = load(dataset).images[:32].float() / 255
    changed = dataset.augmentation(images, Rng.of([0], "check", stacked=False))
    hold(changed.shape == images.shape, f"augmented images are {tuple(changed.shape)}, not {tuple(images.shape)}")
    hold(bool(changed.isfinite().all() and changed.min() >= 0 and changed.max() <= 1), "augmented images leave [0, 1]")
    hold(not torch.equal(changed, images), "the augmentation changes nothing, so two views are the same image")


DATASET_PROMISES: tuple[Callable[[Dataset], None], ...] = (
    declaration_matches_images, captions_are_written, loading_is_deterministic, augmentation_keeps_images,
)  # fmt: skip


# -- what a benchmark promises -------------------------------------------------------------------------------


def docstring_states_claim_and_rule(benchmark: Benchmark) -> None:
    """The docstring has a claim and a rule, written before any result exists."""
    for name in ("Claim", "Rule"):
        hold(bool(benchmark.paragraph(name)), f"the docstring has no paragraph beginning with '{name}:'")
    hold(bool(benchmark.title), "title is empty")


def grid_is_made_of_known_evaluations(benchmark: Benchmark) -> None:
    """The grid asks for evaluations that exist, and what is compared is among them."""
    suite = Suite("check", ("a", "b"), ("x", "y"), {"x": 1, "y": 1}, 8, (4, 8), (0,), 16, "a")
    asked = {request.evaluation for _, request in benchmark.grid(suite)}
    for name in sorted(asked):
        hold(name in EVALUATIONS, f"asks for {name!r}, which is no evaluation")
    if benchmark.compares:
        hold(benchmark.compares in PAIRWISE, f"compares {benchmark.compares!r}, which is no comparison")
        hold(PAIRWISE[benchmark.compares].of in asked, f"does not ask for {PAIRWISE[benchmark.compares].of!r}")


def no_rows_no_verdict(benchmark: Benchmark) -> None:
    """Without results there are verdicts of nothing but "inconclusive", and no crash."""
    rows = pd.DataFrame(columns=list(COLUMNS))
    for verdict in benchmark.verdicts(rows, Claims("a", "check", {"a": "this work", "b": "prior art"}, False)):
        hold(verdict.verdict == "inconclusive", f"{verdict.title!r} is {verdict.verdict} without any result")


BENCHMARK_PROMISES: tuple[Callable[[Benchmark], None], ...] = (
    docstring_states_claim_and_rule, grid_is_made_of_known_evaluations, no_rows_no_verdict,
)  # fmt: skip


# -- the command ---------------------------------------------------------------------------------------------


def promises(plugin: Plugin, found: Registry, folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """What the plug-in promises, in words, and the test of it. folder: for files that a test writes."""
    if plugin.kind == "methods":
        method = found.method(plugin.name)
        for about_method in METHOD_PROMISES:
            yield _words(about_method), partial(about_method, method)
        yield _words(an_encoder_survives_the_disk), partial(an_encoder_survives_the_disk, method, folder)
    elif plugin.kind == "datasets":
        for about_dataset in DATASET_PROMISES:
            yield _words(about_dataset), partial(about_dataset, found.dataset(plugin.name))
    else:
        for about_benchmark in BENCHMARK_PROMISES:
            yield _words(about_benchmark), partial(about_benchmark, found.benchmark(plugin.name))


def _words(promise: Callable[..., None]) -> str:
    return re.sub(r"\s+", " ", inspect.getdoc(promise) or promise.__name__)


def _find(name: str, folders: Sequence[str]) -> tuple[list[Plugin], Registry]:
    """The plug-in of that name, or the ones that a file defines (its variants too)."""
    path = Path(name)
    if path.suffix != ".py":
        found = registry(folders)
        for kind in found.plugins:
            if name.split(":")[0] in found.plugins[kind]:
                return [found.get(kind, name)], found
        if name in found.broken:
            raise UserError(f"{name!r} does not load: {found.broken[name]}")
        raise unknown("plug-in", name, [n for kind in found.plugins for n in found.plugins[kind]])
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        kind, *_ = load_file(path)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} does not load: {type(error).__name__}: {error}") from None
    found = registry([*folders, str(path)])
    own = [p for p in found.plugins[kind].values() if Path(p.path).resolve() == path.resolve()]
    if not own:
        raise UserError(f"{path} does not load: {found.broken.get(path.stem, 'it defines no plug-in')}")
    return own, found


def check(name: str, folders: Sequence[str] = ()) -> int:
    """Tests every promise of a plug-in (by name or file), prints a line for each, and returns the exit status."""
    plugins, found = _find(name, folders)
    broken = 0
    for plugin in plugins:
        say(f"{plugin.name} ({plugin.kind.rstrip('s')}, {plugin.path})")
        with tempfile.TemporaryDirectory() as folder:
            for words, test in promises(plugin, found, Path(folder)):
                try:
                    test()
                    say(f"  ok      {words}")
                except (Skipped, NotApplicable) as declared:
                    say(f"  -       {words} [{declared}]")
                except UserError:
                    raise
                except (Exception, SystemExit) as error:
                    broken += 1
                    reason = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
                    say(f"  BROKEN  {words}\n          {reason}")
    say(f"{broken} broken" if broken else "all promises kept")
    return 1 if broken else 0
