"""The tests: a process has one thread, as a job has, so that two of them do not get in each other's way."""

import os

for library in ("OMP", "OPENBLAS", "MKL"):  # before numpy and torch, which read them once
    os.environ[f"{library}_NUM_THREADS"] = "1"
