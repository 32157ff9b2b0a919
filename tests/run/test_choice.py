"""How a setting is chosen by scores, with made-up ones: nothing is trained but where the score itself is asked for."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from infomax_bench import Method, param
from infomax_bench.cli.main import main
from infomax_bench.evaluations.context import context_for
from infomax_bench.evaluations.probe import linear_probe
from infomax_bench.run import choice, tuning
from infomax_bench.run.engine import trained_encoder
from infomax_bench.study.cell import Cell
from infomax_bench.study.plan import Planner, make_suite
from infomax_bench.study.plugins import home, registry
from infomax_bench.study.presets import load_presets
from infomax_bench.study.tasks import Task
from infomax_bench.study.tuned import LOST, Final, Study, Trial, at_edges, brought_path, read_studies, tuned_path

REGISTRY, PRESETS = registry(), load_presets(home() / "benchmarks")
STUDY = Study("pca", "digits", "linear", 8, 1, 16, 1, (Trial({"x": 1.0}, 0.5),), 1.0, "source", "identity")


class Rated(Method):
    x: float = param(0.5, search=(0.0, 1.0), help="h")


class Fitted(Rated):
    def fit(self, net, images, labels, budget, rng):
        return net.params


FIELDS = {"rated": Rated.search_space(), "fitted": Fitted.search_space()}


class Made:
    """Scores by a rule, which are counted: by the rate, `few` images or all, and how many times the passes."""

    def __init__(self, rule):
        self.rule, self.asked = rule, []

    def __call__(self, settings, n_train, times):
        self.asked.append((n_train, times))
        return self.rule(settings, n_train != 0, times)


def chosen(scored, trials, fields=FIELDS["rated"], few_are_all=False):
    found = choice.finals(scored, fields, trials, few_are_all)
    return replace(STUDY, trials=tuple(trials), finals=found).best.settings, found


def rates(*values):
    return [Trial({"learning_rate": rate, "x": 0.5}, score) for rate, score in values]


def test_many_are_tried_on_few_images_and_the_best_two_and_half_a_rate_on_all():
    """A rate that suits few steps does not suit many: half of it does, and is chosen."""
    scored = Made(lambda own, few, times: 0.8 if few else 1 - own["learning_rate"])
    best, found = chosen(scored, rates((0.08, 0.7), (0.1, 0.9), (0.04, 0.8), (0.1, 0.9)))
    assert best == {"learning_rate": 0.04, "x": 0.5}
    assert [f.settings["learning_rate"] for f in found] == [0.04, 0.05, 0.1], "the best first, and each once"
    assert scored.asked == [(choice.FEW, 1), *[(0, 1)] * 3, (choice.FEW, choice.LONGER)]
    halved = Made(lambda own, few, times: 0.9 if few else 1 - abs(own["learning_rate"] - 0.05))
    assert chosen(halved, rates((0.1, 0.9), (0.2, 0.8)))[0]["learning_rate"] == 0.05


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ({0.1: 0.5}, 0.2),
        ({0.1: 0.5, 0.2: 0.5}, 0.05),
        ({0.1: 0.3, 0.2: LOST + 0.01, 0.05: 0.4}, 0.2),
        ({0.1: LOST - 0.001}, 0.1),
        ({0.1: -0.2}, 0.1),
    ],
    ids=["the next", "the last", "the least harmed", "within two points", "better"],
)
def test_what_three_times_the_passes_harm_is_not_chosen(lost, expected):
    """With all images 0.1 is best, then 0.2, then half of 0.1."""
    on_all = {0.1: 0.9, 0.2: 0.8, 0.05: 0.7}

    def rule(own, few, times):
        rate = own["learning_rate"]
        return 0.6 - (lost.get(rate, 0.0) if times > 1 else 0.0) if few else on_all[rate]

    best, found = chosen(Made(rule), rates((0.1, 0.6), (0.2, 0.6)))
    assert best["learning_rate"] == expected
    asked = [f for f in found if f.longer is not None]
    assert found[: len(asked)] == tuple(asked), "nobody is asked after the first that is not harmed"
    assert all(f.lost > LOST for f in asked[:-1])


def test_without_a_rate_there_is_none_to_halve_and_few_images_may_be_all():
    fitted = Made(lambda own, few, times: own["x"])
    best, found = chosen(fitted, [Trial({"x": x}, x) for x in (0.1, 0.3, 0.2)], FIELDS["fitted"])
    assert (best, len(found)) == ({"x": 0.3}, 2)
    small = Made(lambda own, few, times: 0.5)
    assert chosen(small, rates((0.1, 0.51), (0.2, 0.5)), few_are_all=True)[0]["learning_rate"] == 0.1
    assert 0 not in [n_train for n_train, _ in small.asked]


def test_a_search_is_the_defaults_and_then_proposals():
    scored = Made(lambda own, few, times: own["x"])
    trials = choice.search(scored, FIELDS["fitted"], {"x": 0.5}, 6)
    assert trials[0] == Trial({"x": 0.5}, 0.5)
    assert len({trial.settings["x"] for trial in trials}) == 6
    assert scored.asked == [(choice.FEW, 1)] * 6


# -- what a score is ---------------------------------------------------------------------------------------------------
def test_a_score_is_the_mean_at_home_and_on_what_is_held_out():
    """As all else probes: the encoder sees the other's images resized, and a probe is fitted there."""
    cell = Cell("random_features", "digits", 8, 1, 128)
    encoder = trained_encoder(Task(cell, (0,), ""), REGISTRY, "cpu")
    own, other = (
        float(linear_probe(context_for(encoder, REGISTRY.dataset(name)).set).validation)
        for name in ("digits", "bars:few")
    )
    assert tuning.score(REGISTRY, cell, [0], "cpu") == pytest.approx(own)
    assert tuning.score(REGISTRY, cell, [0], "cpu", "bars:few") == pytest.approx((own + other) / 2)
    assert own != other
    few = tuning.score(REGISTRY, cell, [0], "cpu", "bars:few", 200)
    assert 0 < few < (own + other) / 2


def test_who_is_tuned_by_home_alone(tmp_path):
    """The held-out data set itself, a preset that holds none out, and a user's own data."""

    def held_out(preset, datasets=None):
        suite = make_suite(REGISTRY, PRESETS[preset], methods=["autoencoder"], datasets=datasets)
        asked = tuning.wanted(REGISTRY, suite, 1, 1, Planner(REGISTRY, "cpu"), ["linear"])
        return {plan.cell.dataset: plan.held_out for plan in asked}

    found = held_out("standard")
    assert len(found) == 10
    assert {name for name, beside in found.items() if beside != "glyphs"} == {"glyphs"}
    assert set(held_out("quick").values()) == {""}
    assert held_out("standard", ["digits", "bars:few"]) == {"digits": "glyphs", "bars:few": ""}


# -- what stays --------------------------------------------------------------------------------------------------------
def test_values_are_kept_on_purpose_and_what_they_were_made_by_stays_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tuned_path("quick").parent.mkdir(parents=True)
    shutil.copy(brought_path("quick"), tuned_path("quick"))
    before = {key: replace(s, kept="") for key, s in read_studies(tuned_path("quick")).items()}
    made = {key: replace(s, identity="of then") for key, s in before.items() if s.method == "autoencoder"}
    tuning.write_studies(tuned_path("quick"), {**before, **made})
    keep = ["tune", "autoencoder", "--preset", "quick", "--keep", "mlp,native"]
    assert main(keep) == 0
    assert "2 of them marked" in capsys.readouterr().out
    after = read_studies(tuned_path("quick"))
    changed = {key for key in after if after[key] not in (before[key], made.get(key))}
    assert {after[key].backbone for key in changed} == {"mlp", "native"}
    for key in changed:
        assert (after[key].kept, after[key].best, after[key].source) == ("of then", made[key].best, made[key].source)
    suite = make_suite(REGISTRY, PRESETS["quick"], methods=["autoencoder"])
    left = tuning.plans(REGISTRY, suite, 99, 1, after, False)
    assert {plan.backbone for plan in left} == {"linear"}, "however many trials they had"
    assert main(keep) == 0
    assert "0 of them marked" in capsys.readouterr().out


def test_nothing_is_written_of_what_is_refused(tmp_path, monkeypatch):
    """A file that stands here goes before the project's from then on."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["tune", "--preset", "quick", "--keep", "mlp", "--datasets", "nonsense"])
    assert stop.value.code == 2
    assert not tuned_path("quick").exists()


def test_choices_at_an_edge_are_listed():
    own = replace(STUDY, method="autoencoder", trials=(Trial({"learning_rate": 0.29}, 0.5),))
    assert at_edges([own], REGISTRY) == [f"{own.key}: learning_rate 0.29, of 3e-05 to 0.3"]
    inside = Trial({"learning_rate": 0.01}, 0.4)
    assert (
        at_edges([replace(own, trials=(inside,)), replace(own, method="gone"), replace(own, trials=())], REGISTRY) == []
    )


def test_older_studies_choose_their_first_best_trial():
    """Those that other backbones keep."""
    trials = (Trial({"x": 1.0}, 0.5), Trial({"x": 2.0}, 0.6), Trial({"x": 3.0}, 0.6))
    assert replace(STUDY, trials=trials).best == trials[1]
    final = Final({"x": 9.0}, 0.7, 0.65, 0.66)
    assert replace(STUDY, trials=trials, finals=(final,)).best == Trial({"x": 9.0}, 0.65)
