"""Small reports, and what a browser would find in a page."""

from dataclasses import replace
from html.parser import HTMLParser

import torch

from eigenlm.analysis import analyze
from eigenlm.analysis.about import About
from eigenlm.analysis.page import BeforeAfter, Measured, Planned, Report
from eigenlm.estimate import Estimate

HOSTILE = '</script><img src=x onerror="document.title=1">'


class Elements(HTMLParser):
    """Every element with its attributes, and the texts of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._script = dict(attrs).get("id", "own") if tag == "script" else None

    def handle_endtag(self, tag):
        self._script = None

    def handle_data(self, text):
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + text


def tiny_report(analysis=None, plan=(), before_after=None, **about) -> Report:
    generator = torch.Generator().manual_seed(0)
    weights = {"embedding.weight": torch.randn(50, 12, generator=generator)}
    for layer in range(3):
        weights[f"blocks.{layer}.attention.query.weight"] = torch.randn(12, 12, generator=generator)
        weights[f"blocks.{layer}.feed_forward.up.weight"] = torch.randn(30, 12, generator=generator) * (layer + 1)
    told = About(**{"title": "tiny", "facts": {"Layers": "3"}, "model": "tiny"} | about)
    shown = {"plan": plan, "before_after": before_after}
    return Report(analysis=replace(analysis or analyze(weights), about=told), **shown)


def effect(**changes) -> BeforeAfter:
    before = Measured(nll=3.0, num_params=1000, num_bytes=4000, tokens_per_second=10.0, answer="Paris.", file_bytes=700)
    after = Measured(
        nll=3.1, num_params=900, num_bytes=3600, tokens_per_second=11.0, answer=f"Paris. {HOSTILE}", file_bytes=3600
    )
    given = {"text": "some text", "before": before, "after": after, "question": f"Capital? {HOSTILE}"}
    interval = Estimate(value=0.1, low=0.08, high=0.12)
    return BeforeAfter(
        **given | {"nll_increase": interval, "forecast": Estimate(value=0.09, low=0.07, high=0.11)} | changes
    )


def planned(report: Report) -> tuple[Planned, ...]:
    names = [matrix.name for matrix in report.analysis.matrices if "blocks" in matrix.name]
    return tuple(
        Planned(name=name, label="as it is", bits_before=32.0, bits=32.0)
        if i % 2
        else Planned(name=name, label="rank 5", bits_before=32.0, bits=16.0, loss=0.01, rank=5)
        for i, name in enumerate(names)
    )


def full_report() -> Report:
    report = tiny_report()
    return tiny_report(analysis=report.analysis, plan=planned(report), before_after=effect())
