"""Random features: the encoder as it was initialised, untrained. What is left when pretraining learns nothing.

Under the same seed it is the very encoder that every method with such units, trained by gradient, starts from.
"""

from infomax_bench import Budget, Card, Method, Net, Rng, param


class RandomFeatures(Method):
    card = Card(
        family="reference",
        role="reference",
        objective="none: the encoder at its random initialisation",
        prevents="nothing",
        paper="Rahimi and Recht 2007",
    )

    units: str = param("relu", choices=("relu", "sigmoid"), help="what every unit ends in")

    @property
    def activation(self):
        return self.units

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        return net.params
