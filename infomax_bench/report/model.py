"""What the report says of each benchmark and of the essay, made from results."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from infomax_bench.base.console import few
from infomax_bench.report.kept_figures import Drawn
from infomax_bench.report.marks import mark
from infomax_bench.report.parts import Picture, Quote, Section, capital, table
from infomax_bench.report.predictions import PREDICTION
from infomax_bench.report.tuning import untuned
from infomax_bench.run.results import Results
from infomax_bench.stats.findings import Found
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.benchmark import Benchmark, Kept
from infomax_bench.study.claims import Claims
from infomax_bench.study.essay import Sentence


def marks(results: Results, calibration: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Method -> its name in tables: † if some of its rows are from other versions, ‡ if it sees labels, § if it has
    something to tune and was not tuned, unless none was, and the one that calibration gives it."""
    rows = results.jobs
    plain = set(untuned(results)) if results.info.get("tuning") else set()
    stale = set(rows.loc[~rows["current"].astype(bool), "method"])
    return {
        m: m
        + " †" * (m in stale)
        + " ‡" * bool(results.cards.get(m, {}).get("supervised"))
        + " §" * (m in plain)
        + f" {calibration.get(m, '')}".rstrip()
        for m in rows["method"].unique()
    }


def section(
    benchmark: Benchmark,
    rows: pd.DataFrame,
    claims: Claims,
    verdicts: Sequence[Verdict],
    names: dict[str, str],
    arrays: Kept,
    drawn: Drawn | None = MappingProxyType({}),
    tones: Mapping[str, int] = MappingProxyType({}),
) -> Section:
    """A benchmark's part of the report. drawn: figures that are there, None to draw none; tones: the methods that have
    a colour.

    The page draws all figures from marks; pictures, for documents, are made of the predictions' alone.

    A plug-in whose figure or table fails costs a line, not the report.
    """
    rule = benchmark.rule()
    own = [v for v in verdicts if v.benchmark == benchmark.name]
    told = benchmark.question(), capital(benchmark.claim()), rule, own, capital(benchmark.prior_art())
    made = Section(benchmark.name, benchmark.title, *told)
    try:
        for i, (caption, shown) in enumerate(benchmark.shown(rows, arrays, claims), start=1):
            name = f"{benchmark.name}-{i}"
            made.marks += filter(None, [mark(name, caption, shown, tones)])
            if drawn is not None and any(PREDICTION.fullmatch(v.claim) for v in own):
                made.pictures.append(Picture.of(name, caption, shown, drawn))
    except Exception as error:
        made.problems.append(f"a figure could not be drawn: {type(error).__name__}: {error}")
    try:
        found = Found(benchmark.findings(rows, claims), own)
        made.quotes = [
            Quote(one.heading, one.words, outcomes(one, benchmark.name, found)) for one in benchmark.essay.of(made.name)
        ]
        made.headline, made.takeaway = benchmark.headline(found, claims), benchmark.takeaway(found, claims)
        made.answer = _hedged(benchmark.answer_of(found, claims), claims)
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


def outcomes(sentence: Sentence, benchmark: str, found: Found) -> str:
    """What a benchmark's verdicts and findings say of a sentence, in a few words: "of mine: less prunable: refuted";
    those about others than the subject come last, and findings are counted. "" where nothing was decided."""
    names, parts = sentence.by[benchmark], []
    for of in (True, False):
        own = [v for v in found.verdicts if v.title in names and v.of_subject == of]
        words = "; ".join(f"{v.title.lower()}: {_word(v.verdict)}" for v in own)
        parts += [f"of {own[0].subject}: {words}" if of else words] if own else []
    words_found = Counter(_word(one.outcome) for one in found if one.name in names and one.outcome)
    n = words_found.total()
    if len(words_found) == 1:
        parts.append(*words_found)
    elif words_found:
        each = ", ".join(f"{word} in {count}" for word, count in words_found.most_common())
        parts.append(f"{each} of {n} cases")
    return "; ".join(parts) + (f" (on {few(sentence.datasets)})" if parts and sentence.datasets else "")


def _word(outcome: str) -> str:
    return {"inconclusive": "undecided", "for": "in favour"}.get(outcome, outcome)
