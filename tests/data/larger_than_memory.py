"""Trains, encodes and probes one encoder of 64 units on a made-up set of images, with little memory that is its own.

`python -m tests.data.larger_than_memory MEGABYTES LIMIT`: 64 x 64 in colour; LIMIT is what RLIMIT_DATA allows beyond
what the program needs before it sees an image, in megabytes, or 0 for 2 GB in all. The set is mapped from LIMIT on.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # another one reserves a gigabyte, which nothing uses

import torch

import infomax_bench as ib
from infomax_bench import Augmentation, Dataset, Images
from infomax_bench.base.streams import generator
from infomax_bench.data import mapped
from infomax_bench.data.dataset import load
from infomax_bench.evaluations.context import context_for
from infomax_bench.study.plugins import registry
from infomax_bench.training.data import data_for
from infomax_bench.training.frozen import Encoder
from infomax_bench.training.trainer import train

SHAPE = (3, 64, 64)
PART = 2_000


class Large(Dataset):
    """A bright square in one of ten places, in noise."""

    name, summary, shape, class_names = "large", "made up", SHAPE, tuple("0123456789")
    augmentation = Augmentation(brightness=0.2)

    @property
    def n_test(self) -> int:
        return self.n // 10

    @property
    def n_rest(self) -> int:
        return self.n - self.n_test

    n = 0

    def parts(self) -> Iterator[Images]:
        for at in range(0, self.n, PART):
            labels = torch.arange(at, min(at + PART, self.n))
            noise = torch.randint(0, 160, (len(labels), *SHAPE), generator=generator(at, "large"), dtype=torch.uint8)
            for label in range(10):
                noise[labels % 10 == label, :, 6 * label : 6 * label + 8, :8] += 60
            yield Images(noise, labels % 10, labels % 10 == labels // 10 % 10)


def status(name: str) -> int:
    """A line of this process's status, in megabytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) // 1024


def main(megabytes: int, limit: int) -> None:
    torch.set_num_threads(1)
    found = registry()
    once = ib.probe(ib.pretrain("infomax_em", "digits", width=4, epochs=1), "digits")  # loads what is loaded once
    assert len(once)
    before = status("VmData")
    most = before + limit if limit else 2_000
    resource.setrlimit(resource.RLIMIT_DATA, (most * 2**20, most * 2**20))
    if limit:
        mapped.LARGE = limit * 2**20
    Large.n = megabytes * 2**20 // (3 * 64 * 64)
    dataset, begin = Large(), time.perf_counter()
    images = load(dataset).images
    told = [f"{images.numel() / 2**20:.0f} MB of images, at most {most} MB of data, {before} of them before"]
    told.append(f"made: {time.perf_counter() - begin:.0f} s")
    assert mapped.is_mapped(images)
    method = found.method("infomax_em")
    problem = ib.Problem(SHAPE, 64, dataset.n_classes, dataset.n_train, batch_size=256)
    data = data_for(dataset, problem, [0])
    trained = train(method, problem, data, [0], epochs=1)
    told.append(f"trained, {trained.n_steps} steps: {time.perf_counter() - begin:.0f} s")
    encoder = Encoder(method, problem, trained.params, (0,), "large", tuple(trained.diverged))
    context = context_for(encoder, dataset)
    told.append(f"encoded, {list(context.set.features.shape)}: {time.perf_counter() - begin:.0f} s")
    rows, _ = found.evaluation("probe")(context)
    accuracy = next(r["value"] for r in rows if (r["metric"], r.get("protocol")) == ("accuracy", "linear"))
    told.append(f"probed, accuracy {accuracy:.3f}: {time.perf_counter() - begin:.0f} s")
    told.append(
        f"at most {status('VmHWM')} MB resident with what the system keeps of files, {status('VmData')} MB data"
    )
    print("\n".join(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
