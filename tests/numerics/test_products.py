"""Matrix products by another library are the same products: every layout, with and without a gradient."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from infomax_bench.numerics import products
from infomax_bench.numerics.products import LEAST, fast_products
from infomax_bench.training.objectives import off_diagonal_sum_of_squares, variance_and_correlation

needs_another_maker = pytest.mark.skipif(not products.pays(), reason="MKL uses this CPU to the full")

LAYOUTS = {
    "contiguous": lambda x: x.contiguous(),
    "transposed": lambda x: x.mT.contiguous().mT,
    "a slice": lambda x: torch.cat([x, x], -1)[..., : x.shape[-1]],
    "a transposed slice": lambda x: torch.cat([x.mT, x.mT], -1)[..., : x.shape[-2]].mT,
    "one row, expanded": lambda x: x[..., :1, :].expand_as(x),
}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def exact(a: Tensor, b: Tensor) -> Tensor:
    return (a.double() @ b.double()).float()


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize(("a_layout", "b_layout"), list(itertools.product(LAYOUTS, LAYOUTS)))
@pytest.mark.parametrize("shape", [(130, 784, 64), (784, 130, 64), (64, 130, 784), (9, 4, 5), (20_000, 64, 3)])
def test_products_are_those_of_double_precision(shape, a_layout, b_layout):
    m, k, n = shape
    for lead in ((), (3,)):
        a, b = LAYOUTS[a_layout](normal(*lead, m, k)), LAYOUTS[b_layout](normal(*lead, k, n, seed=1))
        with fast_products():
            close(a @ b, exact(a, b))


@pytest.mark.parametrize(
    "shape", [(1, 784, 64), (784, 1, 64), (300, 784, 1), (1, 784, 1), (1, 1, 1), (0, 3, 4), (3, 0, 4)]
)
def test_products_with_vectors_and_with_nothing(shape):
    m, k, n = shape
    a, b = normal(3, m, k), normal(3, k, n, seed=1)
    with fast_products():
        close(a @ b, exact(a, b))
        close(torch.baddbmm(normal(3, 1, n, seed=2), a, b), exact(a, b) + normal(3, 1, n, seed=2))


@pytest.mark.parametrize("bias", [(64,), (1, 64), (200, 64), ()])
@pytest.mark.parametrize(("beta", "alpha"), [(1, 1), (0.5, 1), (1, -2)])
def test_products_with_a_bias(bias, beta, alpha):
    a, b, added = normal(3, 200, 784), normal(3, 784, 64, seed=1), normal(*bias, seed=2)
    with fast_products():
        close(torch.addmm(added, a[0], b[0], beta=beta, alpha=alpha), beta * added + alpha * exact(a[0], b[0]))
        close(torch.baddbmm(added, a, b, beta=beta, alpha=alpha), beta * added + alpha * exact(a, b))


def test_other_types_stay_as_they_are():
    a, b = normal(200, 784).double(), normal(784, 64, seed=1).double()
    with fast_products():
        assert torch.equal(a @ b, a @ b)
        assert (a @ b).dtype == torch.float64
        assert (a.int() @ b.int()).dtype == torch.int32


def test_gradients_pass_through():
    weight, bias = normal(3, 784, 64, seed=1).requires_grad_(), normal(3, 1, 64, seed=2).requires_grad_()
    x, gradient = normal(3, 200, 784), normal(3, 200, 64, seed=3)
    with fast_products():
        torch.baddbmm(bias, x, weight).backward(gradient)
    close(weight.grad, exact(x.mT, gradient))
    close(bias.grad, gradient.sum(1, keepdim=True))


@needs_another_maker
def test_torch_is_as_before_when_the_last_user_has_left(monkeypatch):
    calls = []
    product = products._linear
    monkeypatch.setattr(products, "_linear", lambda *args: calls.append(1) or product(*args))
    a, b = normal(200, 784), normal(784, 64)
    assert LEAST <= 200 * 784 * 64
    with fast_products():
        with fast_products():
            a @ b
        a @ b
        assert len(calls) == 2
    a @ b
    assert len(calls) == 2


def test_the_off_diagonal_sum_has_the_gradient_of_its_formula():
    matrix = normal(2, 5, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(off_diagonal_sum_of_squares, matrix)
    diagonal = torch.diag_embed(normal(2, 50))
    assert torch.equal(off_diagonal_sum_of_squares(diagonal), torch.zeros(2))


def test_variances_and_correlations_are_torchs():
    z = normal(2, 100, 6)
    z[:, :, 3] = 0
    variance, correlation = variance_and_correlation(z)
    torch.testing.assert_close(variance, z.var(1))
    for one, found in zip(z, correlation, strict=True):
        torch.testing.assert_close(found, torch.corrcoef(one.T).nan_to_num())


@given(st.integers(0, 1000), st.integers(3, 20), st.integers(1, 6), st.sampled_from([1e-3, 1.0, 1e3]))
def test_variances_and_correlations_have_the_gradient_of_their_formula(seed, batch, units, size):
    z = torch.relu(size * normal(2, batch, units, seed=seed).double())
    z[0, :, 0], z[1, :, 0] = 0, 3 * size  # never on, and always the same
    z.requires_grad_()
    weights = normal(2, units, seed=1).double(), normal(2, units, units, seed=2).double()

    def by_single_operations():
        centred = z - z.mean(-2, keepdim=True)
        variance = centred.square().sum(-2) / (batch - 1)
        scaled = centred / ((variance.clamp(min=1e-30).sqrt() + 1e-8) * math.sqrt(batch - 1)).unsqueeze(-2)
        return variance, scaled.mT @ scaled

    [expected] = torch.autograd.grad(by_single_operations(), z, weights)
    [found] = torch.autograd.grad(variance_and_correlation(z), z, weights)
    assert bool(((found - expected).abs() <= 1e-9 * expected.abs().amax(-2, keepdim=True) + 1e-9).all())


@pytest.mark.parametrize("size", [0, 3e-16, 3e-15, 1e-9, 1.0])
def test_variances_and_correlations_have_finite_gradients_in_float32(size):
    z = size * normal(1, 30, 4)
    z[..., 0] = 1 / 3
    z.requires_grad_()
    variance, correlation = variance_and_correlation(z)
    ((variance + 1e-6).log().sum() + off_diagonal_sum_of_squares(correlation).sum()).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
