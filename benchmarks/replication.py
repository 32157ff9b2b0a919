"""Does each method reproduce a published number under the published protocol?"""

import csv
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from infomax_bench import Benchmark, Estimate, Finding, Request, Select
from infomax_bench.stats.intervals import interval

TOLERANCE = 0.005  # what "about 92.5 %" allows, relative; and what agreement within noise may not be finer than
WHOLE = {"parameters": ("parameters", "discarded_parameters")}  # theirs counts what is thrown away too
NONE = Estimate(math.nan, math.nan, math.nan, 0)
BESIDE = Path(__file__).with_suffix


@dataclass(frozen=True)
class Published:
    """A line of replication.csv. kind: "equal" to the number ± spread over n seeds; in a "range" of two; "at least" the
    number; "above" the method of that name, seed by seed; or "tested", by the test that is the source. note: the likely
    reason if we do not reach it. marks: whether the method is marked then; not where nothing of it is at stake."""

    method: str
    protocol: str
    evaluation: str
    metric: str
    kind: str
    published: str
    spread: float
    n: int
    marks: bool
    source: str
    note: str

    @property
    def bounds(self):
        """The least and the largest number that is published; zero for a difference."""
        ends = [0.0] if self.kind == "above" else [float(end) for end in self.published.split(" to ")]
        return ends[0], ends[-1]

    @property
    def selects(self):
        """Our rows; none of what is tested."""
        metrics = WHOLE.get(self.metric, (self.metric,)) if self.kind != "tested" else ()
        return [Select(metric, method=self.method, label=self.protocol) for metric in metrics]

    @property
    def scale(self):
        """Accuracies and shares are read in percent."""
        return 100 if "accuracy" in self.metric or "share" in self.metric else 1


def read_lines(path):
    """The lines of a file, in its order."""
    plain = {"spread": lambda v: float(v or 0), "n": lambda v: int(v or 1), "marks": lambda v: v != "no"}
    with path.open(encoding="utf8", newline="") as file:
        lines: list[dict[str, Any]] = list(csv.DictReader(file))
    return [Published(**line | {k: read(line[k]) for k, read in plain.items()}) for line in lines]


def read_protocol(tables, name):
    """The protocol of that name, over the one that it is like: `dataset`, `needs`, `cell`, `settings`, `options`."""
    own = tables[name]
    base = read_protocol(tables, own["like"]) if "like" in own else {"settings": {}, "options": {}}
    return over(base, own)


def over(base, own):
    """Nested tables, the values of one over those of another; lists become tuples, as cells have them."""
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in own.items()}
    return base | {key: over(base.get(key, {}), v) if isinstance(v, dict) else v for key, v in plain.items()}


TABLES = tomllib.loads(BESIDE(".toml").read_text("utf8"))
PROTOCOLS = {name: read_protocol(TABLES, name) for name in TABLES}
LINES = read_lines(BESIDE(".csv"))
NUMBERS = [line for line in LINES if line.kind != "tested"]


class Replication(Benchmark):
    """Do our numbers agree with published ones, under the published protocol?

    Claim: none. A method's comparison counts once it reproduces what its authors report.

    Rule: a number agrees if Welch's t test between the published mean (with its standard deviation and seeds) and ours
    does not reject at 5 %, or if they differ by less than half a percent of the published value; a published range if
    our 95 % interval overlaps it; "at least" if our mean reaches it; "above" another method if the 95 % interval of the
    difference, seed by seed, lies above zero.
    """

    title = "Are the methods calibrated?"
    order = 90
    sweeps_width = True
    on_request = True  # three hours of two cores; what was measured is among the results that come with the project

    def grid(self, suite):
        for line in NUMBERS:
            for one in filter(None, (line, compared_with(line))):
                protocol = PROTOCOLS[one.protocol]
                if protocol["needs"] in suite.datasets and one.method in suite.methods:
                    settings, options = (
                        tuple(sorted(protocol[of].get(name, {}).items()))
                        for of, name in (("settings", one.method), ("options", one.evaluation))
                    )
                    own = {"label": one.protocol, "settings": settings, **protocol["cell"]}
                    yield suite.cell(one.method, protocol["dataset"], **own), Request(one.evaluation, None, options)

    def findings(self, rows, claims):
        for line in NUMBERS:
            ours = values(rows, line)
            if other := compared_with(line):
                ours = (ours - values(rows, other)).dropna()
            found = interval(ours.to_numpy())
            yield Finding("number", agreement(line, found), Estimate.of(found, line.scale), {"line": line})
        yield from (Finding("oracle", line.kind, NONE, {"line": line}) for line in LINES if line.kind == "tested")

    def table(self, rows, claims):
        lines = []
        for found in self.findings(rows, claims):
            line, ours = found["line"], found.estimate
            told = {name: "\n".join(self.words.say(name, found)) for name in ("measure", "published", "source")}
            own = {"ours": ours.mean, "low": ours.low, "high": ours.high, "n": ours.n, "verdict": found.outcome}
            lines.append({"method": line.method, "protocol": line.protocol, **told, **own})
        order = ["method", "protocol", "measure", "published", *own, "source"]
        return pd.DataFrame(lines)[order]

    def uncalibrated(self, rows):
        current = rows[rows["current"].astype(bool)]
        outcomes: dict[str, set[str]] = {}
        for found in self.findings(current, None):
            if found["line"].marks and found.outcome in ("agrees", "differs"):
                outcomes.setdefault(found["line"].method, set()).add(found.outcome)
        return tuple(sorted(method for method, own in outcomes.items() if own == {"differs"}))


def compared_with(line):
    """The line of the method that this one is to be above; None for other kinds."""
    same = (one for one in NUMBERS if (one.method, one.metric) == (line.published, line.metric) and one.kind != "above")
    return next(same) if line.kind == "above" else None


def values(rows, line):
    """Our values by seed."""
    own = pd.concat([select(rows) for select in line.selects])
    return own[own["status"] == "ok"].groupby("seed")["value"].sum()


def agreement(line, found):
    """Whether our interval "agrees" or "differs", by the rule; "undecided" where that takes more than one seed; or
    "not run"."""
    if not found.n:
        return "not run"
    low, high = line.bounds
    near = abs(found.mean - low) <= TOLERANCE * abs(low)
    if line.kind == "range":
        agrees = found.low <= high and found.high >= low if found.n > 1 else low <= found.mean <= high
    elif line.kind == "at least":
        agrees = found.mean >= low
    elif line.kind == "equal" and (near or not line.spread):
        agrees = near
    elif found.n < 2:
        return "undecided"
    elif line.kind == "above":
        agrees = found.low > low
    else:
        ours = (found.mean, found.sd, found.n)
        agrees = stats.ttest_ind_from_stats(*ours, low, line.spread, line.n, equal_var=False).pvalue > 0.05
    return "agrees" if agrees else "differs"
