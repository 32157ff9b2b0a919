"""LeJEPA: views agree, and their projections are distributed as an isotropic Gaussian (Balestriero and LeCun 2025).

    (1 - lambda) mean (z_v - mean_v z_v)^2 + lambda SIGReg(z)
    SIGReg(z) = mean_{v, a}  B integral |phi(t) - exp(-t^2/2)|^2 exp(-t^2/2) dt,   phi(t) = mean_batch exp(i t a.z_v)

SIGReg ("sketched isotropic Gaussian regularisation") is the Epps-Pulley test of normality on random directions a, drawn
anew in every step. The units of an isotropic Gaussian are independent, so this asks for more than no correlation.
lambda is the paper's; the integral is the authors' code's, the trapezoidal rule on 17 points from 0 to 3, twice. Two
views of one size take the place of its eight crops, and there are fewer directions and dimensions, for small encoders.
"""

from itertools import accumulate

import torch

from infomax_bench import MLP, Batch, Card, Method, Native, Net, Problem, Rng, param, projections


def epps_pulley(x):
    """Of each of M samples of size B, `[..., B, M]`: how far it is from a standard normal one, `[..., M]`."""
    t = torch.linspace(0, 3, 17, device=x.device)
    normal = torch.exp(-t.square() / 2)  # the characteristic function, and the weight of its error
    wave = torch.polar(torch.ones_like(x), t[1] * x)  # exp(itx) at the second t; its powers, cheaper, are the others
    powers = accumulate([torch.ones_like(wave), *[wave] * 16], torch.mul)
    phi = torch.stack([power.mean(-2) for power in powers], dim=-1)
    return 2 * x.shape[-2] * torch.trapezoid((phi - normal).abs().square() * normal, t)


class LeJEPA(Method):
    card = Card(
        family="non-redundancy",
        role="control",
        objective="two views agree; random one-dimensional projections of their embeddings are standard normal",
        prevents="redundancy and collapse",
        paper="Balestriero and LeCun 2025, arXiv:2511.08544",
    )
    native = Native("convnet")
    views = 2
    gaussianity: float = param(
        0.05, valid="[0, 1]", search=(0.01, 0.5), log=True, help="lambda: weight of SIGReg; 1 - lambda of agreement"
    )
    directions: int = param(64, valid="[1, inf)", help="random directions in each step")
    hidden: int = param(256, valid="[1, inf)", help="width of the projector's hidden layers")
    projection: int = param(64, valid="[1, inf)", help="dimensions of the projection that is made Gaussian")

    def heads(self, problem: Problem):
        return {"projector": MLP((problem.width, self.hidden, self.hidden, self.projection), batch_norm=True)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        z = torch.stack(projections(net, batch.views))
        a = rng.normal(self.projection, self.directions)
        a = a / a.norm(dim=-2, keepdim=True)
        return {
            "prediction": (1 - self.gaussianity) * (z - z.mean(0)).square().mean((0, -2, -1)),
            "gaussianity": self.gaussianity * epps_pulley(z @ a).mean((0, -1)),
        }
