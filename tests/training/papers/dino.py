"""DINO: a student's distribution over prototypes is that of a centred, sharpened slow teacher (Caron et al. 2021).

    - sum_k p_k log q_k,   q = softmax(s(v) / T_s),   p = softmax((t(v') - c) / T_t),   T_t < T_s

The teacher t is a slow copy of the student s; its momentum rises to 1 along a cosine. The centre c follows the mean of
all that the teacher says. Centring alone favours saying everything alike, sharpening alone one thing only; together
neither. The views are of one size, and the projector is narrower than the paper's, as the encoders here are.
"""

import math

import torch

from infomax_bench import MLP, Batch, Card, Method, Native, Net, Problem, Rng, follow, param, projections


class DINO(Method):
    card = Card(
        family="contrastive",
        objective="a student's distribution over prototypes is a slow, centred and sharpened teacher's of another view",
        prevents="augmentation-variance collapse",
        paper="Caron et al. 2021, arXiv:2104.14294",
    )
    native = Native("vit", 4)
    views = 2
    student: float = param(0.1, valid="(0, inf)", search=(0.05, 0.5), log=True, help="T_s: the student's temperature")
    teacher: float = param(0.04, valid="(0, inf)", search=(0.01, 0.1), log=True, help="T_t: the teacher's")
    keep: float = param(0.99, valid="[0, 1)", search=(0.9, 0.999), help="what the teacher keeps of itself at first")
    centring: float = param(0.9, valid="[0, 1)", help="share of itself that the centre keeps")
    prototypes: int = param(64, valid="[2, inf)", help="how many")

    def heads(self, problem: Problem):
        return {"projector": MLP((problem.width, problem.width, self.prototypes), batch_norm=True)}

    def state(self, net: Net, rng: Rng):
        return {**net.copy_params("encoder", "projector"), "centre": rng.zeros(1, self.prototypes)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        told = [(s / self.student).log_softmax(-1) for s in projections(net, batch.views)]
        with torch.no_grad():
            says = projections(net.with_params(state), batch.views)
            targets = [((t - state["centre"]) / self.teacher).softmax(-1) for t in says]
            mean = torch.cat(says, dim=-2).mean(-2, keepdim=True)
            state["centre"] = self.centring * state["centre"] + (1 - self.centring) * mean
        return sum(-(p * q).sum(-1).mean(-1) for p, q in zip(targets, reversed(told), strict=True)) / 2

    def after_step(self, net: Net, batch: Batch, state, rng: Rng):
        follow(state, net, 1 - (1 - self.keep) * (math.cos(math.pi * batch.progress) + 1) / 2)
