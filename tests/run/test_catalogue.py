"""What a new user meets in Python: what there is, an encoder that is called, kept and read again, and short texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import infomax_bench as ib


@pytest.fixture(scope="module")
def encoder():
    return ib.pretrain("pca", "digits", width=4, seeds=3, epochs=1)


def test_an_encoder_prints_two_lines_without_tensors(encoder):
    lines = repr(encoder).splitlines()
    assert len(lines) == 2
    assert str(encoder) == repr(encoder)
    assert "pca: 4 units of 1x8x8 images, linear, seeds 0, 1, 2, from digits" in lines[0]
    assert "tensor(" not in repr(encoder)


def test_images_and_splits_print_a_line():
    for shown in (ib.images("digits"), ib.split("digits")):
        assert "\n" not in repr(shown)
        assert "tensor(" not in repr(shown)


def test_an_encoder_is_called_in_every_usual_way(encoder):
    images = ib.images("digits").images[:5]
    features = encoder.features(images)
    assert torch.equal(encoder(images), features)
    assert torch.equal(encoder.encode(images), features)
    np.testing.assert_array_equal(encoder.take([1]).transform(images), features[1].numpy())
    with pytest.raises(ib.UserError, match=r"take\(\[0\]\)"):
        encoder.transform(images)
    assert (encoder.name, encoder.width) == ("pca", 4)
    assert encoder.weight.shape == (3, 64, 4)
    flat = images.flatten(1) / 255
    torch.testing.assert_close(flat @ encoder.weight[0] + encoder.params["encoder.bias"][0], features[0])


def test_a_saved_encoder_is_read_without_naming_its_class(encoder, tmp_path):
    path = tmp_path / "pca.safetensors"
    encoder.save(path)
    images = ib.images("digits").images
    assert torch.equal(ib.load(path)(images), encoder(images))
    (tmp_path / "other").write_text("no encoder")
    for name, culprit in (("nowhere", "no such file"), ("other", r"encoder\.save")):
        with pytest.raises(ib.UserError, match=culprit):
            ib.load(tmp_path / name)


def test_what_there_is_comes_as_tables():
    methods, datasets = ib.methods(), ib.datasets()
    assert isinstance(methods, pd.DataFrame)
    assert methods.loc["pca", "family"] == ib.pretrain("pca", "digits", width=2, epochs=1).method.card.family
    assert methods.loc["supervised", "supervised"]
    assert datasets.loc["digits", "shape"] == (1, 8, 8)
    assert datasets.loc["digits", ["n_rest", "n_test"]].sum() == len(ib.images("digits").images)
    assert datasets.loc["folder:PATH"].isna().sum() == 5, "known once there is a path"


def test_the_split_is_the_one_that_evaluations_use():
    own, test = ib.split("digits", seed=3), ib.images("digits").test
    parts = torch.cat([own.train, own.validation, own.test])
    assert parts.sort().values.tolist() == list(range(len(test)))
    assert torch.equal(own.test, test.nonzero().flatten())
    for seed, culprit in ((-1, "at least 0"), ("3", "whole number"), (2**70, "at most")):
        with pytest.raises(ib.UserError, match=culprit):
            ib.split("digits", seed=seed)
