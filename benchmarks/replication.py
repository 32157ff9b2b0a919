"""Does each method reproduce a published number under the published protocol?"""

import math
from pathlib import Path

import pandas as pd

from infomax_bench import Benchmark, Estimate, Finding
from infomax_bench.stats.agreement import reproduction
from infomax_bench.study.published import compared_with, read_numbers, read_protocols, values

NONE = Estimate(math.nan, math.nan, math.nan, 0)
BESIDE = Path(__file__).with_suffix
PROTOCOLS = read_protocols(BESIDE(".toml").read_text("utf8"))
LINES = read_numbers(BESIDE(".csv"))
TOLD = ("measure", "published", "agree", "source")
NUMBERS = [line for line in LINES if line.kind != "tested"]


class Replication(Benchmark):
    """Do our numbers agree with published ones, under the published protocol?

    Claim: none. A method's comparison counts once it reproduces what its authors report.

    Rule: a number agrees if our 90 % interval over seeds lies within a margin around the published one: its standard
    error (0 if none is published) and half a point of accuracies and shares, half a percent of all else; a published
    range is widened by the margin, and a method that is published as above another has to lie above it, seed by seed.
    It differs if the interval lies wholly outside, and is too uncertain else, and always under one seed. A method did
    not reproduce what is published if no number of it agrees and one differs; it was never compared if none was
    measured. Bars that we set ourselves are sanity checks: they calibrate nobody.
    """

    title = "Are the methods calibrated?"
    order = 90
    sweeps_width = True
    on_request = True  # three hours of two cores; what was measured is among the results that come with the project

    def grid(self, suite):
        for line in NUMBERS:
            for one in filter(None, (line, compared_with(line, NUMBERS))):
                protocol = PROTOCOLS[one.protocol]
                if protocol.needs in suite.datasets and one.method in suite.methods:
                    yield protocol.encoder(suite, one.method), protocol.request(one.evaluation)

    def findings(self, rows, claims):
        for line in LINES:
            name = {"tested": "oracle", "sanity check": "sanity check"}.get(line.kind, "number")
            outcome, ours = (
                line.compared(values(rows, line, NUMBERS).to_numpy()) if line.kind != "tested" else (line.kind, None)
            )
            yield Finding(name, outcome, Estimate.of(ours, line.scale) if ours else NONE, {"line": line})

    def table(self, rows, claims):
        lines = []
        for found in self.findings(rows, claims):
            line, ours = found["line"], found.estimate
            told = {name: "\n".join(self.words.say(name, found)) for name in TOLD}
            own = {"ours": ours.mean, "low": ours.low, "high": ours.high, "n": ours.n, "verdict": found.outcome}
            lines.append({"method": line.method, "protocol": line.protocol, **told, **own})
        return pd.DataFrame(lines)[["method", "protocol", *TOLD[:3], *own, "source"]]

    def calibration(self, rows):
        outcomes: dict[str, set[str]] = {}
        for found in self.findings(rows, None):
            outcomes.setdefault(found["line"].method, set()).add(found.outcome)
        return {method: word for method, own in outcomes.items() if (word := reproduction(own))}
