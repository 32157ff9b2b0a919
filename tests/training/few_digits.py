"""Methods trained for a moment on 800 digits."""

from __future__ import annotations

import sys

import torch
from sklearn.datasets import load_digits

from infomax_bench import Method, Net, Problem
from infomax_bench.data.dataset import split
from infomax_bench.models.backbones import build_blocks
from infomax_bench.models.blocks import init_params
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import Data
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train

digits = load_digits()
IMAGES = torch.from_numpy(digits.data * 255 // 16).to(torch.uint8).view(-1, 1, 8, 8)[:800]
LABELS = torch.from_numpy(digits.target)[:800]
TEST = torch.arange(800) >= 700
X = IMAGES.float() / 255
PROBLEM = Problem((1, 8, 8), width=12, n_classes=10, n_train=600, batch_size=50)
SEEDS = (0, 1)
REGISTRY = registry()


def method_named(name: str, **changes) -> Method:
    return REGISTRY.method(name, changes)


def module_of(name: str):
    """The method's file, for its functions."""
    return sys.modules[REGISTRY.plugins["methods"][name].cls.__module__]


def data_of(images: torch.Tensor = IMAGES) -> Data:
    return Data(images, LABELS, [split(TEST, seed) for seed in SEEDS])


def encoder_of(method: Method, problem: Problem = PROBLEM, images: torch.Tensor = IMAGES, epochs=1) -> Encoder:
    params = train(method, problem, data_of(images), SEEDS, epochs).params
    return Encoder(method, problem, params, SEEDS, "digits")


def net_of(method: Method, problem: Problem = PROBLEM) -> Net:
    blocks = build_blocks(problem, method, method.heads(problem))
    return Net(problem, blocks, init_params(blocks, SEEDS))
