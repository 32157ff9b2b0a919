"""What tuning chose, on disk and in words; making it is `run/tuning.py`'s work."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from infomax_bench.base.errors import UserError
from infomax_bench.base.sealed import Damaged, sealed, unsealed, write_text
from infomax_bench.study.cell import study_key
from infomax_bench.study.plugins import Registry, home

EDGE = 0.05
"""What is nearer to an end of its range than this share of it lies at the edge."""
LOST = 0.02
"""The validation accuracy that a setting may lose with more passes."""


@dataclass(frozen=True)
class Trial:
    """One setting, and its validation accuracy: 0 if it diverged."""

    settings: dict[str, Any]
    score: float


@dataclass(frozen=True)
class Final:
    """One of the last settings to choose from, and its validation accuracies: with all training images; with the few of
    the trials; and with these, but more passes. None where it was not asked for: one before it was chosen."""

    settings: dict[str, Any]
    score: float
    few: float
    longer: float | None = None

    @property
    def lost(self) -> float:
        """Accuracy lost by more passes; infinite if nobody asked."""
        return math.inf if self.longer is None else self.few - self.longer


@dataclass(frozen=True)
class Study:
    """What came of tuning one method on one data set. The first trial is the defaults'."""

    method: str
    dataset: str
    backbone: str
    width: int
    epochs: int
    batch_size: int
    seeds: int
    trials: tuple[Trial, ...]
    seconds: float
    source: str
    """The hash of the method's file."""
    identity: str = ""
    """A hash of all that its scores depend on, but for the settings."""
    problem: str = ""
    """Why there is nothing to tune, or nothing that can be."""
    finals: tuple[Final, ...] = ()
    """The last to choose from, the best with all images first; older studies have none."""
    held_out: str = ""
    """Scores are means of the accuracy at home and on this data set; "": at home alone."""
    cpu_seconds: float = 0.0
    kept: str = ""
    """The identity under which it was made, if its values are used for other sources on purpose."""

    @property
    def best(self) -> Trial:
        """What is chosen, with its score on the images of the trials: the first of the finals that more passes do not
        harm, else the one that they harm least. In older studies the first of the best trials."""
        if not self.finals:
            return max(self.trials, key=lambda t: t.score)
        steady = (final for final in self.finals if final.lost <= LOST)
        chosen = next(steady, None) or min(self.finals, key=lambda final: final.lost)
        return Trial(chosen.settings, chosen.few)

    def told(self) -> dict[str, Any]:
        """What a report says of it. spread: the standard deviation of the trials' scores."""
        return {
            "method": self.method,
            "dataset": self.dataset,
            "backbone": self.backbone,
            "settings": self.best.settings,
            "default": self.trials[0].score,
            "best": self.best.score,
            "trials": len(self.trials),
            "spread": statistics.pstdev(t.score for t in self.trials),
            "seconds": self.cpu_seconds or self.seconds,
            "seeds": self.seeds,
            "held_out": self.held_out,
        }

    @property
    def key(self) -> str:
        return study_key(self.method, self.dataset, self.backbone)


def tuned_path(preset: str) -> Path:
    """Where the values that a user tunes are kept, relative to where the command runs."""
    return Path("results") / "tuned" / f"{preset}.json"


def brought_path(preset: str) -> Path:
    """Where the values are that the project brings, in a clone or in the wheel."""
    return home() / tuned_path(preset)


def tuned_values(preset: str) -> tuple[dict[str, Study], str]:
    """The studies of a preset, a user's own if there are any and else the project's; and a line that says where they
    are from if they are the user's own, or else "".

    Raises UserError if the file is damaged.
    """
    own, brought = tuned_path(preset), brought_path(preset)
    if not own.exists() or own.resolve() == brought:
        return read_studies(brought), ""
    return read_studies(own), f"tuned values are those of {own} here, not the project's"


def read_studies(path: Path) -> dict[str, Study]:
    """The studies of a preset by their keys; {} if there are none.

    Raises UserError if the file is damaged.
    """
    try:
        studies = [_study(record) for record in unsealed(path, _check_studies)["studies"]]
    except FileNotFoundError:
        return {}
    except Damaged as error:
        raise UserError(f"{path} is damaged ({error}); restore it, or delete it and tune again") from None
    return {study.key: study for study in studies}


def _study(record: dict[str, Any]) -> Study:
    trials, finals = (Trial(**t) for t in record["trials"]), (Final(**f) for f in record.get("finals", ()))
    return Study(**{**record, "trials": tuple(trials), "finals": tuple(finals)})


def _check_studies(content: dict[str, Any]) -> None:
    """Raises TypeError or KeyError for what is not a file of studies."""
    for record in content["studies"]:
        study = _study(record)
        tried: list[Trial | Final] = [*study.trials, *study.finals]
        texts = (study.method, study.dataset, study.backbone, study.source, study.identity, study.problem)
        scores = (study.seconds, study.cpu_seconds, study.width, study.epochs, *(t.score for t in tried))
        if (
            not all(isinstance(t, str) for t in (*texts, study.held_out, study.kept))
            or not all(isinstance(n, int | float) for n in (*scores, *(f.few for f in study.finals)))
            or not all(isinstance(f.longer, int | float | None) for f in study.finals)
            or not all(isinstance(v, bool | int | float | str) for t in tried for v in t.settings.values())
        ):
            raise TypeError(f"the study of {study.method} is not one")


def write_studies(path: Path, studies: Mapping[str, Study]) -> None:
    """Writes a preset's file."""
    records = [asdict(studies[key]) for key in sorted(studies)]
    write_text(path, sealed({"studies": records}, indent=1) + "\n")


def add_study(path: Path, study: Study) -> None:
    """Writes one more study to the preset's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        write_studies(path, {**read_studies(path), study.key: study})


def tuned_settings(studies: Mapping[str, Study], plugins: Registry) -> dict[str, tuple[tuple[str, Any], ...]]:
    """What was chosen, by study, for the methods that there still are and that still have these hyperparameters.

    Raises UserError for a value that is not valid.
    """
    found = {}
    for key, study in studies.items():
        plugin = plugins.plugins["methods"].get(study.method)
        if plugin is not None and study.trials and set(study.best.settings) <= {*plugin.cls.parameters()}:
            try:
                plugins.method(study.method, study.best.settings)
            except UserError as error:
                raise UserError(f"tuned values of {key}: {error}; tune it again, or run with --untuned") from None
            found[key] = tuple(sorted(study.best.settings.items()))
    return found


def in_words(settings: Mapping[str, Any]) -> str:
    """ "learning_rate 0.003, penalty 0.1"."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )


def summary(studies: Iterable[Study]) -> str:
    """One line a study: from the defaults' validation accuracy to the best one's, and what was chosen."""
    lines = []
    for study in sorted(studies, key=lambda s: (s.dataset, s.method)):
        if not study.trials:
            lines.append(f"{study.key}: not tuned, {study.problem}")
            continue
        first, best = study.trials[0], study.best
        spread = statistics.pstdev(t.score for t in study.trials)
        also = f" here and on {study.held_out}" if study.held_out else ""
        also += ", kept from an earlier version" if study.kept else ""
        percent = f"{100 * first.score:.1f} -> {100 * best.score:.1f} % on validation{also}"
        how = f"{len(study.trials)} trials (standard deviation {100 * spread:.1f})"
        taken = f"{study.cpu_seconds or study.seconds:.0f} s"
        lines.append(f"{study.key}: {percent}, {how}, {taken}: {in_words(best.settings)}")
    return "\n".join(lines)


def at_edges(studies: Iterable[Study], plugins: Registry) -> list[str]:
    """The chosen values that lie at the edge of the range that is searched, each with its range."""
    found = []
    for study in studies:
        plugin = plugins.plugins["methods"].get(study.method)
        fields = plugin.cls.search_space(plugin.settings) if plugin and study.trials else {}
        for name, value in study.best.settings.items() if fields else ():
            search: tuple[Any, ...] = fields[name].metadata["search"] if name in fields else ()
            if len(search) != 2 or not all(isinstance(end, float) for end in search):
                continue
            low, high, at = (math.log(v) if fields[name].metadata["log"] else v for v in (*search, value))
            if not EDGE < (at - low) / (high - low) < 1 - EDGE:
                found.append(f"{study.key}: {name} {value:g}, of {search[0]:g} to {search[1]:g}")
    return found
