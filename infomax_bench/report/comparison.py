"""All methods beside each other: cards, costs and accuracies, and the essay's question in one figure."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from infomax_bench.base.status import Status
from infomax_bench.plots.figures import scatter
from infomax_bench.report.marks import COLOURS, mark
from infomax_bench.report.parts import Mark, Table
from infomax_bench.run.results import Results
from infomax_bench.stats.correlation import spearman
from infomax_bench.study.claims import Claims
from infomax_bench.study.view import Shown, View, seeds_of

ROLE_ORDER = ("this work", "prior art", "control", "reference")


ENCODER = ["method", "dataset", "target", "width", "label", "seed"]
READ = [*ENCODER, "metric", "protocol", "x", "value", "status", "current"]


def main_rows(results: Results) -> pd.DataFrame:
    """Rows of encoders measured on their own source, at the suite's width or the method's own, each once."""
    rows = results.once
    width = results.info.get("suite", {}).get("width")
    here = (rows["dataset"] == rows["target"]) & (rows["track"] == "controlled")
    here &= (rows["label"] == "") & (rows["backbone"] == "linear")
    kept: pd.DataFrame = rows.loc[here, READ]
    at_width = kept["width"] == width
    swept = at_width.groupby([kept["method"], kept["dataset"]]).transform("any")
    kept = kept[~swept | at_width]
    return kept.drop_duplicates(["method", "dataset", "width", "seed", "metric", "protocol", "x"])


def metric(rows: pd.DataFrame, name: str, protocol: str = "") -> pd.DataFrame:
    return rows[(rows["metric"] == name) & (rows["protocol"] == protocol) & (rows["status"] == Status.OK)]


def companions(results: Results, claims: Claims) -> dict[str, int]:
    """Method -> number of its colour, the same in all figures: of each family the one whose probe is best at home on
    average, of the COLOURS best of these, the best first; the subject's own forms are none."""
    accuracy = metric(main_rows(results), "accuracy", "linear")
    accuracy = accuracy[accuracy["method"].isin(claims.against(claims.subject))]
    means = accuracy.groupby(["dataset", "method"])["value"].mean().unstack("dataset").mean(axis=1)
    best = means.sort_values(ascending=False, kind="stable").groupby(claims.roster.get, sort=False).head(1)
    return {str(method): i for i, method in enumerate(best.index[:COLOURS], start=1)}


def described(results: Results, claims: Claims, names: Mapping[str, str]) -> Table:
    """What every method that was run says of itself: the subject first, then by role and family."""
    cards = results.cards
    ranks = {role: i for i, role in enumerate(ROLE_ORDER)}
    present = [m for m in names if m in cards]
    present.sort(key=lambda m: (m != claims.subject, ranks.get(cards[m].get("role", ""), 9), cards[m]["family"], m))
    lines = [
        [
            names[m],
            "\n".join(dict.fromkeys([cards[m]["family"], cards[m].get("role", "")])),
            f"{cards[m]['objective']}\nprevents: {cards[m]['prevents']}",
            cards[m]["essay_cost"] or "–",
            cards[m].get("paper", ""),
        ]
        for m in present
    ]
    head = ["method", "family, role", "objective", "essay's guess of cost", "published in"]
    return Table(head, lines, [False] * len(head), [m == claims.subject for m in present])


def independence(results: Results, claims: Claims, tones: Mapping[str, int]) -> Mark | None:
    """The essay's question in one figure: dependence between units against accuracy."""
    rows = main_rows(results)
    across, up = metric(rows, "nonlinear_dependence"), metric(rows, "accuracy", "linear")
    if across.empty or up.empty:
        return None
    both = pd.concat(
        {k: r.groupby(["dataset", "method"])["value"].mean() for k, r in (("x", across), ("y", up))}, axis=1
    ).dropna()
    notes = {
        str(d): f"rank correlation {spearman(own['x'].to_numpy(), own['y'].to_numpy()):+.2f}"
        for d, own in both.groupby("dataset")
        if len(own) > 2 and own["x"].nunique() > 1 and own["y"].nunique() > 1
    }
    xlabel, ylabel = "nonlinear dependence between units (0: independent)", "accuracy (%)"
    options = {"xlabel": xlabel, "ylabel": ylabel, "scale": (1, 100), "notes": notes}
    shown = Shown(View("independence", scatter, **options), [across, up], claims)
    caption = (
        f"Accuracy of a linear probe against the dependence between units, each method at one width ({seeds_of(up)}, "
        "95 % intervals). If independence made features good, the points would fall from left to right. The rank "
        "correlation is over methods: a description, not a test."
    )
    return mark("independence", caption, shown, tones)
