"""Letters, drawn from the outlines of the fonts that matplotlib ships."""

import functools
import string
from pathlib import Path

import matplotlib as mpl
import numpy as np

from infomax_bench import Augmentation
from infomax_bench.data.dataset import source_hash
from infomax_bench.data.drawn import Drawn, filled, outline

DEJAVU = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif")
OTHERS = ("cmr10", "cmb10", "cmss10", "cmtt10", "STIXGeneral", "STIXGeneralBol")
FONTS = (*DEJAVU, *(f"{name}-Bold" for name in DEJAVU), *OTHERS)
FILES = [Path(mpl.get_data_path(), "fonts", "ttf", f"{name}.ttf") for name in FONTS]
SIZES = {"small": 8, "medium": 10, "large": 12}  # heights of an H, in pixels
SLANTS = {"left": -0.2, "upright": 0.0, "right": 0.2}  # pixels to the right for one up
PATCH, PLACES, SAMPLES = 22, tuple("1234567"), 8


@functools.cache
def patch(letter, font, size, slant):
    edges = outline(FILES[font], letter) * ([*SIZES.values()][size] / outline(FILES[font], "H")[..., 1].max())
    edges[..., 0] += [*SLANTS.values()][slant] * edges[..., 1]
    low, high = edges.min((0, 1)), edges.max((0, 1))
    low[1], high[1] = 0, [*SIZES.values()][size]  # letters stand on one line
    return filled(edges + (PATCH - low - high) / 2, PATCH, SAMPLES)


class Glyphs(Drawn):
    """A white capital on black, 600 of each: as many different choices of font, size, slant and place."""

    summary = "capital letters in 12 fonts, 3 sizes, 3 slants and 49 places; 28x28 grey"
    licence = "MIT, as the code that draws them; fonts: DejaVu (Bitstream Vera), Computer Modern (BaKoMa), STIX (OFL)"
    citation = "drawn with the fonts that come with Hunter 2007, Matplotlib, Computing in Science and Engineering 9"
    size = 15_600
    shape = (1, PATCH + len(PLACES) - 1, PATCH + len(PLACES) - 1)
    class_names = tuple(string.ascii_uppercase)
    factor_names = ("font", "size", "slant", "x", "y")
    factor_words = dict(zip(factor_names, (FONTS, (*SIZES,), (*SLANTS,), PLACES, PLACES), strict=True))
    caption = "a picture of a {size} {class} in {font} leaning {slant} in row {y} and column {x}"
    augmentation = Augmentation(scale=(0.9, 1.1), shift=0.04, rotate=10, brightness=0.3)  # flips make no letter

    def fingerprint(self):
        return "".join([super().fingerprint(), *map(source_hash, FILES)])

    def draw(self, rng):
        levels = [len(words) for words in self.factor_words.values()]
        letters = np.repeat(np.arange(len(self.class_names)), self.n_images // len(self.class_names))
        chosen = [rng.permutation(np.prod(levels))[: self.n_images // len(self.class_names)] for _ in self.class_names]
        factors = np.unravel_index(np.concatenate(chosen), levels)
        images = np.zeros((self.n_images, *self.shape[1:]), dtype=np.uint8)
        for image, letter, (*kind, x, y) in zip(images, letters, np.transpose(factors), strict=True):
            image[y : y + PATCH, x : x + PATCH] = patch(self.class_names[letter], *kind)
        return images, letters, factors
