"""Captions: how they are written, how they reach a loss, the text tower, and the objective that matches them."""

import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from infomax_bench import Batch, Problem, TextEncoder
from infomax_bench.base.streams import generator
from infomax_bench.check.datasets import captions_are_written
from infomax_bench.check.promise import Broken
from infomax_bench.data.dataset import Dataset, Images, captions_of, load, split, word_ids
from infomax_bench.models.blocks import init_params
from infomax_bench.study.cell import Cell
from infomax_bench.study.plan import problem_for
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data, data_for
from infomax_bench.training.frozen import Encoder, _checksum
from infomax_bench.training.session import session_for
from infomax_bench.training.trainer import train

REGISTRY = registry()
SEEDS, B, P = 3, 12, 5


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def written(dataset: Dataset) -> list[str]:
    return dataset.captions(load(dataset))


def words(ids: torch.Tensor, dataset: Dataset) -> str:
    """A row of word ids as text."""
    return " ".join(dataset.vocabulary[i - 1] for i in ids.tolist() if i)


# -- how captions are written ---------------------------------------------------------------------------------


def test_a_caption_names_the_class():
    digits = REGISTRY.dataset("digits")
    labels = load(digits).labels
    captions = written(digits)
    assert captions[:3] == ["a picture of a 0", "a picture of a 1", "a picture of a 2"]  # as scikit-learn orders them
    assert all(caption == f"a picture of a {label}" for caption, label in zip(captions, labels.tolist(), strict=True))


def test_sprites_are_described_by_all_their_factors():
    """The first image is at the first value of every factor; the last at the last. No two captions are the same."""
    sprites = REGISTRY.dataset("sprites")
    captions = written(sprites)
    assert captions[0] == "a picture of a small heart pointing up in row 1 and column 1"
    assert captions[-1] == "a picture of a large key pointing up-right in row 14 and column 14"
    assert captions[1] == "a picture of a small heart pointing up in row 2 and column 1"  # y varies fastest
    assert len(set(captions)) == len(captions)


def test_the_words_for_sprites_are_true_of_the_images():
    """Rows count from the top, columns from the left, and an arrow has most of its figure where it points."""
    sprites = REGISTRY.dataset("sprites")
    images = dict(zip(written(sprites), load(sprites).images[:, 0].double(), strict=True))

    def centre(caption: str) -> tuple[float, float]:
        image = images[f"a picture of a large arrow {caption}"]
        y, x = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
        return float((image * y).sum() / image.sum()), float((image * x).sum() / image.sum())

    assert centre("pointing up in row 1 and column 7")[0] < centre("pointing up in row 14 and column 7")[0] - 12
    assert centre("pointing up in row 7 and column 1")[1] < centre("pointing up in row 7 and column 14")[1] - 12
    for direction, (down, right) in {"up": (-1, 0), "left": (0, -1), "down": (1, 0), "down-right": (1, 1)}.items():
        y, x = centre(f"pointing {direction} in row 7 and column 7")
        middle_y, middle_x = (
            np.add(centre("pointing up in row 7 and column 7"), centre("pointing down in row 7 and column 7")) / 2
        )
        assert (np.sign(np.round([y - middle_y, x - middle_x], 2)) == (down, right)).all(), direction


def test_a_folders_captions_are_its_names_and_shorter_ones_are_padded(tmp_path):
    for name in ("ankle boot", "shoe", "shoe of {class}"):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.fromarray(np.full((6, 6), 40 * i, np.uint8)).save(tmp_path / name / f"{i}.png")
    dataset = REGISTRY.dataset(f"folder:{tmp_path}")
    assert dataset.vocabulary == ("a", "ankle", "boot", "of", "picture", "shoe", "{class}")
    assert dataset.caption_length == 7
    assert written(dataset)[::5] == [
        "a picture of a ankle boot",
        "a picture of a shoe",
        "a picture of a shoe of {class}",
    ]
    ids = captions_of(dataset)
    assert ids.dtype == torch.int64
    assert ids[::5].tolist() == [[1, 5, 4, 1, 2, 3, 0], [1, 5, 4, 1, 6, 0, 0], [1, 5, 4, 1, 6, 4, 7]]
    captions_are_written(dataset)


@pytest.mark.parametrize("name", ["digits", "sprites"])
def test_word_ids_can_be_read_back(name):
    dataset = REGISTRY.dataset(name)
    ids, captions = captions_of(dataset), written(dataset)
    assert dataset.vocabulary == tuple(sorted(set(dataset.vocabulary)))
    assert ids.shape == (len(captions), dataset.caption_length)
    assert int(ids.max()) == len(dataset.vocabulary)
    for i in range(0, len(captions), 97):
        assert words(ids[i], dataset) == captions[i]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=4).map(" ".join), min_size=1, max_size=6))
def test_any_caption_can_be_read_back_and_only_ends_in_padding(captions):
    ids = word_ids(captions, "abcde", 4)
    assert [" ".join("abcde"[i - 1] for i in row if i) for row in ids.tolist()] == captions
    assert not ((ids[:, :-1] == 0) & (ids[:, 1:] != 0)).any()


@pytest.mark.parametrize(("caption", "reason"), [("a c", "'c' is not in the vocabulary"), ("a a a", "more than 2")])
def test_captions_that_break_what_was_declared_are_found_out(caption, reason):
    with pytest.raises(ValueError, match=reason):
        word_ids(["a b", caption], ["a", "b"], 2)


class Strange(Dataset):
    """Two classes and a factor, described by a phrase that the test chooses."""

    shape, class_names, n_rest, n_test = (1, 2, 2), ("cat", "dog"), 3, 1
    factor_names = ("size",)
    factor_words = {"size": ("very big", "small")}

    def load(self) -> Images:
        pixels = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
        return Images(pixels, torch.tensor([0, 1, 0, 1]), torch.arange(4) > 2, torch.tensor([[0], [0], [1], [1]]))


def test_a_factors_words_stand_where_the_phrase_names_it():
    kind = type("Sized", (Strange,), {"caption": "one {size} {class}"})
    assert written(kind()) == ["one very big cat", "one very big dog", "one small cat", "one small dog"]
    assert kind().caption_length == 4
    captions_are_written(kind())


def test_a_phrase_that_names_no_factor_is_a_broken_promise():
    with pytest.raises(Broken, match="colour"):
        captions_are_written(type("Typo", (Strange,), {"caption": "a {colour} {class}"})())


# -- how they reach a loss ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in REGISTRY.names("datasets") if not REGISTRY.dataset(n).takes])
def test_a_problem_says_what_a_text_tower_needs_without_loading(name, monkeypatch):
    monkeypatch.setattr(type(REGISTRY.dataset(name)), "load", lambda self: pytest.fail("was loaded"))
    dataset = REGISTRY.dataset(name)
    problem = problem_for(Cell("clip", name, 8, 1, 50), dataset)
    assert problem.vocabulary == len(dataset.vocabulary) + 1
    assert problem.caption_length == dataset.caption_length > 0


def digits_session(method: str, seeds=(4, 7), stacked_batch: int = 20):
    dataset = REGISTRY.dataset("digits")
    problem = problem_for(Cell(method, "digits", 8, 1, stacked_batch), dataset)
    built = REGISTRY.method(method)
    return session_for(built, problem, data_for(dataset, problem, seeds, needs=built.needs), seeds, 4), dataset


def test_every_seed_gets_the_captions_of_its_own_images():
    session, dataset = digits_session("clip")
    batch = session.batch()
    assert batch.captions.shape == (2, 20, dataset.caption_length)
    assert batch.captions.dtype == torch.int64
    assert batch.labels is None
    pixels = {tuple(image.flatten().tolist()): i for i, image in enumerate(load(dataset).images)}
    for images, captions in zip(batch.images, batch.captions, strict=True):
        for image, caption in zip((images * 255).round().to(torch.uint8), captions, strict=True):
            label = load(dataset).labels[pixels[tuple(image.flatten().tolist())]]
            assert words(caption, dataset) == f"a picture of a {label}"


def test_captions_are_only_there_for_a_method_that_asks():
    session, _ = digits_session("supervised")
    assert session.data.captions is None
    assert session.batch().captions is None
    assert REGISTRY.method("clip").supervised()


def test_an_encoder_of_captions_survives_the_disk_and_so_does_one_from_before_there_were_any(tmp_path):
    problem = Problem((1, 8, 8), 4, 10, 100, 10, vocabulary=7, caption_length=3)
    method = REGISTRY.method("random_features")
    params = train(method, problem, problem_data(problem), (0,), 1).params
    path = tmp_path / "encoder"
    Encoder(method, problem, params, (0,), "x").save(path)
    assert Encoder.load(path, type(method)).problem == problem
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    del about["problem"]["vocabulary"], about["problem"]["caption_length"], about["format"], about["key"]
    save_file(params, path, {"about": json.dumps({**about, "sha256": _checksum(params)})})
    assert Encoder.load(path, type(method)).problem == dataclasses.replace(problem, vocabulary=0, caption_length=0)


# -- the text tower -------------------------------------------------------------------------------------------

TOWER = TextEncoder(vocabulary=9, length=6, width=16, depth=2)


def some_captions(*lead: int, seed: int = 0) -> torch.Tensor:
    """Captions of one to four words, so that there is room after each."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, TOWER.vocabulary, (*lead, TOWER.length), generator=g)
    return ids * (torch.arange(TOWER.length) < torch.randint(1, 5, (*lead, 1), generator=g))


def tower_params(seeds) -> dict[str, torch.Tensor]:
    """Stacked, with embeddings large enough to matter."""
    params = init_params({"text": TOWER}, seeds)
    return {
        name.removeprefix("text."): p + 0.3 * torch.randn_like(p, memory_format=torch.contiguous_format)
        for name, p in params.items()
    }


@pytest.mark.parametrize("n", [B, 400])
def test_the_text_tower_does_for_stacked_seeds_what_it_does_for_each(n):
    """With few captions, and with so many that the same ones come again and are encoded once; gradients too."""
    torch.manual_seed(0)
    params = {name: p.requires_grad_() for name, p in tower_params(range(SEEDS)).items()}
    captions = some_captions(SEEDS, n)
    if n > B:
        captions = captions[:, :7].repeat(1, 60, 1)[:, :n]
    target = normal(SEEDS, n, TOWER.width)
    y = TOWER(params, captions)
    assert y.shape == (SEEDS, n, TOWER.width)
    (y * target).sum().backward()
    for i in range(SEEDS):
        own = {name: p[i].detach().clone().requires_grad_() for name, p in params.items()}
        alone = torch.stack([TOWER(own, caption.unsqueeze(0))[0] for caption in captions[i, :40]])
        torch.testing.assert_close(y[i, :40], alone, rtol=1e-4, atol=1e-5)
        (TOWER(own, captions[i]) * target[i]).sum().backward()
        for name, p in params.items():
            scale = float(own[name].grad.abs().max())
            torch.testing.assert_close(p.grad[i], own[name].grad, rtol=1e-3, atol=1e-4 * scale + 1e-5)


def test_padding_does_not_matter():
    """A tower for longer captions, with the same parameters and anything for its later positions, agrees."""
    torch.manual_seed(0)
    params = tower_params([0])
    captions = some_captions(1, B)
    longer = dataclasses.replace(TOWER, length=TOWER.length + 5)
    positions = torch.cat([params["positions"], 100 * normal(1, 5, TOWER.width)], dim=1)
    padded = F.pad(captions, (0, 5))
    expected = TOWER(params, captions)
    torch.testing.assert_close(longer({**params, "positions": positions}, padded), expected)
    embedded = {**params, "words": params["words"].index_fill(1, torch.tensor(0), 1e3)}
    torch.testing.assert_close(TOWER(embedded, captions), expected)


def test_words_and_their_order_do_matter():
    torch.manual_seed(0)
    params = tower_params([0])
    captions = torch.tensor([[[1, 2, 3, 0, 0, 0], [3, 2, 1, 0, 0, 0], [1, 2, 4, 0, 0, 0], [1, 2, 3, 3, 0, 0]]])
    y = TOWER(params, captions)[0]
    distance = torch.cdist(y, y) + 10 * torch.eye(4)
    assert distance.min() > 0.1


def test_a_caption_without_words_is_all_zeros():
    assert torch.equal(TOWER(tower_params([0]), torch.zeros(1, 3, 6, dtype=torch.int64)), torch.zeros(1, 3, 16))


def test_seeds_have_towers_of_their_own():
    own = [TOWER.init(generator(seed, "init.text"))["words"] for seed in (0, 1)]
    assert not torch.equal(*own)


# -- the objective --------------------------------------------------------------------------------------------

clip = REGISTRY.method("clip", {"temperature": 0.2, "projection": P})


def loss_of(image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """The method's loss of hand-made embeddings `[..., B, P]`, at the scale that it starts from."""
    block = clip.heads(Problem((1, 8, 8), 4, 10, 100, B, vocabulary=9, caption_length=6))["scale"]
    scale = {"t": block.init(torch.Generator())["t"].expand(image.shape[:-2])}
    net = SimpleNamespace(
        encoder=lambda a: a,
        image_projection=lambda a: a,
        text=lambda a: a,
        text_projection=lambda a: a,
        scale=lambda similarity: block(scale, similarity),
    )
    return clip.loss(net, Batch(images=image, captions=text), {}, None)


@pytest.mark.oracle("clip")
def test_the_loss_is_the_papers_pseudocode():
    image, text = normal(2, SEEDS, B, P)
    loss = loss_of(image, text)
    assert loss.shape == (SEEDS,)
    for i in range(SEEDS):
        a, b = (z.numpy() / np.linalg.norm(z.numpy(), axis=1, keepdims=True) for z in (image[i], text[i]))
        logits = torch.from_numpy(a @ b.T * np.float32(1 / 0.2))
        expected = (F.cross_entropy(logits, torch.arange(B)) + F.cross_entropy(logits.T, torch.arange(B))) / 2
        torch.testing.assert_close(loss[i], expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, B))
def test_equal_captions_are_no_false_negatives(seed, n):
    """With one embedding for equal captions the loss is UniCL's, whose targets are shared among them, to the gradient.

    Down to a batch of one caption.
    """
    image = normal(1, B, P, seed=seed).requires_grad_()
    which = torch.randint(n, (B,), generator=torch.Generator().manual_seed(seed))
    text = normal(n, P, seed=seed + 1)[which].unsqueeze(0)
    equal = (which == which[:, None]).float()
    targets = equal / equal.sum(1, keepdim=True)
    logits = F.normalize(image[0], dim=-1) @ F.normalize(text[0], dim=-1).T / 0.2
    expected = (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2
    loss = loss_of(image, text)[0]
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    [ours], [theirs] = (torch.autograd.grad(value, image) for value in (loss, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_neither_the_order_of_pairs_nor_the_length_of_embeddings_matters(seed):
    image, text = normal(2, 1, B, P, seed=seed)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    expected = loss_of(image, text)
    torch.testing.assert_close(loss_of(image[:, order], text[:, order]), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loss_of(3 * image, 0.1 * text), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(loss_of(text, image), expected, rtol=1e-4, atol=1e-5)


def problem_data(problem: Problem, captions: torch.Tensor | None = None, seeds=(0,)) -> Data:
    images = torch.randint(0, 256, (120, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    splits = [split(torch.arange(120) >= 100, seed) for seed in seeds]
    return Data(images, torch.zeros(120, dtype=torch.int64), splits, captions=captions)


def test_the_temperature_is_learned_and_stays_above_a_hundredth():
    problem = Problem((1, 8, 8), 4, 10, 84, 20, vocabulary=9, caption_length=6)
    method = REGISTRY.method("clip", {"learning_rate": 0.5, "temperature": 0.02})
    session = session_for(method, problem, problem_data(problem, some_captions(120), (0, 1)), (0, 1), 30)
    assert session.net.scale.t.tolist() == pytest.approx([math.log(50)] * 2)
    seen = []
    for _ in range(30):
        session.advance()
        seen.append(session.net.scale.t.detach().clone())
    assert torch.stack(seen).max() <= math.log(100) + 1e-6
    assert torch.stack(seen).std(0).min() > 0.01
    with torch.no_grad():
        session.net.scale.t.fill_(10.0)
        session.method.after_step(session.net, session.batch(), session.state, session.rng)
    assert session.net.scale.t.tolist() == pytest.approx([math.log(100)] * 2)


@pytest.mark.parametrize("width", [1, 16])
def test_one_caption_for_all_images_is_survived(width):
    """There is nothing to tell apart: the images' half of the loss can be no better than chance."""
    problem = Problem((1, 8, 8), width, 1, 84, 20, vocabulary=9, caption_length=6)
    captions = torch.tensor([1, 2, 3, 0, 0, 0]).expand(120, 6)
    trained = train(REGISTRY.method("clip"), problem, problem_data(problem, captions, (0, 1)), (0, 1), 5)
    assert trained.diverged == [False, False]
    assert trained.log["loss"].isfinite().all()
    assert (trained.log["loss"] > math.log(20) - 1e-3).all()


def test_images_learn_to_find_their_captions():
    """On the digits, after a few passes, a test image is closest to its own class's caption."""
    dataset = REGISTRY.dataset("digits")
    problem = problem_for(Cell("clip", "digits", 32, 8, 50), dataset)
    method = REGISTRY.method("clip", {"learning_rate": 3e-3})
    data = data_for(dataset, problem, (0,), needs=method.needs)
    session = session_for(method, problem, data, (0,), 8 * (problem.n_train // 50))
    for _ in range(session.n_steps):
        session.advance()
    test = data.splits[0].test
    classes = torch.stack([data.captions[data.labels == label][0] for label in range(10)])
    with torch.no_grad():
        image = session.net.image_projection(session.net.encoder(data.images[test].unsqueeze(0) / 255))
        text = session.net.text_projection(session.net.text(classes.unsqueeze(0)))
        guesses = (F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).mT).argmax(-1)[0]
    assert (guesses == data.labels[test]).double().mean() > 0.9
