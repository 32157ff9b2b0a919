"""The original InfoMax: the greatest joint entropy of sigmoid outputs (Bell and Sejnowski 1995; Amari et al. 1996).

    y = sigmoid(u),   u = W z + b,   H(y) = H(z) + log |det W| + E sum_j log y_j (1 - y_j)
    W += rate (1 + E (1 - 2 y) (W z)^T) W,   b += rate E (1 - 2 y),   E over a batch

The update of W is the gradient of H(y) times W^T W (the natural gradient): no inverse, as fast whatever the mixture.
W is square, so z are whitened principal components, as many as there are units; where images vary in fewer directions,
the units beyond them are 0. As in the papers the logistic function is fixed, which finds sources with heavy tails, and
no others. The features are u. Of our own is only what keeps it from diverging on whitened images, whose tails are very
heavy: the rate falls to 0 along a line, and an update changes W by half its size at most.
"""

import torch

from infomax_bench import (
    ONE_LAYER,
    Budget,
    Card,
    Method,
    Net,
    Problem,
    Rng,
    param,
    principal_components,
    projection,
    without_components,
)


def natural_gradient(z, unmixing, bias):
    """Of H(y) by W^T `unmixing` (relative to it: times W^T on its left) and by b, averaged over z `[B, K]`."""
    u = z @ unmixing
    slope = 1 - 2 * torch.sigmoid(u + bias)
    return torch.eye(len(unmixing), device=z.device) + u.mT @ slope / len(z), slope.mean(0)


class BellSejnowskiInfoMax(Method):
    card = Card(
        family="independence",
        role="control",
        objective="joint entropy of sigmoid outputs (ICA by maximum likelihood, with logistic sources)",
        prevents="redundancy",
        paper="Bell and Sejnowski 1995; Amari, Cichocki and Yang 1996",
    )
    activation = "identity"
    backbones = ONE_LAYER
    learning_rate: float = param(0.05, valid="(0, inf)", search=(1e-3, 1.0), log=True, help="rate of the first update")
    images: int = param(128, valid="[1, inf)", help="images of each update")

    def unavailable(self, problem: Problem) -> str | None:
        return without_components(problem)

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        mean, whitening = principal_components(images, net.problem.width, whiten=True)
        z = ((images.flatten(1) - mean) @ whitening).float()
        unmixing, bias = torch.eye(z.shape[1], device=z.device), torch.zeros(z.shape[1], device=z.device)
        budget.spend()  # of the covariance
        for drawn in budget.batches(self.images, rng):
            relative, slope = natural_gradient(z[drawn], unmixing, bias)
            rate = self.learning_rate * (1 - budget.progress)
            unmixing = unmixing + unmixing @ relative * (rate / max(1.0, 2 * rate * float(relative.norm())))
            bias = bias + rate * slope
        params = projection(mean, whitening @ unmixing.double(), net.problem.width)
        params["encoder.bias"][: len(bias)] += bias
        return params
