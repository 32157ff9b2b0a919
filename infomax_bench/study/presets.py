"""Presets: what is run by default, read from `benchmarks/presets.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from infomax_bench.base.errors import UserError, unknown


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
    trials: int = 12
    """Trials of every method when it is tuned."""
    native: dict[str, int] = field(default_factory=dict)
    deeper: dict[str, tuple[str, ...]] = field(default_factory=dict)
    scaled: dict[str, int] = field(default_factory=dict)
    """By data set, at how many numbers of images and of passes methods are compared."""
    sweep_seeds: int = 5
    """Seeds of the encoders that only the sweep needs."""
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Benchmark -> the data sets that it is asked on, of those that are not asked on all."""
    pairs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Data set -> the others that features learned on it are tried on; {} is all on all."""
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Benchmark -> its own table."""
    path: str = ""
    """The file that it stands in, for errors."""

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(self.epochs)


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
    for key in ("deeper", "only", "pairs"):
        values[key] = {name: tuple(own) for name, own in section.get(key, {}).items()}
    there = section.get("epochs", {})
    for key, named in (("only", values["only"].values()), ("pairs", [values["pairs"], *values["pairs"].values()])):
        for dataset in (one for own in named for one in own if one not in there):
            raise UserError(f"{where}: {key}: {unknown('data set', dataset, there)}")
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
