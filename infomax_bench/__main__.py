"""`python -m infomax_bench` is the command line."""

from infomax_bench.cli.main import main

raise SystemExit(main())
