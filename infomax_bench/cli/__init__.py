"""What is typed: the command line. It says what to do; others do it.

May import every other room: `check` and below.
"""

from infomax_bench.cli.main import main as main
