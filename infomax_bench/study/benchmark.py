"""What a benchmark is: a question, the grid that answers it, the rule that decides, and what is shown.

A benchmark names no method and contains no loop: it asks for evaluations of encoders, reads the rows they give, and
builds no sentence: rules return findings and verdicts as plain data, and words are made of these by templates.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.stats.findings import Finding, Found
from infomax_bench.stats.verdict import Outcome, Verdict
from infomax_bench.study.cell import COLUMNS, Cell, Request
from infomax_bench.study.claims import Claims
from infomax_bench.study.contrast import BoundContrast, Contrast, GroupContrast
from infomax_bench.study.essay import Essay, essay_in
from infomax_bench.study.given import Given
from infomax_bench.study.ordering import OrderContrast
from infomax_bench.study.selection import Derived, Select
from infomax_bench.study.suite import Suite
from infomax_bench.study.view import Shown, View
from infomax_bench.study.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Kept = Mapping[tuple[str, str], Mapping[str, np.ndarray]]
"""Method and data set -> arrays by name."""


SURELY = (
    '"Surely" is a one-sided bound of 95 % over data sets; anything else, and fewer than four of them, is undecided.'
)
"""What rules of claims have in common."""


class Benchmark:
    """Base class of every benchmark plug-in.

    The docstring is printed in the report. It says what is asked, and has a paragraph beginning "Rule:", which states
    the decision rule before any result exists. What is claimed is quoted in `claims.toml` beside its file (see
    `Essay`), or else in a paragraph beginning "Claim:". A third, "Prior art:", may say, with citations, what was known
    before. Its other words are macros in `words/NAME.jinja` beside its file (see `Words`): one for each finding, each
    view, and each verdict that is no contrast; `headline`, `takeaway` and `answer`.
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
    keeps: ClassVar[str] = ""
    """The evaluation whose arrays `pictures` draws, if there is one."""
    contrasts: ClassVar[tuple[Contrast | BoundContrast | GroupContrast | OrderContrast, ...]] = ()
    """Claims of being better than other methods, of lying below a number or above, of groups of methods, and of their
    order."""
    shows: ClassVar[tuple[View, ...]] = ()
    """The figures, where they can be declared; else `views` gives them."""
    columns: ClassVar[Mapping[str, Select | Derived]] = {}
    """The columns of the report's table: heading -> the rows whose mean it is."""
    by: ClassVar[str | tuple[str, ...]] = "dataset"
    """What has a line of its own in it: a method with each value of a column, or several columns."""
    headings: ClassVar[Mapping[str, str]] = {}
    """What columns of `by` are called in it, where that is not their name."""
    given: ClassVar[Mapping[str, Given]] = {}
    """What a preset gives to it alone, from its own table in `presets.toml`; a grid reads `suite.given[self.name]`."""
    tags: ClassVar[Mapping[str, type[str] | type[float]]] = {}
    """What its cells vary, and whether that is text or a number: columns of its rows, "" or NaN where one has none."""
    compares: ClassVar[str] = ""
    """The comparison of encoders with each other that is made of its grid at the end of a run, if there is one: of
    all methods on one data set at one width and label, in pairs. Its grid asks for the evaluation that it compares.
    In its rows `other` is the other method; methods with a width of their own are only ever the other."""

    # -- the grid ---------------------------------------------------------------------------------------------
    def grid(self, suite: Suite) -> Iterable[tuple[Cell, Request]]:
        """Every encoder and what to measure on it. By default: all methods on all data sets at the suite's width."""
        return [
            (suite.cell(method, dataset), Request(evaluation))
            for dataset in suite.datasets
            for method in suite.methods
            for evaluation in self.evaluations
        ]

    def asked(self, suite: Suite) -> Iterable[tuple[Cell, Request]]:
        """The grid, on the data sets that the suite asks it on."""
        return self.grid(suite.of(self.name))

    # -- what the rows say ------------------------------------------------------------------------------------
    def own_rows(self, table: pd.DataFrame, claims: Claims) -> pd.DataFrame:
        """This benchmark's rows of the whole table, without the tags of others, at one width unless it sweeps it: runs
        at other widths, which a results folder may hold too, are another question."""
        at = np.flatnonzero(table["benchmark"] == self.name)
        together = len(at) and at[-1] - at[0] + 1 == len(at)  # as they are in results: nothing is copied
        rows = table.iloc[at[0] : at[-1] + 1] if together else table.iloc[at]
        rows = self.tagged(rows[[name for name in rows if name in COLUMNS or name in self.tags]])
        if self.sweeps_width or claims.width is None:
            return rows
        return rows[(rows["width"] == claims.width) | rows["method"].isin(claims.own_width)]

    def tagged(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with all tags that are declared, as what they are declared."""
        made = rows.reindex(columns=[*rows.columns, *(name for name in self.tags if name not in rows)])
        for name, kind in self.tags.items():
            if made[name].dtype == kind and (kind is float or not made[name].hasnans):
                continue
            words = made[name].astype(object)
            made[name] = words.fillna("").astype(str) if kind is str else pd.to_numeric(words, errors="coerce")
        return made

    def verdicts(self, rows: pd.DataFrame, claims: Claims, failed: int = 0) -> list[Verdict]:
        """The claims, decided and in words; failed: seeds under which the subject failed."""
        return [self._in_words(one.after(failed)) for one in self.decide(rows, claims)]

    def decide(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Verdict]:
        """The claims, decided by the rule; by default the contrasts. `rows` are this benchmark's measurements."""
        for contrast in self.contrasts:
            for one in contrast.decide(rows, claims):
                yield self.verdict(
                    claims, one.claim, one.title, one.against, one.verdict, one.effect, one.n_seeds, **one.more
                )

    def findings(self, rows: pd.DataFrame, claims: Claims) -> Iterator[Finding]:
        """What the rows say beside verdicts, by the rule, in the order in which it is told."""
        yield from ()

    def views(self, rows: pd.DataFrame, claims: Claims) -> Iterable[View]:
        """The figures, the one that answers the question first; by default those that are declared as `shows`."""
        return self.shows

    def pictures(self, kept: Kept, claims: Claims) -> Iterator[View]:
        """Figures of the arrays that the evaluation `keeps` left beside its rows, of encoders at the suite's width or
        their own: views without frames, or with such as hold what is drawn."""
        yield from ()

    def table(self, rows: pd.DataFrame, claims: Claims) -> pd.DataFrame | None:
        """A table for the report, one line a method; or None. By default that of `columns`."""
        return self.means(rows, self.columns, self.by, claims) if self.columns else None

    def calibration(self, rows: pd.DataFrame) -> Mapping[str, str]:
        """Methods that these rows compare with what is published of them, and what came of it: "agrees", "differs" or
        "too uncertain". They are marked, wherever they appear, if it differs, or if nothing was compared."""
        return {}

    # -- in words -----------------------------------------------------------------------------------------------------
    @functools.cached_property
    def words(self) -> Words:
        """Its words: `words/NAME.jinja` beside its file."""
        return Words(Path(inspect.getfile(type(self))).parent, self.name)

    @property
    def essay(self) -> Essay:
        """The sentences that benchmarks of its folder decide."""
        return essay_in(self.words.folder)

    def claim(self) -> str:
        """What is claimed: the sentences that it decides, in quotation marks; or its docstring's paragraph."""
        return " ".join(f"“{one.words}”" for one in self.essay.of(self.name)) or self.paragraph("Claim")

    def headline(self, found: Found, claims: Claims) -> str:
        """What answers its title, on one line: its "Yes" or "No" is the outcome's, or there is none. found: all that
        was found, with its verdicts."""
        return " ".join(self.words.say("headline", found, claims))

    def takeaway(self, found: Found, claims: Claims) -> str:
        """What was found, how sure it is and what stands against it, on one line."""
        return " ".join(self.words.say("takeaway", found, claims))

    def answer(self, rows: pd.DataFrame, claims: Claims) -> str:
        """What the findings say: a paragraph for a reader who reads no further, and a line for each point below it; ""
        where the verdicts say it all."""
        return self.answer_of(Found(self.findings(rows, claims)), claims)

    def answer_of(self, found: Found, claims: Claims) -> str:
        """The same of findings that are there."""
        return "\n".join(self.words.say("answer", found, claims)) if found else ""

    def figures(self, rows: pd.DataFrame, claims: Claims) -> Iterator[tuple[str, Figure]]:
        """The views that have something to show, drawn, with their captions."""
        return ((caption, shown.figure()) for caption, shown in self._shown(self.views(rows, claims), rows, claims))

    def drawings(self, kept: Kept, claims: Claims) -> Iterator[tuple[str, Figure]]:
        """The pictures, drawn, with their captions."""
        return ((caption, shown.figure()) for caption, shown in self._pictures(kept, claims))

    def shown(self, rows: pd.DataFrame, kept: Kept, claims: Claims) -> Iterator[tuple[str, Shown]]:
        """The views that have something to show, and then the pictures, with their captions."""
        yield from self._shown(self.views(rows, claims), rows, claims)
        yield from self._pictures(kept, claims)

    def _pictures(self, kept: Kept, claims: Claims) -> Iterator[tuple[str, Shown]]:
        return self._shown(self.pictures(kept, claims), pd.DataFrame(), claims)

    def _shown(self, views: Iterable[View], rows: pd.DataFrame, claims: Claims) -> Iterator[tuple[str, Shown]]:
        for view in views:
            shown = view.shown(rows, claims)
            if shown is not None:
                yield " ".join(self.words.say(view.name, shown.told)), shown

    def _in_words(self, verdict: Verdict) -> Verdict:
        sentences = self.words.say(verdict.said, verdict) if verdict.said else [verdict.sentence]
        if verdict.failed:
            sentences += self.words.say("failed", verdict)
        return replace(verdict, sentence=" ".join(sentences))

    # -- help for plug-ins ------------------------------------------------------------------------------------
    @classmethod
    def paragraph(cls, name: str) -> str:
        """The docstring's paragraph that begins with `name:`, on one line, without that word."""
        text = inspect.cleandoc(cls.__doc__ or "")
        found = re.search(rf"^{name}:\s*(.*?)(?:\n\s*\n|\Z)", text, flags=re.DOTALL | re.MULTILINE)
        return " ".join(found.group(1).split()) if found else ""

    def rule(self) -> str:
        """The docstring's rule, with what "surely" means where it says so."""
        rule = self.paragraph("Rule")
        return f"{rule} {SURELY}" if re.search(r"\bsurely\b", rule) else rule

    def question(self) -> str:
        """What is asked and how it is measured: the docstring up to its named paragraphs, and words of that name."""
        text = re.split(r"Claim:|Rule:|Prior art:", self.__doc__ or "")[0]
        return " ".join([" ".join(text.split()), *self._told("question")]).strip()

    def prior_art(self) -> str:
        """What was known before, with citations; "" if nothing is told."""
        return " ".join([self.paragraph("Prior art"), *self._told("prior_art")]).strip()

    def _told(self, name: str) -> list[str]:
        return self.words.say(name) if self.words.has(name) else []

    def means(
        self,
        rows: pd.DataFrame,
        columns: Mapping[str, Select | Derived],
        by: str | tuple[str, ...],
        claims: Claims | None = None,
    ) -> pd.DataFrame:
        """A table for the report: the mean over seeds of each column that anyone has; by: as the benchmark's."""
        key = [by, "method"] if isinstance(by, str) else list(by)
        parts = {}
        for heading, select in columns.items():
            own = select.raw(rows, claims)
            own = own[own["status"] == Status.OK]
            parts[heading] = select.scale * own.groupby(key, observed=True)["value"].mean()
        if not parts:
            return pd.DataFrame(columns=key).rename(columns=dict(self.headings))
        made = pd.DataFrame(parts).dropna(axis="columns", how="all").rename_axis(key).reset_index()
        whole = [name for name in made.select_dtypes(float) if name in key and (made[name] % 1 == 0).all()]
        return made.astype(dict.fromkeys(whole, int)).rename(columns=dict(self.headings))

    def verdict(
        self,
        claims: Claims,
        claim: str,
        title: str,
        against: str,
        outcome: Outcome,
        effect: tuple[float, float, float],
        n_seeds: int,
        said: str = "comparative",
        **more: Any,
    ) -> Verdict:
        """A verdict with what all of a benchmark's verdicts share filled in. effect: mean, low and high; said: the name
        of the words that tell it."""
        return Verdict(
            claim=claim,
            title=title,
            subject=claims.subject,
            track=claims.track,
            preset=claims.preset,
            benchmark=self.name,
            against=against,
            verdict=outcome,
            effect=effect[0],
            ci_low=effect[1],
            ci_high=effect[2],
            n_seeds=n_seeds,
            said=said,
            rule=self.rule(),
            indicative=claims.indicative or claims.subject in more.get("stale", ()),
            **more,
        )
