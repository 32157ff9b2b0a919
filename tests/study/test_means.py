"""The report's table of a benchmark: means of declared columns."""

import pandas as pd
import pytest

from infomax_bench import Benchmark, Select
from infomax_bench.study.claims import Claims

CLAIMS = Claims("s", "test", {"s": "this work"}, False)


class Tabled(Benchmark):
    """A question."""

    by, headings = ("method", "amount"), {"amount": "how much"}
    columns = {"accuracy (%)": Select("accuracy", scale=100), "nobody has": Select("other")}


def rows():
    made = pd.DataFrame({"amount": [10.0, 10.0, 20.0, 20.0], "value": [0.5, 0.7, 0.9, 0.1]})
    return made.assign(method="s", dataset="d", metric="accuracy", protocol="", status=["ok", "ok", "ok", "failed"])


def test_a_line_has_the_means_of_good_rows_by_what_is_declared():
    table = Tabled().table(rows(), CLAIMS)
    assert list(table) == ["method", "how much", "accuracy (%)"], "a column that nobody has is none"
    assert table["how much"].tolist() == [10, 20]
    assert table["how much"].dtype == int, "whole amounts are no fractions"
    assert table["accuracy (%)"].tolist() == pytest.approx([60, 90])


def test_a_table_of_nothing_is_empty_and_one_by_a_column_is_by_methods_too():
    nothing = Tabled().table(rows().iloc[:0], CLAIMS)
    assert nothing.empty
    assert list(nothing)[:2] == ["method", "how much"]
    made = Tabled().means(rows(), {"accuracy": Select("accuracy")}, "dataset")
    assert made[["dataset", "method"]].to_numpy().tolist() == [["d", "s"]]
    assert list(Tabled().means(rows(), {}, "dataset")) == ["dataset", "method"], "without columns there are no lines"
