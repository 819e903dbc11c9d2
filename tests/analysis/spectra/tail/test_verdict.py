"""Every verdict, from figures that leave no choice."""

from dataclasses import replace

import pytest

from eigenlm.analysis.spectra.tail.alternatives import Alternative
from eigenlm.analysis.spectra.tail.verdict import LARGEST_BEND, OPEN, REJECTED, SUPPORTED, Evidence, verdict

SAME = Alternative(log_ratio=0.0, vuong=None, vuong_p=1.0, p=1.0)
WORSE = Alternative(log_ratio=40.0, vuong=4.0, vuong_p=6e-5, p=6e-5)
BETTER = Alternative(log_ratio=-8.0, vuong=-2.0, vuong_p=0.046, p=0.00003)
GOOD = Evidence(
    num_tail=83,
    goodness_p=0.4,
    bend=0.0,
    bend_high=0.1,
    lognormal=SAME,
    truncated_power_law=SAME,
    exponential=WORSE,
)


def test_all_that_is_asked_for_supports():
    word, reason = verdict(GOOD)
    assert word == SUPPORTED
    assert reason == (
        "the 83 largest eigenvalues fit a power law (p = 0.4), better than an exponential (p < 0.0001), "
        "and bend from it by at most 0.10"
    )


@pytest.mark.parametrize("field", ["lognormal", "truncated_power_law", "exponential"])
def test_a_better_alternative_rejects(field):
    word, reason = verdict(GOOD._replace(**{field: BETTER}))
    assert word == REJECTED
    assert reason == f"{'an' if field == 'exponential' else 'a'} {field.replace('_', ' ')} fits the 83 largest " + (
        "eigenvalues better, p < 0.0001"
    )


def test_the_strongest_evidence_is_named():
    mild = replace(BETTER, p=0.04)
    assert "lie too far" in verdict(GOOD._replace(goodness_p=0.002, lognormal=mild))[1]
    assert verdict(GOOD._replace(goodness_p=0.03, lognormal=replace(BETTER, p=0.002)))[1] == (
        "a lognormal fits the 83 largest eigenvalues better, p = 0.002"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"exponential": replace(WORSE, p=0.2)}, "an exponential fits them about as well, p = 0.2"),
        ({"exponential": replace(BETTER, p=0.2)}, "an exponential fits them about as well, p = 0.2"),
        ({"bend_high": LARGEST_BEND}, "bend"),
        ({"goodness_p": 0.07}, "p = 0.07"),
    ],
)
def test_whatever_is_missing_leaves_it_open(change, said):
    word, reason = verdict(GOOD._replace(**change))
    assert word == OPEN
    assert said in reason


def test_an_alternative_that_is_not_surely_better_does_not_reject():
    assert verdict(GOOD._replace(lognormal=replace(BETTER, p=0.06)))[0] == SUPPORTED
