"""The page while a run goes on: seldom enough to cost nothing, never half-written, gone when the report is there."""

from __future__ import annotations

import json
import time
from unittest.mock import Mock

import pytest

from infomax_bench.report import live
from infomax_bench.report.build import is_made, write_page, write_report
from infomax_bench.report.live import EVERY, TIMES, Live, Page
from infomax_bench.study.plugins import registry
from tests.report.made import decide, make_results

ABOUT = {"words": "still running: 3 of 9 jobs, about 2 h left", "page": 4, "at": 0, "over": False}


class Made:
    """A page that takes some seconds, of the CPU and of a clock that tests set."""

    now, cpu, seconds, well = 0.0, 8.0, 20.0, True

    def __init__(self):
        self.begun, self.ended = [], 0

    def clock(self):
        return self.now

    def begin(self, about):
        self.begun.append((self.now, about["live"]["page"]))
        return self

    def took(self):
        return (self.cpu, self.well) if self.now >= self.begun[-1][0] + self.seconds else None

    def end(self):
        self.ended += 1


@pytest.fixture
def made():
    return Made()


def watched(made, out, seconds, step=1.0):
    """A run of that many seconds, in which a job of 10,000 ends every second."""
    one = Live(out, out, make=made.begin, clock=made.clock)
    while made.now < seconds:
        made.now += step
        one.tell(int(made.now), 10_000, 10_000 - made.now)
        one.step()
    return one


@pytest.mark.parametrize("cpu", [0.01, 0.7, 8.0, 60.0])
def test_pages_cost_less_than_two_percent_of_the_run_from_the_first_on(made, tmp_path, cpu):
    made.cpu = cpu
    one = watched(made, tmp_path, 9000)
    begins = [at for at, _ in made.begun]
    assert len(begins) >= 2
    assert one.page in [page for _, page in made.begun]
    for n, at in enumerate(begins[1:], start=1):
        assert n * cpu <= at / TIMES, "all before it cost less than 2 % of what has passed"
        assert at - begins[n - 1] >= max(EVERY, TIMES * cpu)
    numbers = [page for _, page in made.begun]
    assert numbers == sorted(set(numbers))
    assert begins[0] >= TIMES * (live.FIRST[0] + live.FIRST[1] * 10_000), "the first, by how much there will be"


def test_no_page_is_written_where_nothing_is_new_and_none_in_a_short_run(made, tmp_path):
    one = Live(tmp_path, tmp_path, make=made.begin, clock=made.clock)
    one.tell(5, 100, None)
    for made.now in (1, 100, 199):
        one.step()
    assert made.begun == []
    for made.now in range(250, 3000, 10):
        one.step()
    assert [page for _, page in made.begun] == [one.page]
    one.tell(6, 100, None)
    made.now = 3000.0
    one.step()
    assert len(made.begun) == 2


def test_a_page_left_open_by_one_run_is_older_than_all_of_the_next(made, tmp_path):
    first = watched(made, tmp_path, 9000)
    again = Made()
    watched(again, tmp_path, 2000)
    assert again.begun[0][1] > first.page > 0


def test_what_is_left_is_told_between_pages_and_that_a_run_was_interrupted_at_the_end(made, tmp_path):
    one = watched(made, tmp_path, 2000)
    told = (tmp_path / "data" / "live.js").read_text()
    assert told.startswith('infomax.live = {"words": "still running: 1,9')
    assert "of 10,000 jobs, about 2.2 h left" in told
    assert one.told(1)["words"] == "still running: 2,000 of 10,000 jobs, about 2.2 h left"
    made.now += 3600
    assert one.told(1)["words"].endswith("about 73 min left"), "though no job has ended for an hour"
    one.tell(2001, 10_000, None)
    assert one.told(1)["words"] == "still running: 2,001 of 10,000 jobs"
    one.__exit__(KeyboardInterrupt, None, None)
    assert "the run was interrupted: 2,001 of 10,000 jobs" in (tmp_path / "data" / "live.js").read_text()


def test_a_page_that_fails_costs_the_run_nothing_and_is_tried_again(made, tmp_path):
    made.well = False
    one = watched(made, tmp_path, 9000)
    assert (one.page, len(made.begun) > 2) == (0, True)
    assert not (tmp_path / "data").exists()


def test_whatever_goes_wrong_is_one_line_in_the_log_and_the_next_page_is_written(made, tmp_path, monkeypatch, capfd):
    one, steps = Live(tmp_path, tmp_path, make=made.begin, clock=made.clock), iter([1, 1, 0, 0])
    monkeypatch.setattr(one, "step", lambda: 1 / next(steps))
    monkeypatch.setattr(one, "_over", Mock(wait=Mock(side_effect=[False] * 4 + [True])))
    one._watch()
    assert (tmp_path / "run.log").read_text().count("ZeroDivisionError") == 1
    assert next(steps, None) is None
    assert capfd.readouterr() == ("", "")


def test_a_page_that_is_being_written_when_the_run_ends_is_ended(made, tmp_path):
    made.seconds = 10**6
    one = watched(made, tmp_path, 9000)
    one.__exit__(None, None, None)
    assert (len(made.begun), made.ended) == (1, 1)


def test_the_page_of_results_that_are_not_whole_says_so_until_the_report_is_there(tmp_path):
    root, out, plugins = make_results(tmp_path / "r", benchmarks=["cost"], lost=("beta",)), tmp_path / "o", registry()
    verdicts, results = decide(root, plugins)
    write_page(root, out, plugins, results, verdicts, ABOUT)
    page = (out / "index.html").read_text()
    assert '<p id="live" role="status" data-page="4">still running: 3 of 9 jobs, about 2 h left</p>' in page
    assert '<noscript><meta http-equiv="refresh"' in page.split("</head>")[0]
    assert json.loads((out / "data" / "live.js").read_text().partition(" = ")[2].rstrip(";\n")) == ABOUT
    assert not is_made(root, out, plugins, verdicts), "so that it is made at the end"
    write_report(root, out, plugins, results, verdicts)
    assert 'id="live"' not in (out / "index.html").read_text()
    assert not (out / "data" / "live.js").exists()


@pytest.mark.slow
def test_a_process_of_its_own_writes_the_page_and_leaves_nothing_when_it_is_ended(tmp_path):
    root = make_results(tmp_path / "r", lost=("beta",))
    noisy = tmp_path / "own" / "benchmarks" / "noisy.py"
    noisy.parent.mkdir(parents=True)
    noisy.write_text("import os\nprint('x' * 100_000, flush=True)\nos.system('echo more')\n")  # more than a pipe holds
    about = {"root": str(root), "out": str(tmp_path / "o"), "folders": [str(tmp_path / "own")], "live": ABOUT}
    page, begin = Page(about), time.monotonic()
    while (took := page.took()) is None:
        assert time.monotonic() < begin + 120
        time.sleep(0.1)
    cpu, well = took
    assert well
    assert cpu > 0
    before = {path: path.read_bytes() for path in (tmp_path / "o").rglob("*") if path.is_file()}
    for after in (0.0, 1.0, 2.0, 3.0):
        page = Page(about)
        time.sleep(after)
        page.end()
        assert page.took() is not None
        found = {path: path.read_bytes() for path in (tmp_path / "o").rglob("*") if path.is_file()}
        assert found == before
    broken = Page({**about, "root": str(tmp_path)})
    while (took := broken.took()) is None:
        time.sleep(0.1)
    cpu, well = took
    assert not well
    assert cpu >= EVERY
    assert "the page was not written while the run went on (UserError:" in (tmp_path / "run.log").read_text()
