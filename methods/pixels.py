"""Raw pixels: no pretraining at all, the features are the image itself. What every method has to beat.

The encoder is the identity matrix, so that masking its units or weights and taking its features are what they are for
any other linear encoder.
"""

import torch

from infomax_bench import Card, Method, Net, Problem, Rng


class Pixels(Method):
    card = Card(
        family="reference",
        role="reference",
        objective="none: the features are the flat image",
        prevents="nothing",
        paper="none",
    )
    activation = "identity"

    def width(self, problem: Problem) -> int:
        return problem.input_size

    def fit(self, net: Net, images, labels, rng: Rng):
        size = net.problem.input_size
        return {
            "encoder.weight": torch.eye(size, device=images.device),
            "encoder.bias": torch.zeros(size, device=images.device),
        }
