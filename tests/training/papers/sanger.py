"""Sanger's rule, the generalised Hebbian algorithm: units learn the principal components, in order (Sanger 1989).

    w_i += rate y_i (x - sum_{j <= i} y_j w_j),   y = W^T x,   averaged over the batch

With one unit it is Oja's rule (Oja 1982), which learns the first.
"""

from infomax_bench import ONE_LAYER, Batch, Card, Method, Net, Rng, param


class Sanger(Method):
    card = Card(
        family="reference",
        objective="Hebbian learning of what the units before leave of the image: principal components",
        prevents="linear correlation",
        paper="Sanger 1989",
    )
    activation = "identity"
    backbones = ONE_LAYER
    learning_rate: float = param(0.01, valid="(0, inf)", search=(1e-3, 0.1), log=True, help="what updates are times")

    def start(self, net: Net, mean, rng: Rng):
        return {"encoder.bias": 0 * net.encoder.bias}

    def update(self, net: Net, batch: Batch, state, rng: Rng):
        w = net.encoder.weight  # [..., D, K]
        x = net.encoder.trunk(batch.images)  # [..., B, D], less the mean image
        y = x @ w
        return {"encoder.weight": (x.mT @ y - w @ (y.mT @ y).triu()) / x.shape[-2]}
