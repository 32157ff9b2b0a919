"""What the report says of each benchmark and of the essay, made from results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from infomax_bench.base.console import few
from infomax_bench.report.kept_figures import Drawn
from infomax_bench.report.marks import mark
from infomax_bench.report.parts import Group, Passage, Picture, Section, capital, table
from infomax_bench.report.predictions import PREDICTION
from infomax_bench.report.tuning import untuned
from infomax_bench.run.results import Results
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
    made = Section(benchmark.name, benchmark.title, benchmark.question(), capital(benchmark.claim()), rule, own)
    try:
        for i, (caption, shown) in enumerate(benchmark.shown(rows, arrays, claims), start=1):
            name = f"{benchmark.name}-{i}"
            made.marks += filter(None, [mark(name, caption, shown, tones)])
            if drawn is not None and any(PREDICTION.fullmatch(v.claim) for v in own):
                made.pictures.append(Picture.of(name, caption, shown, drawn))
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
    """What decides the essay's sentences, in its order, the numbered predictions first."""
    by_name = {s.name: s for s in sections}
    passages = []
    for benchmark in sorted((b for b in benchmarks if b.essay.of(b.name)), key=lambda b: b.essay.place(b.name)):
        own = [g for g in found if g.benchmark == benchmark.name]
        quoted = [
            (one.heading, one.words, decided(one, benchmark.name, own)) for one in benchmark.essay.of(benchmark.name)
        ]
        asked = (benchmark.name, benchmark.title, benchmark.question())
        passages.append(Passage(quoted, *asked, by_name.get(benchmark.name), own, capital(benchmark.prior_art())))
    return passages


def decided(sentence: Sentence, benchmark: str, found: Sequence[Group]) -> str:
    """A benchmark's verdicts that decide a sentence, with their outcomes, and the data sets, where these are not all:
    "of mine: less prunable: refuted"; those about others than the subject come last. "" where findings alone do, which
    the answer tells."""
    cards = [card.verdict for group in found for card in group.cards]
    parts = []
    for of in (True, False):
        own = [(name, [v for v in cards if v.title == name and v.of_subject == of]) for name in sentence.by[benchmark]]
        words = [f"{name.lower()}: {', '.join(dict.fromkeys(v.verdict for v in some))}" for name, some in own if some]
        subject = next((some[0].subject for _, some in own if some), "")
        parts += [(f"of {subject}: " if of else "") + "; ".join(words)] if words else []
    told = "; ".join(parts)
    return told + (f" (on {few(sentence.datasets)})" if told and sentence.datasets else "")


def prior_art(benchmarks: Iterable[Benchmark]) -> list[tuple[str, str, str]]:
    """Benchmark, what is claimed, and what was known before, where it says so."""
    told = ((b.name, capital(b.claim()), capital(b.prior_art())) for b in benchmarks)
    return [one for one in told if one[2]]
