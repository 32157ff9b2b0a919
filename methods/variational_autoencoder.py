"""Variational autoencoder: a code from which the image is drawn, close to a standard normal (Kingma and Welling 2014).

    - log p(x | z)  +  KL( N(mu, diag sigma^2) || N(0, I) ),    z = mu + sigma * eps,   eps ~ N(0, I)

in nats for an image: the negative evidence lower bound. mu and log sigma^2 are linear maps of the encoder's last hidden
layer, or of the image where there is none; pixels in [0, 1] are probabilities of a Bernoulli distribution. The features
are mu.
"""

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
    gaussian_kl,
    reparameterised,
    trunk_size,
)


class VariationalAutoencoder(Method):
    card = Card(
        family="reconstruction",
        role="prior art",
        objective="evidence lower bound: the image rebuilt from a noisy code, and the code's divergence from a normal",
        prevents="information loss",
        paper="Kingma and Welling 2014, arXiv:1312.6114",
        essay_cost="low",
    )
    backbones = ("linear", "mlp", "convnet", "resnet18", "vit")  # needs pixels in [0, 1]: no upper layer of a stack
    native = Native("mlp", 2)
    activation = "identity"

    def heads(self, problem: Problem):
        return {"log_variance": Linear(trunk_size(problem), problem.width), "decoder": decoder(problem)}

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        hidden = net.encoder.trunk(batch.images)
        mean, log_variance = net.encoder.last(hidden), net.log_variance(hidden)
        z = reparameterised(mean, log_variance, rng)
        return {
            "reconstruction": bernoulli_nll(net.decoder(z), batch.x).mean(-1),
            "divergence": gaussian_kl(mean, log_variance).mean(-1),
        }
