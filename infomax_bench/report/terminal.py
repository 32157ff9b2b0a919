"""What is told in a terminal at the end: the predictions, each with how the subject stands, and where the page is.

At most MOST lines of 80 columns, with the one that a run tells before; `--verbose` tells everything.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from infomax_bench.base.console import few, line_of, say, tell
from infomax_bench.report.predictions import PREDICTION
from infomax_bench.report.tuning import untuned
from infomax_bench.run.decisions import calibration
from infomax_bench.run.results import Results
from infomax_bench.stats.here import Here
from infomax_bench.stats.intervals import MIN_SEEDS
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.benchmark import Benchmark

MOST, WIDE, LEADS = 12, 80, 4
COLOURS = {"supported": "32", "refuted": "31", "inconclusive": "33"}
SAID = {"supported": "✓ supported", "refuted": "✗ refuted", "inconclusive": "◐ undecided"}


def print_end(
    verdicts: Sequence[Verdict],
    results: Results,
    benchmarks: Iterable[Benchmark] = (),
    page: Path | None = None,
    verbose: bool = False,
    then: str = "",
) -> None:
    """page: the report, if one was made; then: what may be done next. benchmarks: all that there are, of which some may
    tell who is calibrated."""
    warnings, failures = results.warnings, [f"{label}: {reason}" for label, reason in results.failures]
    told = _counted("warning", warnings), _counted("failed", failures)
    tell(*(f"warning: {line}" for line in warnings) if verbose else told[0])
    if verdicts and verbose:
        _print_verdicts(verdicts, results, benchmarks)
    elif verdicts:
        _print_leads(verdicts)
        room = MOST - LEADS - 4 - sum(map(len, told))  # what a run spent, what the lines are, page and next
        say(*(f"  {note}" for note in list(_notes(verdicts, results))[:room]))
    else:
        say("no verdicts: nothing has been measured that a claim is about")
    tell(*(f"failed: {line}" for line in failures) if verbose else told[1])
    say(*([f"page: {page}"] if page else []), *([f"next: {then}"] if then else []))


def _counted(what: str, lines: Sequence[str]) -> list[str]:
    """One line for any number of them."""
    more = f" (and {len(lines) - 1} more: --verbose)" if len(lines) > 1 else ""
    own = WIDE - len(what) - 2 - len(more)
    return [f"{what}: {textwrap.shorten(line_of(lines[0]), own, placeholder=' ...')}{more}"] if lines else []


def leads(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The first verdict of each prediction, of those about the subject; where there are none, of each claim."""
    own = [v for v in verdicts if not v.aside] or list(verdicts)
    numbered = [v for v in own if PREDICTION.match(v.claim)] or own
    return sorted({v.claim: v for v in reversed(numbered)}.values(), key=lambda v: v.claim)


def _print_leads(verdicts: Sequence[Verdict]) -> None:
    """A line for each, at most LEADS."""
    first = verdicts[0]
    rivals = max((v.here.n - 1 for v in verdicts if isinstance(v.here, Here)), default=0)
    among = f"; how it stands among {rivals} others on these data sets" if rivals else ""
    say(textwrap.shorten(f"{line_of(first.subject)} on {line_of(first.preset)}{among}:", WIDE, placeholder=" ..."))
    shown = leads(verdicts)[:LEADS]
    named = [f"{v.claim} {v.title}" for v in shown]
    wide = max(map(len, named))
    for verdict, name in zip(shown, named, strict=True):
        compared = next((v for v in verdicts if v.claim == verdict.claim and isinstance(v.here, Here)), None)
        word = _writable(SAID[verdict.verdict])
        line = line_of(f"{name:<{wide}}  {word:<{max(map(len, SAID.values()))}}  {_standing(verdict, compared)}")
        print(_coloured(line.rstrip(), word, verdict.verdict))


def _standing(verdict: Verdict, compared: Verdict | None) -> str:
    """The number, of a claim about one; else how the subject stands among all."""
    if verdict.against == "itself" and verdict.n_datasets:
        unit = f" {verdict.unit}" if verdict.unit else ""
        return f"{verdict.effect:.3g}{unit}, where the line is {verdict.line:g}{unit}"
    here = None if compared is None else compared.here
    if not isinstance(here, Here):
        return verdict.reason
    ahead, behind = len(here.ahead), len(here.behind)
    if here.n_seeds < MIN_SEEDS:
        return f"rank {here.rank} of {here.n}; too few seeds for more"
    return f"ahead of {ahead}, level with {here.n - 1 - ahead - behind}, behind {behind}"


def _notes(verdicts: Sequence[Verdict], results: Results) -> Iterator[str]:
    """What has to be known with them, a line each, what weighs most first."""
    told: dict[str, list[str]] = {}
    for verdict in leads(verdicts):
        if verdict.reason not in ("", "undecided"):
            told.setdefault(verdict.reason, []).append(verdict.claim)
    why = "; ".join(f"{', '.join(claims)}: {reason}" for reason, claims in told.items())
    stale = sorted({method for verdict in verdicts for method in verdict.stale})
    plain = untuned(results)
    notes = [
        why,
        "indicative: this preset, or what the options made of it, is not for deciding"
        if all(v.indicative for v in verdicts)
        else "",
        f"rows of other versions, settings or budgets: {few(stale, 3)}" if stale else "",
        "no method was tuned"
        if not results.info.get("tuning")
        else f"{verdicts[0].subject} was not tuned"
        if verdicts[0].subject in plain
        else "",
    ]
    yield from (textwrap.shorten(line_of(note), WIDE - 2, placeholder=" ...") for note in notes if note)


def _writable(word: str) -> str:
    """Without its sign where the terminal's encoding lacks it."""
    try:
        word.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return word.split(" ", 1)[1]
    return word


def _coloured(line: str, word: str, outcome: str) -> str:
    """On a terminal, unless NO_COLOR is set."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return line
    return line.replace(word, f"\033[1;{COLOURS[outcome]}m{word}\033[0m", 1)


def _print_verdicts(verdicts: Sequence[Verdict], results: Results, benchmarks: Iterable[Benchmark]) -> None:
    """All of them, a line each with the report's marks."""
    tuned = bool(results.info.get("tuning"))
    plain = set(untuned(results)) if tuned else set()
    against = max(len(v.against) for v in verdicts)
    claim = max(len(v.claim) for v in verdicts)
    say(f"Verdicts on {verdicts[0].subject}, preset {verdicts[0].preset}:")
    for verdict in verdicts:
        word = f"{verdict.verdict:<12}"
        told = f"{verdict.title}: {verdict.sentence}{_marked(verdict, plain)}"
        line = line_of(f"  {verdict.claim:<{claim}}  {verdict.against:<{against}}  {word}  {told}")
        print(_coloured(line, word, verdict.verdict))
    if all(v.indicative for v in verdicts):
        say("  All of them are indicative: this preset, or what the options made of it, is for looking, not deciding.")
    if not tuned:
        say("  No method was tuned: all values are the methods' defaults, or those of --set.")
    calibrated = calibration(results, benchmarks, results.claims(verdicts[0].subject))
    for mark, told, methods in calibrated.told:
        say(f"  {mark} {told}: {few(methods)}.")


def _marked(verdict: Verdict, untuned: Collection[str]) -> str:
    """What the report marks a verdict with, in brackets behind it; "" for nothing."""
    own = sorted(({verdict.subject} | {c.rival for c in verdict.comparisons}) & set(untuned))
    marks = [
        "indicative" if verdict.indicative else "",
        f"† rows of other versions, settings or budgets: {few(verdict.stale)}" if verdict.stale else "",
        f"§ untuned: {few(own)}" if own else "",
    ]
    told = "; ".join(mark for mark in marks if mark)
    return f" [{told}]" if told else ""
