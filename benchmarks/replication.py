"""Does each method reproduce a published number under the published protocol?"""

import math
from pathlib import Path

import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding
from infomax_bench.stats.intervals import interval
from infomax_bench.study.published import read_numbers, read_protocols

NONE = Estimate(math.nan, math.nan, math.nan, 0)
BESIDE = Path(__file__).with_suffix
PROTOCOLS = read_protocols(BESIDE(".toml").read_text("utf8"))
LINES = read_numbers(BESIDE(".csv"))
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
                if protocol.needs in suite.datasets and one.method in suite.methods:
                    yield protocol.encoder(suite, one.method), protocol.request(one.evaluation)

    def findings(self, rows, claims):
        for line in NUMBERS:
            ours = values(rows, line)
            if other := compared_with(line):
                ours = (ours - values(rows, other)).dropna()
            found = interval(ours.to_numpy())
            yield Finding("number", line.agreement(found), Estimate.of(found, line.scale), {"line": line})
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
