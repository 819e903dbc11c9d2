"""Weights that other programs stored in few bits, against what those programs and their formats say they are."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

import eigenlm
from eigenlm.checkpoint import Opened, open_any, open_tensors, read_model
from eigenlm.checkpoint.quantized import METHODS, dequantized
from eigenlm.checkpoint.safetensors_reader import SafetensorsFiles
from eigenlm.errors import CheckpointError

LAYER = "model.layers.0.mlp.up_proj"


def _draw(*sizes):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(0))


def _words(codes, order=range(8)):
    """4-bit codes, eight a word along the last dimension: number `order[i]` of eight in bits 4i to 4i + 3."""
    words = torch.zeros(*codes.shape[:-1], codes.shape[-1] // 8, dtype=torch.int64)
    for word in range(words.shape[-1]):
        for i, place in enumerate(order):
            words[..., word] |= codes[..., 8 * word + place].long() << (4 * i)
    return torch.where(words >= 2**31, words - 2**32, words).int()


def fp8_blocks():
    W = _draw(48, 32)
    scale = torch.rand(3, 2, generator=torch.Generator().manual_seed(1)) + 0.5
    codes = W.to(torch.float8_e4m3fn)
    want = torch.empty(48, 32)
    for i in range(48):
        for j in range(32):
            want[i, j] = codes[i, j].float() * scale[i // 20, j // 16]
    parts = {".weight": codes, ".weight_scale_inv": scale}
    return {"quant_method": "fp8", "weight_block_size": [20, 16]}, parts, want


def fp8_rows():
    codes, scale = _draw(48, 32).to(torch.float8_e4m3fn), torch.arange(1.0, 49.0)[:, None]
    return {"quant_method": "fbgemm_fp8"}, {".weight": codes, ".weight_scale": scale}, codes.float() * scale


def gptq():
    generator = torch.Generator().manual_seed(2)
    codes, zeros = (torch.randint(0, 16, sizes, generator=generator) for sizes in ((32, 48), (4, 48)))
    scales, group = _draw(4, 48).abs().half(), torch.arange(32).flip(0) // 8
    want = torch.empty(48, 32)
    for j in range(48):
        for i in range(32):
            want[j, i] = float(scales[group[i], j]) * (int(codes[i, j]) - (int(zeros[group[i], j]) + 1))
    parts = {".qweight": _words(codes.mT).mT.contiguous(), ".qzeros": _words(zeros), ".scales": scales}
    return {"quant_method": "gptq", "bits": 4}, parts | {".g_idx": group.int()}, want


def awq():
    generator = torch.Generator().manual_seed(3)
    codes, zeros = (torch.randint(0, 16, sizes, generator=generator) for sizes in ((32, 48), (2, 48)))
    scales, order = _draw(2, 48).half(), (0, 2, 4, 6, 1, 3, 5, 7)
    want = torch.empty(48, 32)
    for j in range(48):
        for i in range(32):
            want[j, i] = float(scales[i // 16, j]) * (int(codes[i, j]) - int(zeros[i // 16, j]))
    parts = {".qweight": _words(codes, order), ".qzeros": _words(zeros, order), ".scales": scales}
    return {"quant_method": "awq", "bits": 4, "group_size": 16, "version": "GEMM"}, parts, want


def nf4(nested=True):
    # Quantiles of a normal distribution, arXiv:2305.14314, appendix E.
    table = torch.tensor(
        [
            *(-1.0, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0.0),
            *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0),
        ]
    )
    generator = torch.Generator().manual_seed(4)
    codes = torch.randint(0, 16, (48 * 32,), generator=generator)
    state = {"quant_type": "nf4", "blocksize": 64, "shape": [48, 32], "dtype": "float32"}
    parts = {".weight.quant_map": table}
    if nested:
        state |= {"nested_blocksize": 16, "nested_offset": 0.25, "nested_dtype": "float32"}
        outer, map_ = torch.tensor([2.0, 3.0]), torch.linspace(-1, 1, 256)
        inner = torch.randint(0, 256, (24,), generator=generator).to(torch.uint8)
        parts |= {".weight.nested_absmax": outer, ".weight.nested_quant_map": map_, ".weight.absmax": inner}
        absmax = [float(map_[int(code)]) * float(outer[i // 16]) + 0.25 for i, code in enumerate(inner)]
    else:
        absmax = (torch.arange(24) + 1.0).tolist()
        parts[".weight.absmax"] = torch.tensor(absmax)
    want = torch.tensor([float(table[int(code)]) * absmax[i // 64] for i, code in enumerate(codes)]).view(48, 32)
    packed = torch.tensor([int(a) * 16 + int(b) for a, b in codes.view(-1, 2)], dtype=torch.uint8)[:, None]
    said = torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)
    parts |= {".weight": packed, ".weight.quant_state.bitsandbytes__nf4": said}
    return {"quant_method": "bitsandbytes", "load_in_4bit": True}, parts, want


def int8():
    generator = torch.Generator().manual_seed(5)
    codes = torch.randint(-127, 128, (48, 32), generator=generator).to(torch.int8)
    largest = _draw(48).abs()
    want = codes.float() * largest[:, None] / 127
    parts = {".weight": codes, ".SCB": largest, ".weight_format": torch.tensor(0, dtype=torch.uint8)}
    return {"quant_method": "bitsandbytes", "load_in_8bit": True}, parts, want


def _stream(rows, bits):
    """Numbers of `bits` bits one after the other, 32 bits a word, whatever word a number begins or ends in."""
    numbers = [sum(int(code) << bits * i for i, code in enumerate(row)) for row in rows]
    words = [[number >> 32 * w & 0xFFFFFFFF for w in range(-(-rows.shape[1] * bits // 32))] for number in numbers]
    return torch.tensor([[word - 2**32 * (word >= 2**31) for word in row] for row in words], dtype=torch.int32)


def gptq_of_three_bits():
    generator = torch.Generator().manual_seed(7)
    codes, zeros = (torch.randint(0, 8, sizes, generator=generator) for sizes in ((32, 64), (2, 64)))
    scales, groups = _draw(2, 64).abs().half(), torch.arange(32) // 16
    want = [
        [float(scales[groups[i], j]) * int(codes[i, j] - zeros[groups[i], j]) for i in range(32)] for j in range(64)
    ]
    parts = {".qweight": _stream(codes.mT, 3).mT, ".qzeros": _stream(zeros, 3), ".scales": scales}
    settings = {"quant_method": "gptq", "bits": 3, "group_size": 16, "checkpoint_format": "gptq_v2"}
    return settings, parts, torch.tensor(want)


def _compressed(**weights):
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}


def packed(bits, symmetric):
    generator = torch.Generator().manual_seed(8)
    codes, zeros = (torch.randint(0, 2**bits, sizes, generator=generator) for sizes in ((48, 32), (48, 4)))
    scale = _draw(48, 4).abs()
    parts = {".weight_packed": _stream(codes, bits), ".weight_scale": scale, ".weight_shape": torch.tensor([48, 32])}
    if symmetric:
        zeros = torch.full((48, 4), 2 ** (bits - 1))
    else:
        parts[".weight_zero_point"] = _stream(zeros.mT, bits).mT
    want = [[float(scale[j, i // 8]) * int(codes[j, i] - zeros[j, i // 8]) for i in range(32)] for j in range(48)]
    return _compressed(num_bits=bits, group_size=8, symmetric=symmetric), parts, torch.tensor(want)


def whole_codes():
    generator = torch.Generator().manual_seed(9)
    codes, zeros = (
        torch.randint(-128, 128, sizes, generator=generator).to(torch.int8) for sizes in ((48, 32), (48, 1))
    )
    parts = {".weight": codes, ".weight_scale": _draw(48, 1), ".weight_zero_point": zeros}
    want = (codes.float() - zeros.float()) * parts[".weight_scale"]
    return _compressed(num_bits=8), parts | {".input_scale": torch.ones(1)}, want


def fp8_in_blocks_that_do_not_divide():
    codes, scale = _draw(48, 32).to(torch.float8_e4m3fn), _draw(3, 2).abs()
    want = torch.tensor([[float(codes[j, i]) * float(scale[j // 20, i // 24]) for i in range(32)] for j in range(48)])
    return _compressed(num_bits=8, block_structure=[20, 24]), {".weight": codes, ".weight_scale": scale}, want


def nvfp4():
    values = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]
    codes = torch.randint(0, 16, (48, 32), generator=torch.Generator().manual_seed(10)).to(torch.uint8)
    scale, whole = _draw(48, 2).abs().to(torch.float8_e4m3fn), torch.tensor([3.0])
    want = [[values[codes[j, i]] * (float(scale[j, i // 16]) / 3) for i in range(32)] for j in range(48)]
    parts = {".weight_packed": codes[:, ::2] | codes[:, 1::2] << 4, ".weight_scale": scale}
    return _compressed(num_bits=4), parts | {".weight_global_scale": whole}, torch.tensor(want)


KINDS = {
    "fp8 in blocks": fp8_blocks,
    "fp8 in rows": fp8_rows,
    "gptq": gptq,
    "awq": awq,
    "compressed, packed with zeros in five bits": lambda: packed(5, symmetric=False),
    "nf4, twice": nf4,
    "nf4": lambda: nf4(nested=False),
    "int8": int8,
}


def _stored(parts, folder, others):
    save_file(others | {LAYER + ending: part.contiguous() for ending, part in parts.items()}, folder / "m.safetensors")
    return SafetensorsFiles([folder / "m.safetensors"])


MORE = {
    "gptq of three bits": gptq_of_three_bits,
    "compressed, packed": lambda: packed(4, symmetric=True),
    "compressed, whole numbers": whole_codes,
    "compressed, fp8 in blocks": fp8_in_blocks_that_do_not_divide,
    "compressed, nvfp4": nvfp4,
}


@pytest.mark.parametrize("kind", MORE)
def test_other_settings_of_these_methods(kind, tmp_path):
    settings, parts, want = MORE[kind]()
    source = _stored(parts, tmp_path, {"model.layers.0.self_attn.k_scale": torch.ones(1)})
    found = dequantized(source, {"quantization_config": settings}, tmp_path)
    assert found.shape(f"{LAYER}.weight") == tuple(want.shape)
    # Products of a code and a scale, or two, rounded to float32.
    torch.testing.assert_close(found[f"{LAYER}.weight"], want, rtol=3e-7, atol=1e-7)
    assert (len(found) == 1) == (settings["quant_method"] == "compressed-tensors")  # scales of a cache are no matrices


def test_another_packing_is_refused(tmp_path):
    settings, parts, _ = packed(4, symmetric=True)
    settings["config_groups"]["group_0"]["weights"]["num_bits"] = 3  # ten of which were once put in a word
    with pytest.raises(CheckpointError, match=r"32 inputs of one of \[3\] bits in 4 words, got another packing"):
        dequantized(_stored(parts, tmp_path, {}), {"quantization_config": settings}, tmp_path)[f"{LAYER}.weight"]


def tiny_llama(folder):
    """A tiny model whose matrix at LAYER is (48, 32)."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 64}
    config = LlamaConfig(**sizes, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2)
    LlamaForCausalLM(config).save_pretrained(folder)
    return json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_runs_and_is_seen_with_the_numbers_that_its_codes_stand_for(kind, tmp_path):
    settings, parts, want = KINDS[kind]()
    values, tensors = tiny_llama(tmp_path)
    plain = read_model(tmp_path).model
    plain.blocks[0].feed_forward.up.weight.data = want
    del tensors[f"{LAYER}.weight"]
    tensors |= {LAYER + ending: part.contiguous() for ending, part in parts.items()}
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(values | {"quantization_config": settings}))
    read = read_model(tmp_path)
    # Products of a code and a scale, or two, rounded to float32.
    torch.testing.assert_close(read.model.blocks[0].feed_forward.up.weight.data, want, rtol=3e-7, atol=1e-7)
    ids = torch.tensor([[3, 1, 4, 1, 5]])
    torch.testing.assert_close(read.model(ids), plain(ids), rtol=1e-5, atol=1e-5)
    found = eigenlm.analyze(tmp_path)
    assert {row.name for row in found.matrices} == {row.name for row in eigenlm.analyze(plain).matrices}
    named = open_tensors(tmp_path)
    assert named.num_bytes("blocks.0.feed_forward.up.weight") == sum(part.nbytes for part in parts.values())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "unheard-of", "quantization_config": settings}))
    other = open_any(tmp_path)
    assert not isinstance(other, Opened)
    torch.testing.assert_close(other.tensors[f"{LAYER}.weight"], want, rtol=3e-7, atol=1e-7)
    assert not [name for name in other.tensors if "scale" in name or "zeros" in name or "absmax" in name]


def test_experts_of_four_bits_are_those_that_transformers_decodes(tmp_path):
    generator = torch.Generator().manual_seed(6)
    blocks = torch.randint(0, 256, (3, 10, 2, 16), generator=generator).to(torch.uint8)
    scales = torch.randint(110, 132, (3, 10, 2), generator=generator).to(torch.uint8)
    name = "model.layers.0.mlp.experts.gate_up_proj"
    save_file({f"{name}_blocks": blocks, f"{name}_scales": scales}, tmp_path / "model.safetensors")
    source = SafetensorsFiles([tmp_path / "model.safetensors"])
    found = dequantized(source, {"quantization_config": {"quant_method": "mxfp4"}}, tmp_path)
    want = convert_moe_packed_tensors(blocks, scales).float()
    assert list(found) == [name]
    assert found.shape(name) == tuple(want.shape) == (3, 64, 10)
    assert torch.equal(found[name], want)
    assert all(torch.equal(found.part(name, slice(e, e + 1))[0], want[e]) for e in range(3))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quant_method": "hqq"}, r"expected the method fp8, .*, got 'hqq'; read the unquantized"),
        ({"quant_method": "gptq"}, r"expected matrices in the codes of gptq, got none"),
        ("yes", r"got 'yes'"),
        ([], None),
    ],
)
def test_what_is_stored_otherwise_is_refused(settings, said, tmp_path):
    values, _ = tiny_llama(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(values | {"quantization_config": settings}))
    if said is None:
        assert read_model(tmp_path).family == "llama"
        return
    with pytest.raises(CheckpointError, match=said) as refused:
        read_model(tmp_path)
    assert "\n" not in str(refused.value)
    assert open_any(tmp_path).reason == str(refused.value)


@pytest.mark.parametrize("kind", ["gptq", "awq", "nf4, twice", "fp8 in blocks"])
def test_parts_that_do_not_fit_are_told(kind, tmp_path):
    settings, parts, _ = KINDS[kind]()
    short = {
        ending: part[:1].contiguous() if "scale" in ending or "absmax" in ending else part
        for ending, part in parts.items()
    }
    save_file({LAYER + ending: part for ending, part in short.items()}, tmp_path / "model.safetensors")
    source = SafetensorsFiles([tmp_path / "model.safetensors"])
    found = dequantized(source, {"quantization_config": settings}, tmp_path)
    with pytest.raises(
        CheckpointError, match=f"decoding {LAYER}.weight: expected .* weights, got parts that do not fit"
    ):
        found[f"{LAYER}.weight"]


def test_every_method_is_tried():
    tried = {build()[0]["quant_method"] for build in KINDS.values()} | {"mxfp4"}
    assert tried == set(METHODS)
