"""A method's own objective on held-out images: for those whose value means something, such as a bound in nats."""

from __future__ import annotations

import torch

from infomax_bench.base.errors import NotApplicable
from infomax_bench.base.streams import Rng
from infomax_bench.data.dataset import images_as, load, split, to_unit
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation
from infomax_bench.models.backbones import build_blocks, encoding_of
from infomax_bench.models.blocks import Net
from infomax_bench.training.method import Batch
from infomax_bench.training.session import named_terms

CHUNK = 1000


@evaluation(
    metrics=[
        Metric("heldout_loss", "the method's own loss on test images"),
        Metric("heldout_", "a term of that loss on test images", each="term of the method's loss"),
    ]
)
@torch.no_grad()
def objective(context: Context) -> list[Row]:
    """The loss on the test images (`heldout_loss`) and each of its terms, averaged over batches of 1,000 images.

    For objectives of single images; one that depends on the rest of its batch is measured on other batches than it was
    trained on.
    """
    encoder = context.need_encoder()
    method, problem, dataset = encoder.method, encoder.problem, context.target
    assert dataset is not None
    if (
        not (method.by_gradient() and method.batched)
        or method.needs
        or method.views
        or encoding_of(problem.backbone).greedy
    ):
        raise NotApplicable("has no objective of images alone")
    net = Net(problem, build_blocks(problem, method, method.heads(problem)), encoder.params)
    rng = Rng.of(encoder.seeds, "objective")
    state = method.state(net, rng)
    test = split(load(dataset).test, encoder.seeds[0]).test
    totals: dict[str, torch.Tensor] = {}
    for part in images_as(dataset, problem.input_shape)[test].split(CHUNK):
        images = to_unit(part).expand(len(encoder.seeds), *part.shape)
        for name, term in named_terms(method.loss(net, Batch(images=images), state, rng)).items():
            totals[name] = totals.get(name, torch.zeros(())) + term.double() * (len(part) / len(test))
    rows = context.rows("heldout_loss", torch.stack(list(totals.values())).sum(0))
    return rows + [row for name, value in totals.items() for row in context.rows(f"heldout_{name}", value)]
