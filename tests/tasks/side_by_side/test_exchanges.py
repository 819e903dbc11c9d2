"""Answers and where they part, against each model's own greedy answer."""

import dataclasses

import pytest
import torch

from eigenlm.language_model import load
from eigenlm.tasks.side_by_side.exchanges import MOST_TOKENS, TwoAnswers, exchanges

PROMPTS = ["The matrix", "A vector of \N{SNOWMAN}", "token"]


@pytest.fixture(scope="module")
def pair(tiny_model):
    before, after = load(tiny_model), load(tiny_model)
    for block in after.model.blocks:
        block.feed_forward.up.weight.data.mul_(1.4)
    return before, after


def assert_told(exchange: TwoAnswers) -> None:
    before, after = exchange.before, exchange.after
    assert before.same == after.same
    if exchange.parting is None:
        assert before == after
        assert before.parting == before.rest == ""
    else:
        assert before.parting or after.parting


@pytest.mark.parametrize("chats", [True, False])
def test_both_answer_as_they_would_alone(pair, chats):
    before, after = (lm if chats else dataclasses.replace(lm, chat_template=None) for lm in pair)
    found = exchanges(before, after, PROMPTS)
    assert [one.prompt for one in found] == PROMPTS
    for exchange in found:
        assert_told(exchange)
        for lm, reply in ((before, exchange.before), (after, exchange.after)):
            ask = lm.chat if chats else lm.generate
            assert reply.text == ask(exchange.prompt, max_tokens=MOST_TOKENS)
    assert any(one.parting for one in found)


def test_the_marked_token_is_the_first_that_differs(pair):
    before, after = pair
    (exchange,) = exchanges(before, after, PROMPTS[:1])
    ids = before.chat_template.encode([{"role": "user", "content": PROMPTS[0]}], before.tokenizer)
    with torch.inference_mode():
        for number in range(1, exchange.parting + 1):
            first, second = (int(lm.model(torch.tensor([ids]))[0, -1].argmax()) for lm in pair)
            assert (first == second) == (number < exchange.parting)
            ids = [*ids, first]


def test_a_model_agrees_with_itself(pair):
    lm, _ = pair
    for exchange in exchanges(lm, lm):
        assert exchange.parting is None
        assert_told(exchange)


def test_a_model_without_a_template_makes_both_continue(pair):
    before, after = pair
    plain = dataclasses.replace(after, chat_template=None)
    (exchange,) = exchanges(before, plain, PROMPTS[:1])
    assert exchange.before.text == before.generate(PROMPTS[0], max_tokens=MOST_TOKENS)
    assert exchanges(before, plain)[0].prompt == "Gravity is"
    assert exchanges(before, after)[0].prompt.startswith("What is gravity?")


def test_parts_of_one_character_are_not_torn(tiny_model):
    from eigenlm.tasks.side_by_side.exchanges import _exchange

    tokenizer = load(tiny_model).tokenizer
    snowman, umbrella = (tokenizer.encode(f"ab{sign}cd") for sign in "\N{SNOWMAN}\N{UMBRELLA}")  # two bytes in common
    exchange = _exchange("?", snowman, umbrella, tokenizer)
    assert exchange.parting == len(tokenizer.encode("ab")) + 3
    assert (exchange.before.same, exchange.before.parting[0]) == ("ab", "\N{SNOWMAN}")
    assert exchange.after.text == "ab\N{UMBRELLA}cd"
    shorter = _exchange("?", tokenizer.encode("ab"), tokenizer.encode("abcd"), tokenizer)
    assert (shorter.before.parting, shorter.before.rest, shorter.after.same) == ("", "", "ab")
    assert (shorter.after.parting + shorter.after.rest) == "cd"
