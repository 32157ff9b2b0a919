"""Principal components, for the methods that are fitted in their space."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from infomax_bench.models.blocks import Params, Problem

NEGLIGIBLE = 1e-8
"""Variance, as a share of the largest, below which a direction is rounding and is not scaled up."""
FLOOR = 1e-10
"""The same in absolute terms: in 60,000 images, a pixel that differs in one of them, by less than a grey level."""


def without_components(problem: Problem) -> str | None:
    """Why the problem's images do not have as many principal components as it has units, or None."""
    if problem.width > problem.input_size:
        return f"an input of size {problem.input_size} has no {problem.width} principal components"
    if problem.width > problem.n_train:
        return f"{problem.n_train} training images have no {problem.width} principal components"
    return None


def principal_components(images: Tensor, n: int, whiten: bool = False) -> tuple[Tensor, Tensor]:
    """The mean `[D]` of images `[N, ...]` and their n leading principal directions `[D, n]`, in float64.

    By the eigenvectors of the covariance, or of fewer images than pixels by a singular value decomposition, which is
    then faster: exact, the same in every run, with scikit-learn's convention for the signs.
    whiten: every direction is scaled so that projections have variance 1, and those in which images do not vary are
    left out (of images that do not vary at all, one is left, 0).
    """
    from sklearn.decomposition import PCA

    flat = images.flatten(1).double().cpu().numpy()
    pca = PCA(n, svd_solver="covariance_eigh" if len(flat) >= flat.shape[1] else "full").fit(flat)
    mean, weight = torch.from_numpy(pca.mean_), torch.from_numpy(pca.components_.T.copy())
    if whiten:
        variance = torch.from_numpy(pca.explained_variance_)
        varies = variance > max(NEGLIGIBLE * float(variance[0]), FLOOR)
        scaled = torch.where(varies, weight / variance.clamp(min=FLOOR).sqrt(), 0.0)
        weight = scaled[:, : max(1, int(varies.sum()))]
    return mean.to(images.device), weight.to(images.device)


def projection(mean: Tensor, weight: Tensor, width: int) -> Params:
    """The parameters of an encoder that gives `(x - mean) @ weight`; units beyond the columns of `weight` give 0."""
    weight = F.pad(weight, (0, width - weight.shape[1]))
    return {"encoder.weight": weight.float(), "encoder.bias": -(mean @ weight).float()}
