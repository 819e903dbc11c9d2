"""What each objective asks, and that the fast path answers as the plain one does."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from eigenlm.model import (
    DenseFeedForward,
    NormConfig,
    PositionConfig,
    RotaryConfig,
    SoftmaxConfig,
    Transformer,
    TransformerConfig,
    VocabularyHead,
)
from eigenlm.text.batches import IGNORED, Batches
from eigenlm.text.corruption import num_sentinels, sentinel_tokens
from eigenlm.text.shards import TokenShards, write_shards
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_training import train_tokenizer
from eigenlm.training.losses import CrossEntropyTerms
from eigenlm.training.objective import Learner, ask
from eigenlm.training.precision import choose_precision
from eigenlm.training.recipe import DataRecipe

T = 24
TEXTS = [f"A short text of number {i} about the matrices of a language model, and its {i * i} words." for i in range(9)]
KINDS = {"next_token": "decoder", "masked": "encoder", "denoising": "encoder_decoder"}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    # Wordpiece has a mask token; the sentinels are added.
    return train_tokenizer("wordpiece", TEXTS, 200, sentinel_tokens(num_sentinels(T)))


@pytest.fixture(scope="module")
def shards(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> TokenShards:
    return write_shards(TEXTS, tokenizer, tmp_path_factory.mktemp("data") / "shards", validation=0.2)


def model_of(kind: str, vocab_size: int, positions: str = "rotary") -> Transformer:
    torch.manual_seed(0)
    config = TransformerConfig.uniform(
        kind=kind,
        vocab_size=vocab_size,
        context_length=T,
        d_model=16,
        num_layers=2,
        num_encoder_layers=2 if kind == "encoder_decoder" else 0,
        attention=SoftmaxConfig(num_heads=4, num_kv_heads=2, head_dim=4, bias=True),
        feed_forward=DenseFeedForward(d_ff=32, activation="silu", gated=True),
        norm=NormConfig(kind="rms"),
        positions=PositionConfig(kind="none" if positions == "rotary" else positions),
        rotary=RotaryConfig() if positions == "rotary" else None,
        head=VocabularyHead(bias=True, transform="gelu" if kind == "encoder" else None),
    )
    return Transformer(config)


@pytest.mark.parametrize("documents", ["joined", "separate"])
@pytest.mark.parametrize("objective", KINDS)
def test_the_learner_gives_the_plain_sum_of_cross_entropies(
    objective: str, documents: str, tokenizer: Tokenizer, shards: TokenShards
) -> None:
    batches = Batches(shards.train, T, 3, seed=1)
    q = ask(batches.batch(0), tokenizer, DataRecipe(objective=objective, documents=documents), seed=1)
    model = model_of(KINDS[objective], tokenizer.vocab_size)
    loss = Learner(model, CrossEntropyTerms())(**vars(q))
    source = None if q.source is None else model.encode(q.source, q.source_positions)
    hidden = model.hidden(q.ids, positions=q.positions, documents=q.documents, source=source)
    right = F.cross_entropy(
        model.logits(hidden).flatten(0, 1), q.targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    assert q.num_targets == int((q.targets != IGNORED).sum())
    # float32 sums of some dozens of terms, in another order.
    torch.testing.assert_close(loss.float(), right, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", ["rotary", "learned", "sinusoidal"])
def test_a_separate_document_is_answered_as_if_it_were_alone(
    kind: str, tokenizer: Tokenizer, shards: TokenShards
) -> None:
    batches = Batches(shards.train, T, 4, seed=2)
    recipe = DataRecipe(documents="separate")
    q = ask(batches.batch(0), tokenizer, recipe, seed=2)
    model = model_of("decoder", tokenizer.vocab_size, kind).eval()
    together = model.logits(model.hidden(q.ids, positions=q.positions, documents=q.documents))
    assert q.documents is not None
    compared = 0
    for row in range(len(q.ids)):
        for document in q.documents[row].unique():
            places = (q.documents[row] == document) & (q.targets[row] != IGNORED)
            alone = model(q.ids[row, places][None])[0] if places.any() else torch.empty(0, tokenizer.vocab_size)
            torch.testing.assert_close(together[row, places], alone, rtol=1e-4, atol=1e-5)
            compared += int(places.sum())
    assert compared == q.num_targets > T


@pytest.mark.parametrize("objective", KINDS)
def test_padding_changes_no_answer(objective: str, tokenizer: Tokenizer, shards: TokenShards) -> None:
    """The row at the end of an epoch is padded; with other tokens there, the loss stays to the bit."""
    batches = Batches(shards.train, T, 1, seed=3)
    padded = next(batch for i in range(batches.num_samples) if bool(((batch := batches.batch(i)).positions < 0).any()))
    other = replace(padded, ids=torch.where(padded.positions < 0, 7, padded.ids))
    model = model_of(KINDS[objective], tokenizer.vocab_size)
    learner, recipe = Learner(model, CrossEntropyTerms()), DataRecipe(objective=objective)
    losses = [float(learner(**vars(ask(b, tokenizer, recipe, seed=3))).detach()) for b in (padded, other)]
    assert losses[0] == losses[1]


def test_the_question_depends_on_seed_and_samples_alone(tokenizer: Tokenizer, shards: TokenShards) -> None:
    batches = Batches(shards.train, T, 4, seed=4)
    recipe = DataRecipe(objective="masked")
    whole = ask(batches.batch(1), tokenizer, recipe, seed=4)
    parts = [ask(batches.rows(4 + i, 1), tokenizer, recipe, seed=4) for i in range(4)]
    assert torch.equal(whole.ids, torch.cat([part.ids for part in parts]))
    assert torch.equal(whole.targets, torch.cat([part.targets for part in parts]))
    assert not torch.equal(whole.ids, ask(batches.batch(1), tokenizer, recipe, seed=5).ids)


@pytest.mark.parametrize(("fast", "chosen"), [(1.0, "float32"), (4.0, "bfloat16")])
def test_precision_is_what_the_machine_is_fast_at(fast: float, chosen: str, monkeypatch) -> None:
    rates = {torch.float32: 100.0, torch.bfloat16: 100.0 * fast}
    monkeypatch.setattr("eigenlm.training.precision.product_rate", lambda dtype, *_: rates[dtype])
    assert choose_precision("auto", torch.device("cpu")) == chosen
    assert choose_precision("float32", torch.device("cpu")) == "float32"


def test_bfloat16_is_near_float32(tokenizer: Tokenizer, shards: TokenShards, tmp_path: Path) -> None:
    batches = Batches(shards.train, T, 8, seed=6)
    q = ask(batches.batch(0), tokenizer, DataRecipe(), seed=6)
    losses, gradients = [], []
    for dtype in (None, torch.bfloat16):
        model = model_of("decoder", tokenizer.vocab_size)
        model.activation_dtype = dtype
        loss = Learner(model, CrossEntropyTerms())(**vars(q))
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
        assert all(p.dtype == torch.float32 for p in model.parameters())
    # Eight bits of mantissa: about 2^-9 a product, which averages out over 192 places.
    assert abs(losses[1] / losses[0] - 1) < 1e-3
    assert float((gradients[1] - gradients[0]).norm() / gradients[0].norm()) < 2e-2
