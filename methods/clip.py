"""CLIP: an image and its caption are matched within a batch, by two towers (Radford et al. 2021).

    (CE(s) + CE(s^T)) / 2,    s_ij = exp(t) cos(image_i, text_j),    CE the cross-entropy of the diagonal

image_i is a linear projection of the encoder's features, text_j one of a small transformer's over the caption; t is
learned, and exp(t) kept to at most 100. Captions are written from labels or factors, so CLIP stands with the supervised
methods. Many captions of a batch may be the same; they count as each other's negatives, as in the paper, which harms
nothing: they have one embedding, and the loss then equals the one whose targets are shared out among equal captions
(Yang et al. 2022, "UniCL"). Unlike the paper's, the text tower averages over words, and images are not cropped.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from infomax_bench import Batch, Card, Linear, Method, Native, Net, Problem, Rng, TextEncoder, cross_entropy, param


@dataclass(frozen=True)
class Scale:
    """Multiplication by exp(t), with t learned."""

    start: float

    def init(self, rng: torch.Generator):
        return {"t": torch.tensor(math.log(self.start))}

    def __call__(self, params, similarity):
        return similarity * params["t"].exp()[..., None, None]


def matching(similarity):
    """The loss `[...]` of similarities `[..., B images, B captions]`; those on the diagonal belong together."""
    own = torch.arange(similarity.shape[-1], device=similarity.device).expand(similarity.shape[:-1])
    return (cross_entropy(similarity, own) + cross_entropy(similarity.mT, own)) / 2


class CLIP(Method):
    card = Card(
        family="foundation models",
        role="prior art",
        objective="an image's caption is told from the batch's other captions, and the image from its other images",
        prevents="nothing specific",
        paper="Radford et al. 2021, arXiv:2103.00020",
        essay_cost="extreme",
    )
    native = Native("vit", 4)
    needs = ("captions",)
    temperature: float = param(
        0.07, valid="(0, inf)", search=(0.02, 0.5), log=True, help="exp(-t) at the start; lower, harder negatives"
    )
    projection: int = param(128, valid="[1, inf)", help="dimensions of the space that both towers are projected to")
    text_width: int = param(64, valid="[1, inf)", help="width of the text tower")
    text_depth: int = param(1, valid="[1, inf)", help="transformer blocks of the text tower")

    def heads(self, problem: Problem):
        return {
            "text": TextEncoder(problem.vocabulary, problem.caption_length, self.text_width, self.text_depth),
            "image_projection": Linear(problem.width, self.projection),
            "text_projection": Linear(self.text_width, self.projection),
            "scale": Scale(1 / self.temperature),
        }

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        image = F.normalize(net.image_projection(net.encoder(batch.images)), dim=-1)
        text = F.normalize(net.text_projection(net.text(batch.captions)), dim=-1)
        return matching(net.scale(image @ text.mT))

    def after_step(self, net: Net, batch: Batch, state, rng: Rng):
        net.scale.t.clamp_(max=math.log(100))
