"""What an encoder learned, as small images: filters and top images of units, from the arrays a job left."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from infomax_bench.base.printable import printable
from infomax_bench.run.results import Arrays

SHADES = 33
"""Steps of the diverging colour map: enough for the eye, few enough to compress well."""
PIXELS = 3_000_000
"""Image points that all galleries of a report share, but for the subject's units, which are all shown: thirty methods
still make a page that loads."""
MARGIN = 1
SHEET_COLUMNS = 8


@dataclass(frozen=True)
class Unit:
    """A unit of an encoder: its number, its name (the concept it stands for) and how well it tells it."""

    number: int
    name: str
    auroc: float


@dataclass(frozen=True)
class Gallery:
    """One encoder's pictures. filters: PNG or None; top: PNG, a line of top images for each of `units`; others: the
    units for which there is no room."""

    method: str
    dataset: str
    width: int
    filters: bytes | None
    top: bytes | None
    units: tuple[Unit, ...]
    others: tuple[Unit, ...]
    log: dict[str, np.ndarray]
    """Loss terms over training, each `[S, P]`, for methods trained in steps."""
    steps: int


def read_gallery(
    read: Arrays, method: str, dataset: str, width: int, share: int, whole: bool = False
) -> Gallery | None:
    """The pictures of one encoder in at most about `share` image points, or of all its units; None if they are
    damaged."""
    try:
        return _gallery(read(), method, dataset, width, share, whole)
    except Exception:  # numpy, zipfile, zlib and Pillow each have errors of their own for a file that is damaged or odd
        return None


def _gallery(
    arrays: Mapping[str, np.ndarray], method: str, dataset: str, width: int, share: int, whole: bool
) -> Gallery:
    filters, top = None, None
    units: list[Unit] = []
    shown = 0
    if "filters" in arrays:
        filters = _filter_sheet(_within(arrays["filters"], share // 2, SHEET_COLUMNS))
    if len(arrays.get("top", ())) and "names" in arrays:
        images = arrays["top"]
        fits = int(np.clip(share // 2 // int(np.prod(images.shape[-2:]) * images.shape[1]), 4, len(images)))
        shown = len(images) if whole else fits
        top = _top_sheet(images[:shown])
        columns = (arrays[name].tolist() for name in ("units", "names", "auroc"))
        units = [Unit(int(at), printable(str(name)), float(score)) for at, name, score in zip(*columns, strict=True)]
    log = {
        printable(name.removeprefix("log_")): values
        for name, values in sorted(arrays.items())
        if name.startswith("log_") and name != "log_steps"
    }
    if any(values.ndim != 2 for values in log.values()) or len({values.shape for values in log.values()}) > 1:
        raise ValueError("loss terms that are no curves over the same steps")
    steps = int(arrays["log_steps"][-1]) if log else 0
    return Gallery(method, dataset, width, filters, top, tuple(units[:shown]), tuple(units[shown:]), log, steps)


def _within(filters: np.ndarray, points: int, step: int) -> np.ndarray:
    """The first filters that fit into `points`, whole lines of the sheet."""
    fits = points // max(int(np.prod(filters.shape[-2:])), 1) // step * step
    return filters[: max(fits, step)]


def _sheet(tiles: np.ndarray, columns: int, blank: int) -> np.ndarray:
    """Tiles `[K, H, W, ...]` side by side with a margin, in lines of `columns`."""
    count, height, width = tiles.shape[:3]
    lines = -(-count // columns)
    shape = (lines * (height + MARGIN) - MARGIN, min(columns, count) * (width + MARGIN) - MARGIN)
    sheet = np.full((*shape, *tiles.shape[3:]), blank, dtype=np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + MARGIN), i % columns * (width + MARGIN)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def _filter_sheet(filters: np.ndarray) -> bytes:
    """int8 `[K, C, H, W]`: one channel in blue (below zero), white and red (above); three as colours about grey."""
    if filters.shape[1] == 3:
        colours = (filters.transpose(0, 2, 3, 1).astype(np.int16) + 127).astype(np.uint8)
        return _png(Image.fromarray(_sheet(colours, SHEET_COLUMNS, 255)))
    level = np.rint((filters.mean(1) / 127 + 1) / 2 * (SHADES - 1)).astype(np.uint8)
    image = Image.fromarray(_sheet(level, SHEET_COLUMNS, SHADES))
    image.putpalette(_diverging())
    return _png(image)


def _diverging() -> list[int]:
    """The palette: blue, white, red in SHADES steps, and one transparent-looking grey for the margins."""
    t = np.linspace(-1, 1, SHADES)[:, None]
    cold, white, warm = np.array([33, 82, 148]), np.array([250, 250, 250]), np.array([178, 42, 30])
    colours = white + np.abs(t) ** 0.9 * (np.where(t < 0, cold, warm) - white)
    return [*np.rint(colours).astype(int).flatten().tolist(), 214, 217, 221]


def _top_sheet(top: np.ndarray) -> bytes:
    """uint8 `[U, T, C, H, W]` as U lines of T images."""
    tiles = top.reshape(-1, *top.shape[2:])
    grey = tiles.shape[1] == 1
    return _png(Image.fromarray(_sheet(tiles[:, 0] if grey else tiles.transpose(0, 2, 3, 1), top.shape[1], 128)))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def read_galleries(artifacts: Mapping[tuple[str, str, int], Arrays], first: str) -> list[Gallery]:
    """All encoders' pictures, by data set, the method `first` before the others and with all its units."""
    share = PIXELS // max(len(artifacts), 1)
    order = sorted(artifacts, key=lambda a: (a[1], a[0] != first, a[0], a[2]))
    read = (read_gallery(artifacts[m, d, w], m, d, w, share, m == first) for m, d, w in order)
    return [gallery for gallery in read if gallery is not None]
