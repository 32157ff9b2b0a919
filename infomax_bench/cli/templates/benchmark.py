"""My idea: what is asked, in one line."""

from infomax_bench import Benchmark, Contrast, Select

# Rows are named by metric and protocol; `infomax-bench list evaluations` has them all.
DEAD = Select("dead_units", "")
RANK = Select("effective_rank_share", "")


class MyIdea(Benchmark):
    """What is asked, and how it is measured. As it stands: how many dimensions the features of each method fill.

    Claim: quote here who claims what.

    Rule: say here, before there is any result, what would decide it. The measure is the effective rank of the features
    over their number. "Fuller" is supported if the subject's is surely higher than that of the median method, and of
    the best of every family; refuted if it is surely lower than the median. "Surely" is a one-sided bound over data
    sets.
    """

    title = "How many dimensions do features fill?"
    order = 100  # where it stands in the report
    # What is measured on every encoder: all methods on all data sets of the preset. For another grid override
    # `grid(self, suite)`, which yields pairs of suite.cell(method, dataset, width=...) and Request(evaluation).
    evaluations = ("redundancy",)
    # Claims of the subject against all methods, decided by one rule for all benchmarks; unit and scale are for readers,
    # least is the least difference that counts.
    contrasts = (Contrast("my_idea", "Fuller", "effective rank over width", RANK, "points", scale=100),)
    # The report's table: a line for each method and data set.
    columns = {"effective rank (% of width)": Select("effective_rank_share", "", scale=100), "dead units": DEAD}
    # Figures: shows = (View("name", dots, RANK, label="..."),), with dots and its kin from infomax_bench.plots.figures,
    # and the caption as a macro of that name in words/my_idea.jinja beside this file. There too are the words of what
    # `findings(self, rows, claims)` yields: the macro answer(found, claims). Two more may tell
    # it better than the verdicts do by themselves: headline(found, claims), which answers the title in a few words, and
    # takeaway(found, claims), in at most 120. benchmarks/width.py is an example.
