"""Freed memory stays with the process, so that a training step does not fetch the last step's pages anew.

glibc returns blocks of over 128 KiB to the system when they are freed, until it has learned better, and whatever is
free at the top of the heap. A step then pays for every page of its batch again: up to half of its time (persistent RBM
on MNIST, a virtual machine). Blocks of up to 32 MiB are kept here, and 256 MiB of free memory at most.
"""

from __future__ import annotations

import ctypes
import functools
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_KEPT = 32 * 2**20
MOST_FREE = 256 * 2**20


@functools.cache
def keep_freed_memory() -> None:
    """For the rest of this process; does nothing where the C library is another."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
        libc.mallopt(TRIM_THRESHOLD, MOST_FREE)
