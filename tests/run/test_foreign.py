"""Encoders that people bring are the function that they are, get every evaluation, and what is wrong is one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import NMF, PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import infomax_bench as ib
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.prune_weights import without_smallest
from infomax_bench.run.evaluate import COLUMNS
from infomax_bench.run.foreign import Asked, bring
from infomax_bench.study import plugins

DIGITS = plugins.registry((), ["datasets"]).dataset("digits")
IMAGES = ib.images("digits")
FLAT = (IMAGES.images / 255).flatten(1)


def convnet() -> nn.Sequential:
    """Random, of three channels, with a norm whose running statistics are not its start, and with drop-out."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(6, 8, 3, stride=2)
    )
    return made.train()


def accuracies(what, dataset="digits", **how) -> list[float]:
    rows = ib.evaluate(what, dataset, ["linear_probe"], **how)
    return rows[rows["metric"] == "accuracy"]["value"].tolist()


# -- they are what they are -------------------------------------------------------------------------------------------
def test_a_module_is_called_in_eval_mode_on_prepared_images_and_stays_as_it_was():
    net = convnet()
    net[3].requires_grad_(True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    encoder = bring(net, DIGITS, (0, 1), Asked(size=12, mean=0.5, std=(0.2, 0.3, 0.4), batch_size=50))
    images = IMAGES.images[:120]
    features = encoder(images)
    assert net.training
    assert net[3].training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    bigger = nn.functional.interpolate(images.float(), (12, 12), mode="bilinear", antialias=True).round().clamp(0, 255)
    x = (bigger.expand(-1, 3, -1, -1) / 255 - 0.5) / torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1)
    with torch.no_grad():
        truth = net.eval()(x).mean((2, 3))
    torch.testing.assert_close(features, truth.expand(2, -1, -1))
    assert not features.requires_grad
    assert len(repr(encoder).splitlines()) == 2


def test_a_layer_gives_what_it_gets():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 3))
    features = bring(net, DIGITS, (0,), Asked(layer="3"))(IMAGES.images[:20])
    torch.testing.assert_close(features[0], net[:3](FLAT[:20]).detach())


@pytest.mark.parametrize(
    "wrapped", [torch.jit.script, nn.DataParallel, lambda net: net.double(), lambda net: net.half()]
)
def test_a_module_in_another_form_is_the_same(wrapped):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    truth = net(FLAT[:9].view(-1, 1, 8, 8)).detach()
    features = bring(wrapped(net), DIGITS, (0,), Asked())(IMAGES.images[:9])
    torch.testing.assert_close(features[0], truth, atol=2e-3, rtol=1e-2)


def test_a_preparation_is_found_where_the_model_has_one():
    net = convnet()
    net.pretrained_cfg = {"input_size": (3, 16, 16), "mean": (0.1, 0.2, 0.3), "std": (1, 1, 2)}
    prepare = bring(net, DIGITS, (0,), Asked()).functions[0].prepare
    assert prepare.shape == (3, 16, 16)
    assert prepare.std.flatten().tolist() == [1, 1, 2]


@pytest.mark.parametrize("kind", ["fitted", "fitted here", "pipeline", "negative"])
def test_a_transformer_gives_what_scikit_learn_gives(kind):
    """One that is not fitted is, to each seed's training images, and to nothing else."""
    made = {
        "pipeline": make_pipeline(StandardScaler(with_std=False), PCA(5)),
        "negative": NMF(4, init="nndsvda", max_iter=50, tol=1e-3, random_state=0),
    }.get(kind, PCA(5))
    if kind == "fitted":
        made.fit(FLAT.numpy())
    features = bring(made, DIGITS, (0, 3), Asked())(IMAGES.images)
    for one, seed in zip(features, (0, 3), strict=True):
        if kind != "fitted":
            made.fit(FLAT[ib.split("digits", seed).train].numpy())
        np.testing.assert_allclose(one, made.transform(FLAT.numpy()), atol=1e-4)


def test_a_transformer_that_asks_for_labels_gets_those_of_training():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    assert accuracies(LinearDiscriminantAnalysis())[0] > 0.9


def test_functions_arrays_and_files_of_the_same_features_are_one(tmp_path):
    x, table = FLAT.numpy(), pd.DataFrame(FLAT.numpy()).add_prefix("unit ")
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", features=x)
    table.to_parquet(tmp_path / "x.parquet")
    pd.DataFrame({"features": list(x)}).to_parquet(tmp_path / "lists.parquet")
    from safetensors.numpy import save_file

    save_file({"features": x}, tmp_path / "x.safetensors")
    files = [tmp_path / name for name in ("x.npy", "x.npz", "x.parquet", "lists.parquet", "x.safetensors")]
    ways = [lambda images: images.flatten(1) / 255, FLAT, x, table, *files, str(files[0])]
    found = [accuracies(way) for way in ways]
    assert all(one == found[0] for one in found)


def test_features_with_labels_of_their_own_need_no_data_set(tmp_path):
    table = pd.DataFrame({**{f"u{i}": FLAT[:, i].numpy() for i in range(20, 30)}, "label": IMAGES.labels.numpy()})
    table["test"] = IMAGES.test.numpy()
    table.to_parquet(tmp_path / "x.parquet")
    given = {"labels": IMAGES.labels, "test": IMAGES.test}
    assert accuracies(tmp_path / "x.parquet", None) == accuracies(FLAT[:, 20:30], None, **given)
    assert accuracies(FLAT[:, 20:30], None, **given) == accuracies(FLAT[:, 20:30])
    assert accuracies(FLAT[:, 20:30], **given) == accuracies(FLAT[:, 20:30])


# -- every evaluation -------------------------------------------------------------------------------------------------
def test_a_module_gets_every_evaluation_that_needs_no_training_of_ours():
    said: list[str] = []
    rows = ib.evaluate(convnet()[:2], "digits", say=said.append, name="small")
    assert list(rows) == COLUMNS
    assert not said
    assert set(rows["encoder"]) == {"small"}
    assert {"probe", "prune_units", "prune_weights", "robustness", "invariance", "decoding"} <= set(rows["evaluation"])
    value = rows[rows["protocol"] == ""].set_index("metric")["value"]
    assert value["parameters"] == 6 * 27 + 6 + 12
    assert value["encode_flops_per_sample"] == 2 * 6 * 27 * 64
    assert rows["protocol"].str.startswith("noise").any(), "images are corrupted"
    table = ib.summary(rows)
    assert table["means"].notna().all()
    linear = table[(table["metric"] == "accuracy") & (table["protocol"] == "linear")].iloc[0]
    assert (linear["better"], linear["seeds"]) == ("higher", 1)


def test_an_encoder_of_ours_gets_them_too(tmp_path):
    encoder = ib.pretrain("pca", "digits", width=4, seeds=2, epochs=1)
    rows = ib.evaluate(encoder, "digits", ["probe"])
    own = ib.probe(encoder, "digits")
    assert rows["value"].tolist() == own["value"].tolist()
    assert rows["seed"].tolist() == own["seed"].tolist()
    encoder.save(tmp_path / "pca.safetensors")
    assert ib.evaluate(tmp_path / "pca.safetensors", "digits", ["probe"])["value"].tolist() == own["value"].tolist()
    for how in ({"size": 3}, {"seeds": 5}):
        with pytest.raises(ib.UserError, match="leave out"):
            ib.evaluate(encoder, "digits", **how)


def test_what_is_not_known_of_a_function_is_left_out_and_said():
    said: list[str] = []
    rows = ib.evaluate(lambda x: x.flatten(1)[:, :4] / 255, "digits", ["prune_weights", "training"], say=said.append)
    assert rows.empty
    assert len(said) == 1
    assert "no prune_weights: no weights are known" in said[0]


def test_weights_of_every_layer_are_pruned_unit_by_unit():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 5))
    encoder = bring(net, DIGITS, (0, 1), Asked())
    fraction = torch.tensor([0.5, 0.0], dtype=torch.float64)
    pruned = encoder.map_weights(lambda w: without_smallest(w, fraction), torch.zeros(2, 64))
    for name, least in (("encoder.0.weight", 4), ("encoder.2.weight", 72)):
        zeros = (pruned.params[name] == 0).flatten(2).sum(2)
        assert (zeros == torch.tensor([least, 0]).unsqueeze(1)).all()
    images = IMAGES.images[:9]
    torch.testing.assert_close(pruned(images)[1], encoder(images)[1])
    net[0].weight.data, net[2].weight.data = pruned.params["encoder.0.weight"][0], pruned.params["encoder.2.weight"][0]
    torch.testing.assert_close(pruned(images)[0], net(images / 255).detach())
    assert context_for(encoder, DIGITS).set.features.shape == (2, 1797, 5)


# -- what is wrong ----------------------------------------------------------------------------------------------------
class Noisy(nn.Module):
    def forward(self, x):
        return x.flatten(1) + torch.rand(len(x), 1)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += len(x)
        return x.flatten(1)


WRONG = {
    "drop-out in eval mode": (Noisy(), {}, "Noisy makes other features of the same images at a second call"),
    "a state that changes": (Counting(), {}, "Counting changes in eval mode: its buffer 'seen'"),
    "a norm over the batch": (nn.BatchNorm2d(1, track_running_stats=False), {}, "which others stand beside it"),
    "images of another shape": (nn.Linear(28 * 28, 4), {}, "Linear fails on images [8, 1, 8, 8]"),
    "features that are not finite": (lambda x: x.flatten(1) / 0.0, {}, "not finite: of image 0, in column"),
    "one number for all": (lambda x: x.float().mean(), {}, "makes [] of images [8, 1, 8, 8]"),
    "fewer rows": (lambda x: x[1:].flatten(1), {}, "makes [7, 64] of images [8, 1, 8, 8]"),
    "words": (lambda x: ["a"] * len(x), {}, "ValueError"),
    "other row counts": (FLAT[:9].numpy(), {}, "9 rows of features, and digits has 1,797 images"),
    "whole numbers": (np.zeros((1797, 3), int), {}, "features are float [N, K]"),
    "features with NaN": (np.full((1797, 3), np.nan), {}, "not finite, the first in row 0, column 0"),
    "a class": (PCA, {}, "PCA is a class; give one of it"),
    "a classifier": (LogisticRegression(), {}, "predicts and does not transform"),
    "what is not there yet": (nn.LazyLinear(3), {}, "call it with a batch of images first"),
    "nothing": (7, {}, "a int is no encoder"),
    "more components than pixels": (PCA(100), {}, "PCA cannot be fitted to digits's training images"),
    "a mean of two": (convnet(), {"mean": (0, 1)}, "mean of Sequential is one number or one for each of its 3"),
    "a deviation of nothing": (convnet(), {"std": 0}, "above 0"),
    "a size of nothing": (convnet(), {"size": 0}, "size is at least 1"),
    "a layer that is none": (convnet(), {"layer": "fc"}, "unknown layer of Sequential 'fc'"),
    "a layer of a function": (lambda x: x, {"layer": "fc"}, "is of a torch module"),
    "a device that is not there": (convnet(), {"device": "cuda:99"}, "torch sees"),
    "a size of features": (FLAT, {"size": 3}, "are of what makes features of images"),
    "weights of what has some": (convnet(), {"weights": "x.pth"}, "for a model that is named"),
    "rows in another order": (FLAT.flip(0), {"labels": IMAGES.labels.flip(0)}, "labels are not those of digits"),
    "a model that is none": ("resnet18", {}, "is no file and no model"),
    "an evaluation that is none": (FLAT, {"evaluations": ["prob"]}, "did you mean 'probe'"),
    "a pickle": ("model.pkl", {}, "no such file"),
}


@pytest.mark.parametrize(("what", "how", "culprit"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_one_line_that_names_it(what, how, culprit):
    with pytest.raises(ib.UserError) as refused:
        ib.evaluate(what, "digits", **{"evaluations": ["linear_probe"], **how})
    assert culprit in str(refused.value)
    assert "\n" not in str(refused.value)


def test_images_are_asked_for_where_there_are_none():
    for what in (convnet(), FLAT):
        with pytest.raises(ib.UserError, match="name the data set"):
            ib.evaluate(what)
