"""Small valid files of every kind that eigenlm reads, built by the tests, from which mutants are made."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizer_folders import SHAPES
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

import eigenlm
from eigenlm.checkpoint import read_model, write_folder, write_gguf
from eigenlm.errors import EigenError
from eigenlm.text import Tokenizer

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "checkpoint")]
import tiny_transformers  # noqa: E402
from tests.checkpoint.test_quantized import KINDS as STORED  # noqa: E402
from tests.checkpoint.test_quantized import LAYER  # noqa: E402
from tests.checkpoint.tiny_adapters import KINDS as ADAPTERS  # noqa: E402
from tests.checkpoint.tiny_adapters import tiny_adapter  # noqa: E402

TEXT = "The matrix of a language model maps each token to a vector, and the vector to the next token. " * 8
FAMILIES = (
    *(
        "llama",
        "llama-yarn",
        "qwen2-mixed-windows",
        "qwen3",
        "gpt2",
        "bert-mlm",
        "bert",
        "gemma2",
        "gemma3",
        "phi3-long",
        "mixtral",
    ),
    *("gpt-oss", "t5", "bart", "gpt-neox", "roberta-mlm", "modernbert-mlm", "olmo3-yarn", "starcoder2"),
)
CUT_INTO = {
    "bert-mlm": "words",
    "bert": "words",
    "t5": "pieces",
    "gemma2": "characters",
    "gemma3": "characters",
    "llama-yarn": "characters",
}
STORAGES = ("F32", "Q8_0", "Q4_0", "F16", "Q4_1", "BF16")
TOKENIZERS = (
    *(
        "gpt2_saved",
        "gpt2_old_added_tokens_json",
        "gpt2_old_special_tokens_map",
        "roberta_old",
        "bert_saved",
        "bert_old",
    ),
    *("qwen2_saved", "qwen2_old_added_tokens_decoder", "llama_saved", "gemma_saved", "t5_saved", "xlm_roberta_saved"),
    *("any_saved_added_words", "any_bare", "cohere_saved"),
)
CHATML = (
    "{%- if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for message in messages %}{% if message.content is string %}{% set text = message.content | trim %}{% else %}"
    "{% set text = message.content | map(attribute='text') | join(' ') %}{% endif %}"
    "<|im_start|>{{ message.role }}\n{{ text }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
REASONING = (
    "{%- macro show(m, first=false) -%}{{ '<|' ~ m['role'] + '|>' }}{%- if m.reasoning_content is defined -%}"
    "<think>{{ m.reasoning_content.strip('\\n') }}</think>{%- endif -%}{{ m['content'].split('</think>')[-1] | upper }}"
    "{%- endmacro -%}{%- set ns = namespace(count=0, last='') -%}{%- for m in messages if m.role != 'system' -%}"
    "{%- set ns.count = ns.count + 1 -%}{%- if loop.index0 % 2 == 0 and not loop.last -%}{{ show(m, first=true) }}"
    "{%- elif m.tool_calls -%}{{ m.tool_calls | tojson(indent=2) }}{%- else -%}{{ show(m) }}{%- endif -%}"
    "{%- if not loop.last %}{% continue %}{% endif -%}{%- endfor -%}{{ ns.count }}{{ messages[-1]['content'][:20] }}"
    "{%- generation -%}{{ eos_token }}{%- endgeneration -%}{{ strftime_now('%d %b') }}{{ '%s' % ns.last ~ 3 // 2 }}"
)


@dataclass(frozen=True)
class Seed:
    """Files that something can be made of.

    Attributes:
        name: what it is.
        files: contents by path.
        targets: which files are damaged.
        entry: what is opened, the folder itself if empty.
    """

    name: str
    files: dict[str, bytes]
    targets: tuple[str, ...]
    entry: str = ""


def seeds(place: Path) -> dict[str, list[Seed]]:
    """The seeds of each kind; `place` keeps what plans and adapters point at."""
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    folders = {name: _family(name, place / name) for name in FAMILIES}
    stored = {name: _stored(name, place / f"stored {i}") for i, name in enumerate(STORED)}
    plans = list(_plans(folders["llama"], place))
    whole = {name: _read(folder) for name, folder in folders.items()}
    own = {f"own {name}": _read(_own(folders[name], place / f"own {name}")) for name in ("llama", "t5", "bert-mlm")}
    config, weights = ("config.json", "generation_config.json"), "model.safetensors"
    models = {**whole, **own, "applied": _read(plans[0][1])}
    coded = {name: _read(folder) for name, folder in stored.items()}
    sharded = _read(_sharded(folders["qwen3"], place / "sharded"))
    return {
        "gguf": list(_ggufs(folders, place)),
        "weights": [
            *(Seed(name, files, (weights,)) for name, files in {**models, **coded}.items()),
            Seed("sharded", sharded, tuple(name for name in sharded if name.startswith("model"))),
        ],
        "config": [Seed(name, files, config) for name, files in {**models, **coded}.items()],
        "tokenizer": [_tokenizer(name, place / "tokenizers" / name) for name in TOKENIZERS],
        "tokenizer of a model": [
            Seed(name, files, ("tokenizer.json", "tokenizer_config.json")) for name, files in whole.items()
        ],
        "template": [
            Seed(name, whole["llama"] | {"chat_template.jinja": text.encode()}, ("chat_template.jinja",))
            for name, text in (("chatml", CHATML), ("reasoning", REASONING))
        ],
        "adapter": [_adapter(name, place / f"adapter {i}") for i, name in enumerate(ADAPTERS)],
        "sentence vectors": [_sentences(name, whole[name]) for name in ("bert-mlm", "roberta-mlm", "modernbert-mlm")],
        "plan": [seed for seed, _ in plans],
    }


def _read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _family(name: str, folder: Path) -> Path:
    """A tiny random model of transformers with a tokenizer of at most 96 tokens and a chat template."""
    tiny_transformers.tiny(name).save_pretrained(folder)
    small_tokenizer(CUT_INTO.get(name, "bytes")).save(str(folder / "tokenizer.json"))
    roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "chat_template": CHATML}
    (folder / "tokenizer_config.json").write_text(json.dumps(roles))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 5], "bad_words_ids": [[3]]}))
    return folder


def small_tokenizer(kind: str) -> tokenizers.Tokenizer:
    """Bytes, characters, words or pieces, of at most 96 tokens."""
    special, unknown = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"], "<unk>"
    if kind == "words":
        made, trainer = tokenizers.Tokenizer(models.WordPiece(unk_token=unknown)), trainers.WordPieceTrainer
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
    elif kind == "pieces":
        made, trainer = tokenizers.Tokenizer(models.Unigram()), trainers.UnigramTrainer
        made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    else:
        made, trainer = tokenizers.Tokenizer(models.BPE()), trainers.BpeTrainer
        if kind == "bytes":
            made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        else:
            made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    options: dict[str, Any] = {"unk_token": unknown} if kind == "pieces" else {}
    made.train_from_iterator([TEXT], trainer(vocab_size=96, special_tokens=special, show_progress=False, **options))
    made.add_tokens([f"<word {i}>" for i in range(96 - made.get_vocab_size())])
    return made


def _own(folder: Path, target: Path) -> Path:
    """The same as an eigenlm folder."""
    read = read_model(folder)
    write_folder(
        target, read.model, tokenizer=read.tokenizer, chat_template=read.chat_template, generation=read.generation
    )
    return target


def _sharded(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    tensors = load_file(target / "model.safetensors")
    (target / "model.safetensors").unlink()
    weight_map = {}
    for i in range(2):
        name = f"model-{i + 1:05}-of-00002.safetensors"
        part = dict(list(tensors.items())[i::2])
        save_file(part, target / name, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (target / "model.safetensors.index.json").write_text(json.dumps(index))
    return target


def _stored(name: str, folder: Path) -> Path:
    """A tiny Llama with one matrix in the numbers of another program."""
    settings, parts, _ = STORED[name]()
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "vocab_size": 96,
    }
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors[f"{LAYER}.weight"]
    stored = {LAYER + ending: part.contiguous() for ending, part in parts.items()}
    save_file(tensors | stored, folder / "model.safetensors")
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"quantization_config": settings}))
    small_tokenizer("bytes").save(str(folder / "tokenizer.json"))
    return folder


def _ggufs(folders: dict[str, Path], place: Path) -> Iterator[Seed]:
    """What can be written as GGUF, and a vocabulary of SentencePiece."""
    for i, (name, folder) in enumerate(folders.items()):
        read, path = read_model(folder), place / f"{name}.gguf"
        storage = STORAGES[i % len(STORAGES)]
        for tokenizer in (read.tokenizer, None):
            try:
                write_gguf(
                    path, read.model, storage=storage, tokenizer=tokenizer, chat_template=CHATML, family=read.family
                )
            except EigenError:
                continue
            yield Seed(f"{name} in {storage}", {"m.gguf": path.read_bytes()}, ("m.gguf",), "m.gguf")
            break
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "vocab_size": 420,
    }
    (place / "pieces").mkdir()
    SHAPES["llama_saved"](place / "pieces")
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).save_pretrained(place / "pieces")
    state = json.loads(Tokenizer.load(place / "pieces").library.to_str())
    model = state["model"]
    kept = {token: i for token, i in model["vocab"].items() if i < 420}
    merges = [pair for pair in model["merges"] if "".join(pair) in kept and all(part in kept for part in pair)]
    state["model"] = model | {"vocab": kept, "merges": merges}
    tokenizer = Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(state)), {"bos_token": "<s>", "eos_token": "</s>"})
    write_gguf(place / "pieces.gguf", read_model(place / "pieces").model, storage="Q8_0", tokenizer=tokenizer)
    yield Seed("pieces in Q8_0", {"m.gguf": (place / "pieces.gguf").read_bytes()}, ("m.gguf",), "m.gguf")


def _tokenizer(shape: str, folder: Path) -> Seed:
    folder.mkdir(parents=True)
    SHAPES[shape](folder)
    files = _read(folder)
    return Seed(shape, files, tuple(files))


def _adapter(kind: str, folder: Path) -> Seed:
    base, adapter = tiny_adapter(kind, folder)
    small_tokenizer("bytes").save(str(base / "tokenizer.json"))
    files = {name: content for name, content in _read(adapter).items() if name.startswith("adapter_")}
    return Seed(kind, files, tuple(files))


def _sentences(name: str, files: dict[str, bytes]) -> Seed:
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate((("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")))
    ]
    said: dict[str, Any] = {
        "modules.json": modules,
        "1_Pooling/config.json": {
            "word_embedding_dimension": 64,
            "pooling_mode_cls_token": True,
            "include_prompt": False,
        },
        "sentence_bert_config.json": {"max_seq_length": 12, "do_lower_case": True},
        "config_sentence_transformers.json": {"prompts": {"query": "find: "}, "default_prompt_name": "query"},
    }
    more = {path: json.dumps(value).encode() for path, value in said.items()}
    return Seed(name, files | more, tuple(more))


def _plans(folder: Path, place: Path) -> Iterator[tuple[Seed, Path]]:
    """Plans of every action, and a model that one of them made."""
    lm = eigenlm.load(folder)
    for methods in (("low_rank",), ("int8",), ("low_rank", "int8")):
        torch.manual_seed(0)
        name = " and ".join(methods)
        plan = eigenlm.plan(lm, keep=0.5, calibration=[TEXT] * 20, tokens=512, methods=methods)
        (place / name).mkdir()
        plan.save(place / name / "plan.json")
        eigenlm.apply(plan).save(place / f"applied {name}")
        yield Seed(name, _read(place / name), ("plan.json", "plan.safetensors"), "plan.json"), place / f"applied {name}"
