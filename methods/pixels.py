"""Raw pixels: no pretraining and no encoder, the features are the image itself. What every method has to beat."""

from infomax_bench import Budget, Card, Method, Net, Problem, Rng


class Pixels(Method):
    card = Card(
        family="reference",
        role="reference",
        objective="none: the features are the flat image",
        prevents="nothing",
        paper="none",
    )
    backbones = ("linear",)

    def width(self, problem: Problem) -> int:
        return problem.input_size

    def fit(self, net: Net, images, labels, budget: Budget, rng: Rng):
        return {}

    def features(self, net: Net, images):
        return images.flatten(-3)
