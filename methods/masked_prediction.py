"""Masked prediction: hidden patches of an image from the others (BERT, Devlin et al. 2019; SimMIM, Xie et al. 2022).

    a share of the patches, drawn anew for every image, is hidden:   mean over their pixels of (x - x^)^2

On a transformer, as in SimMIM: a learned token stands in the place of every hidden patch, and one linear layer predicts
a patch's pixels from its own token. On the other encoders, which have no tokens: the pixels of hidden patches are 0 in
what the encoder sees, and the whole image is decoded from its code. Either way only hidden pixels count.

Squared error, as of the autoencoders here; SimMIM reports the absolute one, and little difference.
"""

from infomax_bench import (
    Batch,
    Bias,
    Card,
    Method,
    Native,
    Net,
    Patches,
    Problem,
    Rng,
    TokenDecoder,
    decoder,
    error_within,
    param,
)


class MaskedPrediction(Method):
    card = Card(
        family="foundation models",
        role="prior art",
        objective="squared error of the pixels of hidden patches, predicted from the rest of the image",
        prevents="nothing specific",
        paper="Devlin et al. 2019; Xie et al. 2022, arXiv:2111.09886",
        essay_cost="extreme",
    )
    native = Native("vit", 4)
    hidden: float = param(
        0.6, valid="(0, 1)", search=(0.3, 0.9), help="share of the patches that is hidden; at least one is, never all"
    )

    def unavailable(self, problem: Problem) -> str | None:
        return "the image is a single patch" if Patches(problem.input_shape).count < 2 else None

    def heads(self, problem: Problem):
        if problem.backbone == "vit":
            return {"mask": Bias(problem.width), "decoder": TokenDecoder(problem)}
        return {"decoder": decoder(problem)}

    def features(self, net: Net, images):
        if net.problem.backbone == "vit":  # the mean token as it is: no activation takes part in training
            return net.encoder.linear(images)
        return net.encoder(images)

    def loss(self, net: Net, batch: Batch, state, rng: Rng):
        patches, images = Patches(net.problem.input_shape), batch.images
        count = min(max(round(self.hidden * patches.count), 1), patches.count - 1)
        hidden = rng.uniform(images.shape[-4], patches.count).argsort(-1) < count  # ranks: exactly so many
        pixels = patches.pixels(hidden)
        if net.problem.backbone == "vit":
            predicted = net.decoder(net.encoder.tokens(images, hidden, net.mask.bias))
        else:
            predicted = net.decoder(net.encoder(images.masked_fill(pixels, 0.0))).view_as(images)
        return error_within(predicted, images, pixels)
