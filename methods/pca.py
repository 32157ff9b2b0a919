"""Principal components: the projections of the centred image on the directions of greatest variance (Pearson 1901).

    a = V^T (x - mean),  V the leading eigenvectors of the covariance;  whitened, each by its standard deviation

Whitened features are as independent as a rotation and scaling of Gaussian images can make them: uncorrelated, of equal
variance. Probes standardise all features, so the two do equally well there, up to rounding, and differ only where the
scale of features counts. Whitened, a direction in which images do not vary is 0.
"""

from dataclasses import replace
from typing import ClassVar

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


class PCA(Method):
    card = Card(
        family="reference",
        role="reference",
        objective="orthogonal projections of greatest variance",
        prevents="linear correlation",
        paper="Pearson 1901",
    )
    variants: ClassVar = {
        "pca_whitening": {
            "card": replace(
                card,
                family="non-redundancy",
                role="control",
                objective="orthogonal projections of greatest variance, each scaled to variance 1",
                paper="Hotelling 1933",
            ),
            "whiten": True,
        }
    }
    activation = "identity"
    backbones = ONE_LAYER
    whiten: bool = param(False, help="divide every component by its standard deviation")

    def unavailable(self, problem: Problem) -> str | None:
        return without_components(problem)

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        mean, weight = principal_components(images, net.problem.width, self.whiten)
        budget.spend()  # of the covariance
        return projection(mean, weight, net.problem.width)
