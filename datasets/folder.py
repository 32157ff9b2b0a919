"""Anyone's own images: `folder:PATH`, one sub-folder for each class."""

import functools
import hashlib
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from infomax_bench import Augmentation, Dataset, Images
from infomax_bench.errors import UserError

MAX_SIDE = 64
"""Larger images are reduced, since the encoders here are small and whole data sets are kept in memory."""
FEWEST = 5
"""Images a class must have: one in five is test."""
ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}

log = logging.getLogger("infomax_bench")


class Folder(Dataset):
    """The images below PATH; the name of the sub-folder is the class.

    All images are brought to one shape: grey if every one of them is grey, else RGB, without transparency; the
    commonest size of all, reduced to at most 64x64 in proportion. Of every class the fifth whose names hash lowest is
    test: which ones does not depend on the order or the dates of the files, and hardly on which others there are.
    """

    takes = "PATH"
    summary = "your own images: PATH has one sub-folder for each class"
    augmentation = Augmentation(scale=(0.8, 1.0), shift=0.05, brightness=0.2, contrast=0.2)  # flips may change a class

    @functools.cached_property
    def root(self) -> Path:
        """PATH. Raises UserError if it is not given or no folder."""
        if not self.argument:
            raise UserError("data set 'folder' needs a path: folder:PATH, where PATH has one sub-folder for each class")
        root = Path(self.argument).expanduser()
        if not root.is_dir():
            raise UserError(f"folder:{self.argument}: {'not a folder' if root.exists() else 'no such folder'}")
        return root

    @functools.cached_property
    def paths(self) -> dict[str, list[Path]]:
        """By class name, the image files, in order of their names. Raises UserError if there are no two classes."""
        folders = sorted(p for p in self.root.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
        if len(folders) < 2:
            found = f"only one sub-folder ({folders[0].name})" if folders else "no sub-folders"
            raise UserError(f"folder:{self.argument} has {found}; it needs one for each class, at least two")
        return {
            folder.name: sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
            for folder in folders
        }

    @functools.cached_property
    def readable(self) -> dict[Path, tuple[str, tuple[int, int]]]:
        """Every image's mode and (width, height), from the files' headers; what is not an image is left out.

        Raises UserError if a class is left with too few.
        """
        headers, unreadable = {}, []
        for name, paths in self.paths.items():
            before = len(headers)
            for path in paths:
                try:
                    with Image.open(path) as image:
                        headers[path] = image.mode, image.size
                except Exception:  # a damaged file makes Pillow's decoders raise anything
                    unreadable.append(path)
            n = len(headers) - before
            if n < FEWEST:
                raise UserError(
                    f"folder:{self.argument}: class {name!r} has {n} readable images, too few to divide into training, "
                    f"validation and test; it needs {FEWEST}"
                )
        if unreadable:
            more = f" and {len(unreadable) - 3} more" if len(unreadable) > 3 else ""
            names = ", ".join(map(str, unreadable[:3]))
            _warn_once(f"folder:{self.argument}: skipped what cannot be read as an image: {names}{more}")
        return headers

    @functools.cached_property
    def shape(self) -> tuple[int, int, int]:
        grey = all(_is_grey(mode) for mode, _ in self.readable.values())
        sizes = Counter(size for _, size in self.readable.values())
        width, height = min(sizes, key=lambda size: (-sizes[size], size))  # of equally common ones, the smallest
        ratio = min(1, MAX_SIDE / max(width, height))
        return (1 if grey else 3), max(1, round(height * ratio)), max(1, round(width * ratio))

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.paths)

    @functools.cached_property
    def test_paths(self) -> set[Path]:
        """The images that are test."""
        chosen: set[Path] = set()
        for paths in self.paths.values():
            members = sorted((p for p in paths if p in self.readable), key=lambda p: _hash(self._relative(p)))
            chosen.update(members[: round(len(members) / 5)])
        return chosen

    @property
    def n_test(self) -> int:
        return len(self.test_paths)

    @property
    def n_rest(self) -> int:
        return len(self.readable) - self.n_test

    def fingerprint(self) -> str:
        files = [(p, p.stat()) for paths in self.paths.values() for p in paths]
        return _hash(repr([(self._relative(p), stat.st_size, stat.st_mtime_ns) for p, stat in files]))

    def load(self) -> Images:
        label = {path: i for i, paths in enumerate(self.paths.values()) for path in paths}
        images = np.stack([self._read(path) for path in self.readable])
        return Images(
            images=torch.from_numpy(images),
            labels=torch.tensor([label[path] for path in self.readable]),
            test=torch.tensor([path in self.test_paths for path in self.readable]),
        )

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _read(self, path: Path) -> np.ndarray:
        """One image, uint8 `[C, H, W]`.

        Raises UserError if the file is damaged behind its header: it has been counted already, without loading, and
        a run may have been planned with it.
        """
        channels, height, width = self.shape
        try:
            with Image.open(path) as opened:
                image = ImageOps.exif_transpose(opened)
                if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion would clip instead of scaling
                    image = Image.fromarray((np.asarray(image) // 256).clip(0, 255).astype(np.uint8))
                image = image.convert("L" if channels == 1 else "RGB")
        except Exception as error:
            raise UserError(f"cannot read {path} ({error}); repair or remove it") from None
        pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))  # Pillow's is antialiased
        return pixels.reshape(height, width, channels).transpose(2, 0, 1)


def _is_grey(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@functools.cache
def _warn_once(message: str) -> None:
    log.warning(message)
