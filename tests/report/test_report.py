"""The report, from results folders that are whole, partial, broken and empty."""

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html import escape, unescape
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from infomax_bench.base.store import Job, Store, file_hash
from infomax_bench.cli.main import main
from infomax_bench.plots import theme as look
from infomax_bench.report import images as report_images
from infomax_bench.report.build import is_made, print_verdicts, write_report
from infomax_bench.report.missing import gaps
from infomax_bench.report.parts import answer, bars, number
from infomax_bench.report.power import chances, power
from infomax_bench.report.training import still_falling
from infomax_bench.run.decisions import decide_all
from infomax_bench.run.results import read_results
from infomax_bench.stats.compare import Comparison
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import registry

ROLES = {"alpha": "this work", "beta": "prior art", "gamma": "control", "delta": "reference"}
DATASETS = ("one", "two")
SEEDS = list(range(5))
UGLY = "ValueError: <script>alert('x')</script> & a|pipe\nand a second line"

EVALUATIONS = {
    "pruning": ("prune_units", "prune_weights", "probe"),
    "transfer": ("probe",),
    "width": ("probe",),
    "interpretability": ("interpretability", "gallery"),
    "redundancy": ("redundancy",),
    "cost": ("training", "cost"),
}
METRICS = {
    "redundancy": [
        "nonlinear_dependence",
        "total_correlation_per_unit",
        "mean_abs_correlation",
        "effective_rank_share",
        "output_entropy",
        "active_share",
        "dead_units",
    ],
    "interpretability": [
        "nameable_units",
        "unit_auroc",
        "classes_named",
        "mig",
        "factor_alignment",
        "sap",
        "disentanglement",
        "completeness",
        "informativeness",
        "factor_vae",
    ],
    "training": ["train_seconds", "parameters", "discarded_parameters"],
    "cost": ["train_flops_per_sample", "peak_memory", "encode_flops_per_sample"],
}


def job_rows(evaluation, rng):
    """Rows such as the evaluation would write."""

    def row(metric, **where):
        return [{"seed": s, "metric": metric, "value": float(0.2 + 0.6 * rng.random()), **where} for s in SEEDS]

    if evaluation == "probe":
        return [
            r
            for protocol, x in (("linear", None), ("knn", None), ("few-shot", 1), ("few-shot", 5))
            for r in row("accuracy", protocol=protocol, x=x)
        ]
    if evaluation == "interpretability":
        shared = [r for metric in METRICS[evaluation] for r in row(metric)]
        return shared + [r for k in (1, 2, 5) for r in row("sparse_accuracy", x=k)]
    if evaluation == "prune_units":
        kinds = [f"{order}/{kind}" for order in ("random", "redundancy") for kind in ("frozen", "refitted")]
        curves = [r for p in kinds for x in (0.0, 0.5) for r in row("accuracy", protocol=p, x=x)]
        shares = [r for p in [*kinds, "best/refitted"] for r in row("prunable_fraction", protocol=p)]
        return curves + shares + row("dead_units")
    if evaluation == "prune_weights":
        return [r for x in (0.0, 0.5) for r in row("accuracy", protocol="magnitude/refitted", x=x)]
    return [r for metric in METRICS.get(evaluation, ()) for r in row(metric)]


def arrays(rng, channels=1):
    return {
        "filters": rng.integers(-127, 128, (16, channels, 5, 5)).astype(np.int8),
        "top": rng.integers(0, 256, (3, 6, channels, 5, 5)).astype(np.uint8),
        "units": np.array([4, 2, 9], np.int32),
        "auroc": np.array([0.99, 0.9, 0.5], np.float32),
        "names": np.array(["dog", "not cat", "none"]),
        "log_steps": np.arange(1, 21, dtype=np.int32),
        "log_fit": np.linspace(3, 1, 20, dtype=np.float32)[None] * np.ones((5, 1), np.float32),
    }


def grid(benchmark):
    """(data set, target, width) of a benchmark's encoders."""
    if benchmark == "transfer":
        return [(d, t, 8) for d in DATASETS for t in DATASETS]
    return [(d, d, w) for d in DATASETS for w in ((4, 8) if benchmark == "width" else (8,))]


def make_results(root, *, benchmarks=tuple(EVALUATIONS), lost=(), failed=(), never=(), old=()):
    """A results folder of four methods. lost, failed, never (not applicable) and old name methods."""
    rng = np.random.default_rng(0)
    store, manifest = Store(root), {}
    for benchmark in benchmarks:
        for method in ROLES:
            for dataset, target, width in grid(benchmark):
                for evaluation in EVALUATIONS[benchmark]:
                    slot = f"{benchmark}|{method}|{dataset}|{target}|{width}|{evaluation}"
                    key = f"{len(manifest):024d}"
                    cell = {
                        "method": method,
                        "dataset": dataset,
                        "width": width,
                        "epochs": 3,
                        "batch_size": 4,
                        "backbone": "linear",
                        "depth": 1,
                        "track": "controlled",
                        "settings": [],
                        "label": "",
                    }
                    request = {"evaluation": evaluation, "target": None if target == dataset else target, "options": []}
                    manifest[slot] = {
                        "benchmark": benchmark,
                        "cell": cell,
                        "request": request,
                        "seeds": SEEDS,
                        "key": key,
                        "encoder_key": key,
                        "current": method not in old,
                    }
                    stamp = {"version": "0.1", "git_sha": "abc", "device": "cpu", "n_parameters": 100}
                    if method in failed or method in never:
                        store.write_job(
                            key, Job([], "failed" if method in failed else "not applicable", UGLY, stamp=stamp)
                        )
                    elif method not in lost:
                        rows, kept = job_rows(evaluation, rng), ""
                        if evaluation == "gallery":
                            store.arrays_path(key).parent.mkdir(parents=True, exist_ok=True)
                            np.savez(store.arrays_path(key), **arrays(rng))
                            kept = file_hash(store.arrays_path(key))
                        store.write_job(key, Job(rows, arrays=kept, stamp=stamp))
    card = {
        "family": "some family",
        "objective": "a < b & c",
        "prevents": "nothing",
        "paper": "Someone 2020",
        "essay_cost": "low",
    }
    info = {
        "subject": "alpha",
        "indicative": True,
        "version": "0.1",
        "command": "infomax-bench run",
        "seconds": 120.0,
        "suite": {"preset": "quick", "width": 8, "widths": [4, 8], "batch_size": 4, "epochs": {"one": 3, "two": 5}},
        "methods": {m: {**card, "role": role, "supervised": m == "delta"} for m, role in ROLES.items()},
        "datasets": {
            d: {
                "summary": f"data set {d}",
                "shape": [1, 5, 5],
                "classes": ["cat", "dog"],
                "factors": [],
                "n_rest": 1200,
                "n_test": 34,
            }
            for d in DATASETS
        },
        "machine": {"cpu": "a processor", "cores": 2, "gpu": "", "python": "3.11", "packages": {"torch": "2"}},
        "runs": [{"machine": m} for m in ("a processor, 2 cores, no GPU", "a faster one, 64 cores, no GPU")],
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "manifest.json").write_text(json.dumps(manifest))
    (root / "run.json").write_text(json.dumps(info))
    return root


def build(root, out, plugins=None):
    """(html, md, verdicts, results) of a folder's report."""
    plugins = plugins or registry()
    results = read_results(root)
    verdicts = decide_all(results, [plugins.benchmark(n) for n in plugins.names("benchmarks")])
    path = write_report(root, out, plugins, results, verdicts)
    return path.read_text(encoding="utf-8"), (out / "report.md").read_text(encoding="utf-8"), verdicts, results


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Few points an inch draw fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look, "DPI", 40)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return (*build(make_results(folder / "results"), folder / "out"), folder)


def test_the_html_needs_nothing_else(whole):
    report, answers = whole[0], (whole[-1] / "out" / "answers.html").read_text(encoding="utf-8")
    for html, least in ((report, 20), (answers, 5)):
        assert set(re.findall(r"""(?:src|href)=["'](?!data:|#)([^"'#]*)""", html)) <= {"report.html", "answers.html"}
        assert "@import" not in html
        assert not re.findall(r"url\((?!data:)", html)
        assert html.count('src="data:image/png;base64,') >= least


def test_the_essay_is_answered_passage_by_passage_in_its_order(whole):
    """Every passage once, with its verdicts and prior art; on both pages and wherever documents are kept."""
    *_, verdicts, results, folder = whole
    text = (folder / "out" / "answers.md").read_text(encoding="utf-8")
    plugins = registry()
    passages = sorted(p for n in plugins.names("benchmarks") for p in plugins.benchmark(n).essay)
    at = [text.index(f"## {words}") for _, words in passages]
    assert at == sorted(at)
    assert len(passages) > 10
    assert {v.benchmark for v in verdicts} <= {n for n in plugins.names("benchmarks") if plugins.benchmark(n).essay}
    for verdict in verdicts:
        assert text.count(verdict.sentence) == 1
    html = unescape((folder / "out" / "answers.html").read_text(encoding="utf-8"))
    for _, words in passages:
        assert words in html
    kept = folder / "elsewhere" / "docs" / "answers.md"
    write_report(folder / "results", folder / "out", plugins, results, verdicts, kept)
    figures = re.findall(r"\]\(([^)]*\.png)\)", kept.read_text(encoding="utf-8"))
    assert figures
    for figure in figures:
        assert (kept.parent / unquote(figure)).is_file()


def test_a_report_is_made_again_only_if_something_changed(whole):
    *_, verdicts, _, folder = whole
    root, out, plugins = folder / "results", folder / "out", registry()
    assert is_made(root, out, plugins, verdicts)
    assert not is_made(root, out, plugins, [replace(verdicts[0], subject="beta"), *verdicts[1:]])  # of another subject
    path = root / "run.json"
    before = path.read_bytes()
    path.write_bytes(before + b"\n")
    assert not is_made(root, out, plugins, verdicts)
    path.write_bytes(before)
    assert is_made(root, out, plugins, verdicts)
    page = out / "answers.md"
    text = page.read_bytes()
    page.unlink()
    assert not is_made(root, out, plugins, verdicts)
    page.write_bytes(text)


def test_every_verdict_is_in_both_reports_with_its_word_and_rule(whole):
    html, md, verdicts, *_ = whole
    assert len(verdicts) > 10
    text = unescape(html)
    for verdict in verdicts:
        assert verdict.sentence in text
        assert verdict.rule in text
        assert verdict.sentence in md
        assert verdict.verdict.upper() in md
        assert f'<span class="badge {verdict.verdict}">{verdict.verdict}</span>' in html
    assert "indicative" in html


def test_controls_stand_apart_from_prior_art(whole):
    html, _, verdicts, *_ = whole
    main, controls = html.split('id="controls"')[0], html.split('id="controls"')[1].split('id="methods"')[0]
    for verdict in verdicts:
        assert (escape(verdict.sentence) in controls.replace("&#39;", "&#x27;")) == (verdict.against == "control")
        assert (escape(verdict.sentence) in main.replace("&#39;", "&#x27;")) == (verdict.against != "control")


def test_the_markdowns_links_lead_to_files(whole):
    md, folder = whole[1], whole[-1]
    links = [*re.findall(r"\]\((figures/[^)]+)\)", md), *re.findall(r'src="([^"]+)"', md)]
    assert len(links) > 20
    for link in links:
        assert (folder / "out" / link).read_bytes().startswith(b"\x89PNG")
    assert all(line.count("|") >= 3 for line in md.splitlines() if line.startswith("| "))


def test_every_method_is_compared_and_supervision_marked(whole):
    html, md, *_ = whole
    table = html.split('id="methods"')[1].split("</table>")[0]
    assert [name in table for name in ROLES] == [True] * 4
    assert "delta ‡" in table
    assert "a &lt; b &amp; c" in table
    assert "a &lt; b &amp; c" in md
    assert table.index("alpha") < table.index("beta")


def test_galleries_name_units_and_training_is_shown(whole):
    html, markdown, *_ = whole
    assert "<b>dog</b> 0.99 <small>unit 4</small>" in html
    assert "<b>none</b> 0.50" in html
    assert "fit" in html.split('id="training"')[1]
    for text in (html, markdown):
        assert "The loss of alpha was still falling when training ended (one, two)" in text


def test_how_it_was_run_is_said(whole):
    for text in (unescape(whole[0]), whole[1]):
        for fact in (
            "infomax-bench run",
            "a processor, 2 cores, no GPU; a faster one, 64 cores, no GPU",
            "2 minutes",
            "0.1 (abc)",
            "0, 1, 2, 3, 4",
            "1\u202f200",
        ):
            assert fact in text
    assert "Nothing: everything that was asked for is here." not in whole[0]  # one benchmark asks for more


def test_what_was_not_verified_and_how_products_were_made_is_said(tmp_path):
    """Older results say neither; their files were verified."""
    root = make_results(tmp_path / "results", benchmarks=["cost"])
    html, md, *_ = build(root, tmp_path / "out")
    assert "not verified" not in html + md
    info = json.loads((root / "run.json").read_text())
    info["datasets"]["one"]["verified"], info["datasets"]["two"]["verified"] = False, True
    info["machine"]["products"] = "MKL, AUTO,STRICT"
    info["runs"] = []
    (root / "run.json").write_text(json.dumps(info))
    html, md, *_ = build(root, tmp_path / "out")
    assert ">one<small>files not verified: no checksum is known</small></td>" in html
    assert "| one; files not verified: no checksum is known |" in md
    assert (html + md).count("not verified") == 2
    for text in (html, md):
        assert "a processor, 2 cores, no GPU, matrix products: MKL, AUTO,STRICT" in text


def test_the_same_results_give_the_same_bytes(tmp_path):
    root = make_results(tmp_path / "results", benchmarks=["interpretability"])
    first, second = (build(root, tmp_path / "out") for _ in range(2))
    assert first[:2] == second[:2]
    assert [path.name for path in (tmp_path / "out").rglob(".*")] == [".made-from"]  # no temporary file stays


def test_a_partial_run_says_what_it_lacks(tmp_path):
    parts = ["redundancy", "width"]
    root = make_results(tmp_path / "results", benchmarks=parts, lost=["beta"], failed=["gamma"], never=["delta"])
    html, md, verdicts, results = build(root, tmp_path / "out")
    n = len(results.missing)
    assert n
    for text in (html, md):
        assert f"{n} evaluations not measured yet" in text
        assert "<script>alert" not in text
        assert "gamma on one, width 8" in text
        assert "delta on one, width 8" in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; a|pipe and a second line" in html
    assert "a\\|pipe and a second line" in md
    assert all(v.verdict == "inconclusive" for v in verdicts if v.against == "prior art")


def test_a_report_needs_benchmarks_alone(tmp_path):
    """No torch, which would take as long as a whole section; what else did not load is told by the run."""
    root = make_results(tmp_path / "results", benchmarks=["redundancy"])
    info = json.loads((root / "run.json").read_text())
    info["broken"] = {"epsilon": "SyntaxError: no method", "redundancy": "mended since"}
    (root / "run.json").write_text(json.dumps(info))
    code = (
        "import sys; from infomax_bench.cli.main import main; "
        f"print(main(['report', '--results', {str(root)!r}, '--out', {str(tmp_path / 'out')!r}])); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split()[-2:] == ["0", "False"], done.stderr
    md = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "SyntaxError: no method" in md
    assert "mended since" not in md


def test_the_subject_of_a_report_is_one_that_was_run(tmp_path, capsys):
    root = make_results(tmp_path / "results", benchmarks=["redundancy"])
    with pytest.raises(SystemExit) as stop:
        main(["report", "--results", str(root), "--subject", "alfa"])
    assert stop.value.code == 2
    assert "did you mean 'alpha'?" in capsys.readouterr().err


def test_rows_of_other_versions_wear_a_dagger(tmp_path):
    html, md, *_ = build(make_results(tmp_path / "results", benchmarks=["redundancy"], old=["beta"]), tmp_path / "out")
    for text in (html, md):
        assert "beta †" in text
        assert "alpha †" not in text
        assert "† beta: some rows come from other versions" in text


def test_a_method_that_is_not_calibrated_is_marked_and_verdicts_are_also_given_without_it(tmp_path, monkeypatch):
    root = make_results(tmp_path / "r")
    html, markdown, verdicts, _ = build(root, tmp_path / "plain")
    assert "¶" not in html + markdown
    assert not any(v.without_uncalibrated for v in verdicts)
    plugins = registry()
    own = type(plugins.benchmark("redundancy"))
    monkeypatch.setattr(own, "uncalibrated", lambda self, rows: ("beta",))
    html, markdown, marked, _ = build(root, tmp_path / "marked", plugins)
    assert "beta ¶" in html
    assert "<td>beta ¶</td>" in html.split('id="methods"')[0]  # among the single comparisons
    assert "beta ¶" in markdown
    assert [v.verdict for v in marked] == [v.verdict for v in verdicts], "the verdict itself is about all of them"
    for verdict in marked:
        if verdict.against == "prior art":  # beta is the only one
            assert verdict.without_uncalibrated == ""
        elif verdict.against in ("control", "itself"):
            assert verdict.without_uncalibrated == verdict.verdict


def test_verdicts_are_also_given_for_the_default_settings_and_without_labels(whole):
    results = whole[3]
    table, benchmark = results.table, registry().benchmark("redundancy")
    decides = table["metric"] == "nonlinear_dependence"
    away = table["value"].where(~decides, table["value"] + table["method"].map({"beta": 9.0, "gamma": 9.0}).fillna(0))
    table = table.assign(value=away.where(~decides | (table["method"] != "delta"), 9.0))
    worse = table[table["method"] == "alpha"].assign(method="alpha (default settings)", value=99.0)
    plain = replace(results, table=table)
    both = replace(results, table=pd.concat([table, worse]))
    for verdict in decide_all(plain, [benchmark]):
        assert (verdict.verdict, verdict.with_defaults, verdict.otherwise) == ("supported", "", [])
    for verdict in decide_all(both, [benchmark]):
        assert (verdict.verdict, verdict.with_defaults) == ("supported", "refuted")
        assert verdict.otherwise == ["refuted for alpha with its default settings"]
    cards = {name: {**card, "supervised": name == "beta"} for name, card in results.cards.items()}
    told = replace(both, info={**results.info, "methods": cards})
    assert {v.against: v.without_supervised for v in decide_all(told, [benchmark])} == {
        "prior art": "",  # beta is the only one
        "control": "supported",
    }


def test_each_claim_is_answered_in_a_sentence_with_its_figure_beside_it(whole):
    html, markdown, verdicts, *_ = whole
    before_controls = html[html.index('id="verdicts"') : html.index('id="controls"')]
    assert before_controls.count("<figure>") == len({v.benchmark for v in verdicts})
    assert "figures/pruning-1.png" in markdown[: markdown.index("## What the controls say")]
    assert html.count("<figure>") == len({*re.findall(r'<img class="figure" src="([^"]+)"', html)}), (
        "none is shown twice"
    )
    one = replace(verdicts[0], indicative=False)
    yes, no, unsure = (replace(one, title=word, verdict=word) for word in ("supported", "refuted", "inconclusive"))
    assert answer([yes, yes]) == "Yes."
    assert answer([no]) == "No."
    assert answer([unsure]).startswith("Undecided")
    assert answer([yes, no]).startswith("In part; holds: “supported”; does not hold: “refuted”")
    assert answer([no, unsure]) == "No; does not hold: “refuted”; undecided: “inconclusive”."
    assert "not for deciding" in answer([replace(yes, indicative=True)])


def test_no_win_can_do_without_a_seed(tmp_path):
    """A seed that diverged stands in the rows under its evaluation's name, whatever the metric of the claim."""
    root = make_results(tmp_path / "r", benchmarks=["redundancy"])
    plugins, store = registry(), Store(root)
    benchmarks = [plugins.benchmark("redundancy")]
    entry = next(e for e in store.manifest().values() if e["cell"]["method"] == "alpha")
    job = store.read_job(entry["key"])
    lost = {"seed": 1, "metric": "redundancy", "value": np.nan, "status": "diverged", "reason": "training diverged"}
    store.write_job(entry["key"], replace(job, rows=[lost, *(row for row in job.rows if row["seed"] != 1)]))
    verdicts = decide_all(read_results(root), benchmarks)
    assert verdicts
    for verdict in verdicts:
        assert verdict.failed == 1
        assert "alpha failed under 1 seed" in verdict.sentence
    won = replace(verdicts[0], verdict="supported", failed=0)
    assert won.after(0) is won
    assert (won.after(2).verdict, won.after(2).failed) == ("inconclusive", 2)
    assert replace(won, aside=True).after(2).verdict == "supported"
    assert replace(won, verdict="refuted").after(2).verdict == "refuted"


def test_no_claim_holds_while_a_control_does_better(whole):
    one = replace(whole[2][0], indicative=False)
    yes, no, unsure = (replace(one, title=word, verdict=word) for word in ("supported", "refuted", "inconclusive"))
    assert answer([yes], [yes]) == "Yes."
    ahead = [Comparison(rival, -1.0, -2.0, -0.5, 5, p) for rival, p in (("b", 0.01), ("c", 0.03), ("a", 0.001))]
    no = replace(no, comparisons=tuple(ahead), line=0.0)
    better = "Controls do better: a, b (refuted)."
    assert answer([yes], [yes, no]) == f"No: ahead of prior art, but not of the controls. {better}"
    assert answer([yes], [unsure]).startswith("Not shown: ahead of prior art, but undecided against the controls")
    assert answer([yes, no], [no]).endswith(f" {better}")
    assert answer([no, replace(yes, aside=True)]) == "No.", "what is about other methods is no part of the answer"
    assert answer([replace(yes, aside=True)]) == "Yes."


def test_the_power_behind_a_verdict_is_told(whole):
    html, markdown, verdicts, *_ = whole
    table = power(verdicts)
    assert {(line[0], line[1]) for line in table.lines} == {(v.title, v.against) for v in verdicts if v.n_seeds > 1}
    exact = replace(verdicts[-1], comparisons=tuple(replace(c, sd=0.0) for c in verdicts[-1].comparisons))
    assert power([exact]) is None, "what has no noise is certain"
    many = next(v for v in verdicts if len(v.comparisons) > 1 and v.n_seeds > 1)
    one = many.comparisons[:1]
    (of_one,), (of_many,) = (power([replace(many, comparisons=own)]).lines for own in (one, 3 * one))
    assert of_many[4:6] == of_one[4:6] == of_one[6:8] == of_one[8:10], "with one rival all three are one test"
    for i in (6, 7, 8, 9):
        assert float(of_many[i]) > float(of_one[i]), "all at once, and a loss among many, are harder to see"
    for shown in (html, markdown):
        assert "What could have been seen" in shown
        assert "true difference (deviations)" in shown
        assert table.lines[0][3] in shown


def test_the_chances_of_true_differences_are_told():
    few, many = (
        chances(Claims("s", "t", {"s": "this work", **{f"p{i}": "prior art" for i in range(n)}}, False)) for n in (1, 9)
    )
    shares = np.array([[float(cell.removesuffix(" %")) for cell in line[1:]] for line in many.lines])
    assert (np.diff(shares, axis=0) >= 0).all(), "larger differences are seen more often"
    assert (shares[:, [1, 3]] >= shares[:, [0, 2]]).all(), "and by more seeds"
    assert [line[1:3] for line in few.lines] == [line[1:3] for line in many.lines]
    assert [line[1:3] for line in few.lines] == [line[3:] for line in few.lines], "alone, both ways are one test"
    assert (shares[:, 2:] < shares[:, :2])[1:3].all(), "a loss among many is harder to see"


def test_what_was_known_before_is_said(whole):
    html, markdown, *_ = whole
    assert "Bell and Sejnowski 1995" in html
    assert "Bell and Sejnowski 1995" in markdown


def test_speed_is_told_where_it_was_measured(tmp_path):
    machine = {"cpu": "A Processor", "gpu": "", "cores": 2, "packages": {"torch": "2"}, "python": "3"}
    race = {
        "work": "a | training",
        "against": "a loop",
        "theirs": [4.0, 9.0, 4.2],
        "ratio": 2.1,
        "at_least": 2.5,
        "aim": 4,
        "unit": "x",
    }
    share = {"work": "wide", "against": "a product", "ratio": 0.46, "at_least": 0.4, "aim": 0.6, "unit": "%"}
    found = {
        "machine_info": machine,
        "commit_info": {"id": "abc"},
        "benchmarks": [
            {"extra_info": race, "stats": {"data": [2.0, 2.1, 1.9]}},
            {"extra_info": share, "stats": {"data": [1.0]}},
            {"extra_info": {}, "stats": {"data": [1.0]}},
        ],
    }
    root = make_results(tmp_path / "results" / "quick", benchmarks=("cost",))
    path = tmp_path / "results" / "speed" / "benchmark.json"
    path.parent.mkdir()
    for content in (json.dumps(found), "not json", "{}"):
        path.write_text(content)
        html, md, *_ = build(root, tmp_path / "out")
        assert ("How fast it is" in html) == ("How fast it is" in md) == (content[0] == "{" and len(content) > 2)
        if "How fast it is" in md:
            assert "A Processor, 2 cores, with torch 2, at commit abc" in md
            assert r"| a \| training | a loop | 4.20 | 2.00 | 2.1 × | 2.5 × | 4 × |" in md
            assert "| wide | a product | – | 1.00 | 46 % | 40 % | 60 % |" in md


def test_one_benchmark_alone_and_no_results_at_all(tmp_path):
    html, _, verdicts, _ = build(make_results(tmp_path / "one", benchmarks=["cost"]), tmp_path / "out")
    assert {v.title for v in verdicts} == {"Cheapest"}
    assert "No galleries were made." in html
    root = make_results(tmp_path / "none", lost=list(ROLES))
    html, md, verdicts, _ = build(root, tmp_path / "out2")
    assert not verdicts
    assert "nothing has been measured" in html
    assert "nothing has been measured" in md


class Broken(Benchmark):
    """Asks <b>what</b>?

    Rule: none.
    """

    title = "A plug-in that fails"

    def figures(self, rows, claims):
        raise RuntimeError("no <figure>")
        yield

    def table(self, rows, claims):
        raise KeyError("no table")

    def answer(self, rows, claims):
        raise ValueError("no answer")


class Answering(Benchmark):
    """Is it so?

    Rule: none.
    """

    title = "A question without a claim"

    def answer(self, rows, claims):
        return f"{rows['method'].nunique()} methods say <yes>_.\none <of> them\nanother"


def test_the_answer_to_a_question_without_a_claim_is_told(tmp_path, monkeypatch):
    plugins = registry()
    monkeypatch.setattr(type(plugins), "names", lambda self, kind: ["cost"])
    monkeypatch.setattr(type(plugins), "benchmark", lambda self, name: _named(Answering(), name))
    html, md, *_ = build(make_results(tmp_path / "results", benchmarks=["cost"]), tmp_path / "out", plugins)
    looking = " This preset is for looking, not for deciding."
    assert f"<b>Answer.</b> 4 methods say &lt;yes&gt;_.{looking}</p><ul>" in html
    assert "<li>one &lt;of&gt; them</li><li>another</li></ul>" in html
    assert f"**Answer.** 4 methods say &lt;yes&gt;\\_.{looking}\n\n- one &lt;of&gt; them\n- another\n" in md


def test_a_benchmark_whose_figures_fail_costs_a_line(tmp_path, monkeypatch):
    plugins = registry()
    monkeypatch.setattr(type(plugins), "names", lambda self, kind: ["cost"])
    monkeypatch.setattr(type(plugins), "benchmark", lambda self, name: _named(Broken(), name))
    html, md, *_ = build(make_results(tmp_path / "results", benchmarks=["cost"]), tmp_path / "out", plugins)
    assert "a figure could not be drawn: RuntimeError: no &lt;figure&gt;" in html
    assert "the table could not be made" in md
    assert "the answer could not be given: ValueError: no answer" in md
    assert "Answer." not in md
    assert "Asks &lt;b&gt;what" in html


def _named(benchmark, name):
    benchmark.name = name
    return benchmark


def test_rows_are_the_same_read_by_one_process_and_by_several(tmp_path, monkeypatch):
    """A damaged job, jobs that failed and ones that cannot be are in pieces of their own."""
    root = make_results(tmp_path / "results", failed=["beta"], never=["gamma"], lost=["delta"])
    damaged = next(path for path in sorted((root / "jobs").glob("*.json")) if "accuracy" in path.read_text())
    damaged.write_text("{")
    whole = read_results(root)
    monkeypatch.setattr("infomax_bench.run.rows.AT_ONCE", 3)
    monkeypatch.setattr("infomax_bench.run.rows.available_cores", lambda: 2)
    parts = read_results(root)
    pd.testing.assert_frame_equal(parts.table, whole.table)
    assert parts.failures == whole.failures
    assert parts.missing == whole.missing
    assert parts.warnings == whole.warnings
    assert ["damaged" in warning or "not there" in warning for warning in parts.warnings] == [True, True]


def test_a_damaged_gallery_is_left_out(tmp_path):
    root = make_results(tmp_path / "results", benchmarks=["interpretability"])
    for path in (root / "jobs").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    assert "No galleries were made." in build(root, tmp_path / "out")[0]


def test_galleries_shrink_to_their_share_and_take_colour():
    kept = arrays(np.random.default_rng(0), channels=3)
    large = report_images.read_gallery(lambda: kept, "m", "d", 8, 10**6)
    small = report_images.read_gallery(lambda: kept, "m", "d", 8, 1)
    assert large is not None
    assert small is not None
    assert len(small.filters) < len(large.filters)
    assert [u.name for u in large.units] == ["dog", "not cat", "none"]


def test_filters_and_units_are_one_file():
    """A repository holds one picture an encoder; nothing of either is cut."""
    kept = arrays(np.random.default_rng(0))
    found = report_images.read_gallery(lambda: kept, "m", "d", 8, 10**6)
    left, right, both = (
        Image.open(io.BytesIO(data))
        for data in (found.filters, found.top, report_images.beside(found.filters, found.top))
    )
    times = max(1, round(right.height / left.height))
    assert both.width >= times * left.width + right.width
    assert both.height == max(times * left.height, right.height)
    corner = both.crop((both.width - right.width, 0, both.width, right.height))
    assert np.array_equal(np.asarray(corner), np.asarray(right.convert("RGB")))


def test_units_without_room_keep_name_and_score_and_the_subject_shows_all():
    rng = np.random.default_rng(0)
    many = {
        "top": rng.integers(0, 256, (10, 6, 1, 5, 5)).astype(np.uint8),
        "units": np.arange(10, dtype=np.int32),
        "auroc": np.linspace(1, 0.5, 10, dtype=np.float32),
        "names": np.array([f"n{i}" for i in range(10)]),
    }
    some, whole = (report_images.read_gallery(lambda: many, "m", "d", 8, 1, whole) for whole in (False, True))
    assert [u.name for u in some.units] == ["n0", "n1", "n2", "n3"]
    assert [(u.number, u.name) for u in some.others] == [(i, f"n{i}") for i in range(4, 10)]
    assert some.others[-1].auroc == 0.5
    assert len(whole.units) == 10
    assert not whole.others
    assert len(whole.top) > len(some.top)


def test_the_terminal_shows_one_line_a_verdict(whole, capsys):
    verdicts, results = whole[2:4]
    print_verdicts(verdicts, results)
    out = capsys.readouterr().out
    assert "\033" not in out
    for verdict in verdicts:
        assert any(verdict.sentence in line and verdict.verdict in line for line in out.splitlines())
    print_verdicts([], results)
    assert "no verdicts" in capsys.readouterr().out


def test_the_terminal_marks_what_the_report_marks(tmp_path, capsys):
    """Rivals' rows of another budget, a method that was not tuned where others were, and a preset that decides nothing
    stand behind each verdict that they concern, and behind no other."""
    root = make_results(tmp_path / "r", old=("beta",))
    info = json.loads((root / "run.json").read_text())
    study = {"method": "alpha", "dataset": "one", "backbone": "linear", "settings": {}, "current": True}
    tuning = {f"{m} on {d}, linear": study for m in ("alpha", "beta", "delta") for d in DATASETS}
    (root / "run.json").write_text(json.dumps(info | {"tuning": tuning}))
    results, plugins = read_results(root), registry()
    verdicts = decide_all(results, [plugins.benchmark(n) for n in plugins.names("benchmarks")])
    print_verdicts(verdicts, results)
    out = capsys.readouterr().out
    for verdict in verdicts:
        (line,) = [one for one in out.splitlines() if verdict.sentence in one]
        rivals = {c.rival for c in verdict.comparisons}
        assert "indicative" in line
        assert ("† rows of other versions, settings or budgets: beta" in line) == ("beta" in verdict.stale)
        assert ("§ untuned: gamma" in line) == ("gamma" in rivals)
        assert ("beta" in rivals) <= ("beta" in verdict.stale)
    assert "†" in out
    assert "§" in out
    assert "No method was tuned" not in out
    print_verdicts(verdicts, read_results(make_results(tmp_path / "plain")))
    assert "No method was tuned" in capsys.readouterr().out


def test_a_bound_is_drawn_where_it_lies():
    (bar,) = bars([(32.0, 30.0, 34.0)], line=5.0)
    assert bar.line < bar.low < bar.mean < bar.high
    (bar,) = bars([(-0.5, -0.8, -0.2)], line=-1.0)
    assert bar.line < bar.low, "within the margin is ahead of the line"


def test_intervals_are_drawn_on_one_scale_with_zero_on_it():
    first, second, none = bars([(1.0, 0.5, 1.5), (-1.0, -np.inf, 0.0), (np.nan, np.nan, np.nan)])
    assert none is None
    assert first.line == second.line
    assert first.low > first.line > second.mean
    assert second.low == 0
    assert 0 <= first.high <= 100


def test_how_much_a_loss_still_falls():
    assert still_falling(np.linspace(1, 0, 101)[None]) == pytest.approx(0.1)
    assert still_falling(np.r_[np.linspace(1, 0, 51), np.zeros(50)][None]) == 0
    assert np.isnan(still_falling(np.ones((2, 20))))


def test_small_words():
    assert gaps([], [], []) == ""
    assert gaps([("b", 1, "m")], [("why", ["x", "x"])], []) == (
        "This run is not complete: 1 evaluation not measured yet, 1 encoder failed somewhere."
    )
    assert [number(v) for v in (12345, 0.12345, float("nan"), None, "text")] == [
        "12\u202f345",
        "0.12",
        "–",
        "–",
        "text",
    ]
