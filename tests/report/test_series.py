"""The explorer has every value of the controlled track, and computes of them what the findings' code does."""

import base64
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest

from infomax_bench.report.beside import method_cards
from infomax_bench.report.images import read_galleries
from infomax_bench.report.pages import STATIC
from infomax_bench.report.predictions import predictions
from infomax_bench.report.series import METRICS, controlled, declared, explorer, link
from infomax_bench.report.units import units
from infomax_bench.run.results import read_results, write_table
from infomax_bench.stats.compare import by_case, compare
from infomax_bench.study.plugins import registry
from tests.report.made import ROLES, make_results

RUN = Path(__file__).with_name("explored.js")


def content(script):
    """What a script of data hands over: the JSON after its name."""
    text = script.decode()
    return (
        json.loads(text[text.index("= ") + 2 : -2])
        if text.startswith("infomax.series")
        else json.loads("[" + text[text.index("(") + 1 : -3] + "]")
    )


@pytest.fixture(scope="module")
def files(decided):
    _, results = decided
    return explorer(results, results.claims(), registry(kinds=("benchmarks",)))


def test_every_value_of_the_controlled_track_is_there(decided, files):
    _, results = decided
    index, found = content(files["series.js"]), {}
    for name in {metric["file"] for metric in index["metrics"]}:
        for block in content(files[name])[1]:
            metric = index["metrics"][block["metric"]]
            shape = len(block["methods"]), len(block["xs"]), len(index["seeds"])
            values = np.frombuffer(base64.b64decode(block["values"]), "<f4").reshape(shape)
            for (m, x, s), value in np.ndenumerate(values):
                encoder = dict(index["encoders"][metric["encoder"]]["setting"])
                case = encoder["backbone"], encoder["depth"], metric["name"], metric["protocol"]
                case = *case, block["dataset"], block["target"], block["width"]
                found[*case, index["methods"][block["methods"][m]], block["xs"][x], index["seeds"][s]] = value
    rows = controlled(results, results.claims())
    columns = ["backbone", "depth", "metric", "protocol", "dataset", "target", "width", "method", "x", "seed"]
    keys = rows[columns].astype(object).where(rows[columns].notna(), None)
    told = dict(zip(keys.itertuples(index=False, name=None), rows["value"], strict=True))
    assert told.keys() == {key for key, value in found.items() if np.isfinite(value)}
    assert len(told) > 1000
    assert all(found[key] == pytest.approx(value, rel=1e-6) for key, value in told.items())


def test_methods_wear_their_marks(tmp_path):
    results = read_results(make_results(tmp_path / "r", benchmarks=("width",), old=("beta",)))
    claims = replace(results.claims(), doubtful=frozenset({"gamma"}))
    found = content(explorer(results, claims, registry(kinds=("benchmarks",)))["series.js"])["marks"]
    assert found == [["beta", "†"], ["delta", "‡"], ["gamma", "¶"]]


def test_metrics_are_told_as_they_are_declared(files):
    told = {(one["name"], one["protocol"]): one for one in content(files["series.js"])["metrics"]}
    shots = told["accuracy", "few-shot"]
    assert (shots["x"], shots["better"], shots["range"]) == ("labels of each class", "higher", [0, 1])
    assert (told["prunable_fraction", "best/refitted"]["better"], shots["xs"]) == ("lower", [1, 5])
    assert told["peak_memory", ""]["unit"] == "bytes"
    assert told["peak_memory", ""]["range"] == [0, None]


def metrics():
    lines = map(json.dumps, declared(registry(kinds=("evaluations",))))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def test_the_copy_of_declared_metrics_is_one():
    """To renew it: python -m tests.report.test_series."""
    assert METRICS.read_text(encoding="utf-8") == metrics()


def test_what_failed_is_missing_with_its_status(tmp_path):
    results = read_results(make_results(tmp_path / "r", benchmarks=("width",), failed=("beta",), never=("gamma",)))
    index = content(explorer(results, results.claims(), registry(kinds=("benchmarks",)))["series.js"])
    lost = {(line[1], line[5]) for line in index["encoders"][0]["lost"]}
    assert lost == {
        ("beta", "failed"),
        ("gamma", "not applicable"),
    }
    assert index["methods"] == ["alpha", "beta", "delta", "gamma"]


def test_without_any_result_there_is_a_list_of_nothing(tmp_path):
    results = read_results(make_results(tmp_path / "r", benchmarks=("width",), lost=tuple(ROLES)))
    found = explorer(results, results.claims(), registry(kinds=("benchmarks",)))
    assert content(found.pop("series.js"))["metrics"] == []
    assert not found


def test_pictures_of_units_are_one_file_a_data_set(decided, files):
    _, results = decided
    galleries = read_galleries(results.arrays["gallery"], "alpha")
    assert units(galleries) == units(galleries)
    dataset, found = content(files["units-one.js"])
    assert dataset == "one"
    assert [one["method"] for one in found] == ["alpha", "beta", "delta", "gamma"]
    assert found[0]["units"][0] == [4, "dog", 0.99]
    assert found[0]["top"].startswith("data:image/png;base64,")
    assert content(files["series.js"])["units"] == [["one", "units-one.js"], ["two", "units-two.js"]]


def test_a_prediction_leads_to_what_it_rests_on(decided):
    verdicts, results = decided
    plugins = registry(kinds=("benchmarks",))
    benchmarks = {name: plugins.benchmark(name) for name in plugins.names("benchmarks")}
    found = predictions(verdicts, benchmarks.values(), results.claims())
    links = {p.claim: parse_qs(link(p, benchmarks[p.benchmark]).partition("?")[2]) for p in found}
    assert [links["P2"][name] for name in ("metric", "protocol", "target")] == [["accuracy"], ["linear"], ["elsewhere"]]
    assert {claim: links[claim]["view"] for claim in ("P1", "P3")} == {"P1": ["rank"], "P3": ["lines"]}


@pytest.fixture(scope="module")
def computed(decided, files, tmp_path_factory):
    """What the explorer's scripts make of the made-up results, and the folder with their table."""
    if not (node := shutil.which("node")):
        pytest.skip("node is not installed, so what the explorer computes is not compared")
    _, results = decided
    out = tmp_path_factory.mktemp("explorer")
    for name, script in files.items():
        (out / name).write_bytes(script)
    (out / "methods.json").write_text(json.dumps(method_cards(results, results.claims())))
    write_table(out / "measurements.csv", results)
    scripts = [STATIC / "explorer" / "numbers.js", *sorted(out.glob("series*.js")), STATIC / "explorer" / "views.js"]
    ran = subprocess.run([node, RUN, out, *scripts], capture_output=True, text=True, timeout=60, check=False)
    assert not ran.stderr
    return json.loads(ran.stdout), out


def test_a_pair_has_the_interval_of_the_findings(decided, computed):
    _, results = decided
    rows, pairs = results.once, computed[0]["pairs"]
    own = rows[(rows["metric"] == "accuracy") & (rows["protocol"] == "linear") & (rows["width"] == 8)]
    own = own[(own["dataset"] != own["target"])]
    found, missing = compare(by_case(own, "alpha"), "alpha", ["beta", "gamma", "delta"])
    assert not missing
    for one in found:
        told = [pairs[one.rival][name] for name in ("mean", "low", "high", "n")]
        assert told == pytest.approx([one.mean, one.low, one.high, one.n_seeds], abs=1e-6)
    assert (pairs["alpha"]["mean"], pairs["alpha"]["low"]) == (0, 0)


@pytest.mark.parametrize("view", ["rank", "pair", "lines", "scatter"])
def test_the_line_of_pandas_gives_what_is_shown(computed, monkeypatch, view):
    shown, out = computed[0][view], computed[1]
    monkeypatch.chdir(out)
    found = eval(shown["pandas"], {"pd": pd})
    rows = shown["rows"]
    if view == "pair":
        assert found["mean"] == pytest.approx(rows[-1]["mean"], abs=1e-6)
        assert found["count"] == rows[-1]["seeds"]
        return
    column = "y" if view == "scatter" else "mean"
    keys = [(row["method"], row["at"]) if view == "lines" else row["method"] for row in rows]
    assert len(found) == len(rows)
    assert [row[column] for row in rows] == pytest.approx(found.loc[keys, column].tolist(), abs=1e-6)


def test_rows_are_sorted_with_missing_values_last_and_written_as_csv(computed):
    told = computed[0]
    assert [names[:2] for names in told["sorted"]] == [['one, "quoted"', "three"], ["three", 'one, "quoted"']]
    assert told["csv"] == 'name,v\nlost,\n"one, ""quoted""",1\n,\nthree,3\n'
    assert told["rho"] == pytest.approx(-0.9486833)


def test_the_state_is_a_link_and_back(computed):
    assert computed[0]["same"]


if __name__ == "__main__":
    METRICS.write_text(metrics(), encoding="utf-8")
