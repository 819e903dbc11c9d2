"""Two models beside each other, against sums over all their logits."""

import dataclasses
import json
import math
import shutil

import pytest
import scipy.stats
import torch
import torch.nn.functional as F

import eigenlm
from eigenlm.errors import ConfigError, DataError
from eigenlm.language_model import load
from eigenlm.linalg.paired import paired_mean
from eigenlm.linear import Int8Linear
from eigenlm.model import Transformer
from eigenlm.observe import linears, replace_
from eigenlm.tasks import perplexity
from tests.tiny_sentence_encoder import tiny_sentence_encoder

TEXT = "The matrix of a language model maps each token to a vector, and — naïvely — the vector to the next token. " * 4


@pytest.fixture(scope="module")
def pair(tiny_model):
    before, after = load(tiny_model), load(tiny_model)
    for name, layer in linears(after.model).items():
        noise = torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(1)) * 0.05
        replace_(after.model, name, Int8Linear.from_dense(layer.weight + noise))
    return before, after


@torch.no_grad()
def test_against_sums_over_all_logits(pair):
    before, after = pair
    found = eigenlm.measure(before, after, TEXT, window=32)
    ids = torch.tensor(before.tokenizer.encode(TEXT))
    kl, nll, count, same = 0.0, [0.0, 0.0], 0, 0
    for part in ids.split(32):
        p, q = (lm.model(part[None])[0, :-1].double() for lm in pair)
        kl += float(F.kl_div(q.log_softmax(-1), p.log_softmax(-1), log_target=True, reduction="sum"))
        nll = [total + float(F.cross_entropy(x, part[1:], reduction="sum")) for total, x in zip(nll, (p, q))]
        count += len(part) - 1
        same += int((p.argmax(-1) == q.argmax(-1)).sum())
    assert found.tokens == count
    assert found.agreement.value == pytest.approx(same / count, abs=1.5 / count)  # but for one near tie
    assert found.kl.value == pytest.approx(kl / count, rel=1e-3)  # float32 logits, packed
    assert found.nll_increase.value == pytest.approx((nll[1] - nll[0]) / count, rel=1e-3)
    assert found.perplexity_ratio.value == pytest.approx(found.after.score.perplexity / found.before.score.perplexity)
    assert found.before.score == perplexity(before, TEXT, window=32)
    for estimate in (found.kl, found.nll_increase, found.agreement, found.speed_ratio):
        assert estimate.low <= estimate.value <= estimate.high
    assert found.kl.low > 0


def test_bytes_are_those_of_the_folders(pair, tmp_path):
    found = eigenlm.measure(*pair, TEXT)
    for name, lm, side in zip("ab", pair, (found.before, found.after)):
        lm.save(tmp_path / name)
        tensors = (tmp_path / name / "model.safetensors").stat().st_size
        assert side.num_bytes < tensors < side.num_bytes + 8192  # the file's header says where each tensor lies
    assert found.after.num_bytes < found.before.num_bytes
    assert found.bytes_saved == 1 - found.after.num_bytes / found.before.num_bytes
    again = eigenlm.measure(tmp_path / "a", str(tmp_path / "b"), TEXT)
    assert again.kl.value == pytest.approx(found.kl.value, rel=1e-4)  # the same numbers, packed anew


def test_a_model_beside_itself(tiny_model):
    lm = load(tiny_model)
    found = eigenlm.measure(lm, lm, TEXT, window=16)
    assert (found.nll_increase.low, found.nll_increase.high, found.kl.value) == (0.0, 0.0, 0.0)
    assert found.agreement.value == 1.0
    assert found.cosine_distance is None
    assert found.bytes_saved == 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.tokens = 1


def _encoder(lm, **changes):
    torch.manual_seed(0)
    config = dataclasses.replace(lm.config, kind="encoder", **changes)
    return dataclasses.replace(lm, model=Transformer(config).eval())


def _without_head(lm):
    return dataclasses.replace(lm, model=Transformer(dataclasses.replace(lm.config, head=None)).eval())


def _longer_logits(lm):
    return dataclasses.replace(lm, model=Transformer(dataclasses.replace(lm.config, vocab_size=320)).eval())


@torch.no_grad()
def test_encoders_are_compared_by_what_they_say_of_each_token(tiny_model):
    lm = load(tiny_model)
    before, after = _encoder(lm), _encoder(lm)
    after.model.blocks[0].feed_forward.up.weight.add_(0.5)
    found = eigenlm.measure(before, after, TEXT, window=64)
    assert found.nll_increase is found.perplexity_ratio is found.before.score is None
    assert found.kl.value > 0
    assert 0 <= found.agreement.value <= 1


@torch.no_grad()
def test_encoders_without_a_head_are_compared_by_the_angle_between_vectors(tmp_path):
    tiny_sentence_encoder(tmp_path / "encoder")
    before, after = load(tmp_path / "encoder"), load(tmp_path / "encoder")
    after.model.blocks[0].feed_forward.up.weight.mul_(1.2)
    text = "the rank of a matrix, the ban k of the river. " * 10
    found = eigenlm.measure(before, after, text, window=12)
    cls, sep = (before.tokenizer.id(marker) for marker in ("[CLS]", "[SEP]"))
    distances = []
    for part in torch.tensor(before.tokenizer.encode(text)).split(10):
        ids = torch.cat([torch.tensor([cls]), part, torch.tensor([sep])])[None]
        x, y = (lm.model(ids)[0].double() for lm in (before, after))
        distances.append(1 - (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1)))
    assert found.tokens == sum(map(len, distances))
    assert found.cosine_distance.value == pytest.approx(float(torch.cat(distances).mean()), rel=1e-3)  # float32
    assert found.kl is found.agreement is found.nll_increase is None


def test_models_that_do_not_compare_are_refused_in_one_line(tiny_model, tmp_path):
    lm = load(tiny_model)
    other = shutil.copytree(tiny_model, tmp_path / "other")
    values = json.loads((other / "tokenizer.json").read_text())
    values["model"]["merges"].pop()
    (other / "tokenizer.json").write_text(json.dumps(values))
    for second, said in (
        (_encoder(lm), "two models of one kind, got decoder and encoder"),
        (_encoder(lm, head=None), "two models of one kind, got decoder and encoder without a head"),
        (_without_head(lm), "an encoder without a head, got decoder without a head"),
        (_longer_logits(lm), "two models with logits of one vocabulary, got 300 and 320"),
        (load(other), "two models with one tokenizer"),
    ):
        with pytest.raises(ConfigError, match=said) as refused:
            eigenlm.measure(lm, second, TEXT)
        assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match="window: expected at most 128 tokens, got 129"):
        eigenlm.measure(lm, lm, TEXT, window=129)
    with pytest.raises(DataError, match="at least 2 tokens"):
        eigenlm.measure(lm, lm, "")


def test_a_paired_mean_of_weighted_windows_is_their_ratio():
    x, w = torch.tensor([1.0, 4.0, 2.0]), torch.tensor([1.0, 3.0, 2.0])
    found = paired_mean(x, w)
    assert found.value == pytest.approx(7 / 6)
    # Residuals -1/6, 1/2, -1/3, squares in all 7/18; t of 2 degrees of freedom at 97.5 % is 4.3027.
    half = 4.3027 * (1.5 * 7 / 18) ** 0.5 / 6
    assert (found.low, found.high) == (pytest.approx(7 / 6 - half, rel=1e-4), pytest.approx(7 / 6 + half, rel=1e-4))


def test_one_window_says_nothing_of_others():
    found = paired_mean(torch.tensor([2.0]))
    assert (found.low, found.value, found.high) == (-math.inf, 2.0, math.inf)


def test_a_mean_of_equal_weights_has_students_interval():
    x = torch.randn(9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    want = scipy.stats.ttest_1samp(x.numpy(), 0.0).confidence_interval(0.95)
    found = paired_mean(x)
    assert (found.low, found.high) == (pytest.approx(want.low), pytest.approx(want.high))
