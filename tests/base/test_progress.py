"""The bar tells the time also while nothing ends."""

from __future__ import annotations

import time

from infomax_bench.base import progress as module
from infomax_bench.base.progress import progress


def test_the_clock_goes_on_while_a_task_lasts(monkeypatch, capsys):
    monkeypatch.setattr(module, "TICK", dict.fromkeys(module.TICK, 0.05))
    with progress(10.0) as bar:
        bar.update(2.5)
        capsys.readouterr()
        for _ in range(200):
            time.sleep(0.05)
            if "25%" in (said := capsys.readouterr().err):
                break
    assert "25%" in said
    assert "left" in said


def test_a_quiet_one_says_nothing(capsys):
    with progress(10.0, quiet=True) as bar:
        bar.update(10.0)
    assert capsys.readouterr().err == ""
