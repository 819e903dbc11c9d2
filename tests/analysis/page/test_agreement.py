"""Numbers of a page that name the same quantity are the same: in the verdict, in the cards, in the table."""

import json
import math
import re

import pytest

from eigenlm.analysis import analyze
from eigenlm.analysis.page.page import page_data, render
from tests.analysis.pages import Elements, full_report, tiny_report

# What a finding says of its matrix, and the column that says the same.
SAID = (
    (r"99% of its energy in (\d+) of", "rank_99"),
    (r"needs (\d+) of \d+ directions for 99%", "rank_99"),
    (r"stable rank ([\d.]+);", "stable_rank"),
    (r"has an effective rank of (\d+)", "effective_rank"),
    (r"the largest is ([\d,]+), of", "condition_number"),
    (r"needs (\d+) where its spectrum asks for", "output_rank_90"),
    (r"where its spectrum asks for (\d+)", "rank_90"),
)


def rounded_alike(text: str, value: float) -> bool:
    """Whether a number as it is written is this one, to the digits that it has."""
    digits = len(text.partition(".")[2])
    return abs(float(text.replace(",", "")) - value) <= 0.5000001 * 10**-digits


def test_findings_say_what_the_table_says(seen):
    compared = set()
    for analysis in (seen, tiny_report().analysis, analyze({f"blocks.{i}.up": m for i, m in enumerate(odd())})):
        cells = {row["name"]: row["cells"] for row in page_data(tiny_report(analysis=analysis))["matrices"]}
        for finding in analysis.findings:
            for pattern, key in SAID:
                if (told := re.search(pattern, finding.text)) and finding.matrix:
                    assert rounded_alike(told[1], cells[finding.matrix][key]), (finding.text, key)
                    compared.add(key)
    assert compared == {key for _, key in SAID}


def odd():
    """Four matrices of which one is unlike the others."""
    import torch

    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(20, 30, generator=generator) for _ in range(4)]
    return [*made[:3], made[3][:, :1] @ made[3][:1] + 0.01 * made[3]]


def test_the_parameters_of_a_rank_are_counted_in_one_way():
    report = full_report()
    rows = page_data(report)["matrices"]
    for key in ("rank_90", "rank_99"):
        numbers = sum(row["cells"][key] * (row["rows"] + row["columns"] - row["cells"][key]) for row in rows)
        assert report.analysis.totals()[f"num_params_at_{key[-2:]}"] == numbers
    share = report.analysis.totals()["num_params_at_99"] / report.analysis.totals()["num_params"]
    (whole,) = [one.text for one in report.analysis.findings if "still take" in one.text]
    assert f"still take {share:.1%} of" in whole
    for row in rows:
        if row["plan"]:
            assert row["cells"]["planned_bits"] == pytest.approx(
                row["plan"]["bits"], rel=1e-5
            )  # written with six digits


def test_the_clearest_layer_is_the_one_whose_number_is_largest(seen):
    html = render(tiny_report(analysis=seen))
    data = json.loads(Elements(html).scripts["data"])["senses"]
    largest = max(data["layers"], key=lambda layer: layer["centred"]["z"])
    (finding,) = [one.text for one in seen.findings if one.section == "senses"]
    assert largest["name"] == seen.senses.best.name
    lead = re.sub("<[^>]*>", "", re.search(r'id="senses".*?</p>', html, re.DOTALL)[0])
    for text in (lead, finding):
        assert largest["name"] in text
    assert f"{largest['centred']['z']:.1f} standard deviations above chance" in " ".join(lead.split())


def test_layers_have_one_numbering(seen):
    data = page_data(tiny_report(analysis=seen))
    count = len(data["activations"]["layers"]) - 1
    names = ["embedding", *(f"blocks.{i}" for i in range(count))]
    for section in ("activations", "senses"):
        assert [layer["name"] for layer in data[section]["layers"]] == names
    assert {head["layer"] for head in data["activations"]["heads"]} == set(range(count))
    assert {row["layer"] for row in data["matrices"]} == {None, *range(count)}


def test_the_verdict_and_the_map_come_before_five_findings_at_most(seen):
    for report in (tiny_report(analysis=seen), full_report()):
        html = render(report)
        at = [html.index(f'id="{part}"') for part in ("verdict", "map-section", "findings", "matrix", "table")]
        assert at == sorted(at)
        first = html[: html.index("<summary>", html.index("</ul>"))]
        told = [one for one in report.analysis.findings if one.heading in first]
        assert len(told) <= 5
        assert math.isclose(len(re.findall('class="card"', html)), len(report.analysis.findings), abs_tol=1)
