"""What a benchmark is: a question, the grid that answers it, the rule that decides, and the figures that show it.

A benchmark names no method and contains no loop: it asks for evaluations of encoders, and reads the rows they give.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from infomax_bench.stats.compare import Comparison, by_case, cases_ahead, compare
from infomax_bench.stats.intervals import in_words
from infomax_bench.stats.power import seeds_needed, would_decide
from infomax_bench.stats.verdict import Outcome, Verdict, decide, hardest, lost, stale_methods
from infomax_bench.study.cell import Cell, Request
from infomax_bench.study.claims import Claims
from infomax_bench.study.suite import Suite

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


Kept = Mapping[tuple[str, str], Mapping[str, "np.ndarray"]]
"""Method and data set -> arrays by name."""
Column = tuple[Any, ...]
"""What a column of a report's table shows: metric, protocol, and where they matter x, width and a factor."""
_REST = ("", "", None, None, 1.0)


class Benchmark:
    """Base class of every benchmark plug-in.

    The docstring is printed in the report. It says what is asked, and has two paragraphs beginning "Claim:", which
    quotes, and "Rule:", which states the decision rule before any result exists. A third, "Prior art:", may say, with
    citations, what was known before.
    """

    name: ClassVar[str] = ""
    """Given by the registry: the file's name."""
    title: ClassVar[str]
    """The question, in a few words."""
    order: ClassVar[int] = 100
    """Where it stands in the report."""
    evaluations: ClassVar[tuple[str, ...]] = ()
    """What is measured on every encoder of the default grid."""
    sweeps_width: ClassVar[bool] = False
    """False: only rows at the suite's width (or a method's own) are shown to verdicts, figures and tables."""
    on_request: ClassVar[bool] = False
    """True: it runs when it is asked for by name only, since it takes hours and its answer seldom changes."""
    essay: ClassVar[tuple[tuple[int, str], ...]] = ()
    """What the essay says or asks that this answers: where it stands in the essay, and what, its own words in “”."""
    keeps: ClassVar[str] = ""
    """The evaluation whose arrays `pictures` draws, if there is one."""
    compares: ClassVar[str] = ""
    """The comparison of encoders with each other that is made of its grid at the end of a run, if there is one: of
    all methods on one data set at one width and label, in pairs. Its grid asks for the evaluation that it compares.
    In its rows `protocol` is the other method; methods with a width of their own are only ever the other."""

    # -- the grid ---------------------------------------------------------------------------------------------
    def grid(self, suite: Suite) -> Iterable[tuple[Cell, Request]]:
        """Every encoder and what to measure on it. By default: all methods on all data sets at the suite's width."""
        return [
            (suite.cell(method, dataset), Request(evaluation))
            for dataset in suite.datasets
            for method in suite.methods
            for evaluation in self.evaluations
        ]

    # -- what the rows say ------------------------------------------------------------------------------------
    def own_rows(self, table: pd.DataFrame, claims: Claims) -> pd.DataFrame:
        """This benchmark's rows of the whole table, at one width unless it sweeps it: runs at other widths, which a
        results folder may hold too, are another question."""
        rows = table[table["benchmark"] == self.name]
        if self.sweeps_width or claims.width is None:
            return rows
        return rows[(rows["width"] == claims.width) | rows["method"].isin(claims.own_width)]

    def verdicts(self, rows: pd.DataFrame, claims: Claims) -> Iterable[Verdict]:
        """The claims, decided by the rule. `rows` are this benchmark's measurements."""
        return ()

    def figures(self, rows: pd.DataFrame, claims: Claims) -> Iterator[tuple[str, Figure]]:
        """Figures with their captions, the one that answers the question first."""
        yield from ()

    def pictures(self, kept: Kept, claims: Claims) -> Iterator[tuple[str, Figure]]:
        """Figures with their captions of the arrays that the evaluation `keeps` left beside its rows, of encoders at
        the suite's width or their own."""
        yield from ()

    def answer(self, rows: pd.DataFrame, claims: Claims) -> str:
        """What the rows say, in a paragraph for a reader who reads no further and in words that the rule allows; ""
        where the verdicts say it all. Every further line is a point told below the paragraph."""
        return ""

    def table(self, rows: pd.DataFrame, claims: Claims) -> pd.DataFrame | None:
        """A table for the report, one line a method; or None."""
        return None

    def uncalibrated(self, rows: pd.DataFrame) -> tuple[str, ...]:
        """Methods that these rows show not to do what is known of them; they are marked wherever they appear."""
        return ()

    # -- help for plug-ins ------------------------------------------------------------------------------------
    @classmethod
    def paragraph(cls, name: str) -> str:
        """The docstring's paragraph that begins with `name:`, on one line, without that word."""
        text = inspect.cleandoc(cls.__doc__ or "")
        found = re.search(rf"^{name}:\s*(.*?)(?:\n\s*\n|\Z)", text, flags=re.DOTALL | re.MULTILINE)
        return " ".join(found.group(1).split()) if found else ""

    def means(self, rows: pd.DataFrame, columns: Mapping[str, Column], by: str) -> pd.DataFrame:
        """A table for the report: one line for each method and value of `by`, the mean over seeds of each column."""
        good = rows[rows["status"] == "ok"]
        parts = {}
        for heading, (metric, protocol, x, width, scale) in ((h, (*c, *_REST[len(c) :])) for h, c in columns.items()):
            chosen = good[(good["metric"] == metric) & (good["protocol"] == protocol)]
            if x is not None:
                chosen = chosen[chosen["x"] == x]
            if width is not None:
                chosen = chosen[chosen["width"] == width]
            parts[heading] = scale * chosen.groupby([by, "method"])["value"].mean()
        return pd.DataFrame(parts).reset_index()

    def verdict(
        self,
        claims: Claims,
        claim: str,
        title: str,
        against: str,
        outcome: Outcome,
        effect: tuple[float, float, float],
        n_seeds: int,
        sentence: str,
        **more: Any,
    ) -> Verdict:
        """A verdict with what all of a benchmark's verdicts share filled in. effect: mean, low and high."""
        return Verdict(
            claim=claim, title=title, subject=claims.subject, against=against, track=claims.track,
            preset=claims.preset, verdict=outcome, effect=effect[0], ci_low=effect[1],
            ci_high=effect[2], n_seeds=n_seeds, rule=self.paragraph("Rule"), sentence=sentence,
            benchmark=self.name, indicative=claims.indicative or claims.subject in more.get("stale", ()), **more,
        )  # fmt: skip

    def better_than_all(
        self,
        rows: pd.DataFrame,
        claims: Claims,
        claim: str,
        title: str,
        metric: str,
        *,
        unit: str = "",
        higher_is_better: bool = True,
        margin: float = 0.0,
        scale: float = 1.0,
        against: Sequence[str] = ("prior art", "control"),
        cannot: Collection[tuple[str, str]] = (),
    ) -> Iterator[Verdict]:
        """One verdict for each role: is the subject better than every method of it (or within the margin)?

        rows: the measurements that the claim is about, one metric. scale: what the effect is multiplied by for
        reading (100 for accuracy in points); unit: what it then is. cannot: (method, data set) where a method is not
        applicable; with it the subject is compared on the other data sets.
        """
        values = by_case(rows, claims.subject)
        for role in against:
            rivals = claims.rivals(role)
            if not rivals:
                continue
            comparisons, missing = compare(values, claims.subject, rivals, higher_is_better, margin, cannot)
            outcome = decide(comparisons)
            if missing and outcome == "supported":
                outcome = "inconclusive"  # better than all of them needs all of them
            needed = seeds_needed(comparisons, not missing) if outcome == "inconclusive" else ""
            everywhere = ""
            if outcome == "supported" and len(values.cases) > 1:
                n_ahead = cases_ahead(values, claims.subject, rivals, higher_is_better, margin)
                where = f"{n_ahead} of {len(values.cases)} cases (data sets, and their targets or widths)"
                everywhere = f" Taken one by one, it is so in {where}."
            decisive = hardest(comparisons, outcome)
            worst = None if decisive is None else decisive.shown(scale, margin)
            effect = (math.nan,) * 3 if worst is None else (worst.mean, worst.low, worst.high)
            yield self.verdict(
                claims, claim, title, role, outcome, effect, min((c.n_seeds for c in comparisons), default=0),
                _sentence(claims.subject, title, role, outcome, comparisons, worst, effect, unit, missing, needed)
                + everywhere,
                seeds_needed=needed, unit=unit, metric=metric, margin=scale * margin, missing=tuple(missing),
                comparisons=tuple(c.shown(scale, margin) for c in comparisons), line=-scale * margin,
                stale=stale_methods(rows, [claims.subject, *rivals]),
            )  # fmt: skip


def _sentence(
    subject: str, title: str, role: str, outcome: Outcome, comparisons: Sequence[Comparison],
    worst: Comparison | None, effect: tuple[float, ...], unit: str, missing: Sequence[str], needed: str,
) -> str:  # fmt: skip
    """The verdict in one sentence, with the comparison that decided it."""
    if worst is None:
        return f"{title}: nothing to compare {subject} with yet."
    n_lost = sum(lost(c) for c in comparisons)
    one, all_of = ("control", "controls") if role == "control" else (f"{role} method", f"{role} methods")
    words = {
        "supported": f"yes, {subject} is ahead of every {one}; the closest is {worst.rival}",
        "refuted": f"no, {subject} loses to {n_lost} of {len(comparisons)} {all_of}"
        f"{', most surely to' if n_lost > 1 else ':'} {worst.rival}",
        "inconclusive": f"undecided against the {all_of}; the hardest to match is {worst.rival}",
    }
    if outcome == "supported" and worst.mean < 0:
        words["supported"] = f"yes, {subject} matches every {one}; the hardest to match is {worst.rival}"
    mean, low, high = effect
    text = f"{title}: {words[outcome]} ({mean:+.3g}{' ' + unit if unit else ''}, {in_words(low, high)})."
    text += would_decide(needed)
    return text + (f" Not measured, failed or not able: {', '.join(missing)}." if missing else "")
