"""`infomax-bench new-method`: a commented file that already runs, to be changed into one's own idea."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from infomax_bench.base.errors import UserError
from infomax_bench.base.store import write_text
from infomax_bench.study.plugins import home, in_clone, registry

TEMPLATE = '''\
"""{title}: what it minimises, in one line (Authors year, where).

Say here, in a few lines and in the paper's symbols, what the objective is. As it stands this file is a whitened
feature: every output has unit variance, and outputs are uncorrelated over the batch.
"""

import torch

from infomax_bench import Batch, Card, Method, Net, Rng, param


class {cls}(Method):
    card = Card(
        family="independence",  # what the report groups it with
        objective="unit variance of every output, no correlation between outputs",
        prevents="redundancy and collapse",
        paper="unpublished",
        # no role: a draft, which takes no part in claims about others; with role="prior art" or "control" it would
    )
    activation = "relu"  # what the encoder ends in: relu, sigmoid or identity
    views = 0  # how many augmented views of each image the loss needs, in batch.views

    # Hyperparameters: default, the numbers that make sense, those that a tuner tries, help. learning_rate and the
    # optimiser are inherited.
    weight: float = param(1.0, valid="[0, inf)", search=(0.01, 100.0), log=True, help="weight of the decorrelation")

    # def heads(self, problem): return {{"decoder": Linear(problem.width, problem.input_size)}}
    #     trainable parts beside the encoder, used as net.decoder(h); thrown away after pretraining

    def loss(self, net: Net, batch: Batch, state: dict[str, torch.Tensor], rng: Rng):
        # Several seeds are trained at once along leading dimensions, written "...": reduce over the last ones only.
        # If that does not suit your objective, set `batched = False` and forget about "...".
        h = net.encoder(batch.images)  # [..., B, K]
        centred = h - h.mean(-2, keepdim=True)
        covariance = centred.mT @ centred / (h.shape[-2] - 1)  # [..., K, K]
        variance = covariance.diagonal(dim1=-2, dim2=-1)  # [..., K]
        off_diagonal = covariance.square().sum((-2, -1)) - variance.square().sum(-1)
        # one number a seed, or named terms: they are added, logged and plotted apart
        return {{"variance": (variance - 1).square().sum(-1), "correlation": self.weight * off_diagonal}}
'''


def write_method(name: str, folder: Path | None = None) -> Path:
    """Writes the template as NAME.py. Raises UserError for a name that cannot be one, or is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(f"{name!r} is no method name; use small letters, digits and _ as in my_idea")
    folder = folder or (home() / "methods" if in_clone() else Path())
    if not folder.is_dir():
        raise UserError(f"--dir {folder}: no such folder")
    path = folder / f"{name}.py"
    if path.exists() or name in registry().plugins["methods"]:
        raise UserError(f"there is a method {name!r} already; choose another name")
    words = name.split("_")
    cls = "".join(word.capitalize() for word in words)
    write_text(path, TEMPLATE.format(title=" ".join(words).capitalize(), cls=cls))
    return path
