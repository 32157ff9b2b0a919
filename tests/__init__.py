"""The tests: a process has one thread, as a job has, so that two of them do not get in each other's way. The Hugging
Face Hub is not asked, and what somebody has in its cache is not found."""

import os

for library in ("OMP", "OPENBLAS", "MKL"):  # before numpy and torch, which read them once
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": os.devnull}
