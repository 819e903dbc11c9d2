"""Text in, pieces of text out: beside others as alone, ended by stop strings, followed by changes of the model."""

import copy

import pytest

import eigenlm
from eigenlm.engine import Sampling
from eigenlm.errors import ConfigError, DataError

TEXTS = ["The matrix", "a language model maps each token", "to"]


@pytest.fixture(scope="module")
def lm(tiny_model):
    return eigenlm.load(tiny_model, device="cpu")


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_texts_beside_others_are_as_alone(lm, temperature):
    def sampling(row):
        return Sampling(temperature=temperature, seed=row)

    alone = [lm.generate(text, max_tokens=20, sampling=sampling(row)) for row, text in enumerate(TEXTS)]
    assert lm.generate(TEXTS, max_tokens=20, sampling=sampling(0)) == alone
    with lm.session() as session:
        told = dict.fromkeys([session.admit(TEXTS[0], max_tokens=20, sampling=sampling(0))], "")
        for _ in range(3):
            told[0] += session.step().get(0) or ""
        told |= {
            session.admit(text, max_tokens=20, sampling=sampling(row + 1)): "" for row, text in enumerate(TEXTS[1:])
        }
        for slot, piece in session:
            told[slot] += piece
    assert list(told.values()) == alone


def test_a_stop_string_ends_its_own_text_alone(lm):
    first, second = lm.generate(TEXTS[:2], max_tokens=20)
    stop = first[len(first) // 2 :][:3]
    with lm.session() as session:
        slots = [session.admit(TEXTS[0], max_tokens=20, stop=[stop]), session.admit(TEXTS[1], max_tokens=20)]
        told = dict.fromkeys(slots, "")
        for slot, piece in session:
            told[slot] += piece
        assert list(told.values()) == [first[: first.index(stop)], second]
        with pytest.raises(ConfigError, match="release"):
            session.release(slots[0])


def test_an_empty_text_is_refused(lm):
    with pytest.raises(DataError, match="prompt"):
        lm.session().admit("")


def test_another_model_is_run_once_it_is_put_in(lm):
    changed = copy.copy(lm)
    before = changed.generate(TEXTS[0], max_tokens=8)
    changed.model = copy.deepcopy(lm.model)
    for block in changed.model.blocks:
        block.attention.value.weight.data.neg_()
    assert changed.generate(TEXTS[0], max_tokens=8) != before
    assert lm.generate(TEXTS[0], max_tokens=8) == before
