"""Anyone's labelled images on the Hugging Face Hub: `hf:OWNER/NAME`."""

import functools
import re
from collections.abc import Sequence

from infomax_bench import Augmentation, Dataset, Images, UserError
from infomax_bench.base.sealed import digest
from infomax_bench.data.hub import Asked, Found, found, verified
from infomax_bench.data.mapped import Kept

ABOUT = "labelled images on the Hugging Face Hub, in Parquet files; found in its cache, or downloaded"


class HuggingFace(Dataset):
    """Image-classification sets in Parquet files, found in INFOMAX_BENCH_DATA/hub/OWNER/NAME or the Hub's cache, else
    downloaded. Where it is not plain, a configuration and the columns of images and labels are named.

    Whatever is asked of one has it found and decoded once. The images are in an order of their own
    (`infomax_bench.data.order`), so that they are the same wherever they came from.
    """

    takes = "OWNER/NAME[:CONFIG][:image=COLUMN][:label=COLUMN]"
    augmentation = Augmentation(scale=(0.8, 1.0), shift=0.05, brightness=0.2, contrast=0.2)  # flips may change a class

    @functools.cached_property
    def asked(self) -> Asked:
        """Raises UserError if it is not said which."""
        if not self.argument:
            raise UserError(f"data set {self.name!r} needs a name on the Hub: {self.name}:{self.takes}")
        return Asked.of(self.argument)

    @functools.cached_property
    def found(self) -> Found:
        """The files. Raises UserError if they cannot be had."""
        here = found(self.asked)
        assert here is not None
        return here

    @functools.cached_property
    def kept(self) -> Kept:
        """The images. Raises UserError if they cannot be had or read."""
        from infomax_bench.data.decoded import decoded  # slow to import: not before it is needed
        from infomax_bench.data.parquet import Table

        return decoded(Table(self.asked, self.found.files))

    def load(self) -> Images:
        return Images(self.kept.images, **self.kept.rest)

    @property
    def identity(self) -> str:
        """What the images are stands in the fingerprint; where they are determines nothing."""
        return self.name

    def fingerprint(self) -> str:
        return digest([self.kept.about["content"], list(self.class_names)])

    @property
    def verified(self) -> bool:
        return verified(self.found)

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.kept.images.shape[1:]
        return channels, height, width

    @property
    def class_names(self) -> Sequence[str]:
        names: list[str] = self.kept.about["classes"]
        return names

    @property
    def n_test(self) -> int:
        return int(self.kept.rest["test"].sum())

    @property
    def n_rest(self) -> int:
        return len(self.kept.images) - self.n_test

    @property
    def summary(self) -> str:
        """The card's title, and what there is to tell of copies."""
        if self.argument is None:
            return ABOUT
        told = [self._card("pretty_name") or self.asked.repo, self.kept.about["copies"]]
        return "; ".join(filter(None, told))

    @property
    def licence(self) -> str:
        """As the card has it."""
        return self._card("license") or "not stated on its card" if self.argument else "each its own"

    @property
    def citation(self) -> str:
        return f"https://huggingface.co/datasets/{self.asked.repo}" if self.argument else ""

    def _card(self, field: str) -> str:
        """A field of the head of the card, of one line or a list; "" if there is none."""
        if self.found.card is None:
            return ""
        text = self.found.card.read_text(encoding="utf-8", errors="replace")
        head = text.split("\n---", 1)[0] if text.startswith("---") else ""
        line = re.search(rf"^{field}:[ \t]*(.*(?:\n[ \t]*- .*)*)", head, re.MULTILINE)
        return ", ".join(re.findall(r"[^\s,'\"\[\]-][^\n,'\"\[\]]*", line[1])) if line else ""
