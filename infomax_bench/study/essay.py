"""What is claimed, in its author's words: `claims.toml` beside benchmarks quotes every sentence that is tested, with
what decides it, and lists those that are not, with the reason.

    [[sentence]]
    id = "P1"
    heading = "The InfoMax Hypothesis"
    words = "InfoMax-pretrained models can't be pruned."
    by.pruning = ["Cannot be pruned"]           # benchmark -> titles of its verdicts, names of its findings

    [[untested]]
    heading = "The History"
    why = "what others did, before anything here was measured"
    begin = ["Then it stopped mattering."]      # its first five words
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infomax_bench.base.errors import UserError, unknown
from infomax_bench.study.given import Given, read_table

FILE = "claims.toml"


@dataclass(frozen=True)
class Sentence:
    """A sentence that is tested. by: benchmark -> the titles of its verdicts and the names of its findings that decide
    it. datasets: those on which they can, where it is not all that the benchmark is asked on."""

    id: str
    heading: str
    words: str
    by: Mapping[str, tuple[str, ...]]
    datasets: tuple[str, ...] = ()

    @property
    def predicts(self) -> bool:
        """Whether it is a numbered prediction, or part of one: "P1", "P1.unique"."""
        return re.match(r"P\d", self.id) is not None


@dataclass(frozen=True)
class Untested:
    """Sentences below one heading that no rule decides, by their first words, and why."""

    heading: str
    why: str
    begin: tuple[str, ...]


@dataclass(frozen=True)
class Essay:
    """All sentences, in the essay's order."""

    path: Path
    sentences: tuple[Sentence, ...] = ()
    untested: tuple[Untested, ...] = ()
    _by_id: dict[str, Sentence] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for one in self.sentences:
            if self._by_id.setdefault(one.id, one) is not one:
                raise UserError(f"{self.path}: two sentences have the id {one.id!r}")

    def of(self, benchmark: str) -> list[Sentence]:
        """What a benchmark decides: the predictions first, else in the essay's order."""
        return sorted((one for one in self.sentences if benchmark in one.by), key=lambda one: not one.predicts)

    def quoted(self, name: str) -> str:
        """The sentence of an id, in quotation marks. Raises UserError for one that is not there."""
        if name not in self._by_id:
            raise UserError(f"{self.path}: {unknown('id of a sentence', name, self._by_id)}")
        return f"“{self._by_id[name].words}”"

    def place(self, benchmark: str) -> tuple[bool, int]:
        """Where a benchmark stands that decides something: by its first sentence, as `of` has them."""
        first = self.of(benchmark)[0]
        return not first.predicts, self.sentences.index(first)

    def check(
        self, benchmark: str, names: Collection[str], benchmarks: Collection[str], datasets: Collection[str]
    ) -> None:
        """Raises UserError, with the culprit, if a sentence names a benchmark that is not there; or, of this benchmark,
        a verdict or finding that is none of `names`, or a data set that it is not asked on."""
        for one in self.sentences:
            where = f"{self.path}: {one.id}"
            for name in one.by:
                if name not in benchmarks:
                    raise UserError(f"{where}: {unknown('benchmark', name, benchmarks)}")
            for name in one.by.get(benchmark, ()):
                if name not in names:
                    raise UserError(f"{where}: {unknown(f'verdict or finding of {benchmark}', name, names)}")
            for name in one.datasets if benchmark in one.by else ():
                if name not in datasets:
                    raise UserError(f"{where}: {unknown(f'data set of {benchmark}', name, datasets)}")


SENTENCE = {
    "id": Given(str, "a name for it"),
    "heading": Given(str, "what it stands below"),
    "words": Given(str, "the sentence, exactly"),
    "by": Given(dict[str, tuple[str, ...]], "what decides it"),
    "datasets": Given(tuple[str, ...], "where it can", ()),
}
UNTESTED = {
    "heading": Given(str, "what they stand below"),
    "why": Given(str, "the reason"),
    "begin": Given(tuple[str, ...], "their first words"),
}


@functools.cache
def essay_in(folder: Path) -> Essay:
    """The sentences of a folder's file; none if it has no such file. Raises UserError, with the culprit, for what is
    not as it should be."""
    path = folder / FILE
    if not path.is_file():
        return Essay(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is no TOML ({error})") from None
    for name in table:
        if name not in ("sentence", "untested"):
            raise UserError(f"{path}: {unknown('table', name, ('sentence', 'untested'))}")
        if not isinstance(table[name], list) or not all(isinstance(one, dict) for one in table[name]):
            raise UserError(f"{path}: {name} is to be a list of tables: each begins with [[{name}]]")
    tested, rest = table.get("sentence", ()), table.get("untested", ())
    return Essay(
        path,
        tuple(Sentence(**read_table(SENTENCE, one, f"{path}: {one.get('id', 'a sentence')}")) for one in tested),
        tuple(Untested(**read_table(UNTESTED, one, f"{path}: {one.get('heading', 'untested')}")) for one in rest),
    )
