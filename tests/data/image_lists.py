"""Writes the list of the training images of a published data set's part, as it lies on this machine:

python -m tests.data.image_lists cifar100 25k
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np

from infomax_bench.data.order import Digests
from infomax_bench.data.published import PublishedDataset, words
from infomax_bench.study.plugins import registry


def write_list(path: Path, digests: Digests) -> None:
    """Writes which images these are: the first bits of their digests, in order, as packed differences."""
    steps = np.diff(np.sort(words(digests)), prepend=np.uint64(0)).astype("<u8")
    planes = steps.view(np.uint8).reshape(-1, 8).T
    path.write_bytes(zlib.compress(planes.tobytes(), 9))


def of_part(kind: type[PublishedDataset], part: str) -> Digests:
    """Of the training images of a data set's part; of a folder that holds it alone, whatever list there is."""
    data = type("Unlisted", (kind,), {"lists": {}, "contents": {}})(part).load()
    rest = ~data.test
    return Digests.of(data.images[rest].numpy(), data.labels[rest].numpy())


if __name__ == "__main__":
    name, own = sys.argv[1:]
    dataset = registry().get("datasets", name).cls
    write_list(dataset.lists[own], of_part(dataset, own))
