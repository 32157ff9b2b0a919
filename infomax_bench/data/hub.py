"""Where the files of a data set of the Hugging Face Hub are: in the data folder, in the Hub's own cache, or on the Hub.

Only Parquet files are looked for, by their names alone: `CONFIG/SPLIT-00000-of-00001.parquet` and what else the Hub
makes of it. No code of a data set is ever run.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infomax_bench.base.contents import hashes
from infomax_bench.base.errors import UserError
from infomax_bench.base.places import data_root
from infomax_bench.base.sealed import write_text
from infomax_bench.data.mapped import need_room

NAME = re.compile(
    r"(?:(?P<config>[^/]+)/)?(?P<split>[^/]+?)(?:-(?P<i>\d{5})-of-(?P<n>\d{5})(?:-[0-9a-f]+)?|/\d{4})?\.parquet"
)
"""`CONFIG/SPLIT-00000-of-00001.parquet`, with a hash behind it, or without number or config;
`CONFIG/SPLIT/0000.parquet` is what the Hub makes of other files."""
REVISIONS = ("main", "refs/convert/parquet")
README = "README.md"
DEFAULT = "default"
"""The configuration whose files lie in `data` or in no folder."""

Splits = Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class Asked:
    """What an argument `OWNER/NAME[:CONFIG][:image=COLUMN][:label=COLUMN]` asks for; "" for what it leaves open."""

    repo: str
    config: str = ""
    image: str = ""
    label: str = ""

    @classmethod
    def of(cls, argument: str) -> Asked:
        """Raises UserError for what is no such argument."""
        repo, *others = argument.split(":")
        named = dict(part.split("=", 1) for part in others if "=" in part)
        configs = [part for part in others if "=" not in part]
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo) or len(configs) > 1 or named.keys() - {"image", "label"}:
            raise UserError(f"hf:{argument}: say hf:OWNER/NAME[:CONFIG][:image=COLUMN][:label=COLUMN]")
        return cls(repo, *configs or [""], **named)

    def __str__(self) -> str:
        named = [f"{name}={value}" for name, value in (("image", self.image), ("label", self.label)) if value]
        return ":".join(["hf", self.repo, *[self.config] * bool(self.config), *named])


@dataclass(frozen=True)
class Found:
    """The Parquet files of a configuration, by split and in order, and the card beside them, if there is one."""

    files: Splits
    card: Path | None

    @classmethod
    def below(cls, folder: Path, files: Mapping[str, Sequence[str]]) -> Found:
        card = folder / README
        paths = {split: [folder / name for name in names] for split, names in files.items()}
        return cls(paths, card if card.is_file() else None)

    @property
    def paths(self) -> list[Path]:
        return [path for own in self.files.values() for path in own]

    def fault(self) -> str:
        """What is missing: "" if nothing is."""
        for split, paths in self.files.items():
            parts = [match for path in paths if (match := NAME.fullmatch(path.name))]
            numbered = [(int(match["i"]), int(match["n"])) for match in parts if match["n"]]
            if numbered and [i for i, _ in numbered] != list(range(numbered[0][1])):
                return f"{len(numbered)} of {numbered[0][1]} files of {split} are there"
            if lost := [path for path in paths if not path.exists()]:  # a link may lead nowhere
                return f"{len(paths) - len(lost)} of {len(paths)} files of {split} are there"
        return ""


def found(asked: Asked, download: bool = True) -> Found | None:
    """The files of a data set, downloaded where they do not lie here. None if they do not and shall not be.

    Raises UserError if there is no such data set or configuration, or it cannot be had, saying what to do.
    """
    root = data_root() / "hub" / asked.repo
    for folder in [root, *_snapshots(asked.repo)]:
        there = (path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))
        files = _configuration(asked, {*there, *_wanted(folder)})
        if files:
            here = Found.below(folder, files)
            if not (fault := here.fault()):
                return here
            if folder == root:
                raise UserError(f"{asked}: {fault} in {folder}")
    return _downloaded(asked, root) if download else None


def _configurations(paths: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """Files by configuration and split, in order."""
    sorted_out: dict[str, dict[str, list[str]]] = {}
    for path in sorted(paths):
        if match := NAME.fullmatch(path):
            config = match["config"] if match["config"] not in (None, "data") else DEFAULT
            sorted_out.setdefault(config, {}).setdefault(match["split"], []).append(path)
    return sorted_out


def _configuration(asked: Asked, paths: Iterable[str]) -> dict[str, list[str]] | None:
    """By split, the files of the configuration that is asked for, or else of the only one, or the default; None if it
    is not among them. Raises UserError if there are several to choose from."""
    there = _configurations(paths)
    if asked.config or not there:
        return there.get(asked.config)
    if len(there) > 1 and DEFAULT not in there:
        raise UserError(f"{asked} has the configurations {', '.join(there)}; say which, as {asked}:{min(there)}")
    return there.get(DEFAULT) or next(iter(there.values()))


def _folder(repo: str) -> Path:
    from huggingface_hub import constants  # slow to import: not before it is needed

    return Path(constants.HF_HUB_CACHE) / f"datasets--{repo.replace('/', '--')}"


def _snapshots(repo: str) -> list[Path]:
    """Where the Hub's cache has a data set, as its own library laid it out."""
    folder, places = _folder(repo), []
    for revision in REVISIONS:
        with contextlib.suppress(OSError):
            places.append(folder / "snapshots" / (folder / "refs" / revision).read_text().strip())
    return places


def _note(snapshot: Path) -> Path:
    return snapshot.parents[1] / f".wanted-{snapshot.name}"


def _wanted(snapshot: Path) -> list[str]:
    """The files that were asked of the Hub for a snapshot: one that is not there was interrupted. Where nobody noted
    them, as of what others downloaded, what is there is taken for all."""
    try:
        return _note(snapshot).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _downloaded(asked: Asked, root: Path) -> Found:
    """The files, in the Hub's cache; what is there already is not asked for again."""
    from huggingface_hub import HfApi, constants, errors, snapshot_download

    try:
        for revision in REVISIONS:
            with contextlib.suppress(errors.RevisionNotFoundError):
                info = HfApi().dataset_info(asked.repo, revision=revision, files_metadata=True)
                listed = {own.rfilename: own for own in info.siblings or ()}
                if files := _configuration(asked, listed):
                    break
                if known := ", ".join(_configurations(listed)):
                    raise UserError(f"{asked}: there is no configuration {asked.config!r}; there are: {known}")
        else:
            raise UserError(f"{asked}: the Hub has no files of it as train-00000-of-00001.parquet, one for each split")
        wanted = [name for names in files.values() for name in names]
        cache = Path(constants.HF_HUB_CACHE)
        cache.mkdir(parents=True, exist_ok=True)
        need_room(cache, sum(listed[name].size or 0 for name in wanted), str(asked))
        snapshot = _folder(asked.repo) / "snapshots" / str(info.sha)
        snapshot.mkdir(parents=True, exist_ok=True)
        write_text(_note(snapshot), "\n".join(sorted({*wanted, *_wanted(snapshot)})))
        names = [re.sub(r"([*?[])", r"[\1]", name) for name in [*wanted, README]]
        place = snapshot_download(asked.repo, repo_type="dataset", revision=revision, allow_patterns=names)
    except UserError:
        raise
    except errors.HFValidationError as error:
        raise UserError(f"{asked}: {_line(error)}") from None
    except (errors.RepositoryNotFoundError, errors.GatedRepoError):
        where = f"{constants.ENDPOINT}/datasets/{asked.repo}"
        raise UserError(
            f"{asked}: there is no {where}, or it asks who you are; 'hf auth login' says so to the Hub"
        ) from None
    except Exception as error:  # of the connection, in the words of whichever library has it
        raise UserError(
            f"{asked} is not in {root} nor in the Hub's cache {constants.HF_HUB_CACHE}, and {constants.ENDPOINT} "
            f"cannot be asked ({_line(error)}); where there is a network, 'hf download {asked.repo} --repo-type "
            f"dataset --local-dir FOLDER', and copy FOLDER to {root}"
        ) from None
    here = Found.below(Path(place), files)
    _verify(asked, here, listed, Path(place))
    return here


def _verify(asked: Asked, here: Found, listed: Mapping[str, Any], folder: Path) -> None:
    """Raises UserError if a downloaded file is not what the Hub says it is, and removes it."""
    for path, value in hashes(here.paths, str(folder)).items():
        kept = listed[path.relative_to(folder).as_posix()].lfs
        if kept is not None and kept.sha256 != value:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise UserError(f"{asked}: {path.name} was damaged on its way and is removed; try again")


def _line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).strip()


def verified(here: Found) -> bool:
    """Whether every file is what the Hub says it is: its cache calls a file by its SHA-256."""
    known = hashes(here.paths, str(here.paths[0].parent))
    return all(path.resolve().name == value for path, value in known.items())
