"""Matrix products that repeat bit for bit, and jobs in a process where they do.

MKL chooses its kernels by where in memory a matrix begins, on Intel's CPUs and on others', so that the same product,
computed twice, can differ in its last digits; in its strict mode it does not. It reads the mode from the environment
at its first product and never again. Importing this package sets it; where somebody has multiplied before, jobs move
to a process of their own. What the mode costs, and other libraries' part in it, is in docs/DESIGN.md.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from infomax_bench.base.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

Result = TypeVar("Result")

VARIABLE = "MKL_CBWR"
BRANCHES = ("AUTO", "AVX2", "AVX512", "AVX512_E1", "AVX512_E2", "AVX512_E3", "AVX512_E4")
"""Instructions that MKL can be strict with; by default it takes the best that it knows on this CPU."""
COMPATIBLE = 3
STRICT = 0x10000
"""MKL's numbers for two of its modes (mkl_types.h)."""

ALIGNMENTS = 16
"""Places, four bytes apart, where a matrix is laid to see whether its products depend on it: a cache line."""

_START = "import pickle, sys; sys.path[:] = pickle.loads(bytes.fromhex(sys.argv[1])); "
_START += "from infomax_bench.base import repeatable; repeatable._serve(sys.argv[2], int(sys.argv[3]))"

log = logging.getLogger("infomax_bench")


def ask() -> None:
    """Asks MKL for a mode whose products repeat: the branch that the environment names, if it does, and strictly."""
    given = os.environ.get(VARIABLE, "").upper()
    branch = given.partition(",")[0]
    if given != "COMPATIBLE":  # which is slow, and repeats
        os.environ[VARIABLE] = f"{branch if branch in BRANCHES else BRANCHES[0]},STRICT"


@functools.cache
def repeats() -> bool:
    """Whether this process multiplies matrices alike whenever it does so: MKL is asked for its mode where it can be,
    and some products are tried."""
    return _is_asked() and all(_same_everywhere())


def _is_asked() -> bool:
    """Whether MKL is in a mode whose products repeat, or is not there, or cannot be asked."""
    mode = _mode()
    return mode is None or mode == COMPATIBLE or bool(mode & STRICT)


def in_words() -> str:
    """How products are made to repeat, for what is told of the machine."""
    import torch

    if not repeats():
        return "do not repeat bit for bit"
    return f"MKL, {os.environ[VARIABLE]}" if torch.backends.mkl.is_available() else "repeat as they are"


def _mode() -> int | None:
    """MKL's own word on its mode; None where PyTorch has no MKL, or one that cannot be asked."""
    import torch

    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        own = ctypes.CDLL(str(library)).mkl_serv_cbwr_get
    except (OSError, AttributeError):
        return None
    return int(own(-1))


def _same_everywhere() -> Iterator[bool]:
    """Whether several products have the same bits wherever their matrices lie."""
    import torch

    stream = torch.Generator().manual_seed(0)
    for m, k, n in ((7, 13, 3), (64, 64, 64), (33, 100, 17)):
        for dtype in (torch.float32, torch.float64):
            a, b = (torch.randn(*shape, generator=stream, dtype=dtype) for shape in ((m, k), (k, n)))
            first, *others = (products_of(a, b, place) for place in range(ALIGNMENTS))
            yield all(torch.equal(x, y) for other in others for x, y in zip(first, other, strict=True))


def products_of(a: Tensor, b: Tensor, place: int) -> list[Tensor]:
    """Products of `[m, k]` and `[k, n]`, and of their parts, by PyTorch's and numpy's operators, with the matrices
    laid at one of the places of a cache line, as they are and transposed."""
    import torch

    x, y = laid(a, place), laid(b, 3 * place)
    turned_x, turned_y = laid(a.mT.contiguous(), place).mT, laid(b.mT.contiguous(), 3 * place).mT
    column, row = laid(b[:, 0].contiguous(), 5 * place), laid(b[0], 7 * place)
    several, more = laid(torch.stack([a, -a, 2 * a]), place), laid(torch.stack([b, b, -b]), 3 * place)
    return [
        x @ y,
        turned_x @ y,
        x @ turned_y,
        turned_x @ turned_y,
        x @ column,
        turned_x @ column,
        torch.addmm(row, x, y),
        several @ more,
        torch.baddbmm(row, several, more),
        torch.from_numpy(x.numpy() @ y.numpy()),
        torch.from_numpy(x.numpy() @ column.numpy()),
    ]


def laid(x: Tensor, place: int) -> Tensor:
    """A copy of a tensor that begins at one of the places of a cache line."""
    import torch

    room = torch.empty(x.numel() + 2 * ALIGNMENTS, dtype=x.dtype)
    begin = -room.data_ptr() // x.element_size() % ALIGNMENTS + place % ALIGNMENTS
    return room[begin : begin + x.numel()].view(x.shape).copy_(x)


def steadily(function: Callable[..., Result], *arguments: Any) -> Result:
    """`function(*arguments)`, in this process if its products repeat, or if they would not in a fresh one either; else
    in a fresh one, which is said once.

    The function is a module's own, and what it takes and returns can be pickled; it raises here what it raises there.
    """
    if repeats() or not _fresh_helps():
        return function(*arguments)
    _say()
    return _in_fresh_process(function, arguments)


def _fresh_helps() -> bool:
    """Whether it can be the mode that MKL began with."""
    import torch

    return torch.backends.mkl.is_available() and (_mode() is None or not _is_asked())


@functools.cache
def _say() -> None:
    log.warning(
        "matrices were multiplied here before infomax_bench was imported, in a way that does not repeat to the last "
        "digit; jobs run in processes of their own. Import infomax_bench first to save the time that takes"
    )


def _in_fresh_process(function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    """A plain process: also a worker that may have no children of multiprocessing's kind can start it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "job").write_bytes(pickle.dumps((function, arguments)))
        command = [sys.executable, "-c", _START, pickle.dumps(sys.path).hex(), folder, str(os.getpid())]
        done = subprocess.run(command, check=False)
        answer = Path(folder) / "answer"
        if not answer.is_file():
            raise UserError(f"a job's own process ended with status {done.returncode} and without an answer")
        result: Result
        result, error = pickle.loads(answer.read_bytes())
    if error is not None:
        raise error
    return result


def _serve(folder: str, parent: int) -> None:
    """The other side: what the fresh process does, as long as its parent lives."""
    from infomax_bench.base.forked import end_with_parent

    end_with_parent(parent)
    function, arguments = pickle.loads((Path(folder) / "job").read_bytes())
    result: Any = None
    error: Exception | None = None
    try:
        result = function(*arguments)
    except Exception as raised:
        error = raised
    (Path(folder) / "answer").write_bytes(pickle.dumps((result, error)))
