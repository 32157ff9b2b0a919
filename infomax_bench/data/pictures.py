"""Picture files as bytes of one shape, by rules that are the same for every picture of a data set.

*Transparency.* All pictures with transparent parts are laid on one ground: white, as pages are; but where some drawing
would hardly be seen on white, the ground among `GROUNDS` on which the faintest drawing stands out most. One ground for
all, because a ground chosen for each picture would be a feature of its own, and could tell the classes apart or hide
what does. Where a picture is transparent everywhere, its colours are all there is, and are used as they are.

*Range.* Pictures of 8 bits are used as they are. Whole numbers of other kinds (16 and 32 bits) are taken to have as
many bits as the largest of the data set needs, so that a file of 16 bits that holds 12 is not black; where some are
negative, the smallest is black and the largest white. Real numbers from 0 to 1 and from 0 to 255 are what they seem, if
the largest reaches the upper half; otherwise the smallest of the data set is black and the largest white. What is not
plain (8 or 16 bits, 0 to 1, 0 to 255) is told.

*Orientation.* A picture stands as its EXIF data say. Of several frames the first is used.
"""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG
from typing import IO, Any

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.ImageFile import ImageFile

VERSION = 1
"""Raised when the same files would give other pixels."""

MAX_SIDE = 64
"""Larger pictures are reduced, since the encoders here are small."""
MOST_PIXELS = 1 << 28
"""Of a picture as it is stored: a GiB in memory, in colour."""

FORMATS = (
    "JPEG",
    "PNG",
    "GIF",
    "BMP",
    "PPM",
    "TIFF",
    "WEBP",
    "AVIF",
    "JPEG2000",
    "CUR",
    "DCX",
    "DDS",
    "DIB",
    "FITS",
    "FLI",
    "ICNS",
    "ICO",
    "IM",
    "MSP",
    "PCX",
    "PSD",
    "QOI",
    "SGI",
    "SUN",
    "TGA",
    "XBM",
    "XPM",
)
"""Pillow's formats that are pixels and need no other program. A file is what its content says, whatever its ending."""

FLAT, NEARLY_ALL = 4, (0.005, 0.995)
"""Levels, of 256, between these quantiles of its pixels below which a picture is told to be nearly empty."""
GROUNDS = (255, 0, 128, 64, 192)
VISIBLE = 32
"""Levels that a drawing differs from its ground, on average over what is drawn, to be seen well."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture of each EXIF orientation to stand upright."""
EXIF = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}
"""Where Pillow keeps it."""


class NotUsable(Exception):
    """Why a file is left out, in a few words."""


@dataclass(frozen=True)
class Header:
    """What is known of a picture before it is read."""

    grey: bool
    size: tuple[int, int]
    """(width, height), as it is shown."""
    frames: bool
    """Whether it has several."""


@dataclass(frozen=True)
class Picture:
    """A picture in its data set's shape, still in its own range.

    pixels: `[H, W, C]`, uint8, or float32 where the file's samples are no bytes; they are then of a `kind`, "whole" or
    "real", and lay between `low` and `high` before the picture was resized. alpha: uint8 `[H, W]` where there is any.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    kind: str = "bytes"
    low: float = 0.0
    high: float = 0.0
    notes: tuple[str, ...] = ()


def header(path: Path) -> Header:
    """Raises NotUsable for what is no picture, cannot be read, or is too large."""
    try:
        stat = path.stat()
    except OSError as error:
        raise NotUsable(error.strerror or "no file") from None
    if not S_ISREG(stat.st_mode):  # a pipe, which would never end
        raise NotUsable("no file")
    return _header(path, MOST_PIXELS, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


@functools.lru_cache(maxsize=1 << 20)
def _header(path: Path, most: int, *_: int) -> Header:
    """Read once in a process for as long as the file is not touched: every job asks for all of them."""
    return header_of(path, most)


def header_of(source: Path | bytes, most: int = MOST_PIXELS) -> Header:
    """Of a regular file, or of its content. Raises NotUsable for what is no picture, or is too large."""
    try:
        with _opened(source) as image:
            if image.width * image.height > most:
                raise NotUsable(f"too large: over {most >> 20} million pixels")
            turned = _orientation(image) > 4
            grey = _is_grey(image.mode) or _raw_mode(image).startswith("LA;16")
            size = (image.height, image.width) if turned else image.size
            return Header(grey, size, bool(getattr(image, "is_animated", False)))
    except NotUsable:
        raise
    except UnidentifiedImageError:
        raise NotUsable("no picture") from None
    except OSError as error:
        raise NotUsable(error.strerror or "damaged") from None
    except Exception:  # a damaged file makes Pillow's decoders raise anything
        raise NotUsable("damaged") from None


def common_shape(headers: Sequence[Header]) -> tuple[int, int, int]:
    """`[C, H, W]` for all pictures of a data set: grey if every one of them is; the commonest size, of equally common
    ones the smallest, reduced in proportion to at most MAX_SIDE."""
    sizes = Counter(header.size for header in headers)
    width, height = min(sizes, key=lambda size: (-sizes[size], size))
    ratio = min(1, MAX_SIDE / max(width, height))
    channels = 1 if all(header.grey for header in headers) else 3
    return channels, max(1, round(height * ratio)), max(1, round(width * ratio))


def read(source: Path | bytes, shape: Sequence[int]) -> Picture:
    """A picture in a shape `[C, H, W]`, of one or three channels. Raises whatever Pillow does for a damaged one."""
    channels, height, width = shape
    with _opened(source) as image:
        raw = _raw_mode(image)
        image.load()
        turn = UPRIGHT.get(_orientation(image))
        if image.mode == "F" or image.mode.startswith("I") or _is_deep(image.mode, raw):
            picture = _of_samples(_samples(source, image, raw), image.info.get("transparency"), turn, (width, height))
        else:
            picture = _of_bytes(image, channels, turn, (width, height))
    if picture.pixels.shape[2] < channels:
        picture = replace(picture, pixels=np.repeat(picture.pixels, channels, axis=2))
    opaque = picture.alpha is not None and picture.alpha.min() == 255
    return replace(picture, alpha=None) if opaque else picture


def as_bytes(pictures: Sequence[Picture]) -> tuple[np.ndarray, list[str]]:
    """All pictures of a data set, uint8 `[N, C, H, W]`, and what is to be told of how they were converted."""
    notes = sorted({note for picture in pictures for note in picture.notes})
    scales = {}
    for kind, rule in (("whole", _whole_scale), ("real", _real_scale)):
        ranges = [(p.low, p.high) for p in pictures if p.kind == kind]
        if ranges:
            low, high = zip(*ranges, strict=True)
            scales[kind], note = rule(min(low), max(high))
            notes += [note] * bool(note)
    pixels = [p.pixels if p.kind == "bytes" else _scaled(p.pixels, *scales[p.kind]) for p in pictures]
    flat = sum(
        p.kind != "bytes" and p.high > p.low and bool(np.ptp(np.quantile(own, NEARLY_ALL)) < FLAT)
        for own, p in zip(pixels, pictures, strict=True)
    )
    if flat:
        notes.append(
            f"{flat} of {len(pictures)} pictures are nearly of one level in the range that all have in common: are "
            "single values far from the others, or are the files' ranges unlike?"
        )
    drawings = [(own, p.alpha) for own, p in zip(pixels, pictures, strict=True) if p.alpha is not None]
    ground = _ground(drawings) if drawings else GROUNDS[0]
    if ground != GROUNDS[0]:
        name = "a black ground" if ground == 0 else f"a grey ground (level {ground} of 255)"
        notes.append(f"pictures with transparent parts are laid on {name}, for on white some would hardly be seen")
    laid = [own if p.alpha is None else _laid(own, p.alpha, ground) for own, p in zip(pixels, pictures, strict=True)]
    return np.stack(laid).transpose(0, 3, 1, 2).copy(), notes


# -- one file ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(source: Path | bytes) -> Iterator[ImageFile]:
    """The file, or its content, as Pillow has it, of any size, and without Pillow's own warnings."""
    most = Image.MAX_IMAGE_PIXELS
    try:
        Image.MAX_IMAGE_PIXELS = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # from an open file: by its name, Pillow 13 maps a TIFF that lies on its side the wrong way round
            with _stream(source) as file, Image.open(file, formats=_formats()) as image:
                yield image
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _stream(source: Path | bytes) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


@functools.cache
def _formats() -> list[str]:
    """Those of FORMATS that this Pillow has."""
    Image.init()
    return [name for name in FORMATS if name in Image.ID]


def _orientation(image: Image.Image) -> int:
    """By EXIF, 1 to 8. Pillow itself turns TIFFs, and would decode a PNG without EXIF data to look for some."""
    if image.format == "TIFF" or (image.format == "PNG" and image.info.keys().isdisjoint(EXIF)):
        return 1
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF data; the picture may be good
        return 1


def _is_grey(mode: str) -> bool:
    return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")


def _is_deep(mode: str, raw: str) -> bool:
    """Whether samples of colours are of 16 bits, of which Pillow would keep the upper ones alone."""
    return mode in ("LA", "RGB", "RGBA") and raw[-4:] in (";16B", ";16L", ";16N") and not raw.startswith("RGBa")


def _raw_mode(image: ImageFile) -> str:
    """How the file's samples lie, in Pillow's words: "RGB;16B", ...; "" where it does not say."""
    arguments: Any = image.tile[0].args if getattr(image, "tile", None) else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _samples(source: Path | bytes, image: ImageFile, raw: str) -> np.ndarray:
    """All bits of samples of more than eight, `[H, W, C]` (C: grey, or RGB, with or without alpha)."""
    if image.mode == "F" or image.mode.startswith("I"):
        return np.asarray(image)[..., None]
    if raw.startswith("LA"):  # four bytes a pixel: two samples' upper and lower ones
        pairs = _decoded(source, "RGBA", "RGBA")
        upper, lower = pairs[..., ::2].astype(np.uint16), pairs[..., 1::2]
    else:
        upper = np.asarray(image).astype(np.uint16)
        end = raw[-1] if raw[-1] in "BL" else "BL"[sys.byteorder == "little"]
        lower = _decoded(source, image.mode, f"{raw[:-1]}{'BL'[end == 'B']}")
    whole: np.ndarray = upper * 256 + lower
    return whole


def _decoded(source: Path | bytes, mode: str, raw: str) -> np.ndarray:
    """The file's samples, decoded as if they lay in another order: read the other way round, the lower byte of two is
    the upper one, which is how Pillow is made to give it."""
    with _opened(source) as image:
        tiles: list[Any] = image.tile
        image._mode = mode
        image.tile = [t._replace(args=(raw, *t.args[1:]) if isinstance(t.args, tuple) else raw) for t in tiles]
        return np.asarray(image)


def _of_samples(samples: np.ndarray, transparent: Any, turn: Image.Transpose | None, size: tuple[int, int]) -> Picture:
    """A picture of numbers that are no bytes. transparent: the colour that is, if any is."""
    notes: tuple[str, ...] = ()
    colours, alpha = samples, None
    if samples.shape[2] in (2, 4):
        colours, alpha = samples[..., :-1], samples[..., -1] / np.float32(65535)
    elif transparent is not None:
        alpha = (colours != np.asarray(transparent)).any(2).astype(np.float32)
    finite = np.isfinite(colours)
    if not finite.all():
        notes = ("what is not finite in a picture of real numbers is black, or white where it is +infinity",)
        inside = colours[finite] if finite.any() else np.zeros(1, colours.dtype)
        colours = np.where(colours == np.inf, inside.max(), np.where(finite, colours, inside.min()))
    kind = "real" if samples.dtype.kind == "f" else "whole"
    low, high, colours = float(colours.min()), float(colours.max()), colours.astype(np.float32)
    if alpha is not None and not alpha.any():
        notes, alpha = (*notes, INVISIBLE), None
    if alpha is None:
        return Picture(_resized(colours, turn, size), None, kind, low, high, notes)
    weights = _resized(alpha[..., None], turn, size)  # what is transparent has no colour to give to its neighbours
    pixels = _resized(colours * alpha[..., None], turn, size) / np.maximum(weights, 1e-6)
    return Picture(pixels, np.rint(255 * weights[..., 0]).clip(0, 255).astype(np.uint8), kind, low, high, notes)


INVISIBLE = "pictures that are transparent everywhere are used as if they were not"


def _of_bytes(image: Image.Image, channels: int, turn: Image.Transpose | None, size: tuple[int, int]) -> Picture:
    """A picture whose samples are bytes."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode == "LAB":
        profiles = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        image = ImageCms.profileToProfile(image, *profiles, outputMode="RGB") or image
    notes: tuple[str, ...] = ()
    if image.has_transparency_data:
        if image.mode not in ("LA", "RGBA"):
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        least, most = image.getchannel("A").getextrema()
        if most == 0:
            notes = (INVISIBLE,)
        if most == 0 or least == 255:  # alpha says nothing
            image = image.convert("RGB" if image.mode == "RGBA" else "L")
        else:
            mode += "A"
    image = _upright(image.convert(mode), turn).resize(size, Image.Resampling.BILINEAR)  # Pillow's is antialiased
    pixels = np.asarray(image).reshape(size[1], size[0], -1)
    return Picture(pixels[..., :channels], pixels[..., channels] if mode.endswith("A") else None, notes=notes)


def _upright(image: Image.Image, turn: Image.Transpose | None) -> Image.Image:
    return image if turn is None else image.transpose(turn)


def _resized(samples: np.ndarray, turn: Image.Transpose | None, size: tuple[int, int]) -> np.ndarray:
    """float32 `[H, W, C]`, upright and in another size."""
    parts = [_upright(Image.fromarray(np.ascontiguousarray(part)), turn) for part in np.moveaxis(samples, 2, 0)]
    return np.stack([np.asarray(part.resize(size, Image.Resampling.BILINEAR)) for part in parts], axis=2)


# -- all of them ------------------------------------------------------------------------------------------------------


def _whole_scale(low: float, high: float) -> tuple[tuple[float, float], str]:
    """What is black and what is white among whole numbers, and what is to be told of it."""
    if low < 0:
        return (low, high), f"of pictures of whole numbers the smallest, {low:g}, is black, and {high:g} white"
    bits = max(1, int(high).bit_length())
    white = float(2**bits - 1)
    told = f"pictures of 16 or more bits hold {bits}: {white:g} is white" if bits != 16 else ""
    return (0.0, white), told


def _real_scale(low: float, high: float) -> tuple[tuple[float, float], str]:
    """What is black and what is white among real numbers, and what is to be told of it."""
    for white in (1.0, 255.0):
        if low >= 0 and white / 2 < high <= white:
            return (0.0, white), ""
    return (low, high), f"of pictures of real numbers the smallest, {low:g}, is black, and the largest, {high:g}, white"


def _scaled(pixels: np.ndarray, black: float, white: float) -> np.ndarray:
    share = (pixels.astype(np.float64) - black) / (white - black if white > black else 1.0)
    return np.rint(255 * share).clip(0, 255).astype(np.uint8)


def _ground(drawings: Sequence[tuple[np.ndarray, np.ndarray]]) -> int:
    """The one ground on which all drawings are seen: white, unless one hardly is."""
    if min(_contrast(pixels, alpha, GROUNDS[0]) for pixels, alpha in drawings) >= VISIBLE:
        return GROUNDS[0]
    return max(GROUNDS, key=lambda ground: min(_contrast(pixels, alpha, ground) for pixels, alpha in drawings))


def _contrast(pixels: np.ndarray, alpha: np.ndarray, ground: int) -> float:
    """Levels that a drawing differs from the ground, on average over what is drawn."""
    distance = np.abs(pixels.astype(np.float32) - ground).max(2)
    drawn = float(alpha.sum(dtype=np.float64))
    return float((distance * alpha).sum()) / drawn if drawn else float("inf")  # nothing is left that could be seen


def _laid(pixels: np.ndarray, alpha: np.ndarray, ground: int) -> np.ndarray:
    """Pixels `[H, W, C]` on a ground, seen through their alpha."""
    share = alpha[..., None].astype(np.float32) / 255
    return np.rint(pixels * share + ground * (1 - share)).astype(np.uint8)
