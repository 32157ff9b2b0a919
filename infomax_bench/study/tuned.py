"""What tuning chose, on disk and in words; making it is `run/tuning.py`'s work."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Trial:
    """One setting, and its validation accuracy: 0 if it diverged."""

    settings: dict[str, Any]
    score: float


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

    @property
    def best(self) -> Trial:
        """The first of the best trials."""
        return max(self.trials, key=lambda t: t.score)

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
            "seconds": self.seconds,
            "seeds": self.seeds,
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
        studies = [
            Study(**{**s, "trials": tuple(Trial(**t) for t in s["trials"])})
            for s in unsealed(path, _check_studies)["studies"]
        ]
    except FileNotFoundError:
        return {}
    except Damaged as error:
        raise UserError(f"{path} is damaged ({error}); restore it, or delete it and tune again") from None
    return {study.key: study for study in studies}


def _check_studies(content: dict[str, Any]) -> None:
    """Raises TypeError or KeyError for what is not a file of studies."""
    for s in content["studies"]:
        study = Study(**{**s, "trials": tuple(Trial(**t) for t in s["trials"])})
        texts = (study.method, study.dataset, study.backbone, study.source, study.identity, study.problem)
        scores = (study.seconds, study.width, study.epochs, *(t.score for t in study.trials))
        if (
            not all(isinstance(t, str) for t in texts)
            or not all(isinstance(n, int | float) for n in scores)
            or not all(isinstance(v, bool | int | float | str) for t in study.trials for v in t.settings.values())
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
        lines.append(
            f"{study.key}: {100 * first.score:.1f} -> {100 * best.score:.1f} % on validation, {len(study.trials)} "
            f"trials (standard deviation {100 * spread:.1f}), {study.seconds:.0f} s: {in_words(best.settings)}"
        )
    return "\n".join(lines)
