"""My idea: what the encoder is, in one line (Authors year, where)."""

from dataclasses import dataclass

from torch.nn import functional as F

from infomax_bench import Encoding


@dataclass(frozen=True)
class MyIdea(Encoding):
    """Say here what the layers are. As it stands: one linear layer on images of half the side."""

    summary = "one linear layer on images of half the side"
    # RAISE IT whenever you change what is computed: results' keys hold this number and not the source, so that without
    # it encoders and numbers that were made before stay in use, unmarked.
    version = 1
    # deep = True: it has as many layers as problem.depth asks for; seconds_per_pixel = 1e-8: about, of training on one
    # core, unless it is all matrix products

    @property
    def trunk_size(self):
        channels, height, width = self.problem.input_shape
        return channels * ((height + 1) // 2) * ((width + 1) // 2)

    def init(self, rng):
        # Fresh parameters of one seed, by name. self.layer is the last layer, trunk_size to width: "weight" and "bias".
        # Others beside it: {"conv": torch.randn(8, 1, 3, 3, generator=rng), **self.layer.init(rng)}.
        return self.layer.init(rng)

    def trunk(self, params, images, rng=None):
        # What the last layer gets, [..., B, trunk_size], of images [..., B, C, H, W]. Several seeds may be stacked in
        # front: params["weight"] is [..., trunk_size, K]. In training, images less self.mean [..., D] are encoded.
        x = images.flatten(-3)
        return self._halved(x if self.mean is None else x - self.mean.unsqueeze(-2))

    def _halved(self, x):
        """Vectors `[..., B, D]` -> `[..., B, trunk_size]`: means of 2 x 2 pixels."""
        flat = x.reshape(-1, *self.problem.input_shape)
        return F.avg_pool2d(flat, 2, ceil_mode=True).reshape(*x.shape[:-1], self.trunk_size)

    def _folded_in(self, params, batches):
        # The parameters that do the same without self.mean: here the bias takes it up. Where none can, return
        # {**params, "mean": self.mean}, and let `trunk` take params["mean"] off.
        if self.mean is None:
            return params
        return {**params, "bias": self.layer(params, -self._halved(self.mean.unsqueeze(-2))).squeeze(-2)}
