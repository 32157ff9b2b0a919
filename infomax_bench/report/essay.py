"""The essay, sentence by sentence, and what decides each, as plain values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infomax_bench.report.parts import Section
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.essay import Essay

PREDICTIONS = "The numbered predictions"


@dataclass(frozen=True)
class Deciding:
    """What one benchmark says of a sentence: its title, where it stands on the page ("" if nothing was measured yet),
    and the outcome in a few words ("" where numbers tell, and no rule)."""

    title: str
    place: str
    told: str


@dataclass(frozen=True)
class Answer:
    """A sentence, exactly, what it stands below, and what each of its benchmarks says of it."""

    heading: str
    words: str
    by: Sequence[Deciding]


def answers(
    benchmarks: Sequence[Benchmark], sections: Iterable[Section], places: Mapping[str, str]
) -> dict[str, list[Answer]]:
    """By heading, in the essay's order, the numbered predictions first. places: where a benchmark stands on the page,
    if not under its own name."""
    by_name, titles = {s.name: s for s in sections}, {b.name: b.title for b in benchmarks}
    found: dict[str, list[Answer]] = {PREDICTIONS: []}
    for essay in _essays(benchmarks):
        for one in essay.sentences:
            by = []
            for name in filter(titles.__contains__, one.by):
                section = by_name.get(name)
                told = {(q.heading, q.words): q.told for q in section.quotes} if section else {}
                place = places.get(name, name) if section else ""
                by.append(Deciding(titles[name], place, told.get((one.heading, one.words), "")))
            heading = PREDICTIONS if one.predicts else one.heading
            found.setdefault(heading, []).append(Answer(one.heading, one.words, by))
    return {heading: own for heading, own in found.items() if own}


def untested(benchmarks: Iterable[Benchmark]) -> dict[str, list[str]]:
    """Why sentences are not tested -> how these begin."""
    found: dict[str, list[str]] = defaultdict(list)
    for essay in _essays(benchmarks):
        for one in essay.untested:
            found[one.why] += one.begin
    return dict(sorted(found.items(), key=lambda reason: -len(reason[1])))


def _essays(benchmarks: Iterable[Benchmark]) -> list[Essay]:
    """Those of the folders that benchmarks come from."""
    return [*{b.essay.path: b.essay for b in benchmarks}.values()]
