"""How hyperparameters are chosen: many on few images, the best of them on all, and none that more passes harm.

What a setting scores is asked of a function, so nothing here knows what is trained, or on what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from infomax_bench.study.tuned import LOST, Final, Trial

VERSION = 1
FEW = 8_000
"""Training images of a trial, at most."""
BEST = 2
"""Of the trials, those that are tried on all images."""
LONGER = 3
"""Times as many passes must not harm what is chosen."""
RATE = "learning_rate"
"""Of it half is tried on all images, too: a rate that suits few steps may not suit many."""

Scored = Callable[[dict[str, Any], int, int], float]
"""A setting, how many training images at most (0: all), how many times the passes -> its validation accuracy."""


def search(scored: Scored, fields: Mapping[str, Any], defaults: dict[str, Any], n_trials: int) -> list[Trial]:
    """The trials: the defaults, then what optuna's TPE proposes."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
    study.enqueue_trial(defaults)
    trials = []
    for _ in range(n_trials):
        asked = study.ask()
        settings = propose(asked, fields)
        found = scored(settings, FEW, 1)
        study.tell(asked, found)
        trials.append(Trial(settings, round(found, 6)))
    return trials


def propose(trial: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """optuna's next values for the fields: a pair of numbers is a range, anything else a list of values."""
    values = {}
    for name, one in fields.items():
        search, log = one.metadata["search"], one.metadata["log"]
        if len(search) == 2 and all(isinstance(v, int) and not isinstance(v, bool) for v in search):
            values[name] = trial.suggest_int(name, *search, log=log)
        elif len(search) == 2 and all(isinstance(v, float) for v in search):
            values[name] = float(f"{trial.suggest_float(name, *search, log=log):.4g}")
        else:
            values[name] = trial.suggest_categorical(name, list(search))
    return values


def finals(scored: Scored, fields: Mapping[str, Any], trials: Sequence[Trial], few_are_all: bool) -> tuple[Final, ...]:
    """The BEST of the trials, and the first of them at half its rate, by their scores on all images; those up to the
    first that LONGER training does not harm, and no others, with that score, too.

    few_are_all: there are no more images than those of the trials.
    """
    best: list[tuple[dict[str, Any], float]] = []
    for trial in sorted(trials, key=lambda t: -t.score):
        if len(best) < BEST and trial.settings not in [settings for settings, _ in best]:
            best.append((trial.settings, trial.score))
    halved = _halved(best[0][0], fields)
    if halved is not None and halved not in [settings for settings, _ in best]:
        best.append((halved, round(scored(halved, FEW, 1), 6)))
    found = [Final(own, few if few_are_all else round(scored(own, 0, 1), 6), few) for own, few in best]
    found.sort(key=lambda final: -final.score)
    for i, final in enumerate(found):
        found[i] = replace(final, longer=round(scored(final.settings, FEW, LONGER), 6))
        if found[i].lost <= LOST:
            break
    return tuple(found)


def _halved(settings: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """The setting at half its rate; None if it has none, or if that is no valid value."""
    if RATE not in settings or RATE not in fields:
        return None
    rate, valid = settings[RATE] / 2, fields[RATE].metadata["valid"]
    return {**settings, RATE: float(f"{rate:.4g}")} if valid is None or rate in valid else None


def amounts(n_train: int, n_trials: int) -> list[tuple[int, int, int]]:
    """How many trainings a study makes, with how many images and how many times the passes: for its price."""
    few = min(n_train, FEW)
    on_all = [(BEST + 1, n_train, 1)] if n_train > few else []
    return [(n_trials + 1, few, 1), *on_all, (1, few, LONGER)]
