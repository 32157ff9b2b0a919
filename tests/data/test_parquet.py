"""Images in Parquet files: what is read, in which order, and what is refused, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from huggingface_hub import constants

from infomax_bench.base.errors import UserError
from infomax_bench.cli.main import main
from infomax_bench.data import mapped, published
from infomax_bench.data.order import Digests
from infomax_bench.study.plugins import registry
from tests.data.image_lists import write_list
from tests.data.made_hub import PETS, pets, picture, table, write
from tests.data.plugin_files import one_line, plugin

NAME = "somebody/pets"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("INFOMAX_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "data/hub" / NAME


def of(argument: str = NAME):
    return plugin("hf")(argument)


TRAIN, TEST = "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"


def test_images_and_labels_are_what_the_files_hold(root: Path) -> None:
    """Pixel for pixel, with their labels, in an order that neither files nor rows decide."""
    write(root, PETS)
    first = of()
    data = first.load()
    assert (first.shape, first.n_rest, first.n_test) == ((3, 5, 6), 24, 12)
    assert list(first.class_names) == ["cat", "dog"]
    found = {
        image.numpy().tobytes(): (int(label), bool(test)) for image, label, test in zip(*vars_of(data), strict=True)
    }
    for i in range(36):
        pixels = np.random.default_rng(i).integers(0, 256, (5, 6, 3), dtype=np.uint8).transpose(2, 0, 1)
        assert found[pixels.tobytes()] == (i % 2, i >= 24)
    others = {
        "data/train-00000-of-00001.parquet": pa.concat_tables([pets(12), pets(0)]).take(np.arange(24)[::-1].copy()),
        "data/test-00000-of-00001.parquet": pets(24),
    }
    write(root.with_name("again"), others)
    second = of("somebody/again")
    assert all(torch.equal(a, b) for a, b in zip(vars_of(data), vars_of(second.load()), strict=True))
    assert (first.fingerprint(), first.identity) == (second.fingerprint(), second.identity)


def vars_of(data) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return data.images, data.labels, data.test


def test_the_fingerprint_is_of_pixels_and_labels(root: Path) -> None:
    """It changes with one pixel, one label, one class's name."""
    prints = []
    images, labels = [picture(i) for i in range(8)], [i % 2 for i in range(8)]
    for own in (
        table(images, labels),
        table([picture(9), *images[1:]], labels),
        table(images, [1, *labels[1:]]),
        table(images, labels, names=("cat", "cow")),
    ):
        write(root, {TRAIN: own})
        prints.append(of().fingerprint())
    assert len(set(prints)) == 4


def test_copies_are_counted_and_told(root: Path) -> None:
    """They stay; a copy of another class is another image, and what is on both sides is said."""
    own = table([picture(i) for i in (0, 0, 0, 1, 2, 3)], [0, 0, 1, 1, 0, 1])
    write(root, {TRAIN: own, TEST: table([picture(i) for i in (2, 9)], [0, 1])})
    told = "4 of 6 training images are distinct; 1 test image is a training image too"
    assert told in of().summary
    assert len(of().load().images) == 8


def test_without_a_test_part_a_fifth_of_every_class_is(root: Path) -> None:
    """Those whose digests are lowest; what is the same stays on one side. Validation is test, where nothing else is."""
    images = [picture(i // 2) for i in range(40)]
    write(root, {TRAIN: table(images, [i % 4 // 2 for i in range(40)])})
    data = of().load()
    assert data.labels[data.test].bincount().tolist() == [4, 4]
    sides = {image.numpy().tobytes(): set() for image in data.images}
    for image, test in zip(data.images, data.test, strict=True):
        sides[image.numpy().tobytes()].add(bool(test))
    assert all(len(side) == 1 for side in sides.values())
    hidden = table([picture(i) for i in range(50, 54)], [-1] * 4)
    write(root, {TRAIN: pets(), "data/valid-00000-of-00001.parquet": pets(12), TEST: hidden})
    assert (of().n_rest, of().n_test) == (12, 12)


def test_sizes_and_kinds_are_brought_to_one(root: Path) -> None:
    """Grey only if all are; the commonest size; transparent ones on one ground."""
    images = [picture(0, (4, 4), "L"), picture(1), picture(2), picture(3, mode="RGBA")]
    write(root, {TRAIN: table(images * 2, [0, 1] * 4)})
    assert of().load().images.shape == (8, 3, 5, 6)
    write(root, {TRAIN: table([picture(i, mode="L") for i in range(8)], [0, 1] * 4)})
    assert of().load().images.shape == (8, 1, 5, 6)


@pytest.mark.parametrize(
    ("labels", "names"),
    [(["dog", "cat"] * 4, ["cat", "dog"]), ([True, False] * 4, ["False", "True"]), ([7, 3] * 4, ["3", "7"])],
)
def test_labels_need_no_names(labels: list, names: list[str], root: Path) -> None:
    write(root, {TRAIN: table([picture(i) for i in range(8)], labels, names=None)})
    data = of()
    assert list(data.class_names) == names
    assert data.load().labels.bincount().tolist() == [4, 4]


def test_numbers_without_a_sign_are_labels_too(root: Path) -> None:
    labels = pa.array([0, 1, 0, 1, 0, 1, 0, None], pa.uint8())
    write(root, {TRAIN: table([picture(i) for i in range(8)], labels)})
    assert of().load().labels.bincount().tolist() == [4, 3]


EIGHT = [picture(i) for i in range(8)]
HALVES = [0, 1] * 4
BAD: dict[str, tuple[str, Mapping[str, pa.Table], str]] = {
    "classes in another order": (
        NAME,
        {TRAIN: table(EIGHT, HALVES), TEST: table(EIGHT, HALVES, ("dog", "cat"))},
        "column 'label' has other classes in .*train-.* than in .*test-",
    ),
    "numbers and texts": (
        NAME,
        {TRAIN: table(EIGHT, HALVES, None), TEST: table(EIGHT, ["0", "1"] * 4, None)},
        "column 'label' has other classes in .*train-.* than in .*test-",
    ),
    "no rows": (NAME, {TRAIN: table([], pa.array([], pa.int64()))}, "there are no rows in its files"),
    "no image column": (
        NAME,
        {TRAIN: pa.table({"label": HALVES, "text": HALVES})},
        "no image column; name one, as .*:image=",
    ),
    "two image columns": (
        NAME,
        {TRAIN: table(EIGHT, HALVES, other=table(EIGHT, HALVES)["image"])},
        r"2 image columns \(image, other\); name one, as hf:somebody/pets:image=COLUMN",
    ),
    "no label column": (NAME, {TRAIN: table(EIGHT, HALVES, None, ("image", "kind"))}, "no label column; name one, as"),
    "two label columns": (f"{NAME}:label=lable", {TRAIN: table(EIGHT, HALVES)}, "no column 'lable'; name one"),
    "pictures for labels": (
        f"{NAME}:label=image",
        {TRAIN: table(EIGHT, HALVES)},
        r"column 'image' holds no labels; name one, as hf:somebody/pets:label=COLUMN \(columns: image, label\)",
    ),
    "one class": (NAME, {TRAIN: table(EIGHT, [1] * 8)}, r"only one class \(dog\); it takes two"),
    "no labels": (NAME, {TRAIN: table(EIGHT, [-1] * 8)}, "has no labels; it takes two"),
    "a label without a name": (NAME, {TRAIN: table(EIGHT, [0, 1, 2, 0] * 2)}, "label 2 has no name; label has 2"),
    "no image": (NAME, {TRAIN: table([*EIGHT[:5], None, *EIGHT[6:]], HALVES)}, "row 5 of .*parquet has no image in it"),
    "no picture": (NAME, {TRAIN: table([*EIGHT[:6], b"?", EIGHT[7]], HALVES)}, r"the image in row 6 .* \(no picture\)"),
    "half a picture": (
        NAME,
        {TRAIN: table([EIGHT[0][:90], *EIGHT[1:]], HALVES)},
        "the image in row 0 of .* cannot be read",
    ),
    "no training part": (NAME, {TEST: pets(), TEST.replace("test", "other"): pets()}, "none is called train"),
    "a class of test alone": (
        NAME,
        {TRAIN: table(EIGHT, HALVES, "abc"), TEST: table(EIGHT, [2] * 8, "abc")},
        "class 'c'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_line(case: str, root: Path) -> None:
    argument, files, said = BAD[case]
    write(root, files)
    with pytest.raises(UserError, match=said) as error:
        of(argument).load()
    assert one_line(error).startswith("hf:somebody/pets")
    places = mapped.folder()
    assert [path.name for path in places.iterdir() if path.suffix != ".lock"] == [] if places.exists() else True


@pytest.mark.parametrize("damage", ["a row group", "the end", "the beginning"])
def test_a_damaged_file_is_one_line_and_exit_2(damage: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {TRAIN: pets(n=40)}, group=10)
    path = root / TRAIN
    content = bytearray(path.read_bytes())
    at = {"a row group": len(content) // 2, "the end": len(content) - 12, "the beginning": 2}[damage]
    content[at : at + 12] = bytes(12)
    path.write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["list", "datasets", f"hf:{NAME}"])
    assert stop.value.code == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert str(path) in told[0]
    assert "cannot be read" in told[0]
    assert damage != "a row group" or "row group " in told[0]


# -- one data set by several names ------------------------------------------------------------------------------------


def test_a_published_set_has_one_name() -> None:
    """The Hub's name for it is the same data set, with its classes and augmentation."""
    found = registry()
    for other, own in {
        "hf:uoft-cs/cifar10": "cifar10",
        "hf:uoft-cs/cifar10:plain_text": "cifar10",
        "hf:uoft-cs/cifar100": "cifar100",
        "hf:uoft-cs/cifar100-25k": "cifar100:25k",
    }.items():
        assert found.get("datasets", other) is found.get("datasets", own)
        assert (found.dataset(other).label, found.dataset(other).fingerprint()) == (
            own,
            found.dataset(own).fingerprint(),
        )


def test_a_list_names_images_and_how_many(tmp_path: Path) -> None:
    """What was listed is found among more, wherever it is, and of copies as many as were listed."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 1, 2, 2), dtype=np.uint8), rng.integers(0, 3, 60)
    images[[10, 20, 30]], labels[[10, 20, 30]] = images[0], labels[0]
    half = np.r_[0:30]
    path = tmp_path / "list"
    write_list(path, Digests.of(images[half], labels[half]))
    order = rng.permutation(60)
    whole = Digests.of(images[order], labels[order])
    among = np.ones(60, bool)
    among[np.flatnonzero(order == 5)] = False
    chosen = published.listed(whole, among, path)
    assert chosen.sum() == 29
    same = np.isin(order[chosen], [0, 10, 20, 30])
    assert same.sum() == 3
    assert set(order[chosen][~same]) == set(range(30)) - {0, 5, 10, 20}


class Part(published.PublishedDataset):
    """Twenty images and five for test, as torchvision has them; ten of the twenty, by a list."""

    name, source, folder = "part", "CIFAR100", "part"
    class_names, shape, n_rest, n_test = ("cat", "dog"), (3, 2, 2), 20, 5
    files: Mapping[str, str] = {}
    modes, hub = {"half": "ten of them"}, {"": [NAME], "half": [NAME]}
    lists: dict[str, Path] = {}

    def __init__(self, argument: str | None = None) -> None:
        super().__init__(argument)
        self.n_rest = 10 if argument else 20

    def _open(self, root: Path, train: bool, download: bool = False) -> SimpleNamespace:
        n = 20 if train else 5
        pixels = np.random.default_rng(n).integers(0, 256, (n, 2, 2, 3), dtype=np.uint8)
        return SimpleNamespace(data=pixels, targets=[i % 2 for i in range(n)])


def test_a_part_is_found_among_torchvisions_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Part().load()
    rest, test = (whole.images[own] for own in (~whole.test, whole.test))
    write_list(tmp_path / "list", Digests.of(rest[3:13].numpy(), whole.labels[3:13]))
    monkeypatch.setattr(Part, "lists", {"half": tmp_path / "list"})
    half = Part("half").load()
    assert torch.equal(half.images[~half.test], rest[3:13])
    assert torch.equal(half.images[half.test], test)


class Small(plugin("cifar10")):
    """CIFAR-10 with a few images, as one of the Hub's."""

    class_names = ("cat", "dog")
    shape, n_rest, n_test = (3, 5, 6), 24, 12
    hub = {"": [NAME]}
    contents = {}


def test_a_published_set_is_what_was_published(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another image, or fewer, it is refused; with the right ones, it is had from the Hub's files."""
    assert Small().verified is None, "nothing is there"
    write(root, PETS)
    assert Small().verified is False, "nothing says what is right"
    data = Small().load()
    content = Digests.of(data.images.numpy(), data.labels.numpy()).content(data.test.numpy(), Small.shape)
    monkeypatch.setattr(Small, "contents", {"": content})
    assert torch.equal(Small().load().images, data.images)
    assert Small().verified is True
    assert Small().fingerprint() == content
    for other in (pets(40), pets(12, n=11)):
        write(root, {"data/train-00001-of-00002.parquet": other})
        with pytest.raises(UserError, match="is not this data set") as error:
            Small().load()
        one_line(error)
