"""Independent component analysis: projections of whitened images that are as far from Gaussian as can be.

    a = W V^T (x - mean),  V whitened principal components, W orthogonal, maximising sum_j J(a_j),
    J(a) = (E log cosh a - E log cosh n)^2,  n standard normal

J stands for the negentropy of an output; of orthogonal projections of whitened data, those with the greatest sum have
the least mutual information (Hyvarinen 1999). By scikit-learn's FastICA, in the space of as many principal components
as there are units. Images that vary in fewer directions leave the units beyond them at 0.
"""

import torch
from sklearn.decomposition import FastICA

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


class ICA(Method):
    card = Card(
        family="non-redundancy",
        role="control",
        objective="non-Gaussianity of every output, the outputs being uncorrelated (FastICA)",
        prevents="redundancy",
        paper="Comon 1994; Hyvarinen 1999",
    )
    activation = "identity"
    backbones = ONE_LAYER
    iterations: int = param(300, valid="[1, inf)", help="of FastICA's fixed point, at most")

    def unavailable(self, problem: Problem) -> str | None:
        return without_components(problem)

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        mean, weight = principal_components(images, net.problem.width, whiten=True)
        budget.spend()  # of the covariance
        if most := min(self.iterations, int(budget.left)):
            z = (images.flatten(1) - mean) @ weight
            ica = FastICA(whiten=False, max_iter=most, random_state=int(rng.uniform() * 2**24)).fit(z.cpu().numpy())
            budget.spend(ica.n_iter_)
            weight = weight @ torch.from_numpy(ica.components_).to(weight).T
        return projection(mean, weight, net.problem.width)
