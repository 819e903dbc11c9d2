"""Rates by a clock that the test winds, so that nothing depends on the machine."""

import itertools

import pytest

from eigenlm.language_model import load
from eigenlm.tasks.side_by_side import speeds as timing
from eigenlm.tasks.side_by_side.speeds import Rate, speeds


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock finds it a second later."""
    ticks = itertools.count()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(ticks)))


def test_rates_are_tokens_by_seconds(tiny_model, clock):
    lm = load(tiny_model)
    found = speeds(lm, lm, [5, 6, 7])
    assert (found.read, found.written, found.rounds) == (104, 24, 5)  # a context of 128 holds both
    assert found.timed["prefill"].before == Rate(median=104.0, least=104.0, most=104.0)
    assert found.timed["decode"].after == Rate(median=23.0, least=23.0, most=23.0)  # the first came with the prompt
    for timed in found.timed.values():
        assert timed.ratio.low == timed.ratio.value == timed.ratio.high == pytest.approx(1.0)
    assert "reads 104 tokens and writes 24" in found.told


def test_both_have_a_turn_in_each_round_and_begin_by_turns(tiny_model, monkeypatch):
    before, after = load(tiny_model), load(tiny_model)
    turns, rates = [], {id(before): iter(range(10, 20)), id(after): iter(range(40, 80, 4))}

    def turn(lm, prompt, count):
        turns.append(lm is before)
        return {"decode": float(next(rates[id(lm)]))}

    monkeypatch.setattr(timing, "_written", turn)
    found = speeds(before, after, [1]).timed["decode"]
    assert turns == [False, True, True, False] * 3
    # Rates 10 to 15 and 40 to 60, of which the first are not counted: four times as fast in each round.
    assert found.before == Rate(median=13.0, least=11.0, most=15.0)
    assert found.ratio.value == pytest.approx(4.0)
    assert found.ratio.low == pytest.approx(found.ratio.high)
