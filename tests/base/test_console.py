"""What is printed: no text ends a command or steers a terminal, whatever the terminal can show."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys

import pytest

from infomax_bench.base.console import any_terminal, few, line_of, say, tell
from infomax_bench.base.store import Store
from infomax_bench.cli.main import build_parser, fail

NASTY = "a\x1b[2Jb\udce9\x9b31mc\u202ed\re\x07"
ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}


def test_nothing_printed_steers_a_terminal(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(logging.getLogger("infomax_bench"), "propagate", False)  # else pytest keeps the bare text
    any_terminal()
    say(NASTY, "two\nlines")
    tell(f"{NASTY}\nand more")
    with pytest.raises(SystemExit):
        fail(NASTY)
    Store(tmp_path).log([NASTY])
    logging.getLogger("infomax_bench").warning(NASTY)
    out, error = capsys.readouterr()
    written = out + error + (tmp_path / "run.log").read_text(encoding="utf-8")
    assert not set(written) & set("\x1b\x9b\u202e\r\x07\udce9")
    assert written.count(r"a\x1b[2Jb\udce9\x9b31mc\u202ed") == 5
    assert "two\nlines\n" in out
    assert len(error.splitlines()) == 3, "a line each, whatever is in it"
    assert "caf\u00e9 \u2020" in line_of("caf\u00e9 \u2020"), "text stays text"


def test_an_ascii_terminal_gets_escapes(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    any_terminal()
    say("caf\u00e9 \u2020 \udce9")
    stream.flush()
    assert stream.buffer.getvalue() == rb"caf\xe9 \u2020 \udce9" + b"\n"  # type: ignore[attr-defined]


COMMANDS = (
    ["list", "methods"],
    ["list", "datasets"],
    ["list", "benchmarks"],
    ["run", "--help"],
    ["run", "--methods", "\u00e9t\u00e9"],
    ["evaluate", "caf\udce9\x1b.npz"],
    ["check", "caf\u00e9.py"],
)


@pytest.mark.slow
def test_every_command_prints_on_an_ascii_terminal():
    """All in one process of such a locale, where even names of arguments come with odd bytes."""
    code = (
        "import sys, ast; from infomax_bench.cli.main import main\n"
        "for one in ast.literal_eval(sys.argv[1]):\n"
        "    try: main(one)\n"
        "    except SystemExit as stop: assert stop.code in (0, 2), stop.code\n"
    )
    command = [sys.executable, "-c", code, ascii(list(COMMANDS))]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **ASCII}, timeout=120)
    assert done.returncode == 0, done.stderr[-500:]
    assert (done.stdout + done.stderr).isascii()
    assert b"\x1b" not in done.stdout + done.stderr
    assert done.stderr.count(b"infomax-bench: error:") == 3


def test_few_names_of_many():
    assert few(["a", "b"]) == "a, b"
    assert few([*"abcdefg"]) == "a, b, c, d, e, f, g", "one more needs no counting"
    assert few([*"abcdefgh"]) == "a, b, c, d, e, f and 2 others"


def test_help_is_plain():
    assert build_parser().format_help().isascii()
