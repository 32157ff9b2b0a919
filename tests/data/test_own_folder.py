"""One's own folder of pictures: what it declares, which pictures it reads, and what is wrong with it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infomax_bench.base.errors import UserError
from infomax_bench.data.dataset import Dataset
from tests.data.plugin_files import one_line, plugin


def save(path: Path, size: tuple[int, int] = (10, 8), mode: str = "L", value: int = 0) -> None:
    """An image of noise, different for every file name."""
    seed = int(hashlib.sha256(path.name.encode()).hexdigest()[:8], 16)
    rng = np.random.default_rng(seed)
    pixels = (
        rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8) if not value else np.full((*size[::-1], 3), value)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(path)


def folder(path: object) -> Dataset:
    return plugin("folder")(str(path))


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Two classes of ten grey images, 10 wide and 8 high, in several formats."""
    for name in ("cat", "dog"):
        for i in range(10):
            save(tmp_path / name / f"{i}{('.png', '.jpg', '.bmp', '.gif', '.webp')[i % 3]}")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "notes.txt").write_text("not a class")
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    return tmp_path


def test_folder_loads_what_it_declares(zoo: Path) -> None:
    """Classes are sub-folders; hidden folders and other files do not count."""
    dataset = folder(zoo)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.shape == (1, 8, 10)
    assert (dataset.n_rest, dataset.n_test) == (16, 4)
    data = dataset.load()
    assert data.images.shape == (20, 1, 8, 10)
    assert data.labels.bincount().tolist() == [10, 10]
    assert data.labels[data.test].bincount().tolist() == [2, 2]
    assert np.array_equal(data.images[0, 0].numpy(), np.asarray(Image.open(zoo / "cat" / "0.png")))


def test_folder_is_rgb_as_soon_as_one_image_is(zoo: Path) -> None:
    """Colour is not thrown away; grey images are repeated."""
    save(zoo / "dog" / "colour.png", mode="RGB")
    dataset = folder(zoo)
    assert dataset.shape == (3, 8, 10)
    images = dataset.load().images
    assert (images == images[:, :1]).flatten(1).all(1).sum() == 20


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_folder_reads_every_mode(zoo: Path, mode: str) -> None:
    """A white image is white in every mode, 16 bits included."""
    path = zoo / "cat" / "white.png"
    if mode == "I;16":
        Image.fromarray(np.full((8, 10), 65535, dtype=np.uint16)).save(path)
    else:
        save(path, mode=mode, value=255)
    dataset = folder(zoo)
    assert dataset.shape[0] == (1 if mode in ("1", "L", "LA", "I;16") else 3)
    assert dataset.load().images[10].min() == 255  # after the files whose names begin with a digit


def test_folder_takes_the_commonest_size(zoo: Path) -> None:
    """Other sizes are resized to it, antialiased: a fine pattern becomes grey, not stripes."""
    stripes = np.tile(np.array([[0, 255]], dtype=np.uint8), (160, 100))
    Image.fromarray(stripes).save(zoo / "cat" / "x.png")
    dataset = folder(zoo)
    assert dataset.shape == (1, 8, 10)
    assert (dataset.load().images[10].float() - 127.5).abs().max() < 3


@pytest.mark.parametrize(
    ("size", "shape"), [((640, 480), (1, 48, 64)), ((30, 200), (1, 64, 10)), ((64, 64), (1, 64, 64))]
)
def test_folder_reduces_large_images(tmp_path: Path, size: tuple[int, int], shape: tuple[int, int, int]) -> None:
    """No side exceeds 64 pixels, and proportions are kept."""
    for name in ("a", "b"):
        for i in range(5):
            save(tmp_path / name / f"{i}.png", size=size)
    dataset = folder(tmp_path)
    assert dataset.shape == shape
    assert dataset.load().images.shape[1:] == shape


def test_folder_division_is_stable(zoo: Path) -> None:
    """New images and new dates leave nearly all others where they were; a copy elsewhere is divided alike."""

    def test_names(dataset: Dataset) -> set[str]:
        return {path.relative_to(zoo).as_posix() for path in dataset.test_paths}  # type: ignore[attr-defined]

    before = test_names(folder(zoo))
    for path in zoo.rglob("*.png"):
        os.utime(path, (1, 1))
    assert test_names(folder(zoo)) == before
    for i in range(5):
        save(zoo / "cat" / f"new{i}.png")
    after = test_names(folder(zoo))
    assert len(after) == 5
    assert {name for name in after if "dog" in name} == {name for name in before if "dog" in name}


def test_folder_fingerprint_follows_the_contents(zoo: Path) -> None:
    """Changed, added, removed, renamed and swapped files are noticed; reading and dates are not."""
    prints = [folder(zoo).fingerprint()]
    folder(zoo).load()
    os.utime(zoo / "cat" / "0.png", (1, 1))
    assert folder(zoo).fingerprint() == prints[0]
    save(zoo / "cat" / "new.png")
    prints.append(folder(zoo).fingerprint())
    (zoo / "cat" / "new.png").rename(zoo / "cat" / "renamed.png")
    prints.append(folder(zoo).fingerprint())
    (zoo / "cat" / "renamed.png").unlink()
    assert folder(zoo).fingerprint() == prints[0]
    one, other = zoo / "cat" / "0.png", zoo / "cat" / "3.png"
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    prints.append(folder(zoo).fingerprint())
    assert len(set(prints)) == 4


def test_folder_key_is_the_same_wherever_it_lies(zoo: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A copy elsewhere, with other dates, has the same fingerprint, and no path is part of its identity."""
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(zoo, copy, copy_function=shutil.copyfile)
    assert folder(copy).fingerprint() == folder(zoo).fingerprint()
    assert folder(copy).identity == folder(zoo).identity
    assert folder(copy).label != folder(zoo).label


def test_folder_without_a_path() -> None:
    """It can be listed without a path, and says what is missing when it is used."""
    dataset = plugin("folder")()
    assert dataset.takes == "PATH"
    with pytest.raises(UserError, match="folder:PATH") as error:
        _ = dataset.shape
    one_line(error)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: root / "nowhere", "no such folder"),
        (lambda root: root / "notes.txt", "not a folder"),
        (lambda root: root / "cat", "no sub-folders"),
        (lambda root: (root / "dog").rename(root / ".dog") and root, "only one sub-folder"),
        (lambda root: (root / "empty").mkdir() or root, "class 'empty' has 0 readable images"),
        (lambda root: save(root / "few" / "1.png") or root, "class 'few' has 1 readable images"),
    ],
)
def test_folder_errors(zoo: Path, spoil: object, message: str) -> None:
    """Every way to name the wrong folder is one line, before anything is loaded."""
    dataset = folder(spoil(zoo))  # type: ignore[operator]
    with pytest.raises(UserError, match=message) as error:
        _ = dataset.n_rest
    one_line(error)
    with pytest.raises(UserError, match=message):
        dataset.load()


def test_folder_skips_what_is_no_image(zoo: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files that are not images are named in one warning; all others are used, and the counts are right."""
    for i in range(5):
        (zoo / "dog" / f"broken{i}.png").write_bytes(b"no image")
    dataset = folder(zoo)
    assert (dataset.n_rest, dataset.n_test) == (16, 4)
    assert len(dataset.load().images) == 20
    assert len(folder(zoo).load().images) == 20
    assert len(caplog.records) == 1
    for text in (str(zoo), "cat/notes.txt, dog/broken0.png, dog/broken1.png and 3 more"):
        assert text in caplog.text


def test_folder_names_a_truncated_image(zoo: Path) -> None:
    """A file that breaks off behind its header has been counted; it is named rather than dropped."""
    path = zoo / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"dog/0\.png") as error:
        folder(zoo).load()
    one_line(error)
