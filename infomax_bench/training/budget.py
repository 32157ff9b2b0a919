"""What a method that is fitted may spend: as many passes over the training images as every other method gets."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from infomax_bench.base.errors import UserError
from infomax_bench.base.streams import Rng

ROUNDING = 1e-9


class Overspent(UserError):
    """More passes than there are."""


class Budget:
    """Passes over the N training images of one seed, and how many are spent.

        for _ in budget:                                an iteration over all images, as often as the budget allows
        for some in budget.batches(size, rng):          indices [size] of mini-batches, as many as it allows
        budget.spend(library.fit(...).n_iter_)          what a library did, told max_iter = int(budget.left)

    What is worked out in one go (a mean, a covariance) takes one pass.
    """

    def __init__(self, passes: float, n_images: int, name: str = "the method") -> None:
        self.passes, self.n_images, self.name = float(passes), n_images, name
        self.spent = 0.0

    @property
    def left(self) -> float:
        """Passes that may still be made."""
        return max(0.0, self.passes - self.spent)

    @property
    def progress(self) -> float:
        """The share that is spent, in [0, 1], for schedules."""
        return min(1.0, self.spent / self.passes)

    def spend(self, passes: float = 1.0) -> None:
        """Counts passes, or parts of one. Raises Overspent, with the method's name, if there are not so many left."""
        if passes > self.left + ROUNDING:
            raise Overspent(
                f"{self.name} overspends: fit() makes {self.spent + passes:.4g} passes over the training images, and "
                f"the budget of all methods is {self.passes:.4g}; stop when budget.left is 0"
            )
        self.spent += passes

    def __iter__(self) -> Iterator[int]:
        """Numbers of passes, from 0 on, as long as a whole one is left; each is counted when its turn ends."""
        number = 0
        while self.left >= 1 - ROUNDING:
            try:
                yield number
            finally:
                self.spend(min(1.0, self.left))
            number += 1

    def batches(self, size: int, rng: Rng) -> Iterator[Tensor]:
        """Indices int64 `[size]` of mini-batches, in a new random order every pass, partial ones dropped.

        rng: one seed's, as `fit` gets it. A batch as large as all the images is a pass.
        """
        size = min(size, self.n_images)
        share = size / self.n_images
        while self.left >= share - ROUNDING:
            order = rng.uniform(self.n_images).argsort()
            for at in range(0, self.n_images - size + 1, size):
                if self.left < share - ROUNDING:
                    return
                try:
                    yield order[at : at + size]
                finally:
                    self.spend(min(share, self.left))
