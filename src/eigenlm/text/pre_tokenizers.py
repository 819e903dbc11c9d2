"""How byte-level vocabularies cut text into words before any merge, under the names that GGUF files give them."""

import json

from tokenizers import Regex, pre_tokenizers

from eigenlm.errors import CheckpointError, explain

# Each name stands for stages; every stage cuts the pieces of the one before. They give the ids of llama.cpp, which made
# the names, but for gpt-4o, llama4, minimax-m2 and tekken: there it parts words at the marks of whole scripts, and the
# expression of the original `tokenizer.json` stands. Under other names it knows letters and no case (`_UNCASED`).
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
DIGIT = r"\p{N}"
_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LLAMA3 = _CONTRACTION + (
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = QWEN2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TEKKEN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_GPT4O = _TEKKEN.replace(f"{_LOWER}+|", f"{_LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|").replace(
    rf"{_LOWER}*|\p{{N}}|", rf"{_LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{{N}}{{1,3}}|"
)
_GPT4O_BY_ASCII = _GPT4O.replace(_UPPER, r"[\p{L}&&[^a-z]]").replace(_LOWER, r"[\p{L}&&[^A-Z]]")
_GPT4O_UNCASED = _GPT4O.replace(_UPPER, r"[\p{L}\p{M}]").replace(_LOWER, r"[\p{L}\p{M}]")
_DEEPSEEK3 = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",  # Han, Hiragana, Katakana
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
# What llama.cpp does with files that name nothing.
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]")
_FALCON = (r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]")
_HAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
_CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ"  # noqa: RUF001
    "-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"  # noqa: RUF001
)
_DEEPSEEK_LLM = (
    r"[\r\n]",
    rf"\s?[{_CASED}]+",
    "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
    r"\s+$",
    _HAN,
    r"\p{N}+",
)
_BLOOM = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
_CJK_AND_THAI = (
    "[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f"
    "\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+"
)
_KOREAN_AND_CHINESE = (
    "[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c"
    "\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
)
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef\U0002f800-\U0002fa1f"
_KIMI = f"[{_IDEOGRAPHS}]+|" + (
    _GPT4O_UNCASED.replace(r"[\p{L}\p{M}]", rf"[\p{{L}}&&[^{_IDEOGRAPHS}]]").replace("[\\r\\n/]*", "[\\r\\n]*")
)
_EXAONE_MOE = (
    QWEN2.replace(r"\p{L}+", r"(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+")
    .replace(r"[\r\n]*", "[\\r\\n/]?")
    .replace(r"[\r\n]+", r"[\r\n]")
)
_BY_LENGTH = r"|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)"
_JAIS2 = _LLAMA3.removesuffix(r"|\s+(?!\S)|\s+") + _BY_LENGTH + r"|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"
_CHAMELEON = (
    "<sentinel:[0-9]+>",
    "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
    "([\\t\\n]|    |  )",
    DIGIT,
    r"[\p{P}!-/:-@\[-`{-~]",
    GPT2,
)
_THOUSANDS = r"\P{N}*\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
_LINES = r"[^\n]+|[\n]+"

# The first name of each group is the one written to files.
_GROUPS: dict[tuple[str, ...], str] = {
    (GPT2,): "gpt-2 mpt olmo jais phi-2 trillion granite-docling jina-es jina-de jina-v1-en jina-v2-es jina-v2-de "
    "jina-v2-code roberta-bpe gigachat mellum modern-bert a.x-4.0 exaone4",
    (DIGIT, GPT2): "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
    (
        _LLAMA3,
    ): "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx smaug-bpe glm4 glm5 "
    "chatglm-bpe",
    (QWEN2,): "qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 megrez hunyuan solar-open grok-2",
    (QWEN35,): "qwen35",
    (_GPT4O,): "gpt-4o llama4 minimax-m2",
    (_GPT4O_BY_ASCII,): "kanana2 talkie",
    (_GPT4O_BY_ASCII.replace(r"\p{L}&&", r"\p{L}\p{M}&&"),): "granite-embed-multi-97m",
    (_TEKKEN,): "tekken",
    _DEEPSEEK3: "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
    (*_DEEPSEEK3[:2], _DEEPSEEK3[2].replace(r"[\r\n]*|\s*[\r\n]+", r"|[\r\n]"), r"\p{N}"): "spark2_5",
    (_THOUSANDS, _CJK_AND_THAI, _DEEPSEEK3[2]): "afmoe",
    _DEEPSEEK_LLM: "deepseek-llm",
    (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _HAN, DIGIT): "deepseek-coder",
    (_KOREAN_AND_CHINESE, _GPT4O_UNCASED.replace(r"\p{N}{1,3}", r"\p{N}")): "youtu",
    (_THOUSANDS, _GPT4O_UNCASED): "tiny_aya cohere2moe",
    (r"\p{N}{1,3}", _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}+")): "minicpm5",
    (_LINES, QWEN2): "laguna",
    (QWEN2.removeprefix(f"{_CONTRACTION}|"),): "ufakzeka",
    (QWEN2.replace(f"{_CONTRACTION}|", "'(?i:[sdmt]|ll|ve|re)|").replace(r"[\r\n]+", r"[\r\n]"),): "bailingmoe "
    "bailingmoe2 llada-moe",
    (QWEN2.replace(r"[^\s\p{L}\p{N}]+[\r\n]*", r"[^\s\p{L}\p{N}\r\n]+"),): "seed-coder",
    (_EXAONE_MOE,): "exaone-moe",
    (_JAIS2,): "jais-2",
    (_KIMI,): "kimi-k2",
    (r"\p{N}+", r"(?=(\d{3})+(?!\d))"): "superbpe",
    (_BLOOM,): "poro-chat bloom gpt3-finnish",
    (_BLOOM, DIGIT): "viking",
    _CHAMELEON: "chameleon",
    _FALCON: "falcon",
    _DEFAULT: "default",
    (r"\S+",): "whitespace",
    (_LINES,): "gemma4 granite-embed-multi-311m sarvam-moe",
}
_STAGES = {name: stages for stages, names in _GROUPS.items() for name in names.split()}
NAMES = frozenset(_STAGES)
# What SentencePiece makes of spaces where it leaves out those that part no words.
SPACES = {" {2,}": " ", r"\A | \z": ""}
KNOWN = frozenset(("", r"\s+", *SPACES, *(stage for stages in _GROUPS for stage in stages)))
_LLAMA3_LIKE = "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano tekken"
# Under these names a word that is a token as it stands is taken whole, before any merge.
WHOLE_WORDS = frozenset((*_LLAMA3_LIKE.split(), "glm4", "glm5", "youtu", "minicpm5", "granite-embed-multi-97m"))
# Under these, texts begin with `bos` even where the file does not say so.
BEGUN = frozenset((*_LLAMA3_LIKE.split(), "chameleon"))
# Qwen's tokenizers compose characters first; llama.cpp does not.
COMPOSED = frozenset(("qwen2", "qwen35"))
# These merge characters and no bytes; all but one with `▁` for a space, as SentencePiece does.
CHARACTERS = frozenset(("whitespace", *_GROUPS[(_LINES,)].split()))


def byte_level(name: str) -> pre_tokenizers.PreTokenizer:
    """The pre-tokenizer that a GGUF file calls `name`; for `CHARACTERS`, without the step to bytes.

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
    return _stage(*_STAGES[name]) if name in CHARACTERS else from_stages(_STAGES[name])


def from_stages(stages: tuple[str, ...], *, add_prefix_space: bool = False) -> pre_tokenizers.PreTokenizer:
    """Regular expressions, each isolating its matches in the pieces left by the one before, then bytes."""
    parts = [_stage(stage) for stage in stages if stage != GPT2 or stage != stages[-1]]
    parts.append(pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=stages[-1] == GPT2))
    return pre_tokenizers.Sequence(parts) if len(parts) > 1 else parts[0]


def name_of(pre_tokenizer: pre_tokenizers.PreTokenizer) -> str | None:
    """The name under which a GGUF file knows this pre-tokenizer, or None."""
    state = json.loads(pre_tokenizer.__getstate__())
    parts = state["pretokenizers"] if state["type"] == "Sequence" else [state]
    stages = tuple(stage for part in parts for stage in _stages_of(part))
    return _GROUPS[stages].split()[0] if stages in _GROUPS else None


def _stage(expression: str) -> pre_tokenizers.PreTokenizer:
    if expression == DIGIT:
        return pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Split(Regex(expression), behavior="isolated")


def _stages_of(part: dict) -> list[str]:
    match part:
        case {"type": "Digits", "individual_digits": True}:
            return [DIGIT]
        case {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}:
            return [expression]
        case {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Removed", "invert": True}:
            return [expression]
        case {"type": "ByteLevel", "add_prefix_space": False}:
            return [GPT2] if part["use_regex"] else []
    return [f"unknown {part['type']}"]
