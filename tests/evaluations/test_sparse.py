"""Sparse probes against scikit-learn and stepwise regression."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from infomax_bench.evaluations.sparse import SPARSE_L2, sparse_probe, sparse_units
from tests.evaluations.units import generator, random_labels, units


def test_sparse_units_equal_stepwise_least_squares():
    labels = random_labels(300, 4)
    x = units(labels, k=9)
    x = x - x.mean(1, keepdim=True)
    chosen = sparse_units(x, labels.expand(2, -1), 4, 4)
    for s, c in np.ndindex(2, 4):
        y = (labels == c).double().numpy()
        kept: list[int] = []
        for _ in range(4):

            def error(j, kept=kept, s=s, y=y):
                design = np.column_stack([np.ones(300), x[s][:, [*kept, j]].double().numpy()])
                return np.square(y - design @ np.linalg.lstsq(design, y, rcond=None)[0]).sum()

            kept.append(min((j for j in range(9) if j not in kept), key=error))
        assert chosen[s, c].tolist() == kept


def test_a_sparse_probe_equals_sklearns_one_against_the_rest():
    labels = random_labels(1000, 4)
    x = units(labels, k=9)
    x, held_out = x[:, :600], x[:, 600:]
    chosen = sparse_units(x, labels[:600].expand(2, -1), 4, 3)
    found = sparse_probe(x, labels[:600].expand(2, -1), held_out, labels[600:].expand(2, -1), chosen)
    c_value = 2 / (SPARSE_L2 * 600)  # two opposite weights share the penalty
    for s in range(2):
        odds = []
        for c in range(4):
            model = LogisticRegression(C=c_value, max_iter=1000, tol=1e-6)
            model.fit(x[s][:, chosen[s, c]], labels[:600] == c)
            odds.append(model.decision_function(held_out[s][:, chosen[s, c]]))
        expected = (np.argmax(odds, 0) == labels[600:].numpy()).mean()
        assert found[s].item() == pytest.approx(expected, abs=0.006)


def test_a_copy_is_never_a_second_choice_and_one_unit_a_class_is_enough_for_detectors():
    labels = torch.arange(3).repeat(40)
    detectors = torch.nn.functional.one_hot(labels).float() - 1 / 3
    noise = torch.randn(120, 2, generator=generator(0))
    x = torch.cat([detectors, detectors, noise - noise.mean(0)], -1)[None]
    chosen = sparse_units(x, labels[None], 3, 2)
    assert chosen[0, :, 0].tolist() == [0, 1, 2]
    assert (chosen[0, :, 1] != chosen[0, :, 0] + 3).all()
    assert sparse_probe(x, labels[None], x, labels[None], chosen[..., :1]).item() == 1


def test_more_units_asked_for_than_there_are():
    labels = torch.arange(2).repeat(30)
    x = torch.stack([labels.float() - 0.5, torch.zeros(60)], -1)[None]
    chosen = sparse_units(x, labels[None], 2, 5)
    assert chosen.shape == (1, 2, 2)
    assert (chosen[..., 0] == 0).all()
    assert sparse_probe(x, labels[None], x, labels[None], chosen).item() == 1
