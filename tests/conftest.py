"""One thread in every test, so that numbers and times repeat."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
