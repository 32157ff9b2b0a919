"""What does the competition (EM) do for learning: stability, structure, and both at scale."""

from dataclasses import replace

import pandas as pd

from infomax_bench import Benchmark, Request
from infomax_bench.plots.effects import estimates, sweep
from infomax_bench.plots.figures import dots, seeds_of
from infomax_bench.stats.intervals import in_words, interval
from infomax_bench.stats.readings import by_seed, encoder_table, paired, read, side, signed
from infomax_bench.stats.spread import deviation, deviation_ratio
from infomax_bench.study.amounts import fewer_images, sizes

COMPETITION, DECORRELATION = "lambda_lse", "lambda_tc"  # the weights, in subjects that have them
BOTH, ALONE = "competition + decorrelation", "competition only"
WITHOUT, NEITHER = "decorrelation only", "neither"
SOFTMAX, SUBJECT, REFERENCE = "softmax form", "as it is", "reference"
OWN = "decorrelation only, own settings"
OFF = {BOTH: (), ALONE: (DECORRELATION,), WITHOUT: (COMPETITION,), NEITHER: (COMPETITION, DECORRELATION)}
CELLS = (*OFF, OWN, SOFTMAX, SUBJECT)
SOFTMAX_FORM, OWN_FORM, CLUSTERS = "infomax_softmax", "infomax", "kmeans"
REFERENCES = {CLUSTERS: "control", "gmm": "control", "random_features": "reference"}

START, RATE, WIDTH, IMAGES = "start", "rate", "width", "images"
SWEEPS = {START: "initial weights (times the normal ones)", RATE: "learning rate (times its own)",
          WIDTH: "units", IMAGES: "images"}  # fmt: skip
STARTS, RATES = (0.1, 1.0, 10.0), (0.1, 1.0, 10.0)

LESS_IS_BETTER = {
    START: (
        ("less dependent on the initialisation", "more dependent on the initialisation"),
        "initialisation",
        "points",
    ),
    RATE: (("less dependent on the learning rate", "more dependent on the learning rate"), "learning rate", "points"),
    "settled": (("settles sooner", "settles later"), "settling", "% of training"),
}

POINT, AGREEMENT = 0.01, 0.05
"""The least differences of interest, in accuracy and in the agreement of regions."""

KEY = ["cell", "dataset", "sweep", "x", "seed"]  # an encoder
COLUMNS = {
    "accuracy": ("accuracy", "linear"), "validation": ("validation_accuracy", "linear"),
    "settled": ("settled_after", ""), "rises": ("loss_rises", ""), "dead": ("dead_units", ""),
    "entropy": ("relative_responsibility_entropy", ""), "contested": ("contested", ""), "coverage": ("coverage", ""),
    "owners": ("effective_owners", ""), "k-means": ("agreement", "k-means"), "mixture": ("agreement", "mixture"),
    "classes": ("agreement", "classes"), "purity": ("purity", "classes"), "purity k-means": ("purity", "k-means"),
    "purity mixture": ("purity", "mixture"), "candidates": ("candidates", ""),
    "uncut": ("agreement_before_relu", "k-means"), "uncut owners": ("effective_owners_before_relu", ""),
}  # fmt: skip
STRUCTURE = {
    "entropy": "entropy / log K", "contested": "contested images", "coverage": "units that own",
    "owners": "effective owners / K", "k-means": "agreement with k-means", "mixture": "agreement with a mixture",
    "classes": "agreement with classes", "purity": "purity of classes",
    "candidates": "candidates / K", "uncut": "agreement before ReLU",
    "uncut owners": "owners / K before ReLU",
}  # fmt: skip
STABLE = {"accuracy": "accuracy (%)", "settled": "% of training until settled"}
SIZED = {"accuracy": "accuracy (%)", "k-means": "agreement with k-means (%)", "dead": "dead units (%)"}
BESIDE = {
    "k-means": "agreement with k-means' regions, in hundredths,", "entropy": "the responsibilities' entropy, in %,",
    "settled": "the share of training until the loss settles, in %,", "dead": "dead units, in %,",
}  # fmt: skip
SHOWN = {START: STABLE, RATE: STABLE, WIDTH: SIZED, IMAGES: SIZED}
PANELS = {
    "accuracy": "accuracy", START: "range over initial scales", RATE: "range over learning rates",
    "settled": "training until settled", "entropy": "responsibility entropy", "k-means": "agreement with k-means",
    "mixture": "agreement with a mixture", "classes": "agreement with classes",
}  # fmt: skip


class Mechanism(Benchmark):
    """What does EM do: does competition make learning stable and its features structured, and does that scale?

    The subject is trained with and without its competition (`lambda_lse`, the weight of the log-sum-exp whose gradient
    is a responsibility, as it is or 0), and with and without decorrelation (`lambda_tc`); all else is as it was: the
    four share the settings that were tuned, if any, for the whole objective, which may favour it. So beside these
    stands decorrelation alone with settings of its own (`infomax`, tuned for itself if the subject was), and the
    essay's softmax form with settings of its own. Each of the four and the softmax form starts under every seed from
    the same weights; from weights 0.1 and 10 times as large (the biases stay); and with a learning rate 0.1 and 10
    times its own. Both are done on the first two of the data sets on which the width is swept. Where methods are
    compared in size, they are trained at the least and the largest width too, and on the fewest images, with about as
    many updates as on all of them.

    Measured are the accuracy of a linear probe; how many trainings diverge; the share of training after which the loss
    stays within 5 % of its whole change from its end; and whether units own regions of image space. The
    responsibilities are softmax(-outputs), since the subject's outputs are distances; a softmax's outputs are
    responsibilities already. Their entropy is taken over its largest value, log K. A test image belongs to the unit
    most responsible for it; how these regions agree with those of k-means and of a mixture of Gaussians, each of as
    many parts as there are units and fitted to training images, and with the classes, is adjusted mutual information:
    0 for chance, 1 for the same regions. Encoders by k-means and by a mixture, and an encoder before any training,
    stand beside them. Distances are cut off at 0, and where several units match an image perfectly one of them, drawn
    at random, is its owner. So that this decides nothing alone, regions are also made of what stands before the ReLU;
    this was added after the quick preset had been looked at, and no rule reads it.

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
    at the least (with the fewest) has an interval above zero, "less" if below; how its structure, settling and dead
    units change stands beside it. Anything else, or fewer than five seeds, is "undecided", and so is a difference of
    less than one point in a range or in when the loss settles, or of less than 0.05 in either agreement (these least
    differences of interest were added after the quick preset and before the standard one). The words are not corrected
    for their number.

    Prior art: units that compete become prototypes of clusters, but some may never win (Rumelhart and Zipser 1985);
    soft competition is EM for a mixture (Nowlan 1991). Networks train or fail by the scale of their initial weights
    (Glorot and Bengio 2010). Single-layer features from k-means classify well (Coates, Lee and Ng 2011).
    """

    title = "What does EM do: stability, structure, scale?"
    order = 49
    essay = (
        (30, "“May be unstable, initialization-dependent” without EM, “Stable, structured learning dynamics” with it"),
        (82, "“Does EM structure matter at scale?”"),
    )
    sweeps_width = True
    tags = {"cell": str, "sweep": str, "amount": float}

    def grid(self, suite):
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
                    own = suite.cell(method, dataset, label=REFERENCE, tags={"cell": REFERENCE})
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

    def cells(self, suite, dataset, sweep=None, amount=None, changes=None, width=None, **more):
        """One encoder of each kind. changes: of its settings, given these and the method."""
        swept = {"sweep": sweep, "amount": amount} if sweep else {}
        label = f"; {sweep} {amount:.15g}" if sweep else ""
        for kind, (method, settings) in self.kinds(suite, dataset).items():
            changed = {**settings, **(changes(method, settings) if changes else {})}
            yield suite.cell(
                method, dataset, width, settings=tuple(sorted(changed.items())), label=kind + label,
                tags={"cell": kind, **swept}, **more,
            )  # fmt: skip

    def base(self, suite, dataset):
        yield from self.cells(suite, dataset)
        if OWN_FORM in suite.methods and suite.subject != OWN_FORM and SUBJECT not in self.kinds(suite, dataset):
            yield suite.cell(OWN_FORM, dataset, label=OWN, tags={"cell": OWN})

    def swept(self, suite, dataset):
        def rate(method, settings, times):
            own = settings.get("learning_rate", suite.learning_rates[method])
            return {"learning_rate": float(f"{own * times:.6g}")}

        if SUBJECT in self.kinds(suite, dataset):
            return  # nothing to compare
        for x in STARTS:
            scaled = (lambda *_, x=x: {"initial_scale": x}) if x != 1 else None
            yield from self.cells(suite, dataset, START, x, scaled)
        for x in RATES:
            changed = (lambda method, settings, x=x: rate(method, settings, x)) if x != 1 else None
            yield from self.cells(suite, dataset, RATE, x, changed)

    def sized(self, suite, dataset):
        if SUBJECT in self.kinds(suite, dataset):
            return
        for width in sorted({min(suite.widths), suite.width, max(suite.widths)}):
            few = {} if width == suite.width else {"n_seeds": suite.sweep_seeds}
            yield from self.cells(suite, dataset, WIDTH, width, width=width, **few)
        n = sizes(suite.n_train[dataset], suite.scaled[dataset], 2 * suite.batch_size)
        for size in sorted({n[0], n[-1]}):
            fewer = fewer_images(suite, dataset, size)
            few = {**fewer, "n_seeds": suite.sweep_seeds} if fewer else {}
            yield from self.cells(suite, dataset, IMAGES, size, **few)

    # -- what is measured ---------------------------------------------------------------------------------------------
    @staticmethod
    def encoders(rows, claims):
        """A row for each encoder: KEY, COLUMNS, and `diverged`; sweep is "" for the encoders at the suite's width with
        nothing changed, and then x is 0. Of a reference, the cell is the method."""
        cell = rows["cell"].where(rows["cell"] != REFERENCE, rows["method"].astype(str))
        made = rows.assign(cell=cell, x=rows["amount"].fillna(0.0))
        made = made[made["cell"].isin([*CELLS, *REFERENCES])]
        of_a_subject = made["cell"].isin([*OFF, SUBJECT])  # of this one, or of one before it
        made = made[~of_a_subject | (made["method"] == claims.subject)]
        if claims.width is not None:
            made = made[(made["sweep"] == WIDTH) | (made["width"] == claims.width)]
        found = encoder_table(made, KEY, COLUMNS)
        found["entropy"] = found["entropy"].mask(found["cell"] == CLUSTERS)  # its code is no logarithm of shares
        lost = found["diverged"] > 0
        return found.assign(**{c: found[c].mask(lost, 0.0) for c in ("accuracy", "validation")})

    @staticmethod
    def measures(encoders):
        """What PANELS says, each by seed and cell: means over data sets."""
        base = encoders[encoders["sweep"] == ""]
        return {
            name: by_seed(ranges(encoders, name), "range", "cell")
            if name in (START, RATE)
            else by_seed(base, name, "cell")
            for name in PANELS
        }

    def readings(self, encoders, one=BOTH, other=WITHOUT):
        """What the rule says of one cell, with competition, and of another: name -> Reading."""
        measures = {name: paired(values, (one, other)) for name, values in self.measures(encoders).items()}
        measures = {name: values for name, values in measures.items() if len(values)}
        found = {}
        if "accuracy" in measures:
            own = measures["accuracy"]
            spread = deviation_ratio(own[other], own[one])
            sds = [f"{100 * deviation(own[cell]).value:.2f}" for cell in (one, other)]
            ratio = f"ratio {spread.value:.2f}, {in_words(spread.low, spread.high, '.2f')}"
            numbers = f"standard deviation {sds[0]} points, without it {sds[1]}, {ratio}"
            words = ("more stable over seeds", "less stable over seeds")
            found["seeds"] = read(spread, words, "stability over seeds", numbers, at=1)
        for name, (words, what, unit) in LESS_IS_BETTER.items():
            if name in measures:
                own = measures[name]
                less = interval((own[other] - own[one]).to_numpy())
                means = f"{100 * own[one].mean():.1f}, without it {100 * own[other].mean():.1f} {unit}"
                found[name] = read(less, words, what, f"{means}, difference {signed(less)}", least=POINT)
        if {"k-means", "mixture"} <= set(measures):
            words = ("more structured", "less structured")
            parts = {
                name: interval((measures[name][one] - measures[name][other]).to_numpy())
                for name in ("k-means", "mixture")
            }
            numbers = "; ".join(
                f"agreement with {name} {measures[name][one].mean():.2f}, without it "
                f"{measures[name][other].mean():.2f}, difference {signed(more, 1, '+.2f')}"
                for name, more in parts.items()
            )
            sides = {side(more, least=AGREEMENT) for more in parts.values()}
            surest = parts["k-means"] if len(sides) == 1 else interval([])
            found["structure"] = read(surest, words, "structure", numbers, least=AGREEMENT)
        return found

    @staticmethod
    def at_scale(encoders, column="accuracy"):
        """Data set, sweep, its values, the accuracy (or another column) that competition adds at the ends, by seed, and
        the interval of the difference."""
        for (dataset, which), own in encoders[encoders["sweep"].isin([WIDTH, IMAGES])].groupby(["dataset", "sweep"]):
            xs = sorted(own["x"].unique())
            ends = [paired(by_seed(own[own["x"] == x], column, "cell"), (BOTH, WITHOUT)) for x in (xs[0], xs[-1])]
            if len(xs) > 1 and all(len(end) for end in ends):
                few, many = (end[BOTH] - end[WITHOUT] for end in ends)
                yield dataset, which, xs, (few, many), interval((many - few).dropna().to_numpy())

    def beside(self, encoders, dataset, which):
        """What else competition adds at the ends of a sweep of sizes, to end a sentence with."""
        told = []
        for column, name in BESIDE.items():
            for where, sweep_of, _, (few, many), grows in self.at_scale(encoders, column):
                if (where, sweep_of) == (dataset, which):
                    told.append(f"{name} {100 * few.mean():+.1f} and {100 * many.mean():+.1f} ({signed(grows)})")
        return f"; to {', '.join(told)}" if told else ""

    @staticmethod
    def at_best_rate(encoders):
        """The interval of the accuracy that competition adds with each at the learning rate that is best on validation
        images; of nothing if the rates were not swept."""
        own = encoders[encoders["sweep"] == RATE]
        means = own.groupby(["cell", "dataset", "x"])["validation"].mean().dropna()
        best = set(means.groupby(["cell", "dataset"]).idxmax())
        own = own[[place in best for place in zip(own["cell"], own["dataset"], own["x"], strict=True)]]
        values = paired(by_seed(own, "accuracy", "cell"), (BOTH, WITHOUT)) if len(own) else ()
        return interval((values[BOTH] - values[WITHOUT]).to_numpy() if len(values) else [])

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
        told = "; ".join(str(reading) for reading in readings.values())
        said = [
            f"The essay's contrast {contrast(readings)}. Its parts are stability over seeds, stability over "
            "initialisations, and structure.",
            f"With competition {claims.subject} is: {told}. Differences above 0 and a ratio above 1 are in its favour.",
        ]
        clusters = paired(self.measures(encoders)["k-means"], (BOTH, CLUSTERS))
        if len(clusters):
            own = interval((clusters[BOTH] - clusters[CLUSTERS] / 2).to_numpy())
            word = {1: "Its units own regions", -1: "Its units do not own regions"}.get(side(own))
            said.append(
                f"{word or 'Whether its units own regions is undecided'}: agreement with k-means' regions "
                f"{clusters[BOTH].mean():.2f}, that of k-means' own units {clusters[CLUSTERS].mean():.2f}."
            )
        said += cut_off(encoders)
        for start, one, other in (
            ("Without decorrelation on either side", ALONE, NEITHER),
            ("Against decorrelation alone with settings of its own", BOTH, OWN),
            ("Against the softmax form, in place of no competition", BOTH, SOFTMAX),
        ):
            words = [reading.word for reading in self.readings(encoders, one, other).values()]
            both = paired(self.measures(encoders)["accuracy"], (one, other))
            if words and len(both):
                words.append(f"accuracy {signed(interval((both[one] - both[other]).to_numpy()))} points")
            said += [f"{start}: {', '.join(words)}."] if words else []
        said.append(divergences(encoders, claims.width))
        best = self.at_best_rate(encoders)
        if best.n:
            said.append(f"With each at its best learning rate, competition adds {signed(best)} points of accuracy.")
        for dataset, which, xs, (few, many), grows in self.at_scale(encoders):
            word = {1: "is worth more at scale", -1: "is worth less at scale"}.get(side(grows), "at scale: undecided")
            nothing = side(grows) > 0 and not side(interval(many.dropna().to_numpy())) > 0
            less = f", that is, it costs less: at {xs[-1]:g} nothing is shown to be gained by it" * nothing
            said.append(
                f"Competition {word} ({which}, {dataset}): it adds {100 * few.mean():+.1f} points at {xs[0]:g} and "
                f"{100 * many.mean():+.1f} at {xs[-1]:g}, difference {signed(grows)}{less}"
                f"{self.beside(encoders, dataset, which)}."
            )
        return "\n".join(filter(None, said))

    # -- what is shown ------------------------------------------------------------------------------------------------
    def effects(self, encoders):
        """The 2 x 2's effects by seed, in points of a hundred: columns panel, line, seed, value, status."""
        parts = [pd.DataFrame(columns=["panel", "line", "seed", "value"])]
        for name, values in self.measures(encoders).items():
            own = 100 * paired(values, tuple(OFF))
            if len(own):
                b, a, w, n = (own[cell] for cell in OFF)
                lines = {"competition": (b - w + a - n) / 2, "decorrelation": (b - a + w - n) / 2,
                         "interaction": b - w - a + n}  # fmt: skip
                made = pd.DataFrame(lines).rename_axis("seed").reset_index().melt("seed", var_name="line")
                parts.append(made.assign(panel=PANELS[name]))
        return pd.concat([p for p in parts if len(p)] or parts).assign(status="ok")

    def figures(self, rows, claims):
        encoders = self.encoders(rows, claims)
        effects = self.effects(encoders)
        if not effects.empty:
            yield (
                "What competition and decorrelation do, each averaged over the other being there or not, and what "
                "competition does more where decorrelation is there (interaction); in points of a hundred, means over "
                f"data sets ({effects['seed'].nunique()} seeds, 95 % intervals). Where competition makes learning "
                "robust, its ranges lie left of 0.",
                estimates(effects, line="line", panel="panel", label="points", order=tuple(PANELS.values()),
                          lines=("competition", "decorrelation", "interaction"), strong=("competition",)),
            )  # fmt: skip
        measured = encoders.assign(status="ok", method=encoders["cell"], current=True)
        for which, xlabel in SWEEPS.items():
            own = measured[measured["sweep"] == which]
            shown = panels(own, SHOWN[which], scale=100, datasets=True)
            if shown["x"].nunique() > 1:
                yield (
                    f"Against {xlabel} ({seeds_of(own)}, 95 % intervals); a training that diverged has accuracy 0.",
                    sweep(
                        shown, x="x", panel="panel", xlabel=xlabel, line="cell", order=tuple(shown["panel"].unique())
                    ),
                )
        base = measured[measured["sweep"] == ""]
        cast = replace(claims, subject=BOTH, roles={**dict.fromkeys(CELLS, "this work"), **REFERENCES})
        accuracy = panels(base, {"accuracy": "accuracy (%)"})
        if not accuracy.empty:
            yield (
                f"Accuracy of a linear probe ({seeds_of(accuracy)}); the wider the 95 % interval, the more it depends "
                "on the seed.",
                dots(accuracy, cast, label="accuracy (%)", scale=100),
            )
        shown = panels(base, STRUCTURE)
        if not shown.empty:
            yield (
                "Whose the test images are: how evenly responsibility is shared, how many units own images, and "
                "whether their regions are those of clustering, or the classes (means over data sets, "
                f"{seeds_of(shown)}, 95 % intervals).",
                dots(shown, cast, label="", panel="panel", higher_is_better=None, order=tuple(STRUCTURE.values())),
            )

    def table(self, rows, claims):
        encoders = self.encoders(rows, claims)
        if encoders.empty:
            return None
        groups = encoders.groupby(["dataset", "sweep", "x", "cell"])
        means, spread = groups.mean(), [deviation(own.dropna()) for _, own in groups["accuracy"]]
        columns = {
            "accuracy (%)": 100 * means["accuracy"],
            "deviation over seeds": [100 * one.value for one in spread],
            "its interval": [f"{100 * one.low:.2g} to {100 * one.high:.2g}" if one.n > 1 else "" for one in spread],
            "diverged": groups["diverged"].sum(),
            "% until settled": 100 * means["settled"],
            "rises of the loss": means["rises"],
            "% dead units": 100 * means["dead"],
            **{heading: means[name] for name, heading in STRUCTURE.items()},
            "purity of k-means' regions": means["purity k-means"],
            "purity of a mixture's regions": means["purity mixture"],
        }
        found = pd.DataFrame(columns, index=means.index).reset_index()
        return found.rename(columns={"cell": "method", "sweep": "swept", "x": "value"})


def distances(yes):
    return Request("regions", options=(("distances", True),) if yes else ())


def asked(cell):
    """What is measured on an encoder of the grid."""
    for evaluation in ("linear_probe", "dynamics", "redundancy"):
        yield Request(evaluation)
    yield distances(dict(cell.tags)["cell"] in (*OFF, OWN))


def ranges(encoders, which):
    """The range of accuracy over a sweep, columns cell, dataset, seed, range; none where a value of it is missing."""
    own = encoders[(encoders["sweep"] == which) & encoders["accuracy"].notna()]
    found = own.groupby(["cell", "dataset", "seed"])["accuracy"].agg(["min", "max", "count"])
    found = found[found["count"] == own["x"].nunique()]
    return found.assign(range=found["max"] - found["min"]).reset_index()


def panels(encoders, shown, scale=1.0, datasets=False):
    """The columns `shown` of encoders as rows: column -> the name of its panel, which may say the data set too."""
    parts = [encoders.assign(value=scale * encoders[column], panel=panel) for column, panel in shown.items()]
    made = pd.concat(parts).dropna(subset=["value"])
    return made.assign(panel=made["dataset"] + ": " + made["panel"]) if datasets else made


def cut_off(encoders):
    """What there is between the subject's distances that are 0 and what they were before the ReLU: a sentence."""
    base = encoders[encoders["sweep"] == ""].groupby("cell")[["contested", "candidates", "uncut"]].mean()
    if BOTH not in base.index or WITHOUT not in base.index or base.loc[[BOTH, WITHOUT]].isna().any(axis=None):
        return []
    contested, candidates, uncut = base.loc[BOTH]
    return [
        f"Of the images {100 * contested:.0f} % have several units that match them perfectly, {100 * candidates:.0f} % "
        f"of all units on average; told apart by what stands before the ReLU, their regions' agreement with k-means' "
        f"is {uncut:.2f}, without competition {base.loc[WITHOUT, 'uncut']:.2f}."
    ]


def divergences(encoders, width):
    """How many trainings diverged, in a sentence; an encoder that several sweeps share counts once."""
    own = encoders[encoders["cell"].isin(CELLS)]
    most = own.groupby(["dataset", "sweep"])["x"].transform("max")
    unchanged = own["sweep"].map({START: 1.0, RATE: 1.0, WIDTH: width}).astype(float)
    own = own[own["x"] != unchanged.where(own["sweep"] != IMAGES, most)]
    lost = own.groupby("cell")["diverged"].agg(["sum", "count"])
    told = [f"{cell} {n:.0f} of {of}" for cell, n, of in lost.itertuples() if n]
    return f"Diverged: {', '.join(told)}." if told else f"None of {lost['count'].sum()} trainings diverged."


def contrast(readings):
    """What the essay's contrast does, by the sides of its three parts."""
    sides = [readings[name].side if name in readings else 0 for name in ("seeds", START, "structure")]
    if min(sides) > 0:
        return "holds"
    if max(sides) > 0:
        return "is mixed" if min(sides) < 0 else "holds in part"
    return "is contradicted" if min(sides) < 0 else "is undecided"
