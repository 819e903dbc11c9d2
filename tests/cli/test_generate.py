"""`eigenlm generate`: the text of transformers, printed as it comes."""

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


def test_a_seed_draws_the_same_text_again(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def text(seed: int) -> str:
        words = ["generate", str(tiny_model), "--prompt", PROMPT, "--max-tokens", "20", "--temperature", "2"]
        assert main([*words, "--seed", str(seed), "--top-p", "0.99"]) == 0
        return capsys.readouterr().out

    assert text(1) == text(1) != text(2)


def test_stop_string_ends_the_text(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", str(tiny_model), "--prompt", PROMPT, "--max-tokens", "20"]
    main(words)
    whole = capsys.readouterr().out.rstrip("\n")
    stop = whole[len(whole) // 2]
    main([*words, "--stop", stop])
    assert capsys.readouterr().out.rstrip("\n") == whole[: whole.index(stop)]
