"""float32 matrix products at the rate of AVX-512 on CPUs where PyTorch stays at AVX2.

PyTorch's CPU builds multiply float32 matrices with MKL, which takes its AVX2 kernels on CPUs that are not Intel's, and
is slow on any where one side is short (features times classes). oneDNN, which PyTorch carries too, has no such limit.
Within `fast_products` the products that are large enough go there, one after another over the leading dimension: the
same sums in another order. Elsewhere (other CPUs, other types, small products, GPUs) nothing changes.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

LEAST = 1_000_000
"""Multiplications of a product from which on the way to oneDNN pays (measured on an AMD EPYC, Zen 5)."""
NARROW, LEAST_NARROW = 16, 200_000
"""The same where the second matrix has so few columns (classes), for which MKL is slowest."""

_lock = threading.Lock()
_users = 0
_library: torch.library.Library | None = None


@functools.cache
def pays() -> bool:
    """Whether MKL would leave AVX-512 unused here."""
    cpuinfo = Path("/proc/cpuinfo")
    return (
        torch.backends.cpu.get_cpu_capability() == "AVX512"
        and torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and cpuinfo.exists()
        and "GenuineIntel" not in cpuinfo.read_text()
    )


@contextlib.contextmanager
def fast_products() -> Iterator[None]:
    """Products of this process by oneDNN where that pays; may be nested, and entered by several threads."""
    global _users, _library
    if not pays():
        yield
        return
    with _lock:
        _users += 1
        if _users == 1:
            _library = _overriding()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _library is not None:
                _library._destroy()
                _library = None


def _overriding() -> torch.library.Library:
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a kernel is overridden is the purpose
        for operator, kernel in (("mm", _mm), ("bmm", _bmm), ("addmm", _addmm), ("baddbmm", _baddbmm)):
            library.impl(operator, kernel, "CPU")
    return library


def _linear(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    return cast(Tensor, torch.ops.mkldnn._linear_pointwise.default(a, b.mT, bias, "none", [], ""))


def _is_dense(x: Tensor) -> bool:
    """Whether oneDNN takes it as a second matrix without a detour of many times the time."""
    return x.is_contiguous() or x.mT.is_contiguous()


def _dense(parts: Sequence[Tensor]) -> Sequence[Tensor]:
    return parts if _is_dense(parts[0]) else [part.contiguous() for part in parts]


def _products(a: Sequence[Tensor], b: Sequence[Tensor], biases: Sequence[Tensor] | None = None) -> list[Tensor]:
    """`a @ b` of every pair, `[m, k]`, `[k, n]` -> `[m, n]`, plus a bias `[n]`; the pairs are laid out alike. oneDNN is
    slow where a tall first matrix is not contiguous: if transposed, it becomes the second of the transposed product."""
    if biases is not None:
        return [_linear(p, q, bias) for p, q, bias in zip(a, _dense(b), biases, strict=True)]
    if a[0].stride(-1) == 1 or 2 * b[0].shape[1] > a[0].shape[0]:
        return [_linear(p, q) for p, q in zip(a, _dense(b), strict=True)]
    return [_linear(q.mT, p.mT).mT for p, q in zip(_dense(a), b, strict=True)]


def _suits(a: Tensor, b: Tensor) -> bool:
    least = LEAST_NARROW if b.shape[-1] <= NARROW else LEAST
    return a.shape[-2] * a.shape[-1] * b.shape[-1] >= least and a.dtype == b.dtype == torch.float32


def _mm(a: Tensor, b: Tensor) -> Tensor:
    if _suits(a, b):
        return _products([a], [b])[0]
    out = a.new_empty(a.shape[0], b.shape[1])
    torch.ops.aten.mm.out(a, b, out=out)
    return out


def _stack(parts: list[Tensor]) -> Tensor:
    return parts[0].unsqueeze(0) if len(parts) == 1 else torch.stack(parts)


def _bmm(a: Tensor, b: Tensor) -> Tensor:
    """MKL's batched products are tens of times slower where the second factor is a column than where the first is a
    row."""
    m, k, n = a.shape[1], a.shape[2], b.shape[2]
    if k == 1:
        return a * b
    if n == 1 and m > 1:
        row = a.new_empty(a.shape[0], 1, m)
        torch.ops.aten.bmm.out(b.mT, a.mT, out=row)
        return row.mT
    if _suits(a, b):
        return _stack(_products(a.unbind(), b.unbind()))
    out = a.new_empty(a.shape[0], m, n)
    torch.ops.aten.bmm.out(a, b, out=out)
    return out


def _addmm(added: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    if beta == alpha == 1 and added.dim() == 1 and _suits(a, b):
        return _products([a], [b], [added.contiguous()])[0]
    out = a.new_empty(a.shape[0], b.shape[1])
    torch.ops.aten.addmm.out(added, a, b, beta=beta, alpha=alpha, out=out)
    return out


def _baddbmm(added: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    if beta == alpha == 1 and added.dim() == 3 and added.shape[1] == 1 and _suits(a, b):
        rows = added.squeeze(1).expand(a.shape[0], b.shape[2]).contiguous()
        return _stack(_products(a.unbind(), b.unbind(), rows.unbind()))
    out = a.new_empty(a.shape[0], a.shape[1], b.shape[2])
    torch.ops.aten.baddbmm.out(added, a, b, beta=beta, alpha=alpha, out=out)
    return out
