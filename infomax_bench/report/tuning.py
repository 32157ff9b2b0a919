"""Which methods were tuned, on what budget, and what was chosen."""

from __future__ import annotations

from infomax_bench.report.parts import Table
from infomax_bench.run.record import STUDY
from infomax_bench.run.results import Results
from infomax_bench.study.cell import study_key
from infomax_bench.study.claims import Claims
from infomax_bench.study.tuned import in_words


def untuned(results: Results) -> list[str]:
    """Methods that have something to tune, and were not tuned for every data set and encoder."""
    rows = results.jobs
    own = rows[rows["label"] == ""]
    own = own.assign(backbone=own["backbone"].where(own["track"] != "native", "native"))
    asked = own[["method", "dataset", "backbone"]].drop_duplicates().itertuples(index=False)
    studies = results.info.get("tuning", {})
    tunable = {m for m, card in results.cards.items() if card.get("tunable", True)}
    return sorted({m for m, d, b in asked if m in tunable and study_key(m, d, b) not in studies})


def tuning(results: Results, names: dict[str, str], claims: Claims) -> tuple[str, Table | None]:
    """The budget in words, and what was chosen for each method and data set, and how much it matters."""
    studies = [study for study in results.info.get("tuning", {}).values() if set(STUDY) <= set(study)]
    if not studies:
        return "", None
    trials, seconds = sorted({s["trials"] for s in studies}), sum(s["seconds"] for s in studies)
    words = (
        f"{' or '.join(map(str, trials))} trials of every method that has something to tune, on each data set and "
        f"encoder; {len(studies)} studies and {seconds / 60:.0f} minutes of one core in all, "
        f"{' or '.join(map(str, sorted({s['seeds'] for s in studies})))} seeds each."
    )
    beside = sorted({held_out for s in studies if (held_out := s.get("held_out"))})
    if beside:
        words += (
            f" Where {' or '.join(beside)} is held out, scores are means of validation accuracy at home and on it. "
            "Trials see few training images; what is chosen is so with all, and three times the passes do not harm it."
        )
    lines, strong = [], []
    for s in sorted(studies, key=lambda s: (s["dataset"], s["method"], s["backbone"])):
        chosen = in_words(s["settings"]) + ("" if s["current"] else " (tuned for another version of its file)")
        percent = [f"{100 * s[which]:.1f}" for which in ("default", "best", "spread")]
        who = [names.get(s["method"], s["method"]), s["dataset"], s["backbone"]]
        lines.append([*who, chosen, *percent, str(s["trials"]), f"{s['seconds']:.0f}"])
        strong.append(s["method"] == claims.subject)
    head = ["method", "data set", "encoder", "chosen", "defaults (%)", "chosen (%)", "deviation over trials"]
    head += ["trials", "seconds"]
    return words, Table(head, lines, [False] * 4 + [True] * 5, strong)
