"""Every public result in a few lines, and every public function with all its arguments."""

import dataclasses
import html
import inspect
import re
from pathlib import Path

import pytest
import torch

import eigenlm
from eigenlm.shown import Shown, brief
from tests.short import too_long


@pytest.fixture(scope="module")
def results(tiny_model: Path, tiny_text: Path) -> dict[str, object]:
    """What public functions return, of a tiny model."""
    lm = eigenlm.load(tiny_model)
    plan = eigenlm.plan(lm, keep=0.9, calibration=tiny_text, tokens=512)
    return {
        "load": lm,
        "analyze": eigenlm.analyze(lm),
        "compare": eigenlm.compare(lm, lm),
        "perplexity": eigenlm.perplexity(lm, tiny_text.read_text()),
        "plan": plan,
        "measure": eigenlm.measure(lm, eigenlm.load(tiny_model), tiny_text, window=64),
        "recipe": eigenlm.read_recipe("recipes/gpt_small.py"),
    }


def test_each_result_and_each_part_of_it_is_a_few_lines(results):
    for result in results.values():
        assert not too_long(result)


def test_a_notebook_shows_what_a_console_does_and_runs_nothing(results):
    score = results["perplexity"]
    told = re.sub("<[^>]*>", " ", score._repr_html_()).split()
    assert html.unescape(" ".join(told)).split() == repr(score).split()

    @dataclasses.dataclass
    class Named(Shown):
        name: str
        what: str

    hostile = Named("<b>x</b>", "<script>alert(1)</script>\x1b[31m")
    assert "<script" not in hostile._repr_html_()
    assert "\x1b" not in repr(hostile) + hostile._repr_html_()


def test_a_value_in_a_few_words():
    assert brief(torch.zeros(3, 4)) == "3 x 4, float32"
    assert brief(tuple(range(1000))) == "1,000 numbers, 0 to 999"
    assert brief(torch.nn.Linear(3, 2)) == "Linear of 8 parameters"
    assert brief(["a"] * 9) == "9: a, a, a, a, ..."
    assert brief(()) == "none"
    assert len(brief("word " * 100)) == 80


@pytest.mark.parametrize("name", [*eigenlm.__all__, "LanguageModel.generate", "LanguageModel.chat"])
def test_help_names_every_argument(name):
    found = eigenlm
    for part in name.split("."):
        found = getattr(found, part)
    kinds = {one.kind for one in inspect.signature(found).parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    assert inspect.getdoc(found)


def test_sampling_by_name_is_sampling(results):
    lm = results["load"]
    drawn = lm.generate("The matrix", max_tokens=8, temperature=0.9, top_k=20, seed=3)
    assert drawn == lm.generate(
        "The matrix", max_tokens=8, sampling=eigenlm.Sampling(temperature=0.9, top_k=20, seed=3)
    )
    assert drawn == "".join(lm.stream("The matrix", max_tokens=8, temperature=0.9, top_k=20, seed=3))
    with pytest.raises(eigenlm.errors.ConfigError, match="'temprature'; did you mean 'temperature'"):
        lm.generate("The matrix", temprature=0.9)
    with pytest.raises(eigenlm.errors.ConfigError, match="top_p"):
        lm.chat("The matrix", top_p=3.0)
