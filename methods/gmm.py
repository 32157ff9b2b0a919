"""Mixture of Gaussians, by EM proper.

    p(x) = sum_k p_k N(x; mu_k, diag s_k),   r_k = p_k N(x; mu_k, diag s_k) / p(x)

E-step: the responsibilities r; M-step: the moments of the images under them (Dempster, Laird and Rubin 1977). By
scikit-learn's GaussianMixture, from means that k-means++ draws among the images. The responsibilities are the usual
code of a mixture (as in Coates, Lee and Ng 2011). In so many dimensions they are close to one-hot, and say little more
than which component is nearest; so the features are their logarithms unless they themselves are asked for.

Each column of the encoder's weight is a mean. Variances are kept above `floor`, since many pixels hardly vary; where
there are very many training images the fit is to a random choice of them.
"""

import math
from dataclasses import replace
from typing import ClassVar

import torch
from sklearn.mixture import GaussianMixture

from infomax_bench import ONE_LAYER, Budget, Card, Method, Net, Problem, Rng, param


class GMM(Method):
    card = Card(
        family="clustering",
        role="control",
        objective="likelihood of the image under a mixture of Gaussians (EM); log-responsibilities as features",
        prevents="nothing",
        paper="Dempster, Laird and Rubin 1977",
    )
    variants: ClassVar = {
        "gmm_responsibilities": {
            "card": replace(card, objective="the same as gmm; the features are its responsibilities"),
            "logarithm": False,
        }
    }
    backbones = ONE_LAYER
    activation = "identity"
    competitive = True
    floor: float = param(
        0.01, valid="(0, inf)", search=(1e-3, 1.0), log=True, help="added to every variance, pixels being in [0, 1]"
    )
    images: int = param(20_000, valid="[2, inf)", help="training images that it is fitted to, at most")
    iterations: int = param(100, valid="[1, inf)", help="of EM, at most")
    logarithm: bool = param(True, help="the features are the logarithms of the responsibilities")

    def unavailable(self, problem: Problem) -> str | None:
        if problem.width < 2:
            return "the responsibility of a single component is always 1"
        if problem.width > min(problem.n_train, self.images):
            return f"{min(problem.n_train, self.images)} images do not make {problem.width} components"
        return None

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        chosen = images.flatten(1)[rng.uniform(len(images)).argsort()[: self.images]]
        share = len(chosen) / len(images)  # of a pass, that each iteration takes
        mixture = GaussianMixture(
            net.problem.width,
            covariance_type="diag",
            reg_covar=self.floor,
            init_params="k-means++",
            max_iter=min(self.iterations, int(budget.left / share)),
            random_state=int(rng.uniform() * 2**24),
        ).fit(chosen.cpu().numpy())
        budget.spend(share * mixture.n_iter_)
        found = (mixture.weights_, mixture.means_, mixture.covariances_)
        shares, means, variances = (torch.from_numpy(p).to(images) for p in found)
        return {
            "encoder.weight": means.T.contiguous(),
            "encoder.precision": (1 / variances).T.contiguous(),
            "encoder.bias": shares.log() - (2 * math.pi * variances).log().sum(-1) / 2,
        }

    def features(self, net: Net, images):
        x, means, precision = images.flatten(-3), net.encoder.weight, net.encoder.precision
        squares = x.square() @ precision - 2 * x @ (means * precision) + (means.square() * precision).sum(-2, True)
        joint = net.encoder.bias.unsqueeze(-2) - squares / 2  # log p_k N(x; mu_k, diag s_k)
        return torch.log_softmax(joint, dim=-1) if self.logarithm else torch.softmax(joint, dim=-1)
