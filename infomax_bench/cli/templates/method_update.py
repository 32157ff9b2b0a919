"""My idea: what its units learn, in one line (Authors year, where).

Say here, in a few lines and in the paper's symbols, what the rule is. As it stands, this file is Oja's rule for several
units (Oja 1989), whose weights come to span the images' principal subspace:

    W += rate (x y^T - W y y^T),   y = W^T x,   averaged over the batch
"""

from infomax_bench import ONE_LAYER, Batch, Card, Method, Net, Rng, param


class MyIdea(Method):
    card = Card(
        family="independence",  # what the report groups it with
        objective="Hebbian learning with decay: the principal subspace",
        prevents="information loss",
        paper="unpublished",
        # no role: a draft, which takes no part in claims about others; with role="prior art" or "control" it would
    )
    activation = "identity"  # what the encoder ends in: relu, sigmoid or identity
    backbones = ONE_LAYER  # a rule for one layer; a stack has several, each trained on the one below

    # Hyperparameters: default, the numbers that make sense, those that a tuner tries, help. `learning_rate` and its
    # `schedule` are all that stands between an update and the parameters: there is no optimiser.
    learning_rate: float = param(0.01, valid="(0, inf)", search=(1e-3, 0.1), log=True, help="what updates are times")
    longest: float = param(2.0, valid="(0, inf)", help="no unit's weights are longer, so that a high rate stays finite")

    def start(self, net: Net, mean, rng: Rng):
        # Parameters that do not begin as every method's do, by their full names. mean: the mean image [..., D];
        # rng.normal_like(net.encoder.weight) and its kin draw for each seed.
        return {"encoder.bias": 0 * net.encoder.bias}

    def update(self, net: Net, batch: Batch, state, rng: Rng):
        # The changes of parameters, by their full names and in their shapes; there is no gradient. Several seeds are
        # trained at once along leading dimensions, written "...": reduce over the last ones only.
        w = net.encoder.weight  # [..., D, K], a column for each unit
        x = net.encoder.trunk(batch.images)  # [..., B, D]: the images as vectors, less their mean
        y = x @ w  # [..., B, K]
        return {"encoder.weight": (x.mT @ y - w @ (y.mT @ y)) / x.shape[-2]}

    def after_step(self, net: Net, batch: Batch, state, rng: Rng):
        # called after every update; batch.progress is the share of training that is done
        length = net.encoder.weight.norm(dim=-2, keepdim=True)
        net.encoder.weight.mul_(self.longest / length.clamp(min=self.longest))
