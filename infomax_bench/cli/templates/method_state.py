"""My idea: what it minimises, in one line (Authors year, where).

Say here, in a few lines and in the paper's symbols, what the objective is. As it stands, in this file a student agrees
with a teacher on another view of the image. The teacher is a slow copy of the student; the running mean c of all that
it says is taken off, so that saying the same of every image is worth nothing:

    - cos(s(v), t(v') - c),     t <- m t + (1 - m) s,     c <- m c + (1 - m) mean t
"""

import torch
from torch.nn import functional as F

from infomax_bench import MLP, Batch, Card, Method, Net, Problem, Rng, follow, param, projections


class MyIdea(Method):
    card = Card(
        family="contrastive",  # what the report groups it with
        objective="a student's projection of one view agrees with a slow teacher's, centred, of the other",
        prevents="augmentation-variance collapse",
        paper="unpublished",
        # no role: a draft, which takes no part in claims about others; with role="prior art" or "control" it would
    )
    views = 2  # how many augmented views of each image the loss needs, in batch.views

    # Hyperparameters: default, the numbers that make sense, those that a tuner tries, help.
    keep: float = param(0.99, valid="[0, 1)", search=(0.9, 0.999), help="m: share of itself that the state keeps")
    projection: int = param(32, valid="[1, inf)", help="dimensions of the projection")

    def heads(self, problem: Problem):
        # trainable parts beside the encoder, called as net.NAME(...); thrown away after pretraining
        return {"projector": MLP((problem.width, self.projection, self.projection), batch_norm=True)}

    def state(self, net: Net, rng: Rng):
        # Tensors that live across steps, by name. Several seeds are trained at once: shapes are given as for one, and
        # rng.zeros, rng.normal, rng.uniform and copies of parameters have the seeds' dimension in front.
        return {**net.copy_params("encoder", "projector"), "centre": rng.zeros(1, self.projection)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        student = projections(net, batch.views)  # of each view [..., B, P]; reduce over the last dimensions only
        with torch.no_grad():
            teacher = projections(net.with_params(state), batch.views)  # by the copies instead of the parameters
            mean = torch.cat(teacher, dim=-2).mean(-2, keepdim=True)
            state["centre"] = self.keep * state["centre"] + (1 - self.keep) * mean  # the state may be assigned to
        pairs = zip(student, reversed(teacher), strict=True)
        return sum(-F.cosine_similarity(s, t - state["centre"], dim=-1).mean(-1) for s, t in pairs)

    def after_step(self, net: Net, batch: Batch, state, rng: Rng):
        # Called after every update, without gradients; batch.progress is the share of training that is done. Parameters
        # and state may be changed in place: state["centre"].mul_(...), net.projector.params["0.weight"].clamp_(...).
        follow(state, net, self.keep)
