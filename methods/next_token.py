"""Next-token prediction: each patch of an image from those before it (Chen et al. 2020; El-Nouby et al. 2024).

    sum_t (x_t - f(x_1, ..., x_{t-1}))^2,  x_t the pixels of patch t, in raster order

The latter's form of GPT's objective (AIM): patches instead of single pixels, and squared error instead of the former's
classes of colours (iGPT), since patches are too many to be classes; of raw pixels, not of patches normalised one by
one, since many here have no contrast. On a transformer with AIM's prefix attention: a random number of first patches
see each other and are not predicted, each later one sees what came before. So the attention without a mask, which
makes the features, is trained too. A linear layer (AIM: an MLP) predicts from a patch's token the pixels of the next.

On the other encoders, which see an image at once: a random number of first patches is seen, all other pixels being 0,
and the patch that comes next is decoded from the code.
"""

import torch

from infomax_bench import Batch, Card, Method, Native, Net, Patches, Problem, Rng, TokenDecoder, decoder, error_within


class NextToken(Method):
    card = Card(
        family="foundation models",
        role="prior art",
        objective="squared error of the pixels of each patch, predicted from the patches before it",
        prevents="nothing specific",
        paper="Chen et al. 2020 (iGPT); El-Nouby et al. 2024, arXiv:2401.08541",
        essay_cost="extreme",
    )
    native = Native("vit", 4)

    def unavailable(self, problem: Problem) -> str | None:
        return "the image is a single patch" if Patches(problem.input_shape).count < 2 else None

    def heads(self, problem: Problem):
        return {"decoder": TokenDecoder(problem) if problem.backbone == "vit" else decoder(problem)}

    def features(self, net: Net, images):
        if net.problem.backbone == "vit":  # the mean token as it is: no activation takes part in training
            return net.encoder.linear(images)
        return net.encoder(images)

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        patches, images = Patches(net.problem.input_shape), batch.images
        at = torch.arange(patches.count, device=images.device)
        seen = 1 + (rng.uniform(images.shape[-4]) * (patches.count - 1)).long()  # 1 to T - 1 patches
        later = at >= seen.unsqueeze(-1)
        if net.problem.backbone == "vit":
            before = net.encoder.tokens(images, prefix=seen).roll(1, -2)  # the first patch is never predicted
            return error_within(net.decoder(before), images, patches.pixels(later))
        predicted = net.decoder(net.encoder(images.masked_fill(patches.pixels(later), 0.0))).view_as(images)
        return error_within(predicted, images, patches.pixels(at == seen.unsqueeze(-1)))
