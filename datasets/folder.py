"""Anyone's own images: `folder:PATH`, one sub-folder for each class."""

import functools
import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch

from infomax_bench import Augmentation, Dataset, Images, pictures
from infomax_bench.contents import hashes
from infomax_bench.errors import UserError
from infomax_bench.pictures import Header, NotUsable
from infomax_bench.places import expanded

FEWEST = 5
"""Images a class must have: one in five is test, the others are divided again, by each seed."""
PARTS = {"train": {"train", "training"}, "validation": {"val", "valid", "validation"}, "test": {"test", "testing"}}
"""What sub-folders are called that are a division, in any case of letters, or have as one word of their names."""
HIDDEN = {"__MACOSX", "__pycache__", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"}
"""What systems put beside pictures (miniatures, copies), besides what begins with a dot."""

log = logging.getLogger("infomax_bench")


class Folder(Dataset):
    """The images below PATH; the name of the sub-folder is the class.

    Sub-folders called train and test (or train and val) are a division and hold the classes, the same on both sides:
    test is as they say, and of three, train and val are the rest. Otherwise, of every class the fifth whose names hash
    lowest is test: which ones does not depend on the order or the dates of the files, and hardly on which others there
    are. Identical files then stay on one side, as long as every class keeps test images.

    A file is an image if Pillow can read it, whatever its ending. Links are followed; a file that is reached twice
    within a class counts once. What is hidden is not used; what else is left out is told. All images are brought to
    one shape: grey if every one of them is grey, else RGB; the commonest size of all, reduced to at most 64x64 in
    proportion. `infomax_bench.pictures` says what becomes of transparency and of more than 8 bits.
    """

    takes = "PATH"
    summary = "your own images: PATH has one sub-folder for each class, or train and test (val), which have"
    licence = "yours to know"
    augmentation = Augmentation(scale=(0.8, 1.0), shift=0.05, brightness=0.2, contrast=0.2)  # flips may change a class

    def __init__(self, argument: str | None = None) -> None:
        """A folder is one data set however its path is spelled: `argument` is where it really lies."""
        super().__init__(os.path.realpath(expanded(argument)) if argument else argument)

    @property
    def identity(self) -> str:
        """Where the folder lies determines nothing."""
        return self.name

    @functools.cached_property
    def root(self) -> Path:
        """PATH. Raises UserError if it is not given or no folder."""
        if not self.argument:
            raise UserError("data set 'folder' needs a path: folder:PATH, where PATH has one sub-folder for each class")
        root = Path(self.argument)
        if not os.path.isdir(root):
            raise self._error(": not a folder" if os.path.lexists(root) else ": no such folder")
        return root

    @functools.cached_property
    def parts(self) -> dict[str, Path]:
        """The folders that hold the classes, by their part in the division: PATH itself, as "", where there is none.

        Raises UserError for a division without training images, or with two folders for one part.
        """
        folders = _folders(self.root)
        found = _by_part(folders, lambda name: {name.lower()})
        if len(found) < 2:  # training_set and test_set: only if there is nothing else, and they hold the classes
            found = _by_part(folders, lambda name: set(re.split("[^a-z]+", name.lower())))
            inner = [folder for own in found.values() for folder in own if _folders(folder)]
            if len(found) < 2 or sorted(inner) != folders:  # a class may be called so
                return {"": self.root}
        if "train" not in found:
            raise self._error(" has sub-folders for validation and test and none for training; call it train")
        for first, *more in found.values():
            if more:
                raise self._error(f" has both {first.name} and {more[0].name}; rename or remove one of them")
        return {part: _innermost(folders[0]) for part, folders in found.items()}

    @functools.cached_property
    def test_part(self) -> str | None:
        """The part that is test, where the folder itself is divided."""
        return None if "" in self.parts else "test" if "test" in self.parts else "validation"

    @functools.cached_property
    def found(self) -> dict[str, dict[Path, tuple[str, str]]]:
        """By class name, every file, in order of parts and names, with its part and where it really lies."""
        classes: dict[str, dict[Path, tuple[str, str]]] = {}
        for part, holder in self.parts.items():
            folders = _folders(holder)
            if part and not folders:
                raise self._error(f": {holder.name} is part of the division and has no sub-folder for a class")
            for folder in folders:
                classes.setdefault(folder.name, {}).update((p, (part, real)) for p, real in sorted(_files(folder)))
        if len(classes) < 2:
            seen, hint = "no sub-folders", ""
            for only in classes:
                seen = f"only one class ({only})" if self.test_part else f"only one sub-folder ({only})"
                if not self.test_part and len(_folders(self.root / only)) > 1:  # as archives unpack
                    hint = f"; if those in {only} are the classes, say folder:{self.argument}/{only}"
            raise self._error(f" has {seen}; it needs one for each class, at least two{hint}")
        return dict(sorted(classes.items()))

    @property
    def paths(self) -> dict[str, list[Path]]:
        """By class name, every file. Raises UserError if there are no two classes."""
        return {name: list(files) for name, files in self.found.items()}

    @functools.cached_property
    def readable(self) -> dict[Path, Header]:
        """The headers of the images that are used; what is left out is told.

        Raises UserError if a class is left with too few.
        """
        headers: dict[Path, Header] = {}
        left_out: dict[str, list[Path]] = {}
        owners: dict[str, str] = {}
        shared: list[Path] = []
        for name, files in self.found.items():
            seen = set()
            for path, (_, real) in files.items():
                if real in seen:  # by a link
                    continue
                seen.add(real)
                if owners.setdefault(real, name) != name:
                    shared.append(path)
                try:
                    headers[path] = pictures.header(path)
                except NotUsable as error:
                    left_out.setdefault(str(error), []).append(path)
        for reason, files in sorted(left_out.items()):
            self._tell(f"left out, {reason}: {self._some(files)}")
        self._check_counts(headers)
        self._tell_of_the_rest()
        if shared:
            self._tell(f"links put the same files into two classes: {self._some(shared)}")
        if several := [path for path, header in headers.items() if header.frames]:
            self._tell(f"of several frames the first is used: {self._some(several)}")
        return headers

    def _check_counts(self, readable: Mapping[Path, Header]) -> None:
        """Raises UserError for a class with too few images, on either side of a division."""
        for name, files in self.found.items():
            own = [path for path in files if path in readable]
            n_test = sum(files[path][0] == self.test_part for path in own)
            n_rest, rest = len(own) - n_test, FEWEST - 1 if self.test_part else FEWEST
            if self.test_part and not (n_test and n_rest):
                there, lacking = ("train", self.test_part)[:: 1 if n_rest else -1]
                raise self._error(
                    f": class {name!r} has images for {there} and none for {lacking}; both need the same classes"
                )
            if n_rest < rest:
                where = f" in {self.parts['train'].name}" if self.test_part else ""
                aims = "training and validation" if self.test_part else "training, validation and test"
                raise self._error(
                    f": class {name!r} has {n_rest} readable images{where}, too few to divide into {aims}; "
                    f"it needs {rest}"
                )

    def _tell_of_the_rest(self) -> None:
        """Says what lies where nothing is looked for."""
        own = {self.root, *self.parts.values()}
        used = {holder.relative_to(self.root).parts[0] for holder in own - {self.root}}
        beside = [f for f in _folders(self.root) if f.name not in used] if used else []
        if beside:
            self._tell(f"left out, beside the division: {self._some(beside)}")
        loose = [
            p for holder in sorted(own) for p in sorted(holder.iterdir()) if p.is_file() and not _is_hidden(p.name)
        ]
        if loose := [p for p in loose if _is_picture(p)]:
            self._tell(f"left out, in no class: {self._some(loose)}")
        for folder in _folders(self.root) if not self.test_part else ():
            inner = {f.name.lower() for f in _folders(folder)}
            if inner & PARTS["train"] and inner & (PARTS["test"] | PARTS["validation"]):
                self._tell(f"train and test inside of {folder.name} divide nothing; a division holds the classes")
                break
        inner_names: dict[str, str] = {}
        for folder in _folders(self.root) if not self.test_part else ():
            names = {own.name for own in _folders(_innermost(folder))}
            like = [inner_names[name] for name in sorted(names) if name in inner_names]
            if len(like) > 1:
                self._tell(
                    f"{like[0]} and {folder.name} are taken for classes, and have sub-folders of the same names: if "
                    "they divide the images, call them train and test"
                )
                break
            inner_names |= dict.fromkeys(names, folder.name)

    @functools.cached_property
    def shape(self) -> tuple[int, int, int]:
        return pictures.common_shape(list(self.readable.values()))

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.found)

    @functools.cached_property
    def contents(self) -> dict[Path, str]:
        """The hash of every image's file."""
        return hashes(list(self.readable), str(self.root))

    @functools.cached_property
    def test_paths(self) -> set[Path]:
        """The images that are test; if others are the same, file for file, this is told."""
        part = {path: part for files in self.found.values() for path, (part, _) in files.items()}
        chosen = {p for p in self.readable if part[p] == self.test_part} if self.test_part else self._fifth()
        others = {self.contents[path] for path in self.readable if path not in chosen}
        if same := sorted(path for path in chosen if self.contents[path] in others):
            self._tell(f"{len(same)} of {len(chosen)} test images are training images too: {self._some(same)}")
        return chosen

    def _fifth(self) -> set[Path]:
        """A fifth of every class, with identical files on one side where every class keeps test images so."""
        members = {name: [p for p in files if p in self.readable] for name, files in self.found.items()}
        label = {path: name for name, files in members.items() for path in files}
        place = {path: _hash(self._relative(path)) for path in label}
        groups: dict[str, list[Path]] = {}
        for path in sorted(label, key=lambda p: place[p]):
            groups.setdefault(self.contents[path], []).append(path)
        quota = {name: round(len(files) / 5) for name, files in members.items()}
        chosen: set[Path] = set()
        taken: Counter[str] = Counter()
        for group in groups.values():
            counts = Counter(label[path] for path in group)
            if all(taken[name] + n <= quota[name] for name, n in counts.items()):
                chosen.update(group)
                taken += counts
        for name, files in members.items():
            if not taken[name]:  # its groups are larger than a fifth: the smallest, or else some files of one
                half = {other: len(own) / 2 for other, own in members.items()}
                counts = [(Counter(label[p] for p in group), group) for group in groups.values()]
                fits = [g for c, g in counts if c[name] and all(taken[o] + n <= half[o] for o, n in c.items())]
                group = min(fits, key=len) if fits else sorted(files, key=lambda p: place[p])[: quota[name]]
                chosen.update(group)
                taken += Counter(label[path] for path in group)
        return chosen

    @property
    def n_test(self) -> int:
        return len(self.test_paths)

    @property
    def n_rest(self) -> int:
        return len(self.readable) - self.n_test

    def fingerprint(self) -> str:
        return _hash(repr([pictures.VERSION, *((self._relative(p), self.contents[p]) for p in self.readable)]))

    def load(self) -> Images:
        """The images. Raises UserError if one is damaged behind its header: it has been counted already."""
        label = {path: i for i, files in enumerate(self.found.values()) for path in files}
        read = []
        for path in self.readable:
            try:
                read.append(pictures.read(path, self.shape))
            except Exception as error:  # a damaged file makes Pillow's decoders raise anything
                reason = " ".join(str(error).split()) or type(error).__name__
                raise UserError(f"cannot read {path} ({reason}); repair or remove it") from None
        images, notes = pictures.as_bytes(read)
        for note in notes:
            self._tell(note)
        return Images(
            images=torch.from_numpy(images),
            labels=torch.tensor([label[path] for path in self.readable]),
            test=torch.tensor([path in self.test_paths for path in self.readable]),
        )

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _some(self, paths: Sequence[Path]) -> str:
        """The first three, and how many more."""
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        return ", ".join(map(self._relative, paths[:3])) + more

    def _tell(self, message: str) -> None:
        _warn_once(f"folder:{self.argument}: {message}")

    def _error(self, message: str) -> UserError:
        return UserError(f"folder:{self.argument}{message}")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in HIDDEN


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not _is_hidden(p.name))


def _innermost(folder: Path) -> Path:
    """What a folder holds under its own name, if it holds nothing else: train/train, as some archives unpack."""
    while [inner.name for inner in _folders(folder)] == [folder.name]:
        folder /= folder.name
    return folder


def _by_part(folders: Sequence[Path], words: Callable[[str], set[str]]) -> dict[str, list[Path]]:
    """The folders whose names say that they are a part of a division, by the words that a name has."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for part in (part for part, names in PARTS.items() if words(folder.name) & names):
            found.setdefault(part, []).append(folder)
    return found


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below, and where it really lies. Links are followed, but not up to a folder that this one is in, and
    every folder is entered once.

    Raises OSError for a folder that cannot be read.
    """
    entered = {os.path.realpath(above) for above in folder.parents}
    for where, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        here = os.path.realpath(where)
        folders[:] = [] if here in entered else sorted(name for name in folders if not _is_hidden(name))
        if here in entered:
            continue
        entered.add(here)
        for name in files:
            path = Path(where, name)
            if not _is_hidden(name):
                yield path, os.path.realpath(path) if path.is_symlink() else os.path.join(here, name)


def _raise(error: OSError) -> None:
    raise error


def _is_picture(path: Path) -> bool:
    try:
        pictures.header(path)
    except NotUsable:
        return False
    return True


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@functools.cache
def _warn_once(message: str) -> None:
    log.warning(message)
