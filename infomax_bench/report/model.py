"""What the report says: its sections, tables and facts, made from results."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from infomax_bench.plots.figures import comparable, intervals, scatter, seeds_of, sparks
from infomax_bench.plots.theme import png
from infomax_bench.report.images import Gallery
from infomax_bench.report.parts import Group, Passage, Picture, Section, Table, capital, number, signed, table
from infomax_bench.run.record import STUDY
from infomax_bench.run.results import Results
from infomax_bench.stats.intervals import ALPHA
from infomax_bench.stats.power import POWER, detectable, power_table
from infomax_bench.stats.verdict import Verdict, noise_of
from infomax_bench.study.benchmark import Benchmark, Kept
from infomax_bench.study.cell import study_key
from infomax_bench.study.claims import Claims
from infomax_bench.study.tuned import in_words

log = logging.getLogger("infomax_bench")

ROLE_ORDER = ("this work", "prior art", "control", "reference")
LATE = 0.1
"""The last part of training whose share of the whole fall of the loss says whether it still falls."""


def marks(results: Results, doubtful: Collection[str] = ()) -> dict[str, str]:
    """Method -> its name in tables: † if some of its rows are from other versions, ‡ if it sees labels, § if it has
    something to tune and was not tuned, unless none was, ¶ if it is not calibrated (`doubtful`)."""
    rows = results.jobs
    plain = set(untuned(results)) if results.info.get("tuning") else set()
    stale = set(rows.loc[~rows["current"].astype(bool), "method"])
    return {
        m: m
        + " †" * (m in stale)
        + " ‡" * bool(results.cards.get(m, {}).get("supervised"))
        + " §" * (m in plain)
        + " ¶" * (m in doubtful)
        for m in rows["method"].unique()
    }


def section(
    benchmark: Benchmark, rows: pd.DataFrame, claims: Claims, verdicts: list[Verdict], names: dict[str, str],
    arrays: Kept,
) -> Section:  # fmt: skip
    """A benchmark's part of the report. A plug-in whose figure or table fails costs a line, not the report."""
    rule = benchmark.paragraph("Rule")
    own = [v for v in verdicts if v.benchmark == benchmark.name]
    made = Section(
        benchmark.name, benchmark.title, benchmark.question(), capital(benchmark.paragraph("Claim")), rule, own
    )
    try:
        drawn = itertools.chain(benchmark.figures(rows, claims), benchmark.drawings(arrays, claims))
        for i, (caption, figure) in enumerate(drawn, start=1):
            made.pictures.append(Picture(f"{benchmark.name}-{i}", caption, png(figure), figure.get_figwidth()))
    except Exception as error:
        made.problems.append(f"a figure could not be drawn: {type(error).__name__}: {error}")
    try:
        made.answer = _hedged(benchmark.answer(rows, claims), claims)
    except Exception as error:
        made.problems.append(f"the answer could not be given: {type(error).__name__}: {error}")
    try:
        frame = benchmark.table(rows, claims)
        made.table = None if frame is None or frame.empty else table(frame, claims, names)
    except Exception as error:
        made.problems.append(f"the table could not be made: {type(error).__name__}: {error}")
    return made


def _hedged(answer: str, claims: Claims) -> str:
    """An answer whose paragraph says so where the preset decides nothing."""
    if not answer or not claims.indicative:
        return answer
    paragraph, *points = answer.split("\n")
    return "\n".join([f"{paragraph} This preset is for looking, not for deciding.", *points])


def kept(results: Results, evaluation: str, claims: Claims) -> Kept:
    """What an evaluation left beside its rows, of encoders at the suite's width or their own; damaged files are left
    out."""
    found = {}
    kept = results.arrays.get(evaluation, {})
    for method, dataset, width in sorted(kept):
        if claims.width in (None, width) or method in claims.own_width:
            with contextlib.suppress(Exception):  # numpy, zipfile and zlib have errors of their own
                found[method, dataset] = kept[method, dataset, width]()
    return found


def essay(benchmarks: Sequence[Benchmark], sections: Sequence[Section], found: Sequence[Group]) -> list[Passage]:
    """The essay's passages in its order, each with what was found; nothing is told twice."""
    by_name = {s.name: s for s in sections}
    passages, told = [], dict[str, str]()
    for _, words, benchmark in sorted(
        ((at, words, b) for b in benchmarks for at, words in b.essay), key=lambda one: one[0]
    ):
        own = [] if benchmark.name in told else [g for g in found if g.benchmark == benchmark.name]
        known = capital(benchmark.prior_art())
        section = by_name.get(benchmark.name)
        passages.append(
            Passage(
                words, benchmark.name, benchmark.title, benchmark.question(), section, own, known,
                told.get(benchmark.name, ""),
            )
        )  # fmt: skip
        told.setdefault(benchmark.name, words)
    return passages


def prior_art(benchmarks: Iterable[Benchmark]) -> list[tuple[str, str, str]]:
    """Benchmark, what is claimed, and what was known before, where it says so."""
    told = ((b.name, capital(b.paragraph("Claim")), capital(b.prior_art())) for b in benchmarks)
    return [one for one in told if one[2]]


# -- the comparison of all methods ------------------------------------------------------------------------------------
def main_rows(results: Results) -> pd.DataFrame:
    """Rows of encoders measured on their own source, at the suite's width or the method's own, each once."""
    rows = results.table
    width = results.info.get("suite", {}).get("width")
    kept: pd.DataFrame = rows[
        (rows["dataset"] == rows["target"])
        & (rows["track"] == "controlled")
        & (rows["label"] == "")
        & (rows["backbone"] == "linear")
    ]
    swept = kept.groupby(["method", "dataset"])["width"].transform(lambda w: (w == width).any()).astype(bool)
    kept = kept[~swept | (kept["width"] == width)]
    return kept.drop_duplicates(["method", "dataset", "width", "seed", "metric", "protocol", "x"])


def metric(rows: pd.DataFrame, name: str, protocol: str = "") -> pd.DataFrame:
    return rows[(rows["metric"] == name) & (rows["protocol"] == protocol) & (rows["status"] == "ok")]


MEASURED = {
    "kFLOP / image": ("train_flops_per_sample", 1e-3),
    "seconds": ("train_seconds", 1),
    "peak MB": ("peak_memory", 1e-6),
    "parameters kept": ("parameters", 1.0),
    "discarded": ("discarded_parameters", 1.0),
    "nonlinear dependence": ("nonlinear_dependence", 1.0),
    "TC / unit": ("total_correlation_per_unit", 1.0),
}


def comparison(results: Results, claims: Claims, names: dict[str, str]) -> tuple[Table, bool]:
    """Every method's card beside what was measured; and whether some means lack a data set. A cell's second line is
    set small."""
    rows, cards = main_rows(results), results.cards
    columns = [_means(metric(rows, name), scale) for name, scale in MEASURED.values()]
    good = metric(rows, "accuracy", "linear")
    accuracy = [_accuracy(own) for _, own in sorted(dict(iter(good.groupby("dataset"))).items())]
    datasets = sorted(good["dataset"].unique())
    ranks = {role: i for i, role in enumerate(ROLE_ORDER)}
    present = [m for m in rows["method"].unique() if m in cards]
    present.sort(key=lambda m: (m != claims.subject, ranks.get(cards[m].get("role", ""), 9), cards[m]["family"], m))
    lines = []
    for method in present:
        own = cards[method]
        described = [
            f"{names[method]}\n{', '.join(dict.fromkeys([own['family'], own.get('role', '')]))}",
            f"{own['objective']}\nprevents: {own['prevents']}",
            own["essay_cost"] or "–",
        ]
        lines.append(described + [column.get(method, "–") for column in [*columns, *accuracy]])
    head = ["method", "objective", "essay's guess of cost", *MEASURED, *(f"accuracy, {d}" for d in datasets)]
    numeric = [False] * 3 + [True] * (len(head) - 3)
    incomplete = any(cell.endswith("*") for column in columns for cell in column.values())
    return Table(head, lines, numeric, [m == claims.subject for m in present]), incomplete


def _means(rows: pd.DataFrame, scale: float) -> dict[str, str]:
    """Method -> its mean over seeds and data sets, with a star if it lacks a data set that others have."""
    whole = set(comparable(rows.assign(all=0), "all")["method"])
    values = scale * rows.groupby(["method", "dataset"])["value"].mean().groupby("method").mean()
    return {str(m): number(float(v)) + ("" if m in whole else " *") for m, v in values.items()}


def _accuracy(rows: pd.DataFrame) -> dict[str, str]:
    """Method -> its accuracy on one data set in percent, with half of its interval."""
    found = 100 * intervals(rows, ["method"]).set_index("method")[["mean", "high"]]
    half = found["high"] - found["mean"]
    return {
        str(m): f"{mean:.1f}" + ("" if math.isnan(h) else f" ± {h:.1f}")
        for m, mean, h in zip(found.index, found["mean"], half, strict=True)
    }


def independence(results: Results, claims: Claims) -> Picture | None:
    """The essay's question in one figure: dependence between units against accuracy."""
    rows = main_rows(results)
    across, up = metric(rows, "nonlinear_dependence"), metric(rows, "accuracy", "linear")
    if across.empty or up.empty:
        return None
    both = pd.concat(
        {k: r.groupby(["dataset", "method"])["value"].mean() for k, r in (("x", across), ("y", up))}, axis=1
    ).dropna()
    notes = {
        str(d): f"rank correlation {spearmanr(own['x'], own['y']).statistic:+.2f}"
        for d, own in both.groupby("dataset")
        if len(own) > 2 and own["x"].nunique() > 1 and own["y"].nunique() > 1
    }
    figure = scatter(
        across, up, claims, xlabel="nonlinear dependence between units (0: independent)", ylabel="accuracy (%)",
        scale=(1, 100), notes=notes,
    )  # fmt: skip
    caption = (
        f"Accuracy of a linear probe against the dependence between units, each method at one width ({seeds_of(up)}, "
        "95 % intervals). If independence made features good, the points would fall from left to right. The rank "
        "correlation is over methods: a description, not a test."
    )
    return _picture("independence", caption, figure)


def _picture(name: str, caption: str, figure: Figure) -> Picture | None:
    """None, and a warning, for what cannot be drawn: a name may be of any length."""
    try:
        return Picture(name, caption, png(figure), figure.get_figwidth())
    except (RuntimeError, ValueError, MemoryError) as error:
        log.warning(f"the figure {name!r} is left out, for it could not be drawn ({error})")
        return None


# -- what could have been seen ----------------------------------------------------------------------------------------
def power(verdicts: Sequence[Verdict]) -> Table | None:
    """For each claim the noise that it rests on, and the differences that five and ten seeds show four times in five:
    supporting it if one rival is that close, or all are, and refuting it."""
    seeds = (5, 10)
    kinds = [f"{kind}, {n} seeds" for kind in ("one close", "all close", "refuted") for n in seeds]
    head = ["claim", "against", "in", "deviation over seeds", *kinds, "seeds to decide"]
    lines = []
    for v in verdicts:
        noise, rivals = noise_of(v), max(1, len(v.comparisons))
        if math.isfinite(noise) and noise > 0:  # a count of operations has none
            seen = [
                *(detectable(noise, n) for n in seeds),
                *(detectable(noise, n, certainty=1 - (1 - POWER) / rivals) for n in seeds),
                *(detectable(noise, n, ALPHA / rivals) for n in seeds),
            ]
            lines.append(
                [v.title, v.against, v.unit or v.metric, number(noise), *map(number, seen), v.seeds_needed or "–"]
            )
    numeric = [False, False, False, *([True] * (len(head) - 3))]
    return Table(head, lines, numeric, [False] * len(lines)) if lines else None


def chances(claims: Claims) -> Table:
    """How often a claim against all prior art is decided, for true differences in deviations over seeds."""
    lines: dict[float, list[str]] = {}
    found = power_table(1.0, len(claims.rivals("prior art")))
    seeds = sorted({p.n_seeds for p in found})
    for kind in ("supported", "refuted"):
        for p in found:
            lines.setdefault(p.effect, [f"{p.effect:g}"]).append(f"{100 * getattr(p, kind):.0f} %")
    head = ["true difference (deviations)", *(f"{k}, {n} seeds" for k in ("supported", "refuted") for n in seeds)]
    return Table(head, list(lines.values()), [True] * len(head), [False] * len(lines))


# -- tuning -----------------------------------------------------------------------------------------------------------
def untuned(results: Results) -> list[str]:
    """Methods that have something to tune, and were not tuned for every data set and encoder."""
    rows = results.jobs
    own = rows[rows["label"] == ""]
    own = own.assign(backbone=own["backbone"].where(own["track"] != "native", "native"))
    asked = own[["method", "dataset", "backbone"]].drop_duplicates().itertuples(index=False)
    studies = results.info.get("tuning", {})
    tunable = {m for m, card in results.cards.items() if card.get("tunable", True)}
    return sorted({m for m, d, b in asked if m in tunable and study_key(m, d, b) not in studies})


def tuning(results: Results, names: dict[str, str], claims: Claims) -> tuple[str, Table | None]:
    """The budget in words, and what was chosen for each method and data set, and how much it matters."""
    studies = [study for study in results.info.get("tuning", {}).values() if set(STUDY) <= set(study)]
    if not studies:
        return "", None
    trials, seconds = sorted({s["trials"] for s in studies}), sum(s["seconds"] for s in studies)
    words = (
        f"{' or '.join(map(str, trials))} trials of every method that has something to tune, on each data set and "
        "encoder; "
        f"{len(studies)} studies and {seconds / 60:.0f} minutes of one core in all, {studies[0]['seeds']} seeds each."
    )
    lines, strong = [], []
    for s in sorted(studies, key=lambda s: (s["dataset"], s["method"], s["backbone"])):
        chosen = in_words(s["settings"]) + ("" if s["current"] else " (tuned for another version of its file)")
        lines.append(
            [names.get(s["method"], s["method"]), s["dataset"], s["backbone"], chosen, f"{100 * s['default']:.1f}",
             f"{100 * s['best']:.1f}", f"{100 * s['spread']:.1f}", str(s["trials"]), f"{s['seconds']:.0f}"]
        )  # fmt: skip
        strong.append(s["method"] == claims.subject)
    head = ["method", "data set", "encoder", "chosen", "defaults (%)", "chosen (%)", "deviation over trials"]
    head += ["trials", "seconds"]
    return words, Table(head, lines, [False] * 4 + [True] * 5, strong)


# -- training ---------------------------------------------------------------------------------------------------------
FALLING = 0.01
"""Share of a loss's fall in the last LATE of training from which on it is marked as not converged."""


def still_falling(total: np.ndarray) -> float:
    """Share of the whole fall of a loss `[S, P]` that came in the last LATE of training.

    A mean over the seeds in which it fell; NaN if it fell in none.
    """
    points = total.shape[1]
    late = max(1, round(LATE * points))
    fall, at_the_end = total[:, 0] - total[:, -1], total[:, -1 - late] - total[:, -1]
    fell = np.isfinite(fall) & (fall > 0)
    return float((at_the_end[fell] / fall[fell]).mean()) if fell.any() else math.nan


def training(galleries: Sequence[Gallery], claims: Claims) -> tuple[Picture | None, Table | None, list[str]]:
    """Curves of the whole loss of all encoders, a table of its terms, and the data sets on which the subject's was
    still falling at the end."""
    logged = [g for g in galleries if g.log and next(iter(g.log.values())).shape[1] > 1]
    if not logged:
        return None, None, []
    totals = {(g.method, g.dataset): np.sum(list(g.log.values()), axis=0, dtype=float) for g in logged}
    late = {which: still_falling(total) for which, total in totals.items()}
    falling = sorted(which for which, share in late.items() if share > FALLING)
    figure = sparks(
        totals, claims, label="loss over training, a line for each seed, each panel to its own scale", marked=falling
    )
    found: dict[str, list[str]] = defaultdict(list)
    for method, dataset in falling:
        found[method].append(dataset)
    still = "; ".join(f"{method} on {', '.join(datasets)}" for method, datasets in found.items()) or "none"
    caption = (
        "The loss of every method that is trained by gradient, from the first to the last update. Not converged within "
        f"the budget that all methods share (an arrow: more than {100 * FALLING:.0f} % of the whole fall came in the "
        f"last tenth): {still}. A loss that stands in for an "
        "update rule need not fall: only its gradient has a meaning."
    )
    lines, strong = [], []
    for g in logged:
        for term, values in sorted(g.log.items()):
            first, last = (signed(float(np.mean(values[:, i])), plus=False) for i in (0, -1))
            share = late[g.method, g.dataset]
            shown = "–" if math.isnan(share) else f"{100 * share:.0f} %".replace("-", "−")
            lines.append([g.method, g.dataset, number(g.steps), term, first, last, shown])
            strong.append(g.method == claims.subject)
    head = ["method", "data set", "updates", "loss term", "first", "last", "fall in the last tenth"]
    terms = Table(head, lines, [False, False, True, False, True, True, True], strong)
    return _picture("training", caption, figure), terms, found[claims.subject]


# -- what is not there ------------------------------------------------------------------------------------------------
def grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """(label, reason) pairs as reason -> labels, the most frequent reason first."""
    found: dict[str, list[str]] = defaultdict(list)
    for label, reason in pairs:
        found[" ".join(reason.split())].append(label)
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def missing(results: Results) -> Iterator[tuple[str, int, str]]:
    """Benchmark, how many of its evaluations are not there, and of which methods."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in results.missing:
        found[entry["benchmark"]].append(entry["cell"]["method"])
    for name, methods in sorted(found.items()):
        yield name, len(methods), ", ".join(sorted(set(methods)))


def gaps(missing: Sequence[tuple[str, int, str]], failures: Sequence[Any], stale: Sequence[str]) -> str:
    """One sentence on what this run lacks; "" if nothing."""
    parts = [
        _count(sum(n for _, n, _ in missing), "evaluation", "not measured yet"),
        _count(sum(len(set(labels)) for _, labels in failures), "encoder", "failed somewhere"),
        _count(len(stale), "method", "with rows of other versions (†)"),
    ]
    said = ", ".join(part for part in parts if part)
    return f"This run is not complete: {said}." if said else ""


def _count(n: int, what: str, how: str) -> str:
    return f"{n} {what}{'s' * (n != 1)} {how}" if n else ""
