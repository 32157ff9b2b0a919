"""Principal components: the projections of the centred image on the directions of greatest variance (Pearson 1901).

    a = V^T (x - mean),  V the leading eigenvectors of the covariance

Fitted by scikit-learn, by the eigenvectors of the covariance: exact, and the same in every run, with scikit-learn's
convention for the signs.
"""

import torch
from sklearn.decomposition import PCA as SklearnPCA

from infomax_bench import Card, Method, Net, Problem, Rng


class PCA(Method):
    card = Card(
        family="reference",
        role="reference",
        objective="orthogonal projections of greatest variance",
        prevents="linear correlation",
        paper="Pearson 1901",
    )
    activation = "identity"

    def unavailable(self, problem: Problem) -> str | None:
        if problem.width > problem.input_size:
            return f"an input of size {problem.input_size} has no {problem.width} principal components"
        if problem.width > problem.n_train:
            return f"{problem.n_train} training images have no {problem.width} principal components"
        return None

    def fit(self, net: Net, images, labels, rng: Rng):
        pca = SklearnPCA(net.problem.width, svd_solver="covariance_eigh").fit(images.flatten(1).cpu().numpy())
        weight = torch.from_numpy(pca.components_.T.copy()).float()
        bias = -torch.from_numpy(pca.mean_).float() @ weight
        return {"encoder.weight": weight.to(images.device), "encoder.bias": bias.to(images.device)}
