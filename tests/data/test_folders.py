"""What a folder of images holds: its division, links, hidden files, copies, endings."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from infomax_bench.base.errors import UserError
from infomax_bench.data.dataset import Dataset, load
from tests.data.folders import folder, make, names, refused, save, told

# -- the division -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "test"),
    [
        (("train", "test"), "test"),
        (("Train", "VAL"), "VAL"),
        (("training", "valid"), "valid"),
        (("train", "validation", "test"), "test"),
        (("TRAIN", "Val", "Testing"), "Testing"),
        (("training_set", "test_set"), "test_set"),
        (("seg_test", "seg_train"), "seg_test"),
    ],
)
def test_a_division_is_no_class(
    parts: tuple[str, ...], test: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Test is as the folder says; without one it is what is called validation, which is else among the rest."""
    for i, part in enumerate(parts):
        make(tmp_path / part, n=5, first=10 * i)
    dataset = folder(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert names(dataset) == {
        f"{test}/{name}/{path.name}" for name in ("cat", "dog") for path in (tmp_path / test / name).iterdir()
    }
    data = load(dataset)
    assert (
        (dataset.n_rest, dataset.n_test)
        == (10 * (len(parts) - 1), 10)
        == (int((~data.test).sum()), int(data.test.sum()))
    )
    assert data.labels[data.test].bincount().tolist() == [5, 5]
    assert not caplog.records


def test_one_name_of_a_division_may_be_a_class(tmp_path: Path) -> None:
    assert folder(make(tmp_path / "one", ("plane", "train"))).class_names == ("plane", "train")
    assert folder(make(tmp_path / "words", ("test tube", "train wheel"))).class_names == ("test tube", "train wheel")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: shutil.rmtree(root / "test" / "dog"), "class 'dog' has images for train and none for test"),
        (lambda root: make(root / "test", ("cow",)), "class 'cow' has images for test and none for train"),
        (lambda root: (root / "train").rename(root / "valid"), "none for training"),
        (lambda root: make(root / "Training"), "has both Training and train"),
        (lambda root: [shutil.rmtree(root / "test" / name) for name in ("cat", "dog")], "test is part of the division"),
        (lambda root: [(root / f"train/cat/0{i}.png").unlink() for i in range(7)], "class 'cat' has 3 readable"),
        (lambda root: [shutil.rmtree(root / part / "dog") for part in ("train", "test")], r"only one class \(cat\)"),
    ],
)
def test_a_division_with_holes_is_refused(spoil: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    """Classes are the same on both sides; the line names the class."""
    make(tmp_path / "train")
    make(tmp_path / "test", n=2, first=10)
    spoil(tmp_path)
    with pytest.raises(UserError, match=message):
        _ = folder(tmp_path).n_rest
    refused(tmp_path)


def test_what_lies_beside_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Pictures in no class, and folders beside a division, are not left out in silence."""
    make(tmp_path / "train")
    make(tmp_path / "test", n=2, first=10)
    make(tmp_path, ("extra",))
    save(tmp_path / "loose.png")
    save(tmp_path / "train" / "loose.png")
    (tmp_path / "README.md").write_text("not a picture")
    assert folder(tmp_path).n_rest == 20
    assert "left out, beside the division: extra" in told(caplog)
    assert "left out, in no class: loose.png, train/loose.png" in told(caplog)


def test_a_folder_around_the_classes_is_looked_into(tmp_path: Path) -> None:
    """As archives unpack: the message says which path is meant."""
    make(tmp_path / "archive")
    assert refused(tmp_path).endswith(f"say folder:{tmp_path}/archive")


def test_parts_of_a_division_may_lie_in_folders_of_their_own_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As well-known archives unpack: training_set/training_set/cat."""
    make(tmp_path / "training_set" / "training_set")
    make(tmp_path / "test_set" / "test_set", n=2, first=10)
    assert folder(tmp_path).class_names == ("cat", "dog")
    assert len(names(folder(tmp_path))) == 4
    assert not caplog.records


def test_a_division_inside_of_classes_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("cat", "dog"):
        make(tmp_path / name, ("train", "test"))
    assert folder(tmp_path).n_rest + folder(tmp_path).n_test == 40
    assert "train and test inside of cat divide nothing" in told(caplog)


# -- hidden files, links, endings -------------------------------------------------------------------------------------


def test_what_is_hidden_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Miniatures and copies that systems keep would double the images, and put test images into training."""
    make(tmp_path)
    expected = folder(tmp_path).fingerprint()
    for hidden in (".thumbnails", "__MACOSX", ".ipynb_checkpoints", "@eaDir/00.png", "deep/.git"):
        save(tmp_path / "cat" / hidden / "copy.png", "cat 0")
    for hidden in ("._00.png", ".DS_Store"):
        (tmp_path / "dog" / hidden).write_bytes(b"\0\5\26\7Mac OS X")
    make(tmp_path, (".cache", "__MACOSX"))
    assert folder(tmp_path).fingerprint() == expected
    assert folder(tmp_path).n_rest + folder(tmp_path).n_test == 20
    assert not caplog.records


def test_links_are_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files, folders and classes; a file that is reached twice counts once, and loops end."""
    store = make(tmp_path / "store")
    root = tmp_path / "root"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        (root / name / "again.png").symlink_to(store / name / "00.png")
        (root / name / "more").symlink_to(store / name)
        (root / name / "loop").symlink_to(root)
        (root / name / "self").symlink_to(root / name)
    (root / "third").symlink_to(store / "cat")
    dataset = folder(root)
    assert dataset.class_names == ("cat", "dog", "third")
    assert {name for path in dataset.readable for name in [path.parts[len(root.parts)]]} == {"cat", "dog", "third"}  # type: ignore[attr-defined]
    data = load(dataset)
    assert data.labels.bincount().tolist()[2] == 10
    assert "store" not in dataset.fingerprint()
    (root / "cat" / "dangling.png").symlink_to(tmp_path / "nowhere")
    assert folder(root).fingerprint() == dataset.fingerprint()
    assert "left out, No such file or directory: cat/dangling.png" in told(caplog)


def test_a_link_to_a_file_of_the_same_class_counts_once(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "cat" / "zz.png").symlink_to(tmp_path / "cat" / "00.png")
    (tmp_path / "cat" / "sub").symlink_to(tmp_path / "cat")
    assert folder(tmp_path).n_rest + folder(tmp_path).n_test == 20


@pytest.mark.parametrize("ending", [".jfif", ".jpe", "", ".jp2", ".PNG", ".webp", ".dat", ".tga"])
def test_a_picture_is_one_whatever_its_ending(ending: str, tmp_path: Path) -> None:
    make(tmp_path)
    save(tmp_path / "cat" / f"more{ending}")
    assert folder(tmp_path).n_rest + folder(tmp_path).n_test == 21


def test_every_reason_for_leaving_out_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    (tmp_path / "cat" / "vector.svg").write_text("<svg/>")
    Image.new("1", (70, 70)).save(tmp_path / "dog" / "map.png")
    Image.new("1", (7, 6)).save(tmp_path / "dog" / "two.tif", save_all=True, append_images=[Image.new("1", (7, 6))])
    os.mkfifo(tmp_path / "dog" / "pipe")
    monkeypatch.setattr("infomax_bench.data.pictures.MOST_PIXELS", 1000)
    assert len(folder(tmp_path).readable) == 21  # type: ignore[attr-defined]
    for text in (
        "no picture: cat/notes.txt, cat/vector.svg",
        "too large",
        "dog/map.png",
        "no file: dog/pipe",
        "the first is used: dog/two.tif",
    ):
        assert text in told(caplog)


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not left out in silence, as os.walk would have it."""
    make(tmp_path)
    closed, real = str(tmp_path / "cat" / "closed"), os.scandir
    os.mkdir(closed)

    def scandir(path: str) -> object:
        if str(path) == closed:  # tests may run as root, whom no mode keeps out
            raise PermissionError(13, "Permission denied", closed)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError, match="closed"):
        _ = folder(tmp_path).n_rest


# -- copies -----------------------------------------------------------------------------------------------------------


def leak(dataset: Dataset) -> float:
    """The share of test images that are training images too."""
    data = load(dataset)
    flat = data.images.flatten(1)
    return float((flat[data.test][:, None] == flat[~data.test][None]).all(2).any(1).float().mean())


def test_copies_stay_on_one_side(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Second downloads, some of them in another class; every class keeps about a fifth as test images."""
    make(tmp_path, n=20)
    for name in ("cat", "dog"):
        for path in sorted((tmp_path / name).glob("*.png")):
            shutil.copy(path, path.with_name(f"{path.stem} (1).png"))
    for i in range(5):
        shutil.copy(tmp_path / "cat" / f"0{i}.png", tmp_path / "dog" / f"cat{i}.png")
    dataset = folder(tmp_path)
    assert leak(dataset) == 0
    data = load(dataset)
    assert all(6 <= n <= 9 for n in data.labels[data.test].bincount().tolist())
    assert not caplog.records


def test_without_copies_the_division_is_what_it_was(tmp_path: Path) -> None:
    """Of every class the fifth whose names hash lowest."""
    make(tmp_path, n=23)
    for name in ("cat", "dog"):
        own = sorted(
            (f"{name}/{i:02}.png" for i in range(23)), key=lambda n: hashlib.sha256(n.encode()).hexdigest()[:16]
        )
        assert {n for n in names(folder(tmp_path)) if n.startswith(name)} == set(own[:5])


def test_a_class_of_few_pictures_keeps_the_smallest_part_for_test(tmp_path: Path) -> None:
    """Two pictures, nine times the one: the other is test."""
    make(tmp_path)
    for i in range(9):
        save(tmp_path / "few" / f"{i}.png", "one")
    save(tmp_path / "few" / "other.png")
    assert {n for n in names(folder(tmp_path)) if n.startswith("few")} == {"few/other.png"}
    assert leak(folder(tmp_path)) == 0


def test_a_class_of_one_picture_is_divided_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no test image would be left, copies are on both sides, and this is said."""
    make(tmp_path)
    for i in range(10):
        save(tmp_path / "one" / f"{i}.png", "one")
    dataset = folder(tmp_path)
    assert load(dataset).labels[load(dataset).test].bincount().tolist() == [2, 2, 2]
    assert "2 of 6 test images are training images too: one/" in told(caplog)


def test_copies_in_a_division_stay_and_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What the folder says is test is test; how much of it was trained on is said."""
    make(tmp_path / "train")
    make(tmp_path / "test", n=4, first=8)
    assert folder(tmp_path).n_test == 8
    assert "4 of 8 test images are training images too: test/cat/08.png" in told(caplog)


# -- what is taken for something else -----------------------------------------------------------------------------


def test_a_link_up_brings_no_other_class_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path)
    (tmp_path / "cat" / "up").symlink_to(tmp_path)
    assert {name: len(files) for name, files in folder(tmp_path).paths.items()} == {"cat": 10, "dog": 10}  # type: ignore[attr-defined]
    (tmp_path / "also cat").symlink_to(tmp_path / "cat")
    assert folder(tmp_path).n_rest > 0
    assert "links put the same files into two classes" in told(caplog)


def test_a_division_by_other_words_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be known; but classes with the same sub-folders are rare."""
    for part in ("fold1", "fold2"):
        make(tmp_path / part)
    assert folder(tmp_path).class_names == ("fold1", "fold2")
    assert folder(tmp_path).n_rest > 0
    assert "fold1 and fold2 are taken for classes" in told(caplog)
