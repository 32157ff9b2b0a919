"""Methods at their beginning on all digits, as problem, session and net."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from sklearn.datasets import load_digits

from infomax_bench import Augmentation, Batch, Method, Net, Problem
from infomax_bench.data.dataset import split
from infomax_bench.models.backbones import build_blocks
from infomax_bench.models.blocks import init_params
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data
from infomax_bench.training.session import Session

digits = load_digits()
PIXELS = digits.data.astype(np.float32) * 255 // 16
IMAGES = torch.from_numpy(PIXELS).to(torch.uint8).view(-1, 1, 8, 8)
LABELS = torch.from_numpy(digits.target)
CAPTIONS = 1 + LABELS.unsqueeze(1)  # of one word each
TEST = torch.arange(len(IMAGES)) >= 1500
PROBLEM = Problem((1, 8, 8), 16, n_classes=10, n_train=1250, batch_size=50, vocabulary=11, caption_length=1)
SETTINGS = {"moco": {"queue": 120}}
REGISTRY = registry()
NAMES = [n for n in REGISTRY.names("methods") if "linear" in REGISTRY.plugins["methods"][n].cls.backbones]
BATCHED = [name for name in NAMES if (cls := REGISTRY.plugins["methods"][name].cls).by_gradient() and cls.batched]


def method_named(name: str, **changes) -> Method:
    return REGISTRY.method(name, SETTINGS.get(name, {}) | changes)


def session_of(method: Method, seeds=(0,), stacked=True) -> Session:
    splits = [split(TEST, seed) for seed in seeds]
    augmentation = Augmentation(shift=0.1, rotate=10, noise=0.05)
    data = Data(IMAGES, LABELS, splits, augmentation, CAPTIONS)
    return Session(method, PROBLEM, data, seeds, 10, stacked, torch.device("cpu"))


def net_of(method: Method, problem: Problem = PROBLEM, seeds=(0,)) -> Net:
    blocks = build_blocks(problem, method, method.heads(problem))
    params = init_params(blocks, seeds)
    return Net(problem, blocks, {name: p.requires_grad_() for name, p in params.items()})


def given_outputs(**parts) -> SimpleNamespace:
    """A net whose parts are the given functions, to see a loss as a function of outputs alone."""
    return SimpleNamespace(**parts)


def batch_of(*shape: int, seed=0) -> Batch:
    return Batch(images=torch.rand(shape, generator=torch.Generator().manual_seed(seed)))
