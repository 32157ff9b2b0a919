"""What a run is of: a preset's numbers after the command line's changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from infomax_bench.study.cell import Cell, study_key
from infomax_bench.study.presets import Swept

HIDDEN = 4


@dataclass(frozen=True)
class Suite:
    """What is run: the preset's numbers after the command line's changes.

    epochs: by data set. native: epochs of the native track, by data set. deeper: by data set, the controlled track's
    backbones beyond one layer.
    """

    preset: str
    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    epochs: dict[str, int]
    width: int
    widths: tuple[int, ...]
    seeds: tuple[int, ...]
    batch_size: int
    subject: str
    settings: dict[str, tuple[tuple[str, Any], ...]] = field(default_factory=dict)
    indicative: bool = False
    native: dict[str, int] = field(default_factory=dict)
    deeper: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sweep_seeds: int = 5
    """Seeds of the encoders that only the sweep needs, at most."""
    scaled: dict[str, int] = field(default_factory=dict)
    """By data set, at how many numbers of images and of passes methods are compared."""
    n_train: dict[str, int] = field(default_factory=dict)
    """By data set, the images that a seed trains on."""
    tuned: dict[str, tuple[tuple[str, Any], ...]] = field(default_factory=dict)
    """What tuning chose, by `study_key`; `settings`, from the command line, go before it."""
    subject_settings: dict[str, Any] = field(default_factory=dict)
    """The subject's hyperparameters, with their defaults: a benchmark may sweep one only where the subject has it."""
    learning_rates: dict[str, float] = field(default_factory=dict)
    """By method, the step size by default: a benchmark may sweep multiples of it."""
    own_width: tuple[str, ...] = ()
    """Methods with a width of their own, whatever is asked for: nothing of them can be swept."""
    families: dict[str, str] = field(default_factory=dict)
    """By method that has a loss, its family."""
    seeing_views: tuple[str, ...] = ()
    """Methods whose loss sees augmented views."""
    augmentations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By data set, the parts of its augmentation."""
    drafts: tuple[str, ...] = ()
    """Methods that take no part in claims about others, of all that there are."""
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Benchmark -> the data sets that it is asked on, of those that are not asked on all."""
    swept: dict[str, Swept] = field(default_factory=dict)
    """Benchmark -> the sweep that it makes, of those that do not make the preset's."""
    part: tuple[str, ...] = ()
    """The data sets whose encoders are this run's part of all that is asked; () is everything."""
    pairs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Data set -> the others that features learned on it are tried on; {} is all on all."""
    twins: tuple[tuple[str, ...], ...] = ()
    """Data sets that are next to the same, in groups."""
    again: tuple[int, ...] = ()
    """Seeds under which the subject and its forms are measured a second time."""
    held_out: dict[str, str] = field(default_factory=dict)
    """Data set -> the one on which hyperparameters are chosen too; a user's own has none."""
    alone: bool = False
    """Whether what has to be measured alone is run, and nothing else."""
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Benchmark -> what the preset gives to it alone, as it declares (`Benchmark.given`)."""

    def of(self, benchmark: str) -> Suite:
        """The suite on the data sets that a benchmark is asked on, and with its own sweep."""
        only, own = self.only.get(benchmark, self.datasets), self.swept.get(benchmark, Swept())
        found = replace(self, datasets=tuple(name for name in self.datasets if name in only))
        return replace(found, widths=own.widths or self.widths, sweep_seeds=own.seeds or self.sweep_seeds)

    def targets(self, source: str) -> tuple[str, ...]:
        """The other data sets that features learned on one are tried on."""
        wanted = self.pairs.get(source, ()) if self.pairs else self.datasets
        return tuple(name for name in self.datasets if name in wanted and name != source)

    def cell(self, method: str, dataset: str, width: int | None = None, **changes: Any) -> Cell:
        """The controlled track's encoder of a method on a data set, at the preset's width unless told otherwise.

        changes: of the Cell's fields; `tags` as a mapping."""
        values: dict[str, Any] = {
            "width": self.width if width is None else width,
            "batch_size": self.batch_size,
            **changes,
        }
        if "settings" not in values:
            values["settings"] = self.settings_of(method, dataset, values.get("backbone", "linear"))
        values["tags"] = tuple(sorted(dict(values.get("tags", ())).items()))
        if "epochs" not in values:
            values["epochs"] = self.epochs[dataset]
        return Cell(method, dataset, **values)

    def deep_cell(self, method: str, dataset: str, backbone: str, **changes: Any) -> Cell:
        """The controlled track's encoder of more than one layer: hidden layers of a perceptron are HIDDEN times as wide
        as the features."""
        from infomax_bench.models.backbones import BACKBONES  # brings torch, which a suite alone does without

        depth = BACKBONES[backbone].usual_depth if backbone in BACKBONES else 1
        hidden = (HIDDEN * self.width,) * (depth - 1)
        return self.cell(method, dataset, backbone=backbone, depth=depth, **{"hidden": hidden, **changes})

    def along(self, setting: str, values: Sequence[float], dataset: str) -> list[Cell]:
        """The subject with one hyperparameter at each of some values, and all else as it was: the tags `sweep` and
        `amount`. None if it has no such hyperparameter, or takes no part."""
        if self.subject not in self.methods or setting not in self.subject_settings:
            return []
        own = dict(self.settings_of(self.subject, dataset))
        cells = []
        for value in values:
            settings = tuple(sorted({**own, setting: value}.items()))
            what = {"label": f"{setting} = {value:g}", "tags": {"sweep": setting, "amount": value}}
            few = self.sweep_seeds
            cells.append(self.cell(self.subject, dataset, None, settings=settings, n_seeds=few, **what))
        return cells

    def settings_of(self, method: str, dataset: str, backbone: str = "linear") -> tuple[tuple[str, Any], ...]:
        """What is not the default: tuned values, and over them those of the command line."""
        tuned = self.tuned.get(study_key(method, dataset, backbone), ())
        return tuple(sorted({**dict(tuned), **dict(self.settings.get(method, ()))}.items()))
