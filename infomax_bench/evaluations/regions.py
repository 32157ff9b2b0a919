"""Do units own regions of image space, and are these the regions that clustering finds?

The regions of k-means and of a mixture of Gaussians, both with as many parts as there are units, are fitted to each
seed's training images; test images are then compared by who owns them.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.mixture import GaussianMixture
from torch import Tensor

from infomax_bench.base.errors import NotApplicable
from infomax_bench.base.streams import generator
from infomax_bench.data.dataset import Dataset, images_as, load, split, to_unit
from infomax_bench.evaluations.context import Context
from infomax_bench.evaluations.declare import Metric, Row, evaluation

FIT_IMAGES = 3000
"""Training images that k-means and the mixture are fitted to, at most."""
TEST_IMAGES = 2000
"""Test images that are divided into regions, at most; of more, a fixed random choice."""
COMPONENTS = 50
"""Principal components of the images, at most, in which k-means and the mixture are fitted."""
FLOOR = 1e-3
"""Added to every variance of the mixture, pixels being in [0, 1]."""
ITERATIONS = 50

CLASSES, K_MEANS, MIXTURE = "classes", "k-means", "mixture"

_Share = partial(Metric, range=(0, 1 + 1e-9))
OWNERS = _Share("effective_owners", "exp of the entropy of the units' shares of images, over the number of units")
AGREEMENT = Metric(
    "agreement",
    "adjusted mutual information of the images' owners with another division of them",
    range=(-1, 1 + 1e-9),
    protocols=(CLASSES, K_MEANS, MIXTURE),
)


@evaluation(
    seconds=6e-6,
    metrics=[
        _Share("relative_responsibility_entropy", "entropy of an image's responsibilities, over its largest value"),
        _Share("contested", "share of images for which several units are equally responsible"),
        _Share("candidates", "share of units that are equally and most responsible for an image"),
        _Share("coverage", "share of units that own an image at all"),
        OWNERS,
        replace(OWNERS, name="effective_owners_before_relu", help="the same of what stands before the ReLU"),
        AGREEMENT,
        replace(AGREEMENT, name="agreement_before_relu", help="the same of what stands before the ReLU"),
        _Share("purity", "share of images that are of their owner's commonest class or region").under(
            CLASSES, K_MEANS, MIXTURE
        ),
    ],
)
def regions(context: Context, distances: bool = False) -> list[Row]:
    """Whose the test images are, and whether others would divide them so.

    The responsibilities of the units for an image are its features as they are if they are shares (nowhere negative,
    with sum one: outputs of a softmax); softmax(-features) with `distances`, where 0 is a perfect match; else
    softmax(features), which gives back what logarithms of shares are logarithms of. An image belongs to the live unit
    that is most responsible for it; to one of them at random, by the seed, if several are equally so.

    - `relative_responsibility_entropy`: of an image's responsibilities, mean over images, as a share of the logarithm
      of the number of units: 0 where each image has one owner, 1 where all units share it alike. It alone depends on
      the scale of the features, and counts dead units.
    - `contested`: share of the images for which several live units are equally responsible.
    - `candidates`: how many units are equally and most responsible for an image, mean over images, as a share of all.
    - `coverage`: share of all units that own at least one image.
    - `effective_owners`: exp of the entropy of the units' shares of images, as a share of the number of units.
    - `agreement`: adjusted mutual information (Vinh, Epps and Bailey 2010) of the owners with what `protocol` says,
      classes, k-means' regions or the mixture's: 1 for the same division, 0 for what chance would give.
    - `purity`: share of the images that are of the commonest class (region) among those with the same owner. It rises
      with the number of owners, so it is a description.
    - `agreement_before_relu`, `effective_owners_before_relu`: the same if the distances were what stands before the
      ReLU, which does not cut them off at 0, so that nothing is contested. Only with `distances`, and where features
      are a ReLU's.

    Raises NotApplicable for features without images.
    """
    if context.target is None:
        raise NotApplicable("needs the images")
    data, chosen = context.set, looked_at(int(context.set.part("test").shape[1]))
    live, labels = data.live(), data.y("test")[:, chosen].numpy()
    found: dict[tuple[str, str], list[float]] = {}
    for i, seed in enumerate(context.seeds):
        features = data.features[i][data.splits[i].test[chosen]]
        score = scores(features, distances)
        entropy = relative_entropy(score)
        owner, rivals = owners(score, live[i], seed)
        k = features.shape[1]
        values = {("relative_responsibility_entropy", ""): entropy, ("contested", ""): float((rivals > 1).mean())}
        values["candidates", ""] = float(rivals.mean() / k)
        values |= {(name, ""): v for name, v in ownership(owner, live[i]).items()}
        before = before_relu(context, i, data.splits[i].test[chosen], features) if distances else None
        nearest = None if before is None else owners(-before, live[i], seed)[0]
        if nearest is not None:
            values["effective_owners_before_relu", ""] = ownership(nearest, live[i])["effective_owners"]
        clustered = reference_regions((type(context.target), context.target.argument), seed, context.validation, k)
        for name, other in ((CLASSES, labels[i]), (K_MEANS, clustered[0]), (MIXTURE, clustered[1])):
            values["agreement", name] = float(adjusted_mutual_info_score(other, owner))
            values["purity", name] = purity(owner, other)
            if nearest is not None:
                values["agreement_before_relu", name] = float(adjusted_mutual_info_score(other, nearest))
        for key, value in values.items():
            found.setdefault(key, []).append(value)
    return [
        row
        for (metric, protocol), values in found.items()
        for row in context.rows(metric, torch.tensor(values, dtype=torch.float64), protocol=protocol)
    ]


def looked_at(n: int) -> Tensor:
    """Positions of the test images that are looked at, of n."""
    if n <= TEST_IMAGES:
        return torch.arange(n)
    return torch.randperm(n, generator=generator(0, "regions"))[:TEST_IMAGES].sort().values


def scores(features: Tensor, distances: bool = False) -> Tensor:
    """Features `[N, K]` as logarithms of responsibilities up to a constant for each image; see `regions`."""
    total = features.double().sum(1)
    if features.shape[1] > 1 and bool((features >= 0).all()) and torch.allclose(total, total.new_ones(()), atol=1e-4):
        return features.log()
    return -features if distances else features


@torch.no_grad()
def before_relu(context: Context, i: int, which: Tensor, features: Tensor) -> Tensor | None:
    """The pre-activations `[N, K]` of the images `which` under the i-th seed, if features `[N, K]` are their ReLU."""
    encoder = context.encoder
    if encoder is None or context.target is None or encoder.method.activation != "relu":
        return None
    net = encoder.net.with_params({name: p[i] for name, p in encoder.params.items()})
    made = net.encoder.linear(to_unit(images_as(context.target, encoder.problem.input_shape)[which]))
    return made if torch.allclose(torch.relu(made), features, rtol=1e-3, atol=1e-4) else None


def relative_entropy(score: Tensor) -> float:
    """Entropy of softmax(score) `[N, K]`, mean over the images, over log K; 0 for a single unit."""
    if score.shape[1] == 1:
        return 0.0
    log_r = torch.log_softmax(score.double(), dim=1)
    r = log_r.exp()
    return float(-(torch.xlogy(r, r)).sum(1).mean() / np.log(score.shape[1]))


def owners(score: Tensor, live: Tensor, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The owner of every image, int64 `[N]`, and how many candidates there were, `[N]`.

    score: `[N, K]`; live: bool `[K]`. Without live units all images have the same owner, the one candidate.
    """
    if not live.any():
        return np.zeros(len(score), dtype=np.int64), np.ones(len(score))
    among = score.masked_fill(~live, -torch.inf)
    best = (among == among.amax(1, keepdim=True)) & live
    draw = torch.rand(score.shape, generator=generator(seed, "owners"))
    return draw.masked_fill(~best, -1.0).argmax(1).numpy(), best.sum(1).double().numpy()


def ownership(owner: np.ndarray, live: Tensor) -> dict[str, float]:
    """`coverage` and `effective_owners` of owners `[N]` among units of which some, bool `[K]`, are live."""
    k = len(live)
    share = np.bincount(owner, minlength=k) / len(owner)
    held = share[share > 0]
    covered = float(len(held) / k) if bool(live.any()) else 0.0
    return {"coverage": covered, "effective_owners": float(np.exp(-(held * np.log(held)).sum()) / k)}


def purity(owner: np.ndarray, other: np.ndarray) -> float:
    """Share of the images `[N]` whose value in `other` is the commonest among those of the same owner."""
    return float(contingency_matrix(other, owner).max(axis=0).sum() / len(owner))


@functools.lru_cache(maxsize=256)
def reference_regions(
    dataset: tuple[type[Dataset], str | None], seed: int, validation: bool, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The test images' regions, int `[N]`, by k-means and by a mixture of k Gaussians, of the images `looked_at`.

    Fitted to the seed's training images, once per process: k-means++ once, by Lloyd's algorithm, in the principal
    components of the pixels; the mixture, whose covariances are diagonal in these, by EM from k-means' regions.
    """
    data = load(dataset[0](dataset[1]))
    own = split(data.test, seed, validation)
    train, test = own.train[:FIT_IMAGES], own.test[looked_at(len(own.test))]
    x, queries = (to_unit(data.images[which]).flatten(1).numpy() for which in (train, test))
    pca = PCA(min(COMPONENTS, *x.shape), svd_solver="covariance_eigh").fit(x)
    return cluster(pca.transform(x), pca.transform(queries), k, seed)


def cluster(x: np.ndarray, queries: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The regions of `queries` by k-means and by a mixture with diagonal covariances, both fitted to x `[n, d]`."""
    k = min(k, len(x))
    kmeans = KMeans(k, n_init=1, max_iter=ITERATIONS, random_state=seed).fit(x)
    variance = np.full((k, x.shape[1]), FLOOR)
    for j in range(k):
        own = x[kmeans.labels_ == j]
        variance[j] += own.var(axis=0) if len(own) else 0.0
    shares = np.bincount(kmeans.labels_, minlength=k) + 1e-9
    mixture = GaussianMixture(
        k,
        covariance_type="diag",
        reg_covar=FLOOR,
        max_iter=ITERATIONS,
        random_state=seed,
        weights_init=shares / shares.sum(),
        means_init=kmeans.cluster_centers_,
        precisions_init=1 / variance,
    ).fit(x)
    return kmeans.predict(queries), mixture.predict(queries)
