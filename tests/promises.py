"""Holding a plug-in to what `infomax-bench check` asks of it."""

from __future__ import annotations

import pytest

from infomax_bench.base.errors import NotApplicable
from infomax_bench.check.check import promises
from infomax_bench.check.promise import Skipped
from infomax_bench.study.plugins import Registry


def held(found: Registry, kind: str, name: str) -> int:
    """Fails the test with the first promise that the plug-in breaks; how many there were to try."""
    tried = 0
    for words, test in promises(found.get(kind, name), found):
        try:
            test()
            tried += 1
        except (Skipped, NotApplicable):
            continue
        except Exception as error:
            pytest.fail(f"{words}: {error}")
    return tried
