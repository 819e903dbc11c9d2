"""The memory that a model is said to need, against what it takes; and that nothing is read where there is less."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from eigenlm.checkpoint import Work, open_model, read_model
from eigenlm.checkpoint.room import largest_decoded, weight_bytes
from eigenlm.checkpoint.written import writing
from eigenlm.compression.room import planning
from eigenlm.engine.room import continuing, scoring
from eigenlm.errors import ConfigError

_RUN = "import sys; from eigenlm.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_counted_to_the_byte(tiny_model: Path, dtype: torch.dtype) -> None:
    read = read_model(tiny_model, dtype=dtype).model.state_dict()
    assert weight_bytes(open_model(tiny_model), dtype) == sum(tensor.nbytes for tensor in read.values())
    assert largest_decoded(open_model(tiny_model)) == max(4 * tensor.numel() for tensor in read.values())


def test_what_does_not_fit_is_refused_before_a_tensor_is_read(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Work(num_bytes=lambda *_: 1 << 40, do="ask for less")
    monkeypatch.setattr("eigenlm.checkpoint.read.fill", lambda *_, **__: pytest.fail("a tensor was read"))
    with pytest.raises(ConfigError, match=r"as float32: expected 1\.1 TB of memory to be free, got .*; ask for less"):
        read_model(tiny_model, work=asked)


def test_the_bytes_beside_two_models_are_asked_for_once(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, asked = open_model(tiny_model), []
    monkeypatch.setattr("eigenlm.checkpoint.room.check_memory", lambda needed, *_: asked.append(needed))
    work = Work(num_bytes=lambda *_: 5, do="")
    read_model(tiny_model, work=work)
    read_model(tiny_model, work=Work(num_bytes=work.num_bytes, do="", also_read=opened))
    assert asked[1] - asked[0] == weight_bytes(opened, torch.float32)


def test_work_grows_with_what_is_asked(tiny_model: Path) -> None:
    opened = open_model(tiny_model)
    tokenizer = opened.read_tokenizer()

    def needed(work: Work) -> int:
        return work.num_bytes(opened, tokenizer, 4)

    assert needed(continuing("a b", 1)) < needed(continuing("a b", 8)) < needed(continuing("a b " * 5, 8))
    vocabulary = opened.config.vocab_size
    assert needed(scoring(8)) >= 8 * vocabulary * 8  # logits and their logarithms
    assert needed(scoring(8, models=2)) >= 8 * vocabulary * 16
    assert needed(planning(16, ("low_rank",), whole=False)) > sum(
        4 * p.numel() for p in opened.skeleton.blocks.parameters() if p.ndim == 2
    )
    assert needed(writing("gguf")) >= largest_decoded(opened)


def test_a_command_below_its_need_is_one_line(tmp_path: Path) -> None:
    limit = 1_200 << 20  # what the interpreter and torch map, and little beside

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    words = ["export", "smollm2-135m-instruct", "--to", "gguf", "--out", str(tmp_path / "model.gguf")]
    run = [sys.executable, "-c", _RUN, *words]
    done = subprocess.run(run, capture_output=True, text=True, check=False, preexec_fn=bounded)
    assert done.returncode == 2
    assert re.fullmatch(r"eigenlm: reading .*: expected .* to be free, got .*; .*\n", done.stderr)
