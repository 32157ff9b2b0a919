"""Files of former formats are read in today's words, and by the committed mapping alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from infomax_bench.base.older import tags_of
from infomax_bench.base.sealed import sealed
from infomax_bench.base.store import Store, digest


def write_job(root: Path, key: str, version: int, rows: list[dict[str, Any]], **more: Any) -> None:
    body = {"rows": rows, "status": "ok", "reason": "", **more}
    content = {"format": version, "key": key, "sha256": digest([version, key, body]), "body": body}
    path = Store(root).job_path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def row(**more: Any) -> dict[str, Any]:
    return {"seed": 0, "metric": "linear_probe", "value": math.nan, **more}


@pytest.mark.parametrize(
    ("version", "reason", "status"),
    [
        (2, "diverged", "diverged"),
        (2, "the features are not finite", "diverged"),
        (2, "OSError: disk", "failed"),
        (3, "diverged", "failed"),
    ],
)
def test_what_diverged_was_a_failure_with_a_reason(tmp_path, version, reason, status):
    """Of rows and of whole jobs; a file of today's format says what it means, whatever the reason."""
    write_job(tmp_path, "rows", version, [row(status="failed", reason=reason)])
    write_job(tmp_path, "job", version, [], status="failed", reason=reason)
    store = Store(tmp_path)
    assert store.read_job("rows").rows[0]["status"] == status
    assert store.read_job("job").status == status


def test_the_other_of_a_pair_was_its_protocol(tmp_path):
    pair, alone = row(metric="cka", protocol="pca", value=0.5), row(metric="accuracy", protocol="linear", value=0.9)
    write_job(tmp_path, "old", 2, [pair, alone])
    read = Store(tmp_path).read_job("old").rows
    assert read == [{**pair, "protocol": "", "other": "pca"}, alone]


LABELS = {
    ("scale", "images: 1000"): {"sweep": "images", "amount": 1000},
    ("convergence", "images: 1000 of 50000"): {"sweep": "images", "amount": 1000, "available": 50000},
    ("mechanism", "neither"): {"cell": "neither"},
    ("mechanism", "decorrelation only, own settings"): {"cell": "decorrelation only, own settings"},
    ("mechanism", "competition only; start 0.1"): {"cell": "competition only", "sweep": "start", "amount": 0.1},
    ("history", "as trained; ReLU + batch norm; 100 labels"): {
        "start": "as trained",
        "network": "ReLU + batch norm",
        "labels": 100,
    },
    ("robustness", "lambda_tc = 0.01"): {"sweep": "lambda_tc", "amount": 0.01},
    ("robustness", "default settings"): {},
    ("depth", "layer by layer"): {"stacking": "layer by layer"},
    ("width", "images: 1000"): {},
}


@pytest.mark.parametrize(("asked", "tags"), LABELS.items())
def test_labels_said_what_tags_say(asked, tags):
    assert dict(tags_of(*asked)) == tags


def test_entries_of_a_former_manifest_have_tags(tmp_path):
    cell = {
        "method": "m",
        "dataset": "d",
        "track": "t",
        "backbone": "linear",
        "width": 1,
        "depth": 1,
        "label": "width: 8",
    }
    entry = {
        "benchmark": "scale",
        "cell": cell,
        "request": {"evaluation": "e", "target": None},
        "seeds": [0],
        "key": "k",
    }
    for content in ({"format": 2, "entries": {"slot": entry}}, {"slot": entry}):
        (tmp_path / "manifest.json").write_text(sealed(content, indent=0))
        (read,) = Store(tmp_path).manifest().values()
        assert read == {**entry, "cell": {**cell, "tags": [["amount", 8], ["sweep", "width"]]}}
