"""Equal tuning: the same number of trials, on validation images alone, kept and used."""

import json
from dataclasses import replace

import pytest
import torch

from infomax_bench import Card, Images, Method, UserError, param
from infomax_bench.data.dataset import load
from infomax_bench.run.planned import plan_entries
from infomax_bench.run.results import read_results
from infomax_bench.run.runner import run
from infomax_bench.run.tuning import tune
from infomax_bench.study.cell import DEFAULTS
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.tuned import read_studies, summary, tuned_settings

REGISTRY = registry()
PRESET = replace(load_presets(home() / "benchmarks")["quick"], epochs={"digits": 2}, width=8, native={}, deeper={})


def make(path, methods=("sparse_autoencoder", "pca"), trials=3, **changes):
    return tune(REGISTRY, PRESET, path, methods=list(methods), trials=trials, seeds=1, quiet=True, **changes)


def test_every_method_gets_the_same_trials_and_the_first_is_its_defaults(tmp_path):
    studies = make(tmp_path / "t.json", ("sparse_autoencoder", "simclr"))
    assert {len(s.trials) for s in studies.values()} == {3}
    for study in studies.values():
        method = REGISTRY.method(study.method)
        assert study.trials[0].settings == {k: getattr(method, k) for k in study.trials[0].settings}
        assert "learning_rate" in study.trials[0].settings
        assert study.best.score == max(t.score for t in study.trials)


def test_every_backbone_that_is_run_is_tuned_on_its_own(tmp_path):
    deep = replace(PRESET, native={"digits": 1}, deeper={"digits": ("mlp",)})
    named = ["sparse_autoencoder", "pca", "supervised_modern"]
    studies = tune(REGISTRY, deep, tmp_path / "t.json", methods=named, trials=2, seeds=1, quiet=True)
    linear, mlp, native = (f"sparse_autoencoder on digits, {b}" for b in ("linear", "mlp", "native"))
    assert {linear, mlp, native, "supervised_modern on digits, mlp", "supervised_modern on digits, native"} <= set(
        studies
    )
    assert "pca on digits, mlp" not in studies, "it has no such encoder"
    assert studies[native].epochs == 1 != studies[mlp].epochs
    suite = make_suite(REGISTRY, deep, tuned=tuned_settings(studies, REGISTRY))
    cells = {c.backbone: c for c, _ in REGISTRY.benchmark("backbones").grid(suite) if c.method == named[0]}
    assert dict(cells["mlp"].settings) == studies[mlp].best.settings
    assert dict(cells["native"].settings) == studies[native].best.settings


def test_proposals_lie_in_the_declared_space(tmp_path):
    (study,) = (s for s in make(tmp_path / "t.json", ("swav",), trials=6).values() if s.backbone == "linear")
    fields = REGISTRY.get("methods", "swav").cls.search_space()
    for trial in study.trials:
        assert trial.settings.keys() == fields.keys()
        for name, value in trial.settings.items():
            search = fields[name].metadata["search"]
            inside = value in search if len(search) != 2 else search[0] <= value <= search[1]
            assert inside, (name, value)


def test_what_a_variant_fixes_is_not_tuned_nor_an_optimiser_that_is_not_there():
    class Fitted(Method):
        card = Card(family="f", role="control", objective="o", prevents="p", paper="p")
        floor: float = param(0.1, search=(0.01, 1.0), help="h")

        def fit(self, net, images, labels, budget, rng):
            return net.params

    class WithRate(Fitted):
        learning_rate: float = param(0.1, search=(0.01, 1.0), help="its own")

    assert set(Fitted.search_space()) == {"floor"}
    assert set(WithRate.search_space()) == {"floor", "learning_rate"}
    assert set(WithRate.search_space(fixed=("floor",))) == {"learning_rate"}


def test_nothing_is_chosen_on_test_images(tmp_path, monkeypatch):
    """Test images and labels that are noise leave every trial's score, and so the choice, as it was."""
    before = make(tmp_path / "a.json", ("sparse_autoencoder",))
    dataset = REGISTRY.dataset("digits")
    images = load(dataset)
    rng = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, images.images.shape, dtype=torch.uint8, generator=rng)
    mask = images.test.view(-1, 1, 1, 1)
    other = Images(
        torch.where(mask, noise, images.images),
        torch.where(images.test, torch.randint(0, 10, images.labels.shape, generator=rng), images.labels),
        images.test,
    )
    from infomax_bench.data import dataset as data

    data._load.cache_clear()
    data._conversions.cache_clear()
    monkeypatch.setattr(type(dataset), "load", lambda self: other)
    after = make(tmp_path / "b.json", ("sparse_autoencoder",))
    data._load.cache_clear()
    data._conversions.cache_clear()
    for key, study in before.items():
        assert after[key].trials == study.trials


def test_a_study_that_is_there_is_not_made_again(tmp_path, monkeypatch):
    path = tmp_path / "t.json"
    make(path)
    content = path.read_text()
    from infomax_bench.run import tuning as module

    monkeypatch.setattr(module, "make_study", lambda *_: pytest.fail("made again"))
    make(path)
    assert path.read_text() == content


def test_a_run_uses_what_was_chosen_and_the_command_line_goes_before_it(tmp_path):
    studies = make(tmp_path / "t.json")
    tuned = tuned_settings(studies, REGISTRY)
    (study,) = (s for s in studies.values() if s.trials and s.backbone == "linear")
    suite = make_suite(REGISTRY, PRESET, tuned=tuned)
    assert dict(suite.cell("sparse_autoencoder", "digits").settings) == study.best.settings
    assert suite.cell("pca", "digits").settings == ()
    (deeper,) = (s for s in studies.values() if s.trials and s.backbone == "mlp")
    assert dict(suite.cell("sparse_autoencoder", "digits", backbone="mlp", depth=2).settings) == deeper.best.settings
    assert suite.cell("sparse_autoencoder", "digits", backbone="convnet").settings == ()  # tuned on others
    changed = make_suite(REGISTRY, PRESET, tuned=tuned, settings={"sparse_autoencoder": {"penalty": 0.5}})
    settings = dict(changed.cell("sparse_autoencoder", "digits").settings)
    assert settings == {**study.best.settings, "penalty": 0.5}
    planner = Planner(REGISTRY, "cpu")
    plain = make_suite(REGISTRY, PRESET)
    keys = {planner.encoder_key(s.cell("sparse_autoencoder", "digits"), (0,)) for s in (suite, changed, plain)}
    assert len(keys) == 3


def of_a_tuned_subject(tuned):
    """A short run of a subject with tuned settings, and of one more method."""
    given = {"datasets": ("digits",), "epochs": 1, "seeds": 1, "tuned": tuned}
    return make_suite(REGISTRY, PRESET, methods=("sparse_autoencoder", "pca"), subject="sparse_autoencoder", **given)


def test_the_tuned_subject_stands_beside_its_defaults_and_in_no_claim(tmp_path):
    tuned = tuned_settings(make(tmp_path / "t.json"), REGISTRY)
    suite = of_a_tuned_subject(tuned)
    done = run(REGISTRY, suite, [REGISTRY.benchmark("redundancy")], tmp_path / "results", quiet=True)
    name = "sparse_autoencoder (default settings)"
    assert set(done.results.table["method"]) == {"sparse_autoencoder", name, "pca"}
    assert name not in done.results.claims().roles
    entries = plan_entries(Planner(REGISTRY, "cpu"), suite, [REGISTRY.benchmark("redundancy")])
    plain = {e.cell.label: e.cell.settings for e in entries if e.cell.method == "sparse_autoencoder"}
    assert plain[DEFAULTS] == () != plain[""]
    untuned = make_suite(REGISTRY, PRESET, methods=("sparse_autoencoder",), subject="sparse_autoencoder")
    assert not any(e.cell.label == DEFAULTS for e in plan_entries(Planner(REGISTRY, "cpu"), untuned, []))


def test_a_subjects_defaults_are_no_rival_of_another_and_survive_their_file(tmp_path):
    tuned = tuned_settings(make(tmp_path / "t.json"), REGISTRY)
    root = tmp_path / "results"
    suite = of_a_tuned_subject(tuned)
    results = run(REGISTRY, suite, [REGISTRY.benchmark("redundancy")], root, quiet=True).results
    assert "sparse_autoencoder (default settings)" not in results.claims("pca").roles
    info = json.loads((root / "run.json").read_text())
    del info["methods"]["sparse_autoencoder"]  # its file was removed
    (root / "run.json").write_text(json.dumps(info))
    assert "pca" in read_results(root).claims("pca").roles


def test_tuned_encoders_of_the_native_track_stay_current(tmp_path):
    deep = replace(PRESET, native={"digits": 1})
    studies = tune(REGISTRY, deep, tmp_path / "t.json", methods=["autoencoder"], trials=2, seeds=1, quiet=True)
    suite = make_suite(REGISTRY, deep, methods=("autoencoder",), seeds=1, tuned=tuned_settings(studies, REGISTRY))
    benchmarks = [REGISTRY.benchmark("backbones")]
    run(REGISTRY, suite, benchmarks, tmp_path / "r", quiet=True)
    again = run(REGISTRY, suite, [REGISTRY.benchmark("redundancy")], tmp_path / "r", quiet=True)
    assert "native" in set(again.results.table["track"])
    assert again.results.table["current"].all()


def test_a_study_is_made_again_when_what_it_depends_on_changed(tmp_path, monkeypatch):
    from infomax_bench.run import tuning as module
    from infomax_bench.training import trainer as train

    make(tmp_path / "t.json")
    monkeypatch.setattr(train, "VERSION", train.VERSION + 1)
    suite = make_suite(REGISTRY, PRESET, methods=("sparse_autoencoder", "pca"))
    todo = module.plans(REGISTRY, suite, 3, 1, read_studies(tmp_path / "t.json"), False)
    assert {p.cell.method for p in todo} == {"sparse_autoencoder", "pca"}


def test_a_method_without_anything_to_tune_says_so(tmp_path):
    studies = make(tmp_path / "t.json", ("pca",))
    assert "declares nothing to tune" in summary(studies.values())
    assert tuned_settings(studies, REGISTRY) == {}


def test_a_hyperparameter_that_is_gone_is_not_used(tmp_path):
    path = tmp_path / "t.json"
    make(path, ("sparse_autoencoder",))
    content = json.loads(path.read_text().replace('"penalty"', '"sharpness"'))
    del content["sha256"]  # as files had none
    path.write_text(json.dumps(content))
    assert tuned_settings(read_studies(path), REGISTRY) == {}


@pytest.mark.parametrize("content", ["{", json.dumps({"other": []}), json.dumps({"studies": [{"method": "x"}]})])
def test_a_damaged_file_is_one_clear_line(tmp_path, content):
    path = tmp_path / "t.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"t\.json"):
        read_studies(path)
