"""My idea: what is measured, in one line (Authors year, where)."""

from infomax_bench import Context, Metric, evaluation


@evaluation(
    # RAISE IT whenever you change what is measured: results' keys hold this number and not the source, so that without
    # it the numbers that were measured before stay in results, unmarked.
    version=1,
    seconds=1e-7,  # about, of one core, for each image of a seed: for the time left
    metrics=[
        Metric(
            "my_idea",  # the rows' name
            "sparseness over images, a mean over units",
            "neither",  # which end is the good one: higher, lower or neither
            range=(0, 1),
            undefined="all units are dead",  # when the value is NaN; leave it out if it never is
        ),
    ],
)
def my_idea(context: Context):
    """How sparse are units over images? As it stands: 1 - (mean |a|)^2 / mean a^2 of each live unit (Treves, Rolls)."""
    # context.set has features and labels of "train", "validation" and "test": raw(part) float [S, N, K] of S seeds,
    # x(part) the same standardised, y(part) labels [S, N], live() bool [S, K]; context.encoder has the encoder, and
    # need_encoder() says so where there is none. context.rows(metric, values [S], protocol="", x=None) makes the rows;
    # draw by Rng.of(context.seeds, "my_idea") alone.
    a, live = context.set.raw("test").double().abs(), context.set.live()
    sparse = 1 - a.mean(1).square() / a.square().mean(1).clamp(min=1e-30)
    return context.rows("my_idea", (sparse * live).sum(-1) / live.sum(-1))
