"""Images that are kept in a file: whole or not at all, made again where they are damaged, the same as in memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from infomax_bench.base.errors import NotApplicable, UserError
from infomax_bench.data import mapped
from infomax_bench.data.dataset import Dataset, Images, convert, split
from infomax_bench.models.blocks import Problem
from infomax_bench.study.plugins import registry
from infomax_bench.training import trainer
from infomax_bench.training.data import Data
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train
from tests.data.plugin_files import one_line

PIXELS = np.arange(5 * 3 * 2 * 2, dtype=np.uint8).reshape(5, 3, 2, 2)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".cache/infomax-bench/images"


class Made:
    """Makes five images, in an order or as they came, and counts how often."""

    def __init__(self, order: list[int] | None = None) -> None:
        self.times, self.order = 0, order

    def __call__(self, maker: mapped.Maker) -> None:
        self.times += 1
        with maker.writing(5, (3, 2, 2), ordered=self.order is not None) as writer:
            writer.append(PIXELS[:2], labels=np.arange(2))
            writer.append(PIXELS[2:], labels=np.arange(2, 5))
            writer.order = None if self.order is None else np.array(self.order)
            writer.about["name"] = "five"


@pytest.mark.parametrize("large", [0, 1 << 30])
def test_what_is_kept_comes_back_in_order(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mapped or in memory: the same bytes, with what belongs to them, made once."""
    monkeypatch.setattr(mapped, "LARGE", large)
    make = Made([4, 0, 3, 1, 2])
    for _ in range(2):
        found = mapped.kept("key", make, "five")
        assert np.array_equal(found.images, PIXELS[[4, 0, 3, 1, 2]])
        assert found.rest["labels"].tolist() == [4, 0, 3, 1, 2]
        assert found.about == {"name": "five"}
    assert make.times == 1


@pytest.mark.parametrize("name", [mapped.PIXELS, mapped.REST, mapped.ABOUT])
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_what_is_damaged_is_made_again(name: str, damage: str, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whichever file it is, and it is told in one line."""
    make = Made()
    mapped.kept("key", make, "five")
    path = home / "key" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: 9 if damage == "cut" else None])
    assert np.array_equal(mapped.kept("key", make, "five").images, PIXELS)
    assert make.times == 2
    assert ["damaged" in record.message for record in caplog.records] in ([True], [] if damage == "missing" else [True])


def test_what_is_not_finished_is_not_found(home: Path) -> None:
    """A maker that fails leaves no trace, and its error is its own."""

    def fails(maker: mapped.Maker) -> None:
        with maker.writing(5, (3, 2, 2)) as writer:
            writer.append(PIXELS[:2])
            raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        mapped.kept("key", fails, "five")
    assert [path.name for path in home.iterdir() if path.suffix != ".lock"] == []
    assert np.array_equal(mapped.kept("key", Made(), "five").images, PIXELS)


def test_a_full_disk_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known before anything is written; and where it fills up on the way, nothing stays."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 90, 10))
    with pytest.raises(UserError, match=r"five: .*0\.0 GB free and 0\.0 are needed; free some") as error:
        mapped.kept("key", Made(), "five")
    one_line(error)
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(home.parents[2]))
    monkeypatch.setattr(
        mapped.Writer, "append", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(UserError, match=r"five: images cannot be kept in .*: No space left on device") as error:
        mapped.kept("key", Made(), "five")
    one_line(error)
    assert [path.name for path in home.iterdir() if path.suffix != ".lock"] == []


class Parts(Dataset):
    """Forty images, in parts."""

    name, summary, shape, class_names, n_rest, n_test = "parts", "made up", (1, 6, 6), ("a", "b"), 30, 10

    def parts(self) -> Iterator[Images]:
        for at in range(0, 40, 15):
            labels = torch.arange(at, min(at + 15, 40))
            pixels = labels.view(-1, 1, 1, 1) * 5 + torch.arange(36).view(1, 1, 6, 6) * (labels % 7 + 1).view(
                -1, 1, 1, 1
            )
            yield Images(pixels.remainder(256).byte(), labels % 2, labels >= 30)


@pytest.mark.parametrize(
    ("method", "backbone"), [("autoencoder", "linear"), ("autoencoder", "stack"), ("pca", "linear")]
)
def test_training_on_mapped_images_is_training_on_images(
    method: str, backbone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bits, of what is trained, in one layer or layer by layer, and of what is fitted; conversions too."""
    parts = list(Parts().parts())
    whole = Images(*(torch.cat([getattr(p, name) for p in parts]) for name in ("images", "labels", "test")))
    monkeypatch.setattr(mapped, "LARGE", 0)
    kept = Parts().load()
    assert torch.equal(kept.images, whole.images)
    assert torch.equal(convert(kept.images, (3, 4, 4)), convert(whole.images, (3, 4, 4)))
    own = registry().method(method)
    depth = 2 if backbone == "stack" else 1
    problem = Problem((1, 6, 6), 3, 2, 25, 5, backbone=backbone, depth=depth)
    results = []
    for images, large in ((whole, 1 << 30), (kept, 0)):
        monkeypatch.setattr(mapped, "LARGE", large)
        data = Data(images.images, images.labels, [split(images.test, seed) for seed in (0, 1)])
        trained = train(own, problem, data, [0, 1], epochs=2)
        encoder = Encoder(own, problem, trained.params, (0, 1), "parts")
        results.append({**trained.params, "features": encoder.features(images.images)})
    assert results[0].keys() == results[1].keys()
    assert all(torch.equal(a, b) for a, b in zip(results[0].values(), results[1].values(), strict=True))


def test_what_is_fitted_to_all_numbers_at_once_is_not_applicable_to_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so before it takes the memory."""
    monkeypatch.setattr(trainer, "MOST_FITTED", 100)
    images = Parts().load()
    data = Data(images.images, images.labels, [split(images.test, 0)])
    with pytest.raises(NotApplicable, match="all images at once"):
        train(registry().method("pca"), Problem((1, 6, 6), 3, 2, 25, 5), data, [0], epochs=1)


@pytest.mark.parametrize("n_rest", [29, 31])
def test_parts_are_what_was_declared(n_rest: int, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither more images nor fewer; nothing is kept then."""
    monkeypatch.setattr(Parts, "n_rest", n_rest)
    with pytest.raises(ValueError, match=f"{n_rest + 10} "):
        Parts().load()
    assert [path.name for path in home.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize("second", [{}, {"labels": np.arange(1)}, {"labels": np.arange(3), "test": np.ones(3, bool)}])
def test_every_part_has_what_belongs_to_it(second: dict[str, np.ndarray]) -> None:
    """No label is made up: not by 0 where a part has none, nor by one for all of its images."""

    def make(maker: mapped.Maker) -> None:
        with maker.writing(5, (3, 2, 2)) as writer:
            writer.append(PIXELS[:2], labels=np.arange(2))
            writer.append(PIXELS[2:], **second)

    with pytest.raises(ValueError, match="what belongs to 3 images must be labels; it is"):
        mapped.kept("key", make, "five")


def test_a_file_that_changes_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept belongs to the source of the plug-in's file, as its keys do."""
    assert Parts().load().images.shape == (40, 1, 6, 6)
    monkeypatch.setattr(Parts, "parts", lambda _: pytest.fail("made again"))
    Parts().load()
    monkeypatch.setattr(Parts, "code", "other")
    with pytest.raises(pytest.fail.Exception, match="made again"):
        Parts().load()


@pytest.mark.slow
def test_a_set_larger_than_memory_is_trained_encoded_and_probed(home: Path) -> None:
    """With a quarter of its size for all that is not the file, each buffer of pixels as numbers included."""
    command = [sys.executable, "-m", "tests.data.larger_than_memory", "1200", "300"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "accuracy 1.000" in done.stdout
