"""Others' scripts that come with the page are the files that were published, with their licences."""

import hashlib
import json

import pytest

from infomax_bench.report.pages import STATIC

VENDOR = STATIC / "vendor"
RECORDED = json.loads((VENDOR / "versions.json").read_text(encoding="utf-8"))


def test_every_script_is_recorded():
    assert {path.name for path in VENDOR.glob("*.js")} == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_it_is_what_was_published(name):
    content = (VENDOR / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == RECORDED[name]["sha256"]
    assert RECORDED[name]["version"] in content[:100].decode()  # its own banner
    assert RECORDED[name]["licence"] == "ISC"
    licence = (VENDOR / name.replace(".min.js", ".LICENSE")).read_text(encoding="utf-8")
    assert "Permission to use, copy, modify, and/or distribute this software" in licence
