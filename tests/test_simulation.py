"""The whole verdict code on studies whose truth is known: how often it is wrong, and how often it sees an effect.

Some seventy studies, for gross faults; `make test-all` has a thousand for every pattern of truth and kind of noise.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from infomax_bench.stats.compare import Comparison
from infomax_bench.stats.intervals import ALPHA, MIN_SEEDS
from infomax_bench.stats.power import detectable, power, power_table
from infomax_bench.stats.verdict import noise_of
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.ordering import OrderContrast
from infomax_bench.study.plugins import registry
from tests.simulation import MEASURED, METHODS, RIVALS, ROLES, Study, advantages, false_calls, far, most, pattern

STUDIES = 8
"""For each pattern and noise."""


@pytest.mark.slow
def test_no_claim_is_called_falsely_more_often_than_its_level():
    """In every pattern and kind of noise under which the call is false, and in all of them together."""
    pooled: dict[tuple[tuple[str, str], str], np.ndarray] = {}
    found = false_calls(STUDIES, MIN_SEEDS)
    assert not {what: n for what, (n, of) in found.items() if n > most(of)}
    for (key, outcome, *_), counts in found.items():
        pooled[key, outcome] = pooled.get((key, outcome), np.zeros(2, int)) + counts
    assert len({key for key, _ in pooled}) >= 15
    assert not {k: c.tolist() for k, c in pooled.items() if c[0] > most(c[1])}


@pytest.mark.slow
@pytest.mark.parametrize("n_seeds", [5, 10])
def test_false_calls_of_a_thousand_studies(n_seeds):
    """Of as many seeds as the documented preset has for its sweeps and for the rest: no call is false in more than
    67."""
    assert most(1000) == 67
    counts = false_calls(1000, n_seeds)
    for (key, outcome, name, noise), (false, of) in sorted(counts.items(), key=lambda item: -item[1][0])[:10]:
        print(f"\n{false:4d} of {of} {outcome}: {', against '.join(key)}; {name}, {noise}", end="")
    assert not {what: n for what, (n, of) in counts.items() if n > most(of)}


def test_every_benchmark_with_verdicts_is_simulated():
    """But for orders, whose level is counted (tests/stats/test_ordering.py)."""
    found = registry()
    classes = {name: found.get("benchmarks", name).cls for name in found.names("benchmarks")}
    declared = {name: set(map(type, cls.contrasts)) - {OrderContrast} for name, cls in classes.items()}
    with_verdicts = {n for n, cls in classes.items() if declared[n] or cls.decide is not Benchmark.decide}
    assert with_verdicts == {m.benchmark for m in MEASURED}


@pytest.mark.parametrize(("first", "others", "expected"), [(-1, -1, "supported"), (1, -1, "refuted")])
def test_what_is_plainly_true_is_found(first, others, expected):
    study = Study(lambda m: far(m) * advantages(first, others), MIN_SEEDS)
    for (title, against), calls in study.calls(4).items():
        if against in ROLES.values():
            assert calls == Counter({expected: 4}), (title, against)


def test_a_better_supervised_half_is_found():
    ahead = {1: "refuted", -1: "supported"}
    for sign, expected in ahead.items():
        supervised = np.array([m in ("prior0", "prior1") for m in METHODS])
        study = Study(lambda m, s=sign * supervised: 3 * m.sd * s, 10, only="transfer")
        calls = study.calls(5)["Supervised features are task-specific", "unsupervised"]
        assert calls[expected] == 5


def test_margins_are_for_those_within_them():
    """A rival ahead by half the margin is matched; the same rival without a margin would refute."""
    study = Study(lambda m: np.where(RIVALS, -m.margin / 2, 0.0), 20, only="width", alike=True)
    calls = study.calls(10)
    assert all(c["supported"] == 10 for c in calls.values())


@pytest.mark.parametrize("n_seeds", [5, 10])
def test_power_is_as_computed(n_seeds):
    """What the report's differences rest on, against the share of studies that the benchmark's code decides so."""
    measured = next(m for m in MEASURED if m.benchmark == "redundancy")
    sd = (2 * (measured.sd**2 - measured.shared**2) / 2) ** 0.5  # a difference, averaged over two data sets
    effect = 1.4 * sd
    (expected,) = power_table(sd, 4, [effect], [n_seeds])
    for sign, outcome, share in ((-1, "supported", expected.supported), (1, "refuted", expected.refuted)):
        ahead = advantages(sign * effect, -far(measured))
        calls = Study(lambda m, a=ahead: a, n_seeds, only=measured.benchmark, alike=True).calls(200)
        low, high = stats.binom.ppf([0.001, 0.999], 200, share)
        assert low <= calls["Least redundant", "prior art"][outcome] <= high


def test_power_grows_with_seeds_and_effects_and_is_the_level_at_none():
    assert power(0.0, 1.0, 10) == pytest.approx(0.025)
    shares = power(1.0, 1.0, np.arange(2, 40))
    assert (shares[:3] == 0).all()
    assert (np.diff(shares[3:]) > 0).all()
    assert power(1e9, 1.0, 5) == 1.0
    assert (power(1.0, 0.0, 5), power(-1.0, 0.0, 5)) == (1.0, 0.0)


@pytest.mark.parametrize("rivals", [1, 12])
def test_the_detectable_effect_has_the_power(rivals):
    for n in (5, 10, 30):
        assert power(detectable(0.4, n, ALPHA / rivals), 0.4, n, ALPHA / rivals) == pytest.approx(0.8)
    assert detectable(0.4, 4) == np.inf


def test_the_noise_of_a_verdict_is_that_of_its_measurements():
    """From the comparisons, and from the interval where there are none."""
    study = Study(lambda m: np.zeros(len(METHODS)), 60, alike=True)
    rows = study.table(np.random.default_rng(0))
    relative, absolute = {}, None
    for name in ("pruning", "redundancy"):
        for verdict in study.benchmarks[name].verdicts(rows[name], study.claims):
            if verdict.against == "itself":
                absolute = noise_of(verdict)
            elif verdict.against == "prior art":
                relative[name] = noise_of(verdict)
    own = {m.benchmark: (m.sd**2 - m.shared**2) ** 0.5 for m in MEASURED}
    assert absolute == pytest.approx(100 * own["pruning"] / 2**0.5, rel=0.3)
    assert relative["pruning"] == pytest.approx(100 * own["pruning"], rel=0.3)
    assert relative["redundancy"] == pytest.approx(own["redundancy"], rel=0.3)


def test_the_noise_is_that_of_the_standard_run():
    """Within a factor of two, for every claim; real data sets are more than the two simulated ones."""
    verdicts = json.loads((Path(__file__).parents[1] / "results" / "standard" / "verdicts.json").read_text())
    seen = {(v["title"], v["against"]): v for v in verdicts}
    study = pattern("all at the line", 100, "normal")
    for name, rows in study.table(np.random.default_rng(0)).items():
        for verdict in study.benchmarks[name].verdicts(rows, study.claims):
            if verdict.against not in ("itself", "prior art"):
                continue
            own = seen[verdict.title, verdict.against]
            of = {name: own[name] for name in ("ci_low", "ci_high", "n_seeds")}
            real = noise_of(replace(verdict, **of, comparisons=tuple(Comparison(**c) for c in own["comparisons"])))
            assert 0.5 < noise_of(verdict) / real < 2, verdict.title


def test_simulated_tables_are_as_the_patterns_say():
    """The rivals' means over many seeds stand where the pattern puts them, in the direction of each claim."""
    study = pattern("one better", 400, "normal")
    rng = np.random.default_rng(0)
    for measured in MEASURED:
        if measured.benchmark in ("transfer", "width"):
            continue
        means = study.values(measured, rng).reshape(len(METHODS), -1).mean(axis=1)
        ahead = measured.sign * (means - means[0]) / far(measured)
        assert ahead == pytest.approx(np.where(RIVALS, advantages(1.0, -1.0), 0.0), abs=0.02)
