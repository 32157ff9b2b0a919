"""What does the competition (EM) do for learning: stability, structure, and both at scale."""

import math
from dataclasses import dataclass, replace

import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.amounts import fewer_images, sizes
from infomax_bench.effects import estimates, sweep
from infomax_bench.figures import dots, seeds_of
from infomax_bench.spread import deviation, deviation_ratio
from infomax_bench.statistics import MIN_SEEDS, in_words, interval

COMPETITION, DECORRELATION = "lambda_lse", "lambda_tc"  # the weights, in subjects that have them
BOTH, ALONE = "competition + decorrelation", "competition only"
WITHOUT, NEITHER = "decorrelation only", "neither"
SOFTMAX, SUBJECT, REFERENCE = "softmax form", "as it is", "reference"
OFF = {BOTH: (), ALONE: (DECORRELATION,), WITHOUT: (COMPETITION,), NEITHER: (COMPETITION, DECORRELATION)}
CELLS = (*OFF, SOFTMAX, SUBJECT)
SOFTMAX_FORM, CLUSTERS = "infomax_softmax", "kmeans"
REFERENCES = {CLUSTERS: "control", "gmm": "control", "random_features": "reference"}

START, RATE, WIDTH, IMAGES = "start", "rate", "width", "images"
SWEEPS = {START: "initial weights (times the normal ones)", RATE: "learning rate (times its own)",
          WIDTH: "units", IMAGES: "images"}  # fmt: skip
STARTS, RATES = (0.1, 1.0, 3.0, 10.0), (0.1, 1.0, 10.0)
DIVERGED = ("diverged", "the features are not finite")

KEY = ["cell", "dataset", "sweep", "x", "seed"]  # an encoder
COLUMNS = {
    "accuracy": ("accuracy", "linear"), "validation": ("validation_accuracy", "linear"),
    "settled": ("settled_after", ""), "rises": ("loss_rises", ""), "dead": ("dead_units", ""),
    "entropy": ("relative_responsibility_entropy", ""), "contested": ("contested", ""), "coverage": ("coverage", ""),
    "owners": ("effective_owners", ""), "k-means": ("agreement", "k-means"), "mixture": ("agreement", "mixture"),
    "classes": ("agreement", "classes"), "purity": ("purity", "classes"), "purity k-means": ("purity", "k-means"),
    "purity mixture": ("purity", "mixture"),
}  # fmt: skip
STRUCTURE = {
    "entropy": "responsibility entropy / log K", "contested": "contested images", "coverage": "units that own images",
    "owners": "effective owners / K", "k-means": "agreement with k-means", "mixture": "agreement with a mixture",
    "classes": "agreement with classes", "purity": "purity of classes",
}  # fmt: skip
PANELS = {
    "accuracy": "accuracy", START: "range over initial scales", RATE: "range over learning rates",
    "settled": "training until settled", "entropy": "responsibility entropy", "k-means": "agreement with k-means",
    "mixture": "agreement with a mixture", "classes": "agreement with classes",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """A word that the rule allows, whether it is in favour of competition (1), against it (-1) or neither (0), and the
    numbers that it rests on."""

    word: str
    side: int
    numbers: str

    def __str__(self):
        return f"{self.word} ({self.numbers})"


class Mechanism(Benchmark):
    """What does EM do: does competition make learning stable and its features structured, and does that scale?

    The subject is trained with and without its competition (`lambda_lse`, the weight of the log-sum-exp whose gradient
    is a responsibility, as it is or 0), and with and without decorrelation (`lambda_tc`); all else is as it was: the
    four share the settings that were tuned, if any, for the whole objective. Beside these stands the essay's softmax
    form with settings of its own. Each starts under every seed from the same weights; from weights 0.1, 3 and 10 times
    as large (the biases stay); and with a learning rate 0.1 and 10 times its own. Both are done on the first two of the
    data sets on which the width is swept. Where methods are compared in size, it is trained at the least and the
    largest width too, and on the fewest images, with as many updates as on all of them.

    Measured are the accuracy of a linear probe; how many trainings diverge; the share of training after which the loss
    stays within 5 % of its whole change from its end; and whether units own regions of image space. The
    responsibilities are softmax(-outputs), since the subject's outputs are distances; a softmax's outputs are
    responsibilities already. Their entropy is taken over its largest value, log K. A test image belongs to the unit
    most responsible for it; how these regions agree with those of k-means and of a mixture of Gaussians, each of as
    many parts as there are units and fitted to training images, and with the classes, is adjusted mutual information:
    0 for chance, 1 for the same regions. Encoders by k-means and by a mixture, and an encoder before any training,
    stand beside them.

    Claim: without EM, learning "may be unstable, initialization-dependent"; with it come "stable, structured learning
    dynamics". And a question: "Does EM structure matter at scale?"

    Rule: the subject with competition is compared with the subject without, decorrelation being there: paired by seed,
    means over data sets, 95 % intervals over seeds. A training that diverged has accuracy 0, as in tuning. With
    competition it is "more stable over seeds" if the standard deviation of accuracy without it over that with it has an
    interval (Pitman and Morgan) above 1, "less" if below; "less dependent on the initialisation" if the range of
    accuracy over the scales of initial weights (largest less smallest, of each seed) is larger without it, the interval
    of the difference being above zero, "more" if below; in the same way "on the learning rate", and "settles sooner" or
    "later". It is "more structured" if its regions agree better both with k-means' and with the mixture's, "less" if
    worse with both. Its units "own regions" if their agreement with k-means' regions less half of that of the units
    that k-means itself has learned has an interval above zero, and "do not" if below. The essay's contrast is about
    seeds, initialisation and structure: it "holds" if all three are in favour of competition, "holds in part" if some
    are and none is against it, "is contradicted" if some are against and none in favour, "is mixed" if there are both.
    Competition "is worth more at scale" if the accuracy that it adds at the largest width (with all images) less that
    at the least (with the fewest) has an interval above zero, "less" if below. Anything else, or fewer than five seeds,
    is "undecided". The words are not corrected for their number.

    Prior art: units that compete become prototypes of clusters, but some may never win (Rumelhart and Zipser 1985);
    soft competition is EM for a mixture (Nowlan 1991). Networks train or fail by the scale of their initial weights
    (Glorot and Bengio 2010). Single-layer features from k-means classify well (Coates, Lee and Ng 2011).
    """

    title = "What does EM do: stability, structure, scale?"
    order = 49
    sweeps_width = True

    def requests(self, suite):
        if suite.subject not in suite.methods:
            return
        grids = ((self.base, suite.datasets), (self.swept, (suite.swept or suite.datasets)[:2]),
                 (self.sized, tuple(suite.scaled)))  # fmt: skip
        for grid, datasets in grids:
            for dataset in datasets:
                for cell in grid(suite, dataset):
                    yield from ((cell, request) for request in asked(cell))
        for dataset in suite.datasets:
            for method in REFERENCES:
                if method in suite.methods:
                    own = suite.cell(method, dataset, label=REFERENCE)
                    yield own, distances(method == "random_features")  # what the subject's outputs are before training

    @staticmethod
    def kinds(suite, dataset):
        """Cell -> its method and settings; for a subject without the two weights, just the subject as it is."""
        subject, found = suite.subject, {}
        own = dict(suite.settings_of(subject, dataset))
        if all({**suite.subject_settings, **own}.get(weight) for weight in (COMPETITION, DECORRELATION)):
            found = {cell: (subject, {**own, **dict.fromkeys(off, 0.0)}) for cell, off in OFF.items()}
            if SOFTMAX_FORM in suite.methods and subject != SOFTMAX_FORM:
                found[SOFTMAX] = SOFTMAX_FORM, dict(suite.settings_of(SOFTMAX_FORM, dataset))
        return found or {SUBJECT: (subject, own)}

    def cells(self, suite, dataset, label="", changes=None, width=None, **more):
        """One encoder of each kind. changes: of its settings, given these and the method."""
        for kind, (method, settings) in self.kinds(suite, dataset).items():
            changed = {**settings, **(changes(method, settings) if changes else {})}
            yield suite.cell(
                method, dataset, width, settings=tuple(sorted(changed.items())), label=kind + label, **more
            )

    def base(self, suite, dataset):
        yield from self.cells(suite, dataset)

    def swept(self, suite, dataset):
        def rate(method, settings, times):
            own = settings.get("learning_rate", suite.learning_rates[method])
            return {"learning_rate": float(f"{own * times:.6g}")}

        if SUBJECT in self.kinds(suite, dataset):
            return  # nothing to compare
        for x in STARTS:
            scaled = (lambda *_, x=x: {"initial_scale": x}) if x != 1 else None
            yield from self.cells(suite, dataset, f"; {START} {x:g}", scaled)
        for x in RATES:
            changed = (lambda method, settings, x=x: rate(method, settings, x)) if x != 1 else None
            yield from self.cells(suite, dataset, f"; {RATE} {x:g}", changed)

    def sized(self, suite, dataset):
        if SUBJECT in self.kinds(suite, dataset):
            return
        for width in sorted({min(suite.widths), suite.width, max(suite.widths)}):
            few = {} if width == suite.width else {"n_seeds": suite.sweep_seeds}
            yield from self.cells(suite, dataset, f"; {WIDTH} {width}", width=width, **few)
        n = sizes(suite.n_train[dataset], suite.scaled[dataset], 2 * suite.batch_size)
        for size in sorted({n[0], n[-1]}):
            fewer = fewer_images(suite, dataset, size)
            few = {**fewer, "n_seeds": suite.sweep_seeds} if fewer else {}
            yield from self.cells(suite, dataset, f"; {IMAGES} {size}", **few)

    # -- what is measured ---------------------------------------------------------------------------------------------
    @staticmethod
    def encoders(rows, claims):
        """A row for each encoder: KEY, COLUMNS, and `diverged`; sweep is "" for the encoders at the suite's width with
        nothing changed, and then x is 0. Of a reference, the cell is the method."""
        parts = rows["label"].astype(str).str.extract(r"^(.*?)(?:; (start|rate|width|images) ([\d.]+))?$")
        cell = parts[0].where(parts[0] != REFERENCE, rows["method"].astype(str))
        made = rows.assign(cell=cell, sweep=parts[1].fillna(""), x=parts[2].astype(float).fillna(0.0))
        made = made[made["cell"].isin([*CELLS, *REFERENCES])]
        if claims.width is not None:
            made = made[(made["sweep"] == WIDTH) | (made["width"] == claims.width)]
        good = made[made["status"] == "ok"]
        columns = {
            name: good[(good["metric"] == metric) & (good["protocol"] == protocol)].groupby(KEY)["value"].mean()
            for name, (metric, protocol) in COLUMNS.items()
        }
        lost = made[(made["status"] == "failed") & made["reason"].isin(DIVERGED) & (made["metric"] == "linear_probe")]
        columns["diverged"] = lost.groupby(KEY)["status"].size().clip(upper=1)
        found = pd.DataFrame(columns).rename_axis(KEY).reset_index()
        found["diverged"] = found["diverged"].fillna(0.0).astype(float)
        for name in ("accuracy", "validation"):
            found[name] = found[name].astype(float).mask(found["diverged"] > 0, 0.0)
        return found

    @staticmethod
    def by_seed(encoders, column):
        """Means over data sets: a line for each seed and a column for each cell; NaN where a data set is missing."""
        datasets = sorted(encoders["dataset"].unique())
        wide = encoders.pivot_table(index="seed", columns=["cell", "dataset"], values=column)
        means = {c: wide[c].reindex(columns=datasets).mean(axis=1, skipna=False) for c in {c for c, _ in wide.columns}}
        return pd.DataFrame(means).reindex(columns=[c for c in (*CELLS, *REFERENCES) if c in means])

    def ranges(self, encoders, which):
        """The range of accuracy over a sweep, as `by_seed`; NaN where one of its values is missing."""
        own = encoders[encoders["sweep"] == which]
        held = (
            own.dropna(subset=["accuracy"])
            .groupby(["cell", "dataset", "seed"])["accuracy"]
            .agg(["min", "max", "count"])
        )
        held = held[held["count"] == own["x"].nunique()]
        return self.by_seed(held.assign(range=held["max"] - held["min"]).reset_index(), "range")

    def measures(self, encoders):
        """What PANELS says, each by seed and cell."""
        base = encoders[encoders["sweep"] == ""]
        return {
            name: self.ranges(encoders, name) if name in (START, RATE) else self.by_seed(base, name) for name in PANELS
        }

    def readings(self, encoders, one=BOTH, other=WITHOUT):
        """What the rule says of one cell, with competition, and another: name -> Reading."""
        measures = self.measures(encoders)
        found = {}
        accuracy = pair(measures["accuracy"], one, other)
        if len(accuracy):
            spread = deviation_ratio(accuracy[other], accuracy[one])
            sds = f"standard deviation {100 * deviation(accuracy[one]).value:.2f} points, without it "
            sds += f"{100 * deviation(accuracy[other]).value:.2f}, ratio {spread.value:.2f}, "
            words = ("more stable over seeds", "less stable over seeds")
            found["seeds"] = read(
                spread, words, "stability over seeds", sds + in_words(spread.low, spread.high, ".2f"), 1
            )
        for name, words, what in (
            (START, ("less dependent on the initialisation", "more dependent on the initialisation"), "initialisation"),
            (RATE, ("less dependent on the learning rate", "more dependent on the learning rate"), "learning rate"),
            ("settled", ("settles sooner", "settles later"), "settling"),
        ):
            own = pair(measures[name], one, other)
            if len(own):
                less = interval((own[other] - own[one]).to_numpy())
                means = f"{100 * own[one].mean():.1f}, without it {100 * own[other].mean():.1f} {UNITS[name]}"
                found[name] = read(less, words, what, f"{means}, difference {signed(less)}")
        regions = [pair(measures[name], one, other) for name in ("k-means", "mixture")]
        if all(len(own) for own in regions):
            more = [interval((own[one] - own[other]).to_numpy()) for own in regions]
            sides = [side(m) for m in more]
            both = sides[0] if sides[0] == sides[1] else 0
            numbers = "; ".join(
                f"agreement with {name} {own[one].mean():.2f}, without it {own[other].mean():.2f}, difference "
                f"{m.mean:+.2f}, {in_words(m.low, m.high, '+.2f')}"
                for name, own, m in zip(("k-means", "a mixture"), regions, more, strict=True)
            )  # fmt: skip
            word = {1: "more structured", -1: "less structured", 0: "undecided in structure"}[both]
            found["structure"] = Reading(word, both, numbers)
        return found

    def at_scale(self, encoders):
        """(data set, sweep) -> the accuracy that competition adds at the least and at the most, and the difference."""
        for (dataset, which), own in encoders[encoders["sweep"].isin([WIDTH, IMAGES])].groupby(["dataset", "sweep"]):
            xs = sorted(own["x"].unique())
            ends = [pair(self.by_seed(own[own["x"] == x], "accuracy"), BOTH, WITHOUT) for x in (xs[0], xs[-1])]
            few, many = (end[BOTH] - end[WITHOUT] if len(end) else pd.Series(dtype=float) for end in ends)
            grows = (many - few).dropna()
            if len(xs) > 1 and len(grows):
                yield dataset, which, xs, (few, many), interval(grows.to_numpy())

    def at_best_rate(self, encoders):
        """The accuracy that competition adds with each at its best learning rate by validation images; None if the rates
        were not swept."""
        own = encoders[encoders["sweep"] == RATE]
        chosen = []
        for _, group in own.groupby(["cell", "dataset"]):
            best = group.groupby("x")["validation"].mean()
            if best.notna().any():
                chosen.append(group[group["x"] == best.idxmax()])
        if not chosen:
            return None
        accuracy = pair(self.by_seed(pd.concat(chosen), "accuracy"), BOTH, WITHOUT)
        return interval((accuracy[BOTH] - accuracy[WITHOUT]).to_numpy()) if len(accuracy) else None

    # -- the answer ---------------------------------------------------------------------------------------------------
    def answer(self, rows, claims):
        encoders = self.encoders(rows, claims)
        if encoders.empty:
            return ""
        readings = self.readings(encoders)
        if not readings:
            return (
                f"{claims.subject} was not measured with and without {COMPETITION} and {DECORRELATION}, or has no such "
                "weights: what its competition does cannot be told."
            )
        said = [f"The essay's contrast {contrast(readings)}. With competition {claims.subject} is: "
                + "; ".join(map(str, readings.values())) + "."]  # fmt: skip
        base = self.by_seed(encoders[encoders["sweep"] == ""], "k-means")
        clusters = pair(base, BOTH, CLUSTERS)
        if len(clusters):
            owned = interval((clusters[BOTH] - clusters[CLUSTERS] / 2).to_numpy())
            verb = {1: "own regions", -1: "do not own regions", 0: "own regions or not is undecided"}[side(owned)]
            said.append(f"Its units {verb}: agreement with k-means' regions {clusters[BOTH].mean():.2f}, of k-means' "
                        f"own units {clusters[CLUSTERS].mean():.2f}.")  # fmt: skip
        for name, one, other in (("Without decorrelation on either side", ALONE, NEITHER),
                                 ("Against the softmax form in place of no competition", BOTH, SOFTMAX)):  # fmt: skip
            words = [r.word for r in self.readings(encoders, one, other).values()]
            if words:
                said.append(f"{name}: {', '.join(words)}.")
        lost = encoders.groupby("cell")["diverged"].agg(["sum", "count"])
        bad = [f"{cell} {int(n)} of {of}" for cell, (n, of) in lost.iterrows() if n]
        said.append(f"Diverged: {', '.join(bad)}." if bad else f"None of {lost['count'].sum()} trainings diverged.")
        best = self.at_best_rate(encoders)
        if best is not None:
            said.append(f"With each at its best learning rate, competition adds {signed(best)} points of accuracy.")
        for dataset, which, xs, (few, many), grows in self.at_scale(encoders):
            word = {1: "more", -1: "less"}.get(side(grows))
            verdict = f"is worth {word} at scale" if word else "at scale: undecided"
            said.append(f"Competition {verdict}, {which} on {dataset}: it adds {100 * few.mean():+.1f} points at "
                        f"{xs[0]:g} and {100 * many.mean():+.1f} at {xs[-1]:g} (difference {signed(grows)}).")  # fmt: skip
        if claims.indicative:
            said.append("This preset is for looking, not for deciding.")
        return " ".join(said)

    # -- what is shown ------------------------------------------------------------------------------------------------
    def effects(self, encoders):
        """The 2 x 2's effects by seed, in points of a hundred: columns panel, line, seed, value, status."""
        parts = []
        for name, own in self.measures(encoders).items():
            if not set(OFF) <= set(own):
                continue
            b, a, w, n = (own[cell] for cell in (BOTH, ALONE, WITHOUT, NEITHER))
            for line, values in (("competition", (b - w + a - n) / 2), ("decorrelation", (b - a + w - n) / 2),
                                 ("interaction", b - w - a + n)):  # fmt: skip
                values = 100 * values.dropna()
                parts.append(pd.DataFrame({"seed": values.index, "value": values.to_numpy()}).assign(
                    line=line, panel=PANELS[name]))  # fmt: skip
        return pd.concat(parts).assign(status="ok") if parts else pd.DataFrame(columns=["value"])

    def figures(self, rows, claims):
        encoders = self.encoders(rows, claims)
        effects = self.effects(encoders)
        if not effects.empty:
            n = effects["seed"].nunique()
            yield (
                f"What competition and decorrelation do, each averaged over the other being there or not, and what "
                f"competition does more where decorrelation is there (interaction); in points of a hundred, means over "
                f"data sets ({n} seeds, 95 % intervals). Competition makes learning robust if its ranges lie left of 0.",
                estimates(effects, line="line", panel="panel", label="points", order=tuple(PANELS.values()),
                          lines=("competition", "decorrelation", "interaction"), strong=("competition",)),
            )  # fmt: skip
        ok = encoders.assign(status="ok", method=encoders["cell"], current=True)
        for which, xlabel in SWEEPS.items():
            own = ok[(ok["sweep"] == which)]
            shown = {"accuracy": "accuracy (%)", "settled": "% of training until settled"}
            if which in (WIDTH, IMAGES):
                shown = {"accuracy": "accuracy (%)", "k-means": "agreement with k-means (%)"}
            panels = [own.assign(value=100 * own[c], panel=own["dataset"] + ": " + label) for c, label in shown.items()]
            swept = pd.concat(panels).dropna(subset=["value"])
            if swept["x"].nunique() > 1:
                yield (
                    f"Against {xlabel} ({seeds_of(own)}, 95 % intervals); a training that diverged has accuracy 0.",
                    sweep(swept, x="x", panel="panel", xlabel=xlabel, line="cell"),
                )
        base = ok[ok["sweep"] == ""]
        cast = replace(claims, subject=BOTH, roles={**dict.fromkeys(CELLS, "this work"), **REFERENCES})
        accuracy = base.assign(value=base["accuracy"]).dropna(subset=["value"])
        if not accuracy.empty:
            yield (
                f"Accuracy of a linear probe ({seeds_of(accuracy)}); the wider the 95 % interval, the more it depends "
                "on the seed.",
                dots(accuracy, cast, label="accuracy (%)", scale=100),
            )
        panels = pd.concat([base.assign(value=base[c], panel=label) for c, label in STRUCTURE.items()])
        panels = panels.dropna(subset=["value"])
        if not panels.empty:
            yield (
                "Whose the test images are: how evenly responsibility is shared, how many units own images, and "
                "whether their regions are those of clustering, or the classes (means over data sets, "
                f"{seeds_of(panels)}, 95 % intervals).",
                dots(panels, cast, label="", panel="panel", higher_is_better=None, order=tuple(STRUCTURE.values())),
            )

    def table(self, rows, claims):
        encoders = self.encoders(rows, claims)
        if encoders.empty:
            return None
        groups = encoders.groupby(["dataset", "sweep", "x", "cell"])
        means = groups[list(COLUMNS)].mean()
        spread = [deviation(v.dropna()) for _, v in groups["accuracy"]]
        found = pd.DataFrame({"accuracy (%)": 100 * means["accuracy"]})
        found["deviation over seeds"] = [100 * s.value for s in spread]
        found["its interval"] = [f"{100 * s.low:.2g} to {100 * s.high:.2g}" if s.n > 1 else "" for s in spread]
        found["diverged"] = groups["diverged"].sum()
        for name, heading in {"settled": "% until settled", "dead": "% dead units"}.items():
            found[heading] = 100 * means[name]
        found["rises of the loss"] = means["rises"]
        for name, heading in {**STRUCTURE, "purity k-means": "purity of k-means' regions",
                              "purity mixture": "purity of a mixture's regions"}.items():  # fmt: skip
            found[heading] = means[name]
        found = found.reset_index().rename(columns={"cell": "method", "sweep": "swept", "x": "value"})
        return found.sort_values(["dataset", "swept", "value"], kind="stable", ignore_index=True)


UNITS = {START: "points of range", RATE: "points of range", "settled": "% of training"}


def distances(yes):
    return Request("regions", options=(("distances", True),) if yes else ())


def asked(cell):
    """What is measured on an encoder of the grid."""
    own = cell.label.split(";")[0]
    for evaluation in ("linear_probe", "dynamics", "redundancy"):
        yield Request(evaluation)
    yield distances(own in OFF)


def pair(values, one, other):
    """The values of two cells under the seeds that both have; no lines if one is missing."""
    return values[[one, other]].dropna() if {one, other} <= set(values) else pd.DataFrame()


def side(found, at=0.0):
    """Of what an interval lies: 1 above, -1 below, 0 neither, or too few seeds."""
    if found.n < MIN_SEEDS:
        return 0
    return 1 if found.low > at else -1 if found.high < at else 0


def read(found, words, what, numbers, at=0.0):
    """A Reading by the side on which the interval lies."""
    where = side(found, at)
    return Reading({1: words[0], -1: words[1], 0: f"undecided in {what}"}[where], where, numbers)


def signed(found):
    """A difference with its interval, in points."""
    mean = f"{100 * found.mean:+.1f}"
    return f"{mean}, {in_words(100 * found.low, 100 * found.high, '+.1f')}" if math.isfinite(found.low) else mean


def contrast(readings):
    """What the essay's contrast does, by the sides of its three parts."""
    sides = [readings[name].side if name in readings else 0 for name in ("seeds", START, "structure")]
    if min(sides) > 0:
        return "holds"
    if max(sides) > 0:
        return "is mixed" if min(sides) < 0 else "holds in part"
    return "is contradicted" if min(sides) < 0 else "is undecided"
