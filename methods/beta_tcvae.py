"""beta-TCVAE: a variational autoencoder that pays more for total correlation (Chen, Li, Grosse and Duvenaud 2018).

    - E log p(x | z)  +  I(z; n)  +  beta KL( q(z) || prod_k q(z_k) )  +  sum_k KL( q(z_k) || p(z_k) )

The three divergences add up to the variational autoencoder's one (beta = 1). q(z), the aggregate over all N training
images, is estimated from a batch of M by minibatch-weighted sampling (their equation 5):

    log q(z_i) ~ log 1/(NM) sum_j q(z_i | n_j),      and the same for each z_k alone

With many units the estimate is off by a constant, about K log NM too much total correlation, which has no gradient. The
means over codes are taken over `codes` of each batch, against all its images: the same expectation, for less time.
"""

import math

from infomax_bench import (
    Batch,
    Card,
    Linear,
    Method,
    Native,
    Net,
    Problem,
    Rng,
    bernoulli_nll,
    decoder,
    log_normal,
    log_normal_pairs,
    param,
    reparameterised,
    trunk_size,
)


def divergences(z, mean, log_variance, n_train: int):
    """Index-code information, total correlation and dimension-wise divergence, each `[...]`.

    z: codes `[..., M, K]` of the first M images; mean, log_variance: `[..., B, K]`, the posteriors of all.
    """
    pairs = log_normal_pairs(z, mean, log_variance)
    count = math.log(n_train * mean.shape[-2])
    m = z.shape[-2]
    joint = pairs.sum(-3).logsumexp(-1) - count
    product = (pairs.logsumexp(-1) - count).sum(-2)
    own = log_normal(z, mean[..., :m, :], log_variance[..., :m, :]).sum(-1)
    zero = z.new_zeros(())
    prior = log_normal(z, zero, zero).sum(-1)
    return (own - joint).mean(-1), (joint - product).mean(-1), (product - prior).mean(-1)


class BetaTCVAE(Method):
    card = Card(
        family="non-redundancy",
        role="control",
        objective="evidence lower bound with a heavier weight on the total correlation of the code",
        prevents="redundancy",
        paper="Chen et al. 2018, arXiv:1802.04942",
    )
    backbones = ("linear", "mlp", "convnet", "resnet18", "vit")
    native = Native("mlp", 2)
    activation = "identity"
    beta: float = param(4.0, valid="[0, inf)", search=(0.25, 16.0), log=True, help="weight of the total correlation")
    codes: int = param(32, valid="[1, inf)", help="codes of each batch over which the divergences are averaged")

    def heads(self, problem: Problem):
        return {"log_variance": Linear(trunk_size(problem), problem.width), "decoder": decoder(problem)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        hidden = net.encoder.trunk(batch.images)
        mean, log_variance = net.encoder.last(hidden), net.log_variance(hidden)
        z = reparameterised(mean, log_variance, rng)
        information, correlation, dimensions = divergences(
            z[..., : self.codes, :], mean, log_variance, net.problem.n_train
        )
        return {
            "reconstruction": bernoulli_nll(net.decoder(z), batch.x).mean(-1),
            "information": information,
            "total correlation": self.beta * correlation,
            "dimensions": dimensions,
        }
