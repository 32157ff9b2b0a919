"""My idea: what is fitted to the images, in one line (Authors year, where).

Say here, in a few lines and in the paper's symbols, what is fitted. As it stands, this file is Lloyd's k-means:

    c_k = mean of the images that are nearer to c_k than to any other;   the features are -||x - c_k||
"""

import torch
from torch.nn import functional as F

from infomax_bench import ONE_LAYER, Budget, Card, Method, Net, Problem, Rng


class MyIdea(Method):
    card = Card(
        family="clustering",  # what the report groups it with
        objective="squared distance to the nearest centroid",
        prevents="nothing",
        paper="unpublished",
        # no role: a draft, which takes no part in claims about others; with role="prior art" or "control" it would
    )
    activation = "identity"
    backbones = ONE_LAYER  # it gives the parameters of one layer; a stack has several, each fitted on the one below
    competitive = True  # a unit's feature depends on the other units

    def unavailable(self, problem: Problem) -> str | None:
        # a limit of the method, in words, is shown as such and is no error
        if problem.width > problem.n_train:
            return f"{problem.n_train} training images do not make {problem.width} clusters"
        return None

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        # One seed at a time: images float32 [N, C, H, W] in [0, 1]; labels are None unless `needs` asks for them.
        # The budget is the passes over the images that all methods have. A loop over it makes them one by one; for
        # mini-batches there is budget.batches(size, rng). With a library: max_iter=int(budget.left), and afterwards
        # budget.spend(passes); for what takes one look, budget.spend(). What overspends is refused.
        x, k = images.flatten(1), net.problem.width
        centroids = x[rng.uniform(len(x)).argsort()[:k]]  # draw by rng alone
        for _ in budget:
            mine = F.one_hot(torch.cdist(x, centroids).argmin(-1), k).to(x)  # [N, K]
            sizes = mine.sum(0).unsqueeze(-1)
            centroids = torch.where(sizes > 0, mine.T @ x / sizes.clamp(min=1), centroids)
        # by their full names; net.params has those that every method begins from
        return {"encoder.weight": centroids.T.contiguous(), "encoder.bias": torch.zeros_like(net.encoder.bias)}

    def features(self, net: Net, images):
        # what the frozen encoder is judged by, [..., N, K]; without this, activation(W x + b)
        z = torch.cdist(images.flatten(-3), net.encoder.weight.mT)
        return -z
