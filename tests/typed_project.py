"""A user's project, for mypy: eigenlm's types reach it. `make lint` reads it, and nothing runs it."""

import eigenlm


def project() -> None:
    lm = eigenlm.load("smollm2-135m-instruct")
    text: str = lm.chat("hello", temperature=0.5)
    count: int = len(eigenlm.analyze(lm))
    rank: int = eigenlm.analyze(lm)["embedding.token"].rank_90
    wrong: int = eigenlm.perplexity(lm, "text").perplexity  # type: ignore[assignment]
    lm.no_such_method()  # type: ignore[attr-defined]
    print(text, count, rank, wrong)
