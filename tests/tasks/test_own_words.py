"""What a model writes by itself."""

import torch

import eigenlm
from eigenlm import compression, load
from eigenlm.tasks.own_words import own_windows, own_words
from eigenlm.tasks.side_by_side.default_texts import default_texts
from eigenlm.text.corpus import documents_of
from eigenlm.text.windows import windows_across
from tests.tiny_sentence_encoder import tiny_sentence_encoder


def test_texts_are_drawn_with_the_probabilities_that_the_model_gives(tiny_model):
    lm = load(tiny_model)
    begin = lm.tokenizer.bos
    drawn = torch.tensor([text[1] for text in own_words(lm, lm.model, [[begin]] * 4000, 1)])
    with torch.no_grad():
        want = lm.model(torch.tensor([[begin]]))[0, 0].softmax(dim=-1)
    seen = drawn.bincount(minlength=len(want)) / 4000
    assert float((seen - want).abs().sum()) < 2 * float((want * (1 - want) / 4000).sqrt().sum())


def test_a_long_window_holds_several_whole_texts_each_drawn_anew(tiny_model, monkeypatch):
    monkeypatch.setattr("eigenlm.tasks.own_words._SHORT", 50)
    lm = load(tiny_model)
    windows, begin = own_windows(lm, 99, 3, seed=0), lm.tokenizer.id("<|endoftext|>")
    assert windows.shape == (3, 99)
    starts = torch.cat([windows[:, :2], windows[:, 50:52]])
    assert starts[:, 0].tolist() == [begin] * 6
    assert len(set(starts[:, 1].tolist())) > 3
    assert torch.equal(windows, own_windows(lm, 99, 3, seed=0))
    assert not torch.equal(windows, own_windows(lm, 99, 3, seed=1))


def test_an_encoder_writes_nothing(tmp_path):
    tiny_sentence_encoder(tmp_path / "encoder")
    assert own_windows(load(tmp_path / "encoder"), 8, 2, seed=0) is None


def test_a_text_begins_as_documents_of_training_did_else_with_the_first_token(tiny_model, monkeypatch):
    lm = load(tiny_model)
    between = lm.tokenizer.id("<|endoftext|>")
    assert between != lm.tokenizer.bos
    assert own_windows(lm, 16, 3, seed=0)[:, 0].tolist() == [between] * 3
    monkeypatch.setattr("eigenlm.tasks.own_words._BETWEEN", "<|no such token|>")
    assert own_windows(lm, 16, 3, seed=0)[:, 0].tolist() == [lm.tokenizer.bos] * 3


def test_a_plan_is_fitted_to_own_words_and_tried_on_the_text_alone(tiny_model, monkeypatch):
    given, lm = [], load(tiny_model)
    prices = compression.prices

    def noted(module, windows, **options):
        given.append(windows)
        return prices(module, windows, **options)

    monkeypatch.setattr(compression, "prices", noted)
    made = eigenlm.plan(lm, tokens=512)
    (windows,) = given
    text = windows_across(documents_of(None)[1], lm.tokenizer, windows.shape[1], 512 // windows.shape[1])
    own = own_windows(lm, windows.shape[1], len(text) // 8, seed=0)
    assert len(own) > 0
    assert torch.equal(windows, torch.cat([own, text]))
    assert made.calibration.own_tokens == own.numel()


def test_it_is_judged_by_other_words_than_it_is_fitted_to(tiny_model):
    lm = load(tiny_model)
    fitted = own_windows(lm, 64, 8, seed=0)
    judged = default_texts(lm)["what the first model writes by itself"]
    assert not {lm.tokenizer.decode(row[1:].tolist()) for row in fitted} & set(judged)


def test_a_text_of_shorter_tokens_than_the_model_writes_is_told(tiny_model, monkeypatch, capsys):
    lm = load(tiny_model)
    long = next(i for i in range(lm.config.vocab_size) if len(lm.tokenizer.decode([i])) > 3)
    monkeypatch.setattr("eigenlm.verbs.own_windows", lambda lm, window, count, seed: torch.full((count, window), long))
    eigenlm.plan(lm, tokens=512, calibration=["q w x z y. " * 500])
    assert "it may be in another language" in capsys.readouterr().err
    eigenlm.plan(lm, tokens=512, calibration=[lm.tokenizer.decode([long] * 2000)])
    assert "language" not in capsys.readouterr().err


def test_a_text_of_few_tokens_or_directions_is_told(tiny_model, capsys):
    lm = load(tiny_model)
    made = eigenlm.plan(lm, tokens=512, calibration=["the rank of a matrix. " * 20])
    assert "of the 512 tokens that were asked for" in capsys.readouterr().err
    assert 0 < made.calibration.directions < 0.9 * made.calibration.of_directions
    assert f"has {made.calibration.directions} of the" in made.calibration.warning
    varied = eigenlm.plan(lm, tokens=4096).calibration
    assert "asked for" not in capsys.readouterr().err
    assert varied.directions == varied.of_directions
    assert varied.warning == ""
