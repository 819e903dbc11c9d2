"""How byte-level vocabularies cut text into words before any merge, under the names that GGUF files give them."""

import json

from tokenizers import Regex, pre_tokenizers

from eigenlm.errors import CheckpointError, explain

# Each name stands for the stages of its original `tokenizer.json`; every stage cuts the pieces of the one before.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_DIGIT = r"\p{N}"
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_GPT4O = _TEKKEN.replace(f"{_LOWER}+|", f"{_LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|").replace(
    rf"{_LOWER}*|\p{{N}}|", rf"{_LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{{N}}{{1,3}}|"
)
_DEEPSEEK3 = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",  # Han, Hiragana, Katakana
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
# What llama.cpp does with files that name nothing.
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]")
_FALCON = (r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]")

# The first name of each group is the one written to files.
_GROUPS: dict[tuple[str, ...], str] = {
    (GPT2,): "gpt-2 mpt olmo jais phi-2 trillion granite-docling jina-es jina-de jina-v1-en jina-v2-es jina-v2-de "
    "jina-v2-code roberta-bpe gigachat mellum modern-bert a.x-4.0",
    (_DIGIT, GPT2): "smollm starcoder refact command-r codeshell exaone minerva-7b",
    (_LLAMA3,): "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 dbrx smaug-bpe glm4 chatglm-bpe",
    (_QWEN2,): "qwen2 deepseek-r1-qwen stablelm2 megrez hunyuan",
    (_GPT4O,): "gpt-4o llama4",
    (_TEKKEN,): "tekken",
    _DEEPSEEK3: "deepseek-v3 hunyuan-dense",
    _FALCON: "falcon",
    _DEFAULT: "default",
}
_STAGES = {name: stages for stages, names in _GROUPS.items() for name in names.split()}
# Under these names a word that is a token as it stands is taken whole, before any merge, and texts begin with `bos`
# even where the file does not say so.
LLAMA3_LIKE = frozenset(
    ("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken")
)
# Qwen's tokenizers compose characters first.
COMPOSED = frozenset(("qwen2", "deepseek-r1-qwen"))


def byte_level(name: str) -> pre_tokenizers.PreTokenizer:
    """The pre-tokenizer that a GGUF file calls `name`.

    Raises:
        CheckpointError: no such name is known.
    """
    if name not in _STAGES:
        raise CheckpointError(
            explain(
                "the pre-tokenizer of a GGUF file",
                expected=f"one of {', '.join(names.split()[0] for names in _GROUPS.values())} or a known relative",
                got=repr(name),
                do="convert the model from its Hugging Face folder",
            )
        )
    return from_stages(_STAGES[name])


def from_stages(stages: tuple[str, ...]) -> pre_tokenizers.PreTokenizer:
    """Regular expressions, each isolating its matches in the pieces left by the one before, then bytes."""
    parts = [_stage(stage) for stage in stages if stage != GPT2 or stage != stages[-1]]
    parts.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=stages[-1] == GPT2))
    return pre_tokenizers.Sequence(parts) if len(parts) > 1 else parts[0]


def name_of(pre_tokenizer: pre_tokenizers.PreTokenizer) -> str | None:
    """The name under which a GGUF file knows this pre-tokenizer, or None."""
    state = json.loads(pre_tokenizer.__getstate__())
    parts = state["pretokenizers"] if state["type"] == "Sequence" else [state]
    stages = tuple(stage for part in parts for stage in _stages_of(part))
    return _GROUPS[stages].split()[0] if stages in _GROUPS else None


def _stage(expression: str) -> pre_tokenizers.PreTokenizer:
    if expression == _DIGIT:
        return pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Split(Regex(expression), behavior="isolated")


def _stages_of(part: dict) -> list[str]:
    match part:
        case {"type": "Digits", "individual_digits": True}:
            return [_DIGIT]
        case {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}:
            return [expression]
        case {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Removed", "invert": True}:
            return [expression]
        case {"type": "ByteLevel", "add_prefix_space": False}:
            return [GPT2] if part["use_regex"] else []
    return [f"unknown {part['type']}"]
