"""The report: a page with what it loads beside it, and a summary in Markdown for a code host.

All are written from results alone: no training, no clock, so that the same results give the same bytes.
A figure that lies there and was made from the same is kept (`drawn`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from jinja2 import Environment

from infomax_bench.base.forked import available_cores, in_parallel
from infomax_bench.base.packed import index_path
from infomax_bench.base.printable import printable
from infomax_bench.base.store import write_text
from infomax_bench.plots.fonts import lacking
from infomax_bench.report.beside import method_cards, static, write_files
from infomax_bench.report.comparison import companions, described, independence
from infomax_bench.report.downloads import downloads
from infomax_bench.report.essay import answers, untested
from infomax_bench.report.facts import datasets, facts, scope
from infomax_bench.report.figures import overviews
from infomax_bench.report.images import read_galleries
from infomax_bench.report.kept_figures import Drawn, drawn_in
from infomax_bench.report.live import script
from infomax_bench.report.marks import scripts
from infomax_bench.report.missing import gaps, grouped, missing
from infomax_bench.report.model import kept, marks, section
from infomax_bench.report.pages import templates
from infomax_bench.report.parts import Mark, Section, Table
from infomax_bench.report.power import power
from infomax_bench.report.predictions import predictions, standing
from infomax_bench.report.series import explorer, link
from infomax_bench.report.speed import speed
from infomax_bench.report.training import training
from infomax_bench.report.trust import compared, neighbours, trust
from infomax_bench.report.tuning import tuning, untuned
from infomax_bench.run.decisions import calibration
from infomax_bench.run.results import Results
from infomax_bench.stats.verdict import Verdict
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.claims import Claims
from infomax_bench.study.plugins import Registry

log = logging.getLogger("infomax_bench")


PAGES = ("index.html", "report.md", "answers.md")
"""Everything there is, a summary, and the essay sentence by sentence."""
MOVED = ("report.html", "answers.html")
"""Where it was: they lead to the page."""


MADE_FROM = ".made-from"
"""Beside the pages: a hash of all that they were made from, once they are there; and below it the files that were
written, a line each, so that those of a former report go and nobody else's do."""
LOCK = ".lock"
"""Beside the pages: who writes them."""


def made_from(root: Path, registry: Registry, verdicts: Sequence[Verdict]) -> str:
    """A hash of the results in `root`, of the verdicts, and of all that makes a report of them: benchmarks with their
    words and what they read beside their files, but no methods and no data sets."""
    package = Path(__file__).resolve().parents[1]
    code = [path for kind in ("*.py", "*.jinja", "*.css", "*.js", "*.json") for path in package.rglob(kind)]
    data = [*(root / name for name in ("measurements.csv", "run.json", "manifest.json")), index_path(root)]
    plugins = [f"{name} {one.source}" for name, one in registry.plugins["benchmarks"].items()]
    folders = {Path(one.path).parent for one in registry.plugins["benchmarks"].values()}
    code += [path for folder in folders for kind in ("words/*.jinja", "*.csv", "*.toml") for path in folder.glob(kind)]
    made = hashlib.sha256("\n".join([*sorted(plugins), *map(repr, verdicts)]).encode())
    for path in [*sorted(code), *data, _speed_of(root)]:
        made.update(path.name.encode() + (path.read_bytes() if path.is_file() else b""))
    return made.hexdigest()


def is_made(root: Path, out: Path, registry: Registry, verdicts: Sequence[Verdict]) -> bool:
    """Whether the report in `out` is what `write_report` would make again."""
    made, files = _written(out)
    whole = {*PAGES, *MOVED} <= files and all((out / name).is_file() for name in files)
    return whole and made == made_from(root, registry, verdicts)


def _written(out: Path) -> tuple[str, set[str]]:
    """What the report in a folder was made from, "" if it is not whole, and its files."""
    mark = out / MADE_FROM
    made, *files = mark.read_text(encoding="utf-8").split("\n") if mark.is_file() else [""]
    return made, {name for name in files if name and not Path(name).is_absolute() and ".." not in Path(name).parts}


def _write_mark(out: Path, made: str, files: Iterable[str]) -> None:
    write_text(out / MADE_FROM, "\n".join([made, *sorted(files)]))


def _speed_of(root: Path) -> Path:
    return root.parent / "speed" / "benchmark.json"


def write_report(
    root: Path, out: Path, registry: Registry, results: Results, verdicts: list[Verdict], document: Path | None = None
) -> Path:
    """Writes the page with data/ beside it, the Markdown and figures/ into `out`; returns the path of index.html.

    root: the results folder, shown relative to the report where it is beside it. document: another place for the
    answers in Markdown.
    """
    drawn = drawn_in(out / "figures")
    content = _with_places(contents(registry, results, verdicts, drawn), root, out)
    languages = {kind: templates(kind) for kind in ("html", "md")}
    pages = [(name, out / name, "") for name in PAGES] + [("forward.html", out / name, "") for name in MOVED]
    data = {**static(), **content["data"], **content["explored"]}
    figures = {f"{picture.name}.png": picture.data for picture in content["pictures"]}
    files = {*PAGES, *MOVED, *(f"data/{name}" for name in data), *(f"figures/{name}" for name in figures)}
    if document is not None:
        place = Path(os.path.relpath(out, document.parent)).as_posix() + "/"
        pages.append(("answers.md", document, place))
    with FileLock(out / LOCK):
        former = _written(out)[1] | {path.relative_to(out).as_posix() for path in drawn.values()}
        _write_mark(out, "", former | files)
        in_parallel(
            [partial(write_files, out / "figures", figures), partial(write_files, out / "data", data)]
            + [partial(_write_page, languages[page[0].split(".")[1]], *page, content) for page in pages],
            available_cores(),
        )
        for name in former - files:
            (out / name).unlink(missing_ok=True)
        _write_mark(out, made_from(root, registry, verdicts), files)
    return out / "index.html"


def write_page(
    root: Path, out: Path, registry: Registry, results: Results, verdicts: list[Verdict], live: Mapping[str, Any]
) -> None:
    """Writes the page alone, with data/ beside it first, of results of which more are on their way; see `live`. Where
    somebody else is writing, it is left to them."""
    content = _with_places(contents(registry, results, verdicts, None), root, out, live)
    page = templates("html").get_template("index.html.jinja").render(content, place="")
    data = {**static(), **content["data"], **content["explored"], "live.js": script(dict(live)).encode()}
    with contextlib.suppress(Timeout), FileLock(out / LOCK, timeout=0):
        _write_mark(out, "", _written(out)[1] | {"index.html", *(f"data/{name}" for name in data)})
        write_files(out / "data", data)
        write_text(out / "index.html", page)


def _with_places(
    content: dict[str, Any], root: Path, out: Path, live: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What pages say besides of where they are, and while a run goes on of that."""
    return content | {"folder": printable(_relative(root, out)), "speed": speed(_speed_of(root)), "live": live}


def _write_page(language: Environment, name: str, path: Path, place: str, content: dict[str, Any]) -> None:
    write_text(path, language.get_template(f"{name}.jinja").render(content, place=place))


def contents(
    registry: Registry, results: Results, verdicts: list[Verdict], drawn: Drawn | None = MappingProxyType({})
) -> dict[str, Any]:
    """All that the templates lay out. drawn: figures that are there, None to draw no question's. Says once if no
    font has what names are written in."""
    _say_what_fonts_lack(results)
    subjects = {v.subject for v in verdicts}
    claims = results.claims(subjects.pop() if len(subjects) == 1 else None)
    benchmarks = sorted(
        (registry.benchmark(name) for name in registry.names("benchmarks")), key=lambda b: (b.order, b.name)
    )
    calibrated = calibration(results, benchmarks, claims)
    claims = replace(claims, doubtful=frozenset(calibrated.differ), uncompared=frozenset(calibrated.never))
    names = marks(results, calibrated.marks)
    rows = {b.name: b.own_rows(results.once, claims) for b in benchmarks}
    tones = companions(results, claims)
    (curves, terms, falling), one_figure, explored, *sections = in_parallel(
        [
            partial(_training, results, claims, tones),
            partial(independence, results, claims, tones),
            partial(explorer, results, claims, registry, tones),
            *(
                partial(_section, b, own, claims, verdicts, names, results, drawn, tones)
                for b in benchmarks
                if len(own := rows[b.name])
            ),
        ],
        available_cores(),
    )
    predicted = of_predictions(results, verdicts, benchmarks, claims)
    figures = [p for s in sections for p in s.pictures]
    figures += [] if drawn is None else overviews(predicted["predictions"], claims, drawn)
    return {
        **_of_the_run(results, names, claims),
        **_of_the_claims(verdicts, sections),
        **predicted,
        "data": predicted["data"] | scripts((s.marks for s in sections), [curves, one_figure]),
        "trust": trust(results, claims, calibrated, falling, any(v.indicative for v in verdicts)),
        **_of_what_lacks(registry, results, names, [b.name for b in benchmarks if not len(rows[b.name])]),
        "claims": claims,
        "methods": method_cards(results, claims),
        "calibrated": calibrated,
        "described": described(results, claims, names),
        "independence": one_figure,
        "explored": explored,
        "sections": sections,
        **_by_question(benchmarks, sections, {p.benchmark: p.claim for p in predicted["predictions"]}),
        "curves": curves,
        "terms": terms,
        "falling": falling,
        "pictures": figures,
    }


def _of_the_run(results: Results, names: dict[str, str], claims: Claims) -> dict[str, Any]:
    """What was run, and with which settings."""
    budget, tuned = tuning(results, names, claims)
    return {
        "results": results,
        "info": results.info,
        "facts": facts(results),
        "scope": scope(results, claims),
        "datasets": datasets(results),
        "untuned": untuned(results),
        "budget": budget,
        "tuned": tuned,
        "supervised": sorted(m for m, name in names.items() if "‡" in name),
    }


def _of_the_claims(verdicts: Sequence[Verdict], sections: Sequence[Section]) -> dict[str, Any]:
    """What was found, claim by claim."""
    return {
        "indicative": any(v.indicative for v in verdicts),
        "leads": {s.name: s.pictures[0] for s in sections if s.verdicts and s.pictures},
        "power": power(verdicts),
    }


def _by_question(
    benchmarks: Sequence[Benchmark], sections: Sequence[Section], predicted: Mapping[str, str]
) -> dict[str, Any]:
    """What else was asked than the predictions, and the essay sentence by sentence. predicted: benchmark -> its
    prediction, which has a place of its own on the page."""
    return {
        "questions": [s for s in sections if s.name not in predicted],
        "answers": answers(benchmarks, sections, predicted),
        "untested": untested(benchmarks),
    }


def of_predictions(
    results: Results, verdicts: Sequence[Verdict], benchmarks: Sequence[Benchmark], claims: Claims
) -> dict[str, Any]:
    """The numbered predictions, the rows behind each, and where the subject stands among all methods."""
    found, by_name = predictions(verdicts, benchmarks, claims), {b.name: b for b in benchmarks}
    places = [one for v in compared(verdicts) if (one := standing(v))]
    return {
        "predictions": found,
        "data": downloads(found, benchmarks, results, claims),
        "links": {p.claim: link(p, by_name[p.benchmark]) for p in found},
        "standings": sorted(places, key=lambda one: one.rank / one.n),
        "neighbours": neighbours(verdicts),
    }


def _of_what_lacks(
    registry: Registry, results: Results, names: dict[str, str], without: Sequence[str]
) -> dict[str, Any]:
    """What is missing, failed or old. without: the benchmarks that have no rows."""
    stale = sorted(m for m, name in names.items() if "†" in name)
    # methods and data sets as they were when it was run
    ran = {
        name: why for name, why in results.info.get("broken", {}).items() if name not in registry.plugins["benchmarks"]
    }
    lacks: dict[str, Any] = {
        "missing": list(missing(results)),
        "failures": grouped(results.failures),
        "not_applicable": grouped(results.not_applicable),
        "stale": stale,
        "without": without,
        "absent": sorted(set(results.cards) - set(results.jobs["method"])),
        "broken": printable({**ran, **registry.broken}),
    }
    said = gaps(lacks["missing"], lacks["failures"], stale)
    return {**lacks, "complete": not any(lacks.values()), "gaps": said}


def _say_what_fonts_lack(results: Results) -> None:
    names = (str(name) for column in ("method", "dataset", "target", "label") for name in set(results.jobs[column]))
    lost = lacking([json.dumps(results.info.get("datasets", {}), ensure_ascii=False), *names])
    if lost:
        log.warning(
            f"no font of this machine has {' '.join(lost[:5])}{' ...' if len(lost) > 5 else ''}: figures show boxes "
            "instead; install a font that does, such as Noto Sans CJK, and build the report again"
        )


def _training(
    results: Results, claims: Claims, tones: dict[str, int]
) -> tuple[Mark | None, Table | None, list[str] | None]:
    return training(read_galleries(results.arrays.get("gallery", {}), claims.subject), claims, tones)


def _section(
    benchmark: Benchmark,
    rows: pd.DataFrame,
    claims: Claims,
    verdicts: list[Verdict],
    names: dict[str, str],
    results: Results,
    drawn: Drawn | None,
    tones: dict[str, int],
) -> Section:
    return section(benchmark, rows, claims, verdicts, names, kept(results, benchmark.keeps, claims), drawn, tones)


def _relative(root: Path, out: Path) -> str:
    """The results folder as seen from the report; its name alone where that would tell of the machine."""
    try:
        path = os.path.relpath(root, out)
    except ValueError:  # another drive
        return root.name
    return root.name if path.count("..") > 3 else Path(path).as_posix()
