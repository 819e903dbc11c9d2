"""What every model that generates keeps in a session: each text is as alone, whoever comes and goes beside it."""

import random

import pytest
import torch

from eigenlm.engine import Runner, Sampling, Session, generate
from eigenlm.model import MixtureConfig, RotaryConfig, TransformerConfig
from tests.model.test_transformer import DECODERS, ORIGINAL, SIZES, build, with_attention

LONG = with_attention(
    rotary=RotaryConfig(frequency_factors=(1.0, 1.5), long_factors=(1.0, 6.0), original_length=9, scale=1.2)
)
MIXTURE = TransformerConfig.uniform(**SIZES | {"feed_forward": MixtureConfig(num_experts=4, top_k=2, d_ff=12)})
SEATED = DECODERS | {"longrope": LONG, "mixture": MIXTURE, "original": ORIGINAL}
PROMPTS = [[3, 1, 4, 1, 5, 9, 2], [6], [5, 3, 5], [8, 9, 7, 9, 3, 2, 3, 8, 4, 6], [2, 6], [4, 3, 3, 8, 3, 2, 7]]
SOURCES = [[2, 7, 1, 8], [2, 8], [1, 8, 2, 8, 4], [5], [9, 0, 4, 5], [2, 3]]

each_model = pytest.mark.parametrize("config", SEATED.values(), ids=SEATED)


def source_of(config, row):
    return SOURCES[row] if config.kind == "encoder_decoder" else None


def uncached(model, prompt, source, count):
    """Greedy, by running the whole text again for every token."""
    tokens = list(prompt)
    extra = {} if source is None else {"source": torch.tensor([source])}
    for _ in range(count):
        tokens.append(int(model(torch.tensor([tokens]), **extra)[0, -1].argmax()))
    return tokens[len(prompt) :]


def rows_of(steps):
    return [[token for token in row if token is not None] for row in zip(*steps)]


def drawn(row):
    """Every other text greedy, the others by settings of their own."""
    if row % 2:
        return Sampling()
    return Sampling(temperature=0.7 + row / 8, seed=row, top_k=5 * row, repetition_penalty=1.0 + row / 10)


@each_model
@torch.no_grad()
def test_a_batch_equals_alone_equals_uncached(config):
    model = build(config)
    sources = [source_of(config, row) for row in range(len(PROMPTS))]
    want = [uncached(model, prompt, source, 11) for prompt, source in zip(PROMPTS, sources)]
    given = None if sources[0] is None else sources
    assert rows_of(generate(model, PROMPTS, max_tokens=11, sources=given)) == want
    for prompt, source, text in zip(PROMPTS, sources, want):
        given = None if source is None else [source]
        assert rows_of(generate(model, [prompt], max_tokens=11, sources=given)) == [text]


@each_model
@pytest.mark.parametrize("seed", range(3))
def test_texts_that_come_and_go_at_random_are_as_alone(config, seed):
    model, chance = build(config), random.Random(seed)
    runner = Runner(model)
    alone = []
    for row, prompt in enumerate(PROMPTS):
        with Session(runner) as session:
            session.admit(prompt, sampling=drawn(row), max_tokens=12, source=source_of(config, row))
            steps = iter(session.step, {0: None})
            alone.append([step[0] for step in steps if step])
    with Session(runner, max_tokens_held=70) as session:
        rows, texts, released = {}, {}, set()
        coming = [row for row in range(len(PROMPTS)) for _ in range(3)]
        chance.shuffle(coming)
        while coming or session.active:
            if coming and chance.random() < 0.6:
                row = coming.pop()
                slot = session.admit(PROMPTS[row], sampling=drawn(row), max_tokens=12, source=source_of(config, row))
                rows[slot], texts[slot] = row, []
            for slot, token in session.step().items():
                texts[slot] += [] if token is None else [token]
                if token is None or (len(texts[slot]) < 12 and chance.random() < 0.05):
                    released.add(slot)
                    if token is not None:
                        session.release(slot)
    assert len(released) == 3 * len(PROMPTS)
    for slot, text in texts.items():
        assert text == alone[rows[slot]][: len(text)]
    assert sum(len(text) == 12 for text in texts.values()) >= 3


@each_model
def test_hooks_on_the_model_fire(config):
    model, seen = build(config), []
    runner = Runner(model)
    plain = rows_of(generate(runner, [PROMPTS[0]], max_tokens=4, sources=_sources(config)))
    handle = model.blocks[1].attention.query.register_forward_hook(lambda *_: seen.append(1))
    assert rows_of(generate(runner, [PROMPTS[0]], max_tokens=4, sources=_sources(config))) == plain
    assert len(seen) == 4
    handle.remove()
    assert rows_of(generate(runner, [PROMPTS[0]], max_tokens=4, sources=_sources(config))) == plain
    assert len(seen) == 4


@each_model
@pytest.mark.parametrize("change", ["in place", "data in place", "replaced"])
@torch.no_grad()
def test_changed_weights_are_seen_by_the_next_call(config, change):
    model = build(config)
    runner = Runner(model)
    list(generate(runner, [PROMPTS[0]], max_tokens=9, sources=_sources(config)))
    layer = model.blocks[0].attention.value
    if change == "in place":
        layer.weight.mul_(-3)
    elif change == "data in place":
        layer.weight.data.mul_(-3)
    else:
        layer.weight = torch.nn.Parameter(-3 * layer.weight)
    got = rows_of(generate(runner, [PROMPTS[0]], max_tokens=9, sources=_sources(config)))
    assert got == [uncached(model, PROMPTS[0], source_of(config, 0), 9)]


def _sources(config):
    return [SOURCES[0]] if config.kind == "encoder_decoder" else None
