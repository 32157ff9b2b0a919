"""Picture files as pixels: nothing that is drawn vanishes, and one rule holds for all pictures of a data set."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infomax_bench.data import pictures
from infomax_bench.data.pictures import NotUsable, as_bytes, header, read

SIZE = 12
"""Pixels along each side of the pictures here."""


def drawing(seed: int = 0) -> np.ndarray:
    """Which pixels are drawn, bool `[SIZE, SIZE]`: a frame, and noise inside that tells pictures apart."""
    drawn = np.zeros((SIZE, SIZE), dtype=bool)
    drawn[1:-1, 1:-1] = True
    drawn[3:-3, 3:-3] = np.random.default_rng(seed).random((SIZE - 6, SIZE - 6)) < 0.5
    return drawn


def loaded(paths: list[Path], channels: int | None = None) -> tuple[np.ndarray, list[str]]:
    """The pictures as a data set of their own size has them."""
    if channels is None:
        channels = 1 if all(header(path).grey for path in paths) else 3
    return as_bytes([read(path, (channels, SIZE, SIZE)) for path in paths])


def png16(samples: np.ndarray) -> bytes:
    """uint16 `[H, W, C]` as a PNG of 16 bits a channel, which Pillow reads and does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, channels = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# -- transparency -----------------------------------------------------------------------------------------------------


def in_alpha(mode: str, colour: int) -> Callable[[np.ndarray, Path], None]:
    """Writes a drawing of one colour, which only its alpha shows."""

    def write(drawn: np.ndarray, path: Path) -> None:
        bands = [np.full(drawn.shape, colour)] * (len(mode) - 1) + [255 * drawn]
        Image.fromarray(np.stack(bands, axis=2).astype(np.uint8), mode).save(path.with_suffix(".png"))

    return write


def in_16_bits(channels: int) -> Callable[[np.ndarray, Path], None]:
    def write(drawn: np.ndarray, path: Path) -> None:
        samples = np.zeros((*drawn.shape, channels), dtype=np.uint16)
        samples[..., -1] = 65535 * drawn
        path.with_suffix(".png").write_bytes(png16(samples))

    return write


def in_palette(drawn: np.ndarray, path: Path) -> None:
    image = Image.fromarray(drawn.astype(np.uint8), "P")
    image.putpalette([0] * 6)
    image.save(path.with_suffix(".png"), transparency=bytes([0, 255]))


def in_one_colour(mode: str) -> Callable[[np.ndarray, Path], None]:
    """Writes black on a black that is called transparent."""

    def write(drawn: np.ndarray, path: Path) -> None:
        ground = {"1": 1, "L": 1, "RGB": (0, 0, 1), "I;16": 1}[mode]
        pixels = np.where(drawn[..., None], 0, np.atleast_1d(ground)).astype(np.uint16 if mode == "I;16" else np.uint8)
        image = Image.fromarray(pixels if mode == "RGB" else pixels[..., 0])
        (image.point([0, 255] * 128, "1") if mode == "1" else image).save(
            path.with_suffix(".png"), transparency=1 if mode != "RGB" else ground
        )

    return write


def in_gif(drawn: np.ndarray, path: Path) -> None:
    image = Image.fromarray(drawn.astype(np.uint8), "P")
    image.putpalette([0] * 6)
    image.save(path.with_suffix(".gif"), transparency=0, optimize=False)


def in_lossless(ending: str) -> Callable[[np.ndarray, Path], None]:
    def write(drawn: np.ndarray, path: Path) -> None:
        pixels = np.zeros((*drawn.shape, 4), np.uint8)
        pixels[..., 3] = 255 * drawn
        Image.fromarray(pixels).save(
            path.with_suffix(ending), **({"lossless": True, "exact": True} if ending == ".webp" else {})
        )

    return write


WRITERS = {
    "RGBA": in_alpha("RGBA", 0),
    "LA": in_alpha("LA", 0),
    "LA of 16 bits": in_16_bits(2),
    "RGBA of 16 bits": in_16_bits(4),
    "palette": in_palette,
    "GIF": in_gif,
    "WebP": in_lossless(".webp"),
    "TIFF": in_lossless(".tif"),
    **{f"a colour of {mode}": in_one_colour(mode) for mode in ("L", "RGB", "I;16")},
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_drawing_in_transparency_alone_stays_visible(kind: str, tmp_path: Path) -> None:
    """Black on nothing is black on white, whichever way a file says what is transparent."""
    for i in range(3):
        WRITERS[kind](drawing(i), tmp_path / str(i))
    images, _ = loaded(sorted(tmp_path.iterdir()))
    for i, image in enumerate(images):
        assert np.array_equal(image, np.broadcast_to(np.where(drawing(i), 0, 255), image.shape)), kind


@pytest.mark.parametrize(
    ("colours", "ground"), [((255,), 0), ((240, 230), 0), ((0, 255), 128), ((0, 60), 255), ((0, 128, 255), 64)]
)
def test_the_ground_is_one_on_which_every_drawing_is_seen(
    colours: tuple[int, ...], ground: int, tmp_path: Path
) -> None:
    """White, unless some would vanish there; the same for all, since a ground for each would tell classes apart."""
    paths = []
    for i, colour in enumerate(colours):
        paths.append(tmp_path / f"{i}.png")
        in_alpha("LA", colour)(drawing(), paths[-1])
    images, notes = loaded(paths)
    for image, colour in zip(images[:, 0], colours, strict=True):
        assert set(np.unique(image)) == {colour, ground}
        assert np.array_equal(image == colour, drawing())
    assert bool(notes) == (ground != 255), "what is not plain is told"


def test_half_transparent_pixels_lie_between(tmp_path: Path) -> None:
    pixels = np.zeros((SIZE, SIZE, 4), np.uint8)
    pixels[..., 3] = np.arange(SIZE) * 20
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images, _ = loaded([tmp_path / "a.png"])
    assert np.array_equal(images[0, 0, 0], 255 - np.arange(SIZE) * 20)


def test_alpha_that_says_nothing_is_not_used(tmp_path: Path) -> None:
    """Opaque pictures are what they are without alpha; transparent everywhere, colours are all that there is."""
    colours = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    for alpha in (0, 255):
        full = np.full((SIZE, SIZE, 1), alpha, np.uint8)
        Image.fromarray(np.concatenate([colours, full], axis=2)).save(tmp_path / f"{alpha}.png")
        images, notes = loaded([tmp_path / f"{alpha}.png"])
        assert np.array_equal(images[0].transpose(1, 2, 0), colours)
        assert bool(notes) == (alpha == 0)


def test_what_is_transparent_gives_no_colour_to_its_neighbours(tmp_path: Path) -> None:
    """A smaller picture of red on a transparent green has no green in it."""
    pixels = np.zeros((4 * SIZE, 4 * SIZE, 4), np.uint8)
    pixels[..., 1] = 255
    pixels[: 2 * SIZE + 2] = (255, 0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images, _ = loaded([tmp_path / "a.png"])
    assert (images[0, 0] == 255).all()  # red, and the white ground
    assert np.array_equal(images[0, 1], images[0, 2])


# -- range ------------------------------------------------------------------------------------------------------------


def ramp(low: float, high: float) -> np.ndarray:
    """Float64 `[SIZE, SIZE]` from low to high."""
    return np.linspace(low, high, SIZE * SIZE).reshape(SIZE, SIZE)


PLAIN = np.rint(ramp(0, 255)).astype(int)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["grey", "colour", "alpha", "TIFF", "32 bits"])
def test_deep_pictures_are_scaled_by_the_bits_that_they_hold(kind: str, bits: int, tmp_path: Path) -> None:
    """12 bits in a file of 16 are no black picture; what is not plain is told."""
    values = np.rint(ramp(0, 2**bits - 1)).astype(np.uint16)
    path = tmp_path / ("a.tif" if kind in ("TIFF", "32 bits") else "a.png")
    if kind == "TIFF":
        Image.fromarray(values).save(path, compression="tiff_lzw")
    elif kind == "32 bits":
        Image.fromarray(values.astype(np.int32)).save(path)
    else:
        bands = {"grey": [values], "colour": [values] * 3, "alpha": [values, np.full_like(values, 65535)]}[kind]
        path.write_bytes(png16(np.stack(bands, axis=2)))
    images, notes = loaded([path])
    assert images.shape[1] == (3 if kind == "colour" else 1)
    assert np.abs(images[0].astype(int) - PLAIN).max() <= 1
    assert [f"hold {bits}:" in note for note in notes] == [True] * (bits != 16)


def test_the_range_is_that_of_the_whole_data_set(tmp_path: Path) -> None:
    """A dark picture stays darker than a bright one; a picture of 8 bits among them is as it is."""
    for name, most in (("dark", 1023), ("bright", 4095)):
        Image.fromarray(np.full((SIZE, SIZE), most, np.uint16)).save(tmp_path / f"{name}.png")
    Image.fromarray(np.full((SIZE, SIZE), 100, np.uint8)).save(tmp_path / "plain.png")
    images, _ = loaded([tmp_path / f"{name}.png" for name in ("dark", "bright", "plain")])
    assert images[:, 0, 0, 0].tolist() == [64, 255, 100]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0, 1, False),
        (0, 255, False),
        (0, 0.02, True),
        (-1, 1, True),
        (-1000, 3000, True),
        (1e6, 1e6 + 100, True),
        (0, 65535, True),
        (3, 3, True),
    ],
)
def test_real_numbers_are_taken_in_their_own_range(low: float, high: float, told: bool, tmp_path: Path) -> None:
    """From black to white, with a word where it is not plain; one that is the same everywhere is black."""
    Image.fromarray(ramp(low, high).astype(np.float32)).save(tmp_path / "a.tif")
    images, notes = loaded([tmp_path / "a.tif"])
    assert np.abs(images[0, 0].astype(int) - (PLAIN if high > low else 0)).max() <= 1
    assert bool(notes) == told


def test_negative_whole_numbers_are_taken_in_their_own_range(tmp_path: Path) -> None:
    Image.fromarray(np.rint(ramp(-1000, 3000)).astype(np.int32)).save(tmp_path / "a.tif")
    images, notes = loaded([tmp_path / "a.tif"])
    assert np.abs(images[0, 0].astype(int) - PLAIN).max() <= 1
    assert "-1000, is black" in notes[0]


def test_what_is_not_finite_spoils_nothing_else(tmp_path: Path) -> None:
    values = ramp(0, 1).astype(np.float32)
    values[0, :3] = np.nan, -np.inf, np.inf
    Image.fromarray(values).save(tmp_path / "a.tif")
    images, notes = loaded([tmp_path / "a.tif"])
    assert images[0, 0, 0, :3].tolist() == [5, 5, 255]  # the smallest that is finite is 3 / 143
    assert np.abs(images[0, 0].astype(int) - PLAIN)[1:].max() <= 1
    assert "finite" in notes[0]


# -- headers ----------------------------------------------------------------------------------------------------------


SHOWN: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].T,
    8: np.rot90,
}
"""What a picture of each EXIF orientation looks like."""


@pytest.mark.parametrize("orientation", SHOWN)
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_pictures_stand_as_their_exif_data_say(ending: str, orientation: int, tmp_path: Path) -> None:
    """The size in the header is the one that is shown."""
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:8, :16] = 255  # the upper left
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    Image.fromarray(pixels).save(path, exif=exif)
    shown = SHOWN[orientation](pixels)
    assert header(path).size == shown.shape[::-1]
    images, _ = as_bytes([read(path, (1, *shown.shape))])
    assert np.array_equal(images[0, 0] > 127, shown > 127)


def test_deep_pictures_stand_as_their_exif_data_say(tmp_path: Path) -> None:
    values = np.rint(ramp(0, 65535)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    images, _ = loaded([tmp_path / "a.png"])
    assert np.abs(images[0, 0].astype(int) - np.rot90(PLAIN, -1)).max() <= 1


def test_large_pictures_are_used_and_too_large_ones_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow takes a large map for an attack; its limit is left as it was."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("L", (SIZE, 5 * SIZE), 200).save(tmp_path / "a.png")
    assert header(tmp_path / "a.png").size == (SIZE, 5 * SIZE)
    assert (loaded([tmp_path / "a.png"])[0] == 200).all()
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setattr(pictures, "MOST_PIXELS", SIZE)
    with pytest.raises(NotUsable, match="too large"):
        header(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no picture"),
        (b"some words", "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),  # another program would have to draw it
        (None, "No such file"),
    ],
)
def test_what_is_no_picture_says_why(content: bytes | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(NotUsable, match=reason):
        header(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "HSV", "P", "PA", "La", "RGBa", "1", "RGBX"])
def test_every_mode_is_read(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A white picture is white, whatever the mode that Pillow opens it in."""
    image = Image.new("RGB", (SIZE, SIZE), "white")
    if mode == "LAB":
        opened = Image.new("LAB", (SIZE, SIZE), (255, 128, 128))
    elif mode in ("La", "RGBa"):
        opened = image.convert("LA" if mode == "La" else "RGBA").convert(mode)
    elif mode == "PA":
        opened = image.convert("P").convert("PA")
    else:
        opened = image.convert(mode)
    picture = pictures._of_bytes(opened, 3, None, (SIZE, SIZE))
    assert picture.pixels.shape[:2] == (SIZE, SIZE)
    assert picture.pixels.min() >= 254


def test_one_value_far_from_the_others_is_told(tmp_path: Path) -> None:
    """16-bit files of 8 bits' content, and one hot pixel: what is left of the drawings is a level or two."""
    rng = np.random.default_rng(0)
    read = []
    for i in range(8):
        drawing = rng.integers(0, 256, (9, 9)).astype(np.uint16)
        drawing[0, 0] = 65535 if i == 3 else drawing[0, 0]
        Image.fromarray(drawing).save(tmp_path / f"{i}.png")
        read.append(pictures.read(tmp_path / f"{i}.png", (1, 9, 9)))
    _, notes = pictures.as_bytes(read)
    assert any("nearly of one level" in note for note in notes), notes
