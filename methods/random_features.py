"""Random features: the encoder as it was initialised, untrained. What is left when pretraining learns nothing.

Under the same seed it is the very encoder that every ReLU method trained by gradient starts from.
"""

from infomax_bench import Card, Method, Net, Rng


class RandomFeatures(Method):
    card = Card(
        family="reference",
        role="reference",
        objective="none: relu(W x + b) at its random initialisation",
        prevents="nothing",
        paper="Rahimi and Recht 2007",
    )

    def fit(self, net: Net, images, labels, rng: Rng):
        return net.params
