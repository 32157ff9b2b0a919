"""k-means with the triangle code (Coates, Lee and Ng 2011): what hard EM alone gives.

    f_k = max(0, mean_j z_j - z_k),  z_k = ||x - c_k||

Each column of the encoder's weight is a centroid; its bias is not used. Centroids are fitted by scikit-learn's
mini-batch k-means, from the best of three draws by k-means++. Coates and Ng normalise the contrast of small patches and
whiten them; here the input is the whole image, as it is for every other method, so that objectives are compared and not
preprocessing.
"""

import torch
from sklearn.cluster import MiniBatchKMeans

from infomax_bench import ONE_LAYER, Budget, Card, Method, Net, Problem, Rng


class KMeans(Method):
    card = Card(
        family="clustering",
        role="control",
        objective="squared distance to the nearest centroid; soft-thresholded distances as features",
        prevents="nothing",
        paper="Coates, Lee and Ng 2011",
    )
    backbones = ONE_LAYER
    activation = "identity"
    competitive = True

    def unavailable(self, problem: Problem) -> str | None:
        if problem.width > problem.n_train:
            return f"{problem.n_train} training images do not make {problem.width} clusters"
        return None

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        seed = int(rng.uniform() * 2**24)
        kmeans = MiniBatchKMeans(net.problem.width, n_init=3, max_iter=int(budget.left), random_state=seed)
        centroids = torch.from_numpy(kmeans.fit(images.flatten(1).cpu().numpy()).cluster_centers_)
        budget.spend(kmeans.n_iter_)
        return {
            "encoder.weight": centroids.T.contiguous().to(images.device),
            "encoder.bias": torch.zeros(net.problem.width, device=images.device),
        }

    def features(self, net: Net, images):
        z = torch.cdist(images.flatten(-3), net.encoder.weight.mT)
        return torch.relu(z.mean(-1, keepdim=True) - z)
