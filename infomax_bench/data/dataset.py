"""What a data set is, how a seed divides it, and how its images are brought to an encoder's input shape."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from infomax_bench.base.errors import UserError
from infomax_bench.base.places import data_root as data_root
from infomax_bench.base.sealed import digest
from infomax_bench.base.streams import generator
from infomax_bench.data import mapped
from infomax_bench.data.augment import Augmentation

MAX_VALIDATION = 10_000
VALIDATION_SHARE = 6
"""A seed sets a sixth of the images that are not test aside for validation, at most MAX_VALIDATION."""


@dataclass(frozen=True, repr=False)
class Images:
    """A loaded data set.

    images: uint8 `[N, C, H, W]`; labels: int64 `[N]`; test: bool `[N]`, fixed by the data set.
    factors: int64 `[N, F]`, the ground truth that made each image, where it is known.
    masks: bool `[N, H, W]`, figure against ground, where it is known.
    """

    images: Tensor
    labels: Tensor
    test: Tensor
    factors: Tensor | None = None
    masks: Tensor | None = None

    def __repr__(self) -> str:
        """A line, and no tensors."""
        shape, classes = "x".join(map(str, self.images.shape[1:])), len(self.labels.unique())
        more = [f"{name} {list(v.shape)}" for name in ("factors", "masks") if (v := getattr(self, name)) is not None]
        test = f"{len(self.images):,} images of {shape}, {int(self.test.sum()):,} of them test, {classes} classes"
        return ", ".join([test, *more])

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.dtype != torch.uint8 or self.images.dim() != 4:
            raise ValueError(f"images must be uint8 [N, C, H, W], not {self.images.dtype} {list(self.images.shape)}")
        for name in ("labels", "test", "factors", "masks"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"{name} has {len(value)} entries for {n} images")


class Dataset:
    """Base class of every data set: what can be known without loading, and how to load.

    A data set given as `name:ARGUMENT` is built with that argument.
    """

    name: ClassVar[str] = ""
    """Given by the registry: the file's name."""
    code: ClassVar[str] = ""
    """Given by the registry: a hash of the file's source."""
    takes: ClassVar[str | None] = None
    """What the argument is, in a word, for data sets that want one ("PATH")."""
    modes: ClassVar[Mapping[str, str]] = {}
    """Arguments that may be given and need not be, and what they do."""
    also: ClassVar[Mapping[str, str]] = {}
    """Other names by which the same images are known (`hf:OWNER/NAME`), each with the argument ("" for none) that it
    stands for here. One data set has one name in results: this one."""
    summary: str
    """One line for `list` and the report: what the images are, and where they come from."""
    licence: str = ""
    """Under which terms the images (and what they are drawn with: fonts) may be used, by its usual short name."""
    citation: str = ""
    """Who is to be cited for them, as a reference: authors, year, title, where."""
    shape: tuple[int, int, int]
    class_names: Sequence[str]
    n_test: int
    n_rest: int
    """How many images are test, and how many are for training and validation together."""
    factor_names: Sequence[str] = ()
    caption: str = "a picture of a {class}"
    """How captions are written: words between blanks, of which {class} stands for the class's name, and {FACTOR} for
    the value of a factor as `factor_words` has it."""
    factor_words: Mapping[str, Sequence[str]] = {}
    """By a factor's name, each of its values in words."""
    augmentation: Augmentation = Augmentation()
    """The augmentation that keeps this data set's classes apart (no flips for digits)."""

    def __init__(self, argument: str | None = None) -> None:
        """Raises UserError if an argument is given that the data set does not take.

        One that is wanted and not given may only be missed later: a list of data sets has none to give.
        """
        if argument is not None and self.takes is None and argument not in self.modes:
            known = f"no argument but {', '.join(self.modes)}" if self.modes else "no argument"
            raise UserError(f"data set {self.name!r} takes {known}, and was given {argument!r}")
        self.argument = argument

    @property
    def label(self) -> str:
        """The name under which results are filed."""
        return self.name if self.argument is None else f"{self.name}:{self.argument}"

    @property
    def identity(self) -> str:
        """The name as it enters keys: without an argument that only says where the data lie, if there is such a one."""
        return self.label

    @property
    def verified(self) -> bool | None:
        """Whether the images are known to be the published ones, if that can be said without loading; what is no
        published data set needs no check."""
        return True

    def fingerprint(self) -> str:
        """Changes whenever the images do; read without loading them. The file's own source is added to it."""
        return ""

    def load(self) -> Images:
        """The images. Raises UserError if they cannot be had, saying what to do."""
        if type(self).parts is Dataset.parts:
            raise TypeError(f"{type(self).__name__} does not define load()")
        return _of_parts(self)

    def parts(self) -> Iterator[Images]:
        """The images part by part, in their order: what a data set that is larger than memory defines instead of
        `load`. They are asked for once, and kept in a file (`data/mapped.py`) for as long as the plug-in's source and
        the fingerprint stay the same."""
        raise TypeError(f"{type(self).__name__} does not define parts()")

    @property
    def quantities(self) -> Mapping[str, Sequence[float]]:
        """By a factor's name, the number that each of its values is, for factors that are quantities: those whose words
        are numbers, unless a data set says otherwise."""
        found = {}
        for name, words in self.factor_words.items():
            with contextlib.suppress(ValueError):  # words, then
                found[name] = [float(word) for word in words]
        return found

    def captions(self, images: Images) -> list[str]:
        """A caption for every image, of words between blanks that are all in `vocabulary`."""
        columns = []
        for name, phrases in self._caption_places:
            if name == "class":
                values = images.labels
            elif name:
                assert images.factors is not None
                values = images.factors[:, list(self.factor_names).index(name)]
            else:
                values = torch.zeros_like(images.labels)
            columns.append([phrases[i] for i in values.tolist()])
        return [" ".join(words) for words in zip(*columns, strict=True)]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Every word that a caption can have, sorted; known without loading."""
        phrases = itertools.chain.from_iterable(phrases for _, phrases in self._caption_places)
        return tuple(sorted({word for phrase in phrases for word in phrase.split()}))

    @property
    def caption_length(self) -> int:
        """Words of the longest caption; known without loading."""
        return sum(max(len(phrase.split()) for phrase in phrases) for _, phrases in self._caption_places)

    @property
    def _caption_places(self) -> list[tuple[str, Sequence[str]]]:
        """For each place in `caption`, whose value stands there ("": the same word always), and its values in words."""
        words = {"class": self.class_names, **self.factor_words}
        names = [(place, place.removeprefix("{").removesuffix("}")) for place in self.caption.split()]
        return [("", [place]) if name == place else (name, words[name]) for place, name in names]

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def n_validation(self) -> int:
        return min(MAX_VALIDATION, self.n_rest // VALIDATION_SHARE)

    @property
    def n_train(self) -> int:
        """Training images of one seed."""
        return self.n_rest - self.n_validation


@dataclass(frozen=True, repr=False)
class Split:
    """Indices of one seed's training, validation and test images, int64."""

    train: Tensor
    validation: Tensor
    test: Tensor

    def __repr__(self) -> str:
        """A line, and no tensors."""
        return ", ".join(f"{len(getattr(self, part)):,} {part}" for part in ("train", "validation", "test"))


def split(test: Tensor, seed: int, validation: bool = True) -> Split:
    """Divides what is not test into training and validation, by the seed alone.

    test: bool `[N]`. With `validation=False`, everything that is not test is for training (as some published
    protocols have it) and the validation part is empty.
    """
    rest = torch.nonzero(~test).flatten()
    rest = rest[torch.randperm(len(rest), generator=generator(seed, "split"))]
    n = min(MAX_VALIDATION, len(rest) // VALIDATION_SHARE) if validation else 0
    return Split(train=rest[n:], validation=rest[:n], test=torch.nonzero(test).flatten())


def convert(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Images `[N, C, H, W]` uint8 in another input shape: channels by luma or repetition, then antialiased resize.

    Raises ValueError where the channels are neither one nor three.
    """
    if images.shape[1:] == tuple(shape):
        return images
    out = mapped.room((len(images), *shape))
    for own, part in zip(out.split(4096), images.split(4096), strict=True):  # floats are four times as big
        own.copy_(_convert(part, shape))
    return out


def _convert(images: Tensor, shape: Sequence[int]) -> Tensor:
    channels, height, width = shape
    if images.shape[1] == 3 and channels == 1:
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R BT.601
        images = (images * luma).sum(1, keepdim=True).round().to(torch.uint8)
    if images.shape[-2:] != (height, width):
        resized = F.interpolate(images.float(), (height, width), mode="bilinear", antialias=True)
        images = resized.round().clamp(0, 255).to(torch.uint8)
    if images.shape[1] == 1:
        images = images.expand(-1, channels, -1, -1)  # last, so that grey is resized once
    if images.shape[1] != channels:
        raise ValueError(f"no conversion from {images.shape[1]} to {channels} channels")
    return images


def to_unit(images: Tensor) -> Tensor:
    """uint8 images as numbers in [0, 1], of torch's default type: float32, unless rounding is to be kept small."""
    return images.to(torch.get_default_dtype()).div_(255)


def stratified_test(labels: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """A fixed test mask with `share` of every class, for data sets that come without a division of their own.

    Of every class at least one is test and one is not. Raises UserError for a class of one.
    """
    rng = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise UserError(f"class {label} has one member; it takes two, one to train on and one to test")
        n = min(max(1, round(share * len(members))), len(members) - 1)
        test[rng.permutation(members)[:n]] = True
    return test


def source_hash(path: Path) -> str:
    """A short hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _of_parts(dataset: Dataset) -> Images:
    """The images of a data set that gives them in parts."""

    def make(maker: mapped.Maker) -> None:
        with maker.writing(dataset.n_rest + dataset.n_test, dataset.shape) as writer:
            for part in dataset.parts():
                rest = {name: getattr(part, name) for name in ("labels", "test", "factors", "masks")}
                has = {name: value.numpy() for name, value in rest.items() if value is not None}
                writer.append(part.images.numpy(), **has)

    code = dataset.code or source_hash(Path(inspect.getfile(type(dataset))))
    found = mapped.kept(digest(["parts", code, dataset.label, dataset.fingerprint()]), make, dataset.label)
    return Images(found.images, **found.rest)


@functools.lru_cache(maxsize=8)
def _load(key: tuple[type[Dataset], str | None]) -> Images:
    dataset = key[0](key[1])
    loaded = dataset.load()
    if problem := mismatch(dataset, loaded):
        raise ValueError(f"data set {dataset.label}: {problem}")
    return loaded


def mismatch(dataset: Dataset, loaded: Images) -> str:
    """How the images differ from what their data set declares without loading, or ""."""
    n_test, labels = int(loaded.test.sum()), loaded.labels.unique().tolist()
    n_factors = 0 if loaded.factors is None else loaded.factors.shape[1]
    found: list[tuple[str, Any, Any]] = [
        ("the shape of images is", tuple(loaded.images.shape[1:]), tuple(dataset.shape)),
        ("the number of test images is", n_test, dataset.n_test),
        ("the number of other images is", len(loaded.images) - n_test, dataset.n_rest),
        ("labels are", labels, list(range(dataset.n_classes))),
        ("the number of factors is", n_factors, len(dataset.factor_names)),
    ]
    wrong = next((one for one in found if one[1] != one[2]), None)
    return f"{wrong[0]} {_short(wrong[1])}, and {_short(wrong[2])} is declared" if wrong else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:40]} ... {text[-15:]}"


def load(dataset: Dataset) -> Images:
    """Loads a data set once per process. Raises ValueError if it is not as declared."""
    return _load((type(dataset), dataset.argument))


def word_ids(captions: Sequence[str], vocabulary: Sequence[str], length: int) -> Tensor:
    """Captions as int64 `[N, length]`: a word's place in the vocabulary, from 1 on, and 0 after the last word.

    Raises ValueError for a caption that is longer, or has a word that is not in the vocabulary.
    """
    known = {word: i for i, word in enumerate(vocabulary, start=1)}
    rows = {}
    for caption in set(captions):
        words = caption.split()
        strange = [word for word in words if word not in known]
        if strange or len(words) > length:
            reason = f"{strange[0]!r} is not in the vocabulary" if strange else f"has more than {length} words"
            raise ValueError(f"caption {caption!r}: {reason}")
        rows[caption] = [known[word] for word in words] + [0] * (length - len(words))
    return torch.tensor([rows[caption] for caption in captions])


@functools.lru_cache(maxsize=8)
def _captions(key: tuple[type[Dataset], str | None]) -> Tensor:
    dataset = key[0](key[1])
    return word_ids(dataset.captions(_load(key)), dataset.vocabulary, dataset.caption_length)


def captions_of(dataset: Dataset) -> Tensor:
    """The captions of a data set's images as word ids, int64 `[N, L]`, made once per process."""
    return _captions((type(dataset), dataset.argument))


@dataclass
class Conversions:
    """A data set's images in the input shapes that were asked for, each made once."""

    images: Images
    cache: dict[tuple[int, ...], Tensor] = field(default_factory=dict)

    def as_shape(self, shape: Sequence[int]) -> Tensor:
        key = tuple(shape)
        if key not in self.cache:
            self.cache[key] = convert(self.images.images, key)
        return self.cache[key]


@functools.lru_cache(maxsize=8)
def _conversions(key: tuple[type[Dataset], str | None]) -> Conversions:
    return Conversions(_load(key))


def images_as(dataset: Dataset, shape: Sequence[int]) -> Tensor:
    """A data set's images, uint8 `[N, *shape]`, converted once per process."""
    return _conversions((type(dataset), dataset.argument)).as_shape(shape)
