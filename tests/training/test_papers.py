"""Five methods from papers, written with `new-method`'s templates alone: the interface is whole if they are right.

Each file in `papers/` is under 60 lines, keeps every promise, and is what its paper says it is: against closed forms,
numpy, scikit-learn and published formulas.
"""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import mutual_info_score

from infomax_bench import Batch, Problem
from infomax_bench.data.augment import Augmentation
from infomax_bench.data.dataset import Split
from infomax_bench.study.plugins import load_file, registry
from infomax_bench.training.data import Data
from infomax_bench.training.session import session_for
from infomax_bench.training.trainer import train
from tests.promises import held
from tests.training.few_digits import PROBLEM, SEEDS, data_of

FOLDER = Path(__file__).parent / "papers"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def paper(name: str, **settings):
    _, own, _ = load_file(FOLDER / f"{name}.py")
    return own[name].build(settings)


def functions_of(name: str):
    return sys.modules[type(paper(name)).__module__]


def images_of(values: np.ndarray) -> tuple[Data, Problem]:
    """Vectors in [0, 255] `[N, D]` as images, all of them for training."""
    n, d = values.shape
    images = torch.from_numpy(values.round().astype(np.uint8)).view(n, 1, 1, d)
    everything = Split(torch.arange(n), torch.arange(0), torch.arange(0))
    data = Data(images, torch.zeros(n, dtype=torch.int64), [everything] * 2, Augmentation())
    return data, Problem((1, 1, d), 3, 1, n, 50)


def test_there_are_five_and_each_is_short():
    assert len(NAMES) == 5
    assert max(len((FOLDER / f"{name}.py").read_text().splitlines()) for name in NAMES) < 60


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_keeps_its_promises(name):
    found = registry([str(FOLDER / f"{name}.py")])
    held(found, "methods", name)


# -- Sanger and Oja ---------------------------------------------------------------------------------------------------
def elongated(n=600, d=6) -> np.ndarray:
    """Gaussian data with variances far apart, rotated: its components are well told apart."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return 128 + (rng.normal(size=(n, d)) * [40, 25, 15, 8, 4, 2]) @ rotation


@pytest.mark.parametrize("width", [1, 3])
def test_sangers_units_are_the_leading_principal_components_in_order(width):
    """One unit alone is Oja's rule, which learns the first."""
    values = elongated()
    data, problem = images_of(values)
    method = paper("sanger", learning_rate=2.0, schedule="cosine")
    trained = train(method, replace(problem, width=width), data, SEEDS, 400)
    components = PCA(width).fit(data.images.flatten(1).numpy()).components_
    for own in trained.params["encoder.weight"].numpy():
        np.testing.assert_allclose(np.abs(components @ own), np.eye(width), atol=0.03)  # of unit norm too


# -- competitive Hebbian learning -------------------------------------------------------------------------------------
def test_competing_units_become_the_means_of_clusters():
    rng = np.random.default_rng(0)
    centres = np.array([[60, 60, 120], [190, 60, 120], [120, 200, 60]])
    values = centres.repeat(200, axis=0) + 5 * rng.normal(size=(600, 3))
    data, problem = images_of(values)
    means = data.images.view(3, 200, 3).double().mean(1) / 255
    trained = train(paper("competitive", schedule="cosine"), problem, data, SEEDS, 20)
    for own in trained.params["encoder.weight"].double():
        nearest = torch.cdist(means, own.T)
        assert sorted(nearest.argmin(1).tolist()) == [0, 1, 2]
        assert nearest.min(1).values.max() < 2e-3


def test_the_winner_alone_moves_and_towards_its_images():
    method = paper("competitive")
    session = session_for(method, PROBLEM, data_of(), SEEDS)
    batch = session.batch()
    change = session.changes(batch)["encoder.weight"]
    for s in range(2):
        x, w = batch.x[s].numpy(), session.net.encoder.weight[s].detach().numpy()
        winner = ((x[:, :, None] - w) ** 2).sum(1).argmin(1)
        expected = sum((np.outer(own - w[:, k], np.eye(w.shape[1])[k]) for own, k in zip(x, winner, strict=True)))
        np.testing.assert_allclose(change[s].numpy(), expected / len(x), atol=1e-5)


# -- invariant information clustering ---------------------------------------------------------------------------------
def test_iics_information_is_scikit_learns_on_hard_assignments():
    own = functions_of("iic").mutual_information
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 300)
    second = np.where(rng.random(300) < 0.7, first, rng.integers(0, 4, 300))
    hard = [torch.eye(4, dtype=torch.float64)[torch.from_numpy(c)] for c in (first, second)]
    both = mutual_info_score(np.r_[first, second], np.r_[second, first])  # the joint distribution made symmetric
    assert float(own(*hard)) == pytest.approx(both, abs=1e-9)


def test_iics_information_in_hand_computed_cases():
    own = functions_of("iic").mutual_information
    same = torch.eye(3).repeat(5, 1)
    assert float(own(same, same)) == pytest.approx(math.log(3), abs=1e-6)  # three clusters, each told surely
    soft = torch.tensor([[0.75, 0.25], [0.25, 0.75]])
    p = np.array([[0.3125, 0.1875], [0.1875, 0.3125]])  # (9 + 1) / 32 and (3 + 3) / 32
    assert float(own(soft, soft)) == pytest.approx((p * np.log(p / 0.25)).sum(), abs=1e-6)
    constant = torch.tensor([[1.0, 0.0]]).repeat(4, 1)
    assert float(own(constant, constant)) == pytest.approx(0, abs=1e-6)


def test_iic_tells_clusters_apart():
    """Its loss falls well below 0, where all images are in one cluster or clusters are drawn by chance."""
    trained = train(paper("iic", learning_rate=0.01), PROBLEM, data_of(), SEEDS, 10)
    assert (trained.log["loss"][:, -1] < -0.5).all()


# -- CorInfoMax -------------------------------------------------------------------------------------------------------
def test_corinfomax_remembers_covariances():
    method = paper("corinfomax", forgetting=0.9)
    session = session_for(method, PROBLEM, data_of(), SEEDS)
    expected = np.eye(32)
    for _ in range(3):
        batch = session.batch()
        z = session.net.projector(session.net.encoder(batch.views[0]))[1].detach().double().numpy()
        terms = method.loss(session.net, batch, session.state, session.rng)
        expected = 0.9 * expected + 0.1 * np.cov(z, rowvar=False)
        np.testing.assert_allclose(session.state["first"][1].numpy(), expected, rtol=1e-3, atol=1e-4)
    second = session.state["second"][1].double().numpy()
    logs = [np.linalg.slogdet(r + 1e-4 * np.eye(32))[1] for r in (expected, second)]
    assert terms["information"][1].item() == pytest.approx(-sum(logs) / 32, rel=1e-3)
    assert not session.state["first"].requires_grad


# -- DINO -------------------------------------------------------------------------------------------------------------
class Given:
    """A net whose projections are given, and whose teacher's are others."""

    params: dict = {}

    def __init__(self, says, teacher=None):
        self.says, self.teacher = says, teacher
        self.encoder, self.projector = (lambda view: view), (lambda view: self.says[int(view)])

    def with_params(self, state):
        return Given(self.teacher)


def test_dinos_loss_and_centre_are_the_papers():
    """The pseudocode of Caron et al. 2021 (algorithm 1), in numpy."""
    rng = np.random.default_rng(0)
    s1, s2, t1, t2 = (rng.normal(size=(8, 64)) for _ in range(4))
    centre = rng.normal(size=(1, 64))

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(1, keepdims=True)

    def h(t, s):
        return -(softmax((t - centre) / 0.04) * np.log(softmax(s / 0.1))).sum(1).mean()

    expected = h(t1, s2) / 2 + h(t2, s1) / 2
    says, teacher = ([torch.from_numpy(x)[None] for x in pair] for pair in ((s1, s2), (t1, t2)))
    state = {"centre": torch.from_numpy(centre)[None]}
    views = (torch.tensor(0), torch.tensor(1))
    loss = paper("dino").loss(Given(says, teacher), Batch(images=None, views=views), state, None)
    assert float(loss) == pytest.approx(expected)
    np.testing.assert_allclose(state["centre"][0], 0.9 * centre + 0.1 * np.r_[t1, t2].mean(0, keepdims=True))


def test_dinos_teacher_follows_and_does_not_collapse():
    method = paper("dino")
    session = session_for(method, PROBLEM, data_of(), SEEDS, n_steps=60)
    before = session.state["encoder.weight"].clone()
    session.advance()
    after = session.net.encoder.weight.detach()
    torch.testing.assert_close(session.state["encoder.weight"], 0.99 * before + 0.01 * after)
    for _ in range(59):
        session.advance()
    with torch.no_grad():
        told = session.net.with_params(session.state)
        says = told.projector(told.encoder(session.batch().images)) - session.state["centre"]
    assert (says.argmax(-1).float().std(-1) > 5).all()  # many prototypes are the first for some image
