"""The main job on a data set of 120 images and a method that tests can rewrite."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pandas as pd

from infomax_bench.run.runner import Run, run
from infomax_bench.run.workers import Workers
from infomax_bench.study.benchmark import Benchmark
from infomax_bench.study.plan import make_suite
from infomax_bench.study.plugins import Registry, home, registry, reread
from infomax_bench.study.presets import load_presets
from infomax_bench.study.suite import Suite

TINY = '''
"""A hundred and twenty small images in three classes."""
import torch
from infomax_bench import Augmentation, Dataset, Images

class Tiny(Dataset):
    summary = "for tests"
    shape = (1, 5, 5)
    class_names = ("a", "b", "c")
    n_rest, n_test = 90, 30
    augmentation = Augmentation(shift=0.1)

    def load(self):
        rng = torch.Generator().manual_seed(0)
        labels = torch.arange(120) % 3
        images = 60 * labels.view(-1, 1, 1, 1) + torch.randint(0, 100, (120, 1, 5, 5), generator=rng)
        return Images(images.to(torch.uint8), labels, torch.arange(120) >= 90)
'''

ECHO = '''
"""A method of the tests: {comment}."""
import torch
from infomax_bench import Card, Method

class Echo(Method):
    card = Card(family="test", role="prior art", objective="none", prevents="nothing", paper="none")

    def loss(self, net, batch, state, rng):
        {body}
'''

GOOD = "return (net.encoder(batch.images) - 1).square().mean((-2, -1))"


def write_echo(folder: Path, body: str = GOOD, comment: str = "as it was") -> None:
    (folder / "echo.py").write_text(ECHO.format(body=textwrap.dedent(body), comment=comment))


def suite_of(
    own: Path, methods=("echo", "pca"), benchmarks=("pruning", "redundancy"), batch_size=16, **changes
) -> tuple[Registry, Suite, list[Benchmark]]:
    """What is asked for, of plug-ins as a new process would read them."""
    reread()
    found = registry([str(own)])
    preset = load_presets(home() / "benchmarks")["quick"]
    options = {"methods": list(methods), "datasets": ["tiny"], "widths": [4], "epochs": 2, "seeds": 2, **changes}
    # small: never on fewer images
    preset = type(preset)(**{**vars(preset), "batch_size": batch_size, "scaled": {}})
    return found, make_suite(found, preset, **options), [found.benchmark(name) for name in benchmarks]


def go(
    own: Path,
    root: Path,
    *named,
    workers=Workers(),  # noqa: B008 - it is frozen
    remembers=False,
    watch=None,
    **asked,
) -> Run:
    found, suite, chosen = suite_of(own, *named, **asked)
    how = {"folders": [str(own)], "workers": workers, "quiet": True, "remembers": remembers, "watch": watch}
    return run(found, suite, chosen, root, **how)


def values(done: Run) -> pd.DataFrame:
    """What must repeat: all but times and stamps."""
    table = done.results.table
    return table[~table["metric"].str.contains("second")].drop(columns=["git_sha"])
