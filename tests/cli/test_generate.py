"""`eigenlm generate`: the text of transformers, printed as it comes."""

import io
import json
from pathlib import Path

import pytest
import torch
import transformers

import eigenlm
from eigenlm.cli import main
from eigenlm.errors import DataError
from eigenlm.text_session import TextSession

PROMPT = "The matrix of a language"


def test_text_is_that_of_transformers(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peer = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    ids = tokenizer(PROMPT, return_tensors="pt", add_special_tokens=False).input_ids
    expected = peer.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
    assert main(["generate", str(tiny_model), "--prompt", PROMPT, "--max-tokens", "12", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert printed == tokenizer.decode(expected[0, ids.shape[1] :], skip_special_tokens=True) + "\n"


def test_control_tokens_are_told_and_read_on_request(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peer = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    prompt = f"{PROMPT}{tokenizer.eos_token} model"
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    assert tokenizer.eos_token_id in ids
    expected = peer.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
    words = ["generate", str(tiny_model), "--prompt", prompt, "--max-tokens", "12", "--device", "cpu"]
    assert main([*words, "--control"]) == 0
    asked = capsys.readouterr()
    assert asked.out == tokenizer.decode(expected[0, ids.shape[1] :], skip_special_tokens=True) + "\n"
    assert main(words) == 0
    told = capsys.readouterr()
    assert told.out != asked.out
    assert f"{tokenizer.eos_token!r} in the text are read as text; --control" in told.err.splitlines()[-1]
    assert "--control" not in asked.err


def test_an_error_after_some_text_is_told_on_a_line_of_its_own(tiny_model: Path, monkeypatch, capsys) -> None:
    def breaks(session):
        yield 0, "some"
        raise DataError("broken")

    monkeypatch.setattr(TextSession, "__iter__", breaks)
    assert main(["generate", str(tiny_model), "--prompt", "The"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "some\n"
    assert printed.err == "eigenlm: broken\n"


def test_a_seed_draws_the_same_text_again(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def text(seed: int) -> str:
        words = ["generate", str(tiny_model), "--prompt", PROMPT, "--max-tokens", "20", "--temperature", "2"]
        assert main([*words, "--seed", str(seed), "--top-p", "0.99"]) == 0
        return capsys.readouterr().out

    assert text(1) == text(1) != text(2)


def test_the_prompt_may_come_from_standard_input(tiny_model: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PROMPT))
    texts = []
    for prompt in (PROMPT, "-"):
        assert main(["generate", str(tiny_model), "--prompt", prompt, "--max-tokens", "12"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


def test_json_tells_the_text_and_how_it_ended(tiny_model: Path, capsys) -> None:
    words = ["generate", str(tiny_model), "-p", PROMPT, "--device", "cpu"]
    assert main([*words, "-n", "12"]) == 0
    whole = capsys.readouterr().out.removesuffix("\n")
    stop = whole[len(whole) // 2]
    before = whole[: whole.index(stop)]
    for more, expected in [([], (whole, 12, "length")), (["--stop", stop], (before, None, "stop"))]:
        assert main([*words, "-n", "12", "--json", *more]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["text"], told["tokens"], told["ended"]) == (
            expected[0],
            expected[1] or told["tokens"],
            expected[2],
        )
        assert 0 < told["tokens"] <= 12
        assert (told["model"], told["prompt"]) == (str(tiny_model.resolve()), PROMPT)
        assert (told["options"]["max_tokens"], told["options"]["stop"]) == (12, more[1:])
    assert main([*words, "-n", "0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["text"], told["tokens"], told["ended"]) == ("", 0, "length")


def test_json_of_a_text_that_the_model_ends(tiny_model: Path, monkeypatch, capsys) -> None:
    lm = eigenlm.load(tiny_model, device="cpu")
    text = lm.generate(PROMPT, max_tokens=6)
    last = lm.tokenizer.encode(PROMPT + text)[-1]
    monkeypatch.setattr(eigenlm.LanguageModel, "stop_tokens", {last})
    assert main(["generate", str(tiny_model), "-p", PROMPT, "-n", "12", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ended"], told["tokens"]) == ("end", len(lm.tokenizer.encode(told["text"])))
    assert text.startswith(told["text"])


def test_quiet_prints_the_text_alone(tiny_model: Path, capsys) -> None:
    prompt = f"{PROMPT}<|im_end|>"
    printed = []
    for more in ([], ["-q"], ["--quiet"]):
        assert main(["generate", str(tiny_model), "-p", prompt, "-n", "4", *more]) == 0
        printed.append(capsys.readouterr())
    assert printed[0].out == printed[1].out == printed[2].out
    assert [bool(told.err) for told in printed] == [True, False, False]
    assert main(["generate", "/no/such", "-p", prompt, "-q"]) == 2
    assert capsys.readouterr().err.startswith("eigenlm: ")


def test_stop_string_ends_the_text(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", str(tiny_model), "--prompt", PROMPT, "--max-tokens", "20"]
    main(words)
    whole = capsys.readouterr().out.rstrip("\n")
    stop = whole[len(whole) // 2]
    main([*words, "--stop", stop])
    assert capsys.readouterr().out.rstrip("\n") == whole[: whole.index(stop)]


def test_a_cache_of_few_bits_writes_nearly_as_likely_a_text_and_an_unknown_one_is_refused(tiny_model, capsys) -> None:
    words = ["generate", str(tiny_model), "--prompt", "the rank of", "--max-tokens", "12", "--quiet"]
    texts = []
    for cache in ("float", "int8"):
        assert main([*words, "--cache", cache]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert main([*words, "--cache", "int5"]) == 2
    assert "cache: expected one of float, int8, int4, got 'int5'" in capsys.readouterr().err
