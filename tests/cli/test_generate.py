"""`eigenlm generate`: the text of transformers, printed as it comes."""

import io
from pathlib import Path

import pytest
import torch
import transformers

from eigenlm.cli import main

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


def test_stop_string_ends_the_text(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", str(tiny_model), "--prompt", PROMPT, "--max-tokens", "20"]
    main(words)
    whole = capsys.readouterr().out.rstrip("\n")
    stop = whole[len(whole) // 2]
    main([*words, "--stop", stop])
    assert capsys.readouterr().out.rstrip("\n") == whole[: whole.index(stop)]
