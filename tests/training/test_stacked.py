"""Seeds that are trained together."""

from __future__ import annotations

import pytest
import torch

from infomax_bench.check.small import doubled
from infomax_bench.training.session import named_terms
from tests.training.all_digits import BATCHED, method_named, session_of


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("name", BATCHED)
def test_stacked_seeds_have_the_losses_and_gradients_that_each_has_alone(name):
    """A loss that mixed seeds, or drew from another's stream, would make seeds dependent and their intervals wrong."""
    method, seeds = method_named(name), (2, 5, 8)

    def first_step(group, stacked=True):
        session = doubled(session_of(method, group, stacked))
        terms = named_terms(method.loss(session.net, session.batch(), session.state, session.rng))
        sum(term.sum() for term in terms.values()).backward()
        return terms, {part: p.grad for part, p in session.net.params.items()}

    together, gradients = first_step(seeds)
    for i, seed in enumerate(seeds):
        alone, own = first_step([seed], stacked=False)
        for term in together:
            assert together[term].shape == (3,)
            assert alone[term].shape == ()
            torch.testing.assert_close(together[term][i], alone[term], rtol=1e-10, atol=1e-10)
        rounding = 1e-10 * max(float(p.abs().max()) for p in own.values())
        for part in own:
            torch.testing.assert_close(gradients[part][i], own[part], rtol=1e-8, atol=rounding)
