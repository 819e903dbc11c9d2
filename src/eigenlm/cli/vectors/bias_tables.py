"""What is found about bias, as tables for a terminal: words first, figures beside them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from eigenlm.plain_table import PlainTable

if TYPE_CHECKING:
    from eigenlm.estimate import Estimate
    from eigenlm.linalg.isotropy import Isotropy
    from eigenlm.vectors.bias import BiasAnswer, BiasScore, Debiased, Leftover
    from eigenlm.vectors.bias.permutation_test import PermutationTest


def answer_tables(
    answers: "Sequence[BiasAnswer]", metrics: Sequence[str], spread: "Isotropy | None" = None
) -> list[PlainTable]:
    """A table for each measure, and below the last what was not asked and why."""
    tables = [_table(answers, metric) for metric in metrics]
    missing = [f"{answer.query}: no vector for {', '.join(answer.missing)}." for answer in answers if answer.missing]
    tables[-1].with_notes(missing)
    if spread is not None and spread.mean_cosine is not None:
        iso = "" if spread.iso_score is None else f", and IsoScore {spread.iso_score:.2f} of 1"
        note = f"The first {spread.num_vectors:,} words have a mean cosine of {spread.mean_cosine:.2f} with each other"
        tables[-1].with_notes([f"{note}{iso}; where all point one way, cosines tell little."])
    return tables


def debias_tables(
    before: "Sequence[BiasAnswer]",
    after: "Sequence[BiasAnswer]",
    debiased: "Debiased",
    left: "Leftover | None",
    why: str,
) -> list[PlainTable]:
    """WEAT before and after, and how well words are still told apart."""
    tables = [_before_and_after(before, after, debiased)]
    if left is None:
        tables[0].with_notes([f"What it leaves is not known: {why}."])
        return tables
    return [*tables, _left_table(left)]


def _table(answers: "Sequence[BiasAnswer]", metric: str) -> PlainTable:
    from eigenlm.vectors.bias import METRICS

    heading = "effect" if metric == "weat" else metric.upper()
    columns = ["query", "finding", heading, "95% interval", *(["p"] if metric == "weat" else []), "words"]
    table = PlainTable(METRICS[metric].title, columns, words=("finding",))
    drawn = []
    for answer in answers:
        for score in answer.scores:
            if score.metric == metric:
                table.add_row(answer.query, *_cells(score), f"{answer.used} of {answer.used + len(answer.missing)}")
                drawn += list(_of_a_sample(answer.query, score.test))
    unasked = [answer for answer in answers if metric in answer.refused]
    refused = [f"{answer.query}: {metric.upper()} is not measured; {answer.refused[metric]}." for answer in unasked]
    return table.with_notes([METRICS[metric].meaning if table.row_count else "", *drawn, *refused])


def _cells(score: "BiasScore") -> list[str]:
    cells = [score.finding, f"{score.value.value:.2f}", _interval(score.value)]
    return cells if score.test is None else [*cells, ("" if score.test.exact else "~") + f"{score.test.p.value:.2g}"]


def _of_a_sample(query: str, test: "PermutationTest | None") -> Iterator[str]:
    if test is not None and not test.exact:
        low, high = test.p.low, test.p.high
        yield f"{query}: p of {test.ways:,} ways at random, all being too many; 95% interval {low:.2g} to {high:.2g}."


def _before_and_after(
    before: "Sequence[BiasAnswer]", after: "Sequence[BiasAnswer]", debiased: "Debiased"
) -> PlainTable:
    title = f"WEAT before and after {debiased.name} is taken out"
    table = PlainTable(
        title, ["query", "finding after", "before", "after", "95% interval", "p"], words=("finding after",)
    )
    for one, other in zip(before, after):
        for was, now in zip(one.scores, other.scores):
            finding, effect, interval, p = _cells(now)
            table.add_row(one.query, finding, f"{was.value.value:.2f}", effect, interval, p)
    energy = f"The direction holds {debiased.axis.energy:.0%} of what {len(debiased.axis.pairs)} pairs differ in."
    counts = f"{len(debiased.equalized)} pairs were made equal, and {len(debiased.kept)} words that mean it were kept."
    missing = ", ".join(f"{one}:{other}" for one, other in debiased.missing)
    return table.with_notes([f"{energy} {counts}", f"Pairs without a vector: {missing}." if missing else ""])


def _left_table(left: "Leftover") -> PlainTable:
    found = left.after.classified
    still = "Much is left" if found.low > 0.75 else "Some is left" if found.low > 0.5 else "Nothing is found to be left"
    told = f"{still}: the words that had most of it, {left.each} to either side, and whether they are told apart"
    table = PlainTable(told, ["told apart by", "before", "after", "95% interval", "nothing left"], words=())
    for name, key, chance in (
        ("two clusters", "clustered", "50%"),
        ("a linear classifier", "classified", "50%"),
        ("their neighbours", "neighbours", "0"),
    ):
        was, now = getattr(left.before, key), getattr(left.after, key)
        if key == "neighbours":
            table.add_row(name, f"{was.value:.2f}", f"{now.value:.2f}", _interval(now), chance)
        else:
            interval = f"{now.low:.0%} to {now.high:.0%}"
            table.add_row(name, f"{was.value:.0%}", f"{now.value:.0%}", interval, chance)
    return table.with_notes(
        [
            f"To one side lay {', '.join(left.first)}; to the other {', '.join(left.second)}.",
            "Shares of words put on the side where they had been (Gonen and Goldberg 2019); of neighbours, the"
            " correlation of what a word had with the share of its 100 nearest that had been on the second side.",
        ]
    )


def _interval(estimate: "Estimate") -> str:
    return f"{estimate.low:.2f} to {estimate.high:.2f}"
