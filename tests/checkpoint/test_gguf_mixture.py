"""Types of a file's matrices, against what llama.cpp's own quantization chose for a model of the same shapes."""

import itertools
import json
from pathlib import Path

import pytest
from gguf import LlamaFileType

from eigenlm.allowed import GGUF_MIXTURES, GGUF_PLAIN, gguf_type
from eigenlm.checkpoint.gguf_mixture import TypeMixture
from eigenlm.errors import ConfigError

# `llama_model_quantize` of llama-cpp-python 0.3.36 on 16 blocks: widths of 256 and 512 whose 4 queries share a key, and
# of 288 and 544; 8 experts of 256, two queries to a key. The types of a matrix from block to block.
THEIRS = json.loads((Path(__file__).parent / "mixtures_of_llama_cpp.json").read_text())
MODELS = {"shared keys": (256, 512, 4, 0), "odd widths": (288, 544, 1, 0), "eight experts": (256, 256, 2, 8)}


def shapes_of(width: int, wide: int, experts: int) -> dict[str, tuple[int, ...]]:
    several, end = ((experts,), "_exps") if experts else ((), "")
    blocks = [
        {
            f"blk.{i}.attn_norm.weight": (width,),
            **{f"blk.{i}.attn_{part}.weight": (width, width) for part in ("q", "k", "v", "output")},
            **{f"blk.{i}.ffn_{part}{end}.weight": (*several, wide, width) for part in ("gate", "up")},
            f"blk.{i}.ffn_down{end}.weight": (*several, width, wide),
        }
        for i in range(16)
    ]
    return {"token_embd.weight": (1000, width), "output_norm.weight": (width,)} | dict(
        itertools.chain.from_iterable(block.items() for block in blocks)
    )


@pytest.mark.parametrize("name", GGUF_MIXTURES)
@pytest.mark.parametrize("model", THEIRS)
def test_every_matrix_has_the_type_that_llama_cpp_gives_it(model, name):
    width, wide, shared, experts = MODELS[model]
    mixed = TypeMixture(name=name, queries_per_key=shared, experts=experts)
    kinds = mixed.kinds(shapes_of(width, wide, experts))
    ours: dict[str, list[str]] = {}
    for tensor, kind in kinds.items():
        if kind.name != "F32":
            ours.setdefault(tensor.removesuffix(".weight").split(".")[-1], []).append(kind.name)
    told = {
        role: " ".join(f"{kind} x {len([*run])}" for kind, run in itertools.groupby(names))
        for role, names in ours.items()
    }
    assert told == THEIRS[model][name]


def test_norms_routers_and_tables_that_are_added_stay_whole():
    shapes = {"blk.0.ffn_gate_inp.weight": (8, 256), "position_embd.weight": (64, 256), "blk.0.attn_q.bias": (256,)}
    shapes |= {"blk.0.ffn_up_exps.bias": (8, 256), "blk.0.attn_norm.weight": (256,)}
    assert {kind.name for kind in TypeMixture(name="Q2_K").kinds(shapes).values()} == {"F32"}


def test_rows_that_are_no_blocks_of_anything_are_float16():
    kinds = TypeMixture(name="Q4_K_M").kinds({"blk.0.attn_q.weight": (8, 40)})
    assert kinds["blk.0.attn_q.weight"].name == "F16"


@pytest.mark.parametrize("name", [*GGUF_PLAIN, *GGUF_MIXTURES])
def test_files_say_their_type_as_llama_cpp_numbers_it(name):
    told = TypeMixture(name=gguf_type(name.lower())).file_type
    assert told.name.removeprefix("MOSTLY_").removeprefix("ALL_") == name
    assert isinstance(told, LlamaFileType)


def test_a_type_that_there_is_not_is_one_line():
    with pytest.raises(ConfigError, match=r"type of a GGUF file: expected one of F32, .*, got 'q9_k'"):
        gguf_type("q9_k")
