"""Presets: what is run by default, read from `benchmarks/presets.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from infomax_bench.base.errors import UserError, unknown


@dataclass(frozen=True)
class Swept:
    """A sweep of one benchmark's own. widths: () is the preset's; seeds: of what only the sweep needs, 0 is the
    preset's."""

    widths: tuple[int, ...] = ()
    seeds: int = 0


@dataclass(frozen=True)
class Preset:
    """One section of the file.

    epochs: by data set, which are the preset's data sets. native: epochs of the native track, by data set; deeper: the
    backbones of the controlled track beyond one layer, by data set.
    """

    name: str
    summary: str
    indicative: bool
    width: int
    widths: tuple[int, ...]
    seeds: int
    batch_size: int
    epochs: dict[str, int]
    subject: str
    default: bool = False
    documented: bool = False
    """Whether the project's documents tell what it found."""
    trials: int = 16
    """Trials of every method when it is tuned."""
    native: dict[str, int] = field(default_factory=dict)
    deeper: dict[str, tuple[str, ...]] = field(default_factory=dict)
    scaled: dict[str, int] = field(default_factory=dict)
    """By data set, at how many numbers of images and of passes methods are compared."""
    sweep_seeds: int = 5
    """Seeds of the encoders that only the sweep needs."""
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Benchmark -> the data sets that it is asked on, of those that are not asked on all."""
    swept: dict[str, Swept] = field(default_factory=dict)
    """Benchmark -> the sweep that it makes, of those that do not make the preset's."""
    pairs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Data set -> the others that features learned on it are tried on; {} is all on all."""
    twins: tuple[tuple[str, ...], ...] = ()
    """Data sets that are next to the same, in groups: what rests on them as two is told."""
    again: int = 0
    """Seeds, from AGAIN on, under which the subject and its forms are measured a second time for their claims."""
    held_out: str = ""
    """The data set that is no part of `pairs`, and on which hyperparameters are chosen, too; "" is none."""
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Benchmark -> its own table."""
    path: str = ""
    """The file that it stands in, for errors."""

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(self.epochs)


def _swept(table: Mapping[str, Any], where: str) -> Swept:
    """Raises UserError, which names the key, for one that is not known."""
    known = {one.name for one in fields(Swept)}
    for key in table:
        if key not in known:
            raise UserError(f"{where}: {unknown('key', key, known)}")
    return Swept(tuple(table.get("widths", ())), table.get("seeds", 0))


def _preset(section: dict[str, Any], **about: Any) -> Preset:
    """What a section says; a table in it that is none of a preset's own is a benchmark's."""
    known = {one.name: one for one in fields(Preset)}
    where = f"{about['path']}: [{about['name']}]"
    given = {key: value for key, value in section.items() if isinstance(value, dict) and key not in known}
    values: dict[str, Any] = {}
    for key, value in section.items():
        if key not in known and key not in given:
            raise UserError(f"{where}: {unknown('key', key, known)}")
        values[key] = tuple(value) if isinstance(value, list) else value
    values["twins"] = tuple(tuple(group) for group in section.get("twins", ()))
    for key in ("deeper", "only", "pairs"):
        values[key] = {name: tuple(own) for name, own in section.get(key, {}).items()}
    values["swept"] = {name: _swept(own, f"{where}: swept: {name}") for name, own in section.get("swept", {}).items()}
    there = section.get("epochs", {})
    for key, named in (("only", values["only"].values()), ("pairs", [values["pairs"], *values["pairs"].values()])):
        for dataset in (one for own in named for one in own if one not in there):
            raise UserError(f"{where}: {key}: {unknown('data set', dataset, there)}")
    held_out = section.get("held_out", "")
    if held_out and held_out not in there:
        raise UserError(f"{where}: held_out: {unknown('data set', held_out, there)}")
    if held_out in {*values["pairs"], *(one for own in values["pairs"].values() for one in own)} - {""}:
        raise UserError(f"{where}: held_out: {held_out} is one of the pairs; leave it out of them")
    values = {key: value for key, value in values.items() if key not in given}
    missing = [k for k, f in known.items() if f.default is f.default_factory is MISSING and k not in {*values, *about}]
    if missing:
        raise UserError(f"{where}: {missing[0]} is missing")
    return Preset(**about, **values, given=given)


def load_presets(folder: Path) -> dict[str, Preset]:
    """All presets in `folder/presets.toml`. Raises UserError if the file is missing or malformed."""
    path = folder / "presets.toml"
    try:
        with path.open("rb") as file:
            content: dict[str, Any] = tomllib.load(file)
        subject, default, documented = (content.pop(key) for key in ("subject", "default", "documented"))
        return {
            name: _preset(
                section,
                name=name,
                subject=subject,
                default=name == default,
                documented=name == documented,
                path=str(path),
            )
            for name, section in content.items()
        }
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise UserError(f"{path}: {error}") from None


def find_preset(presets: dict[str, Preset], name: str | None) -> Preset:
    """The preset of that name, or the default one. Raises UserError, with the nearest name, if there is none."""
    if name is None:
        return next(preset for preset in presets.values() if preset.default)
    if name not in presets:
        raise unknown("preset", name, presets)
    return presets[name]
