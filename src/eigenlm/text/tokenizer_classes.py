"""What each tokenizer class of transformers 5 makes of a vocabulary, and which class a folder asks for.

A class that is known here takes the vocabulary, the markers and the added tokens of `tokenizer.json`, and brings the
rest itself, shaped by `tokenizer_config.json`; any other leaves `tokenizer.json` as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tokenizers
from tokenizers import decoders, normalizers, pre_tokenizers, processors

from eigenlm.errors import CheckpointError, explain
from eigenlm.text.pre_tokenizers import DIGIT, GPT2, QWEN2, QWEN35, from_stages

Settings = Mapping[str, Any]
Roles = Mapping[str, str]
Vocabulary = list[tuple[str, float]]
_END = "<|endoftext|>"
_MOST_MORE = 1 << 16


@dataclass(frozen=True, kw_only=True)
class TokenizerClass:
    """A tokenizer class.

    Attributes:
        roles: tokens that play a part unless the folder names others.
        dress: gives a tokenizer on the bare vocabulary its normalizer, pre-tokenizer and decoder.
        markers: the class's own post-processor, where it does not take that of the file.
        more: control tokens that it has beside its roles.
        of_characters: whether it merges SentencePiece's characters.
        arrange: numbers SentencePiece's unigrams: the pieces of the file, by its ids, to those of the model.
    """

    roles: Roles
    dress: Callable[[tokenizers.Tokenizer, Settings], None]
    markers: Callable[[tokenizers.Tokenizer, Roles, Settings], processors.PostProcessor | None] | None = None
    more: Callable[[Settings], list[str]] = field(default=lambda settings: [])
    of_characters: bool = False
    arrange: Callable[[Vocabulary, Settings], Vocabulary] | None = None


def class_of(settings: Settings, config: Settings) -> TokenizerClass | None:
    """The class that a folder asks for, None where it is not known or leaves the file as it is.

    Args:
        settings: `tokenizer_config.json`.
        config: `config.json`.
    """
    return CLASSES.get(class_name(settings, config))


def class_name(settings: Settings, config: Settings) -> str:
    """The name of that class, known or not; empty where the file is left as it is."""
    declared = str(settings.get("tokenizer_class") or config.get("tokenizer_class") or "").removesuffix("Fast")
    model_type = config.get("model_type")
    registered = _OF_MODEL.get(model_type) if isinstance(model_type, str) else None
    name = declared or registered or ""
    if registered is not None and (registered == "" or model_type in _MISDECLARED):
        name = registered
    return _ALIASES.get(name, name)


def _count(number: Any) -> int:
    """A number of tokens, believed if they are no more than a vocabulary has."""
    if not isinstance(number, int) or not 0 <= number <= _MOST_MORE:
        raise CheckpointError(explain("extra_ids", expected=f"a number up to {_MOST_MORE}", got=number))
    return number


def flagged_markers(library: tokenizers.Tokenizer, roles: Roles, settings: Settings) -> processors.PostProcessor | None:
    """The tokens that `add_bos_token` and `add_eos_token` put around a text."""
    bos, eos = (
        [roles[role]] if settings.get(f"add_{role}") and role in roles else [] for role in ("bos_token", "eos_token")
    )
    return _template(library, [*bos, "$A", *eos]) if bos or eos else None


def dress_words(library: tokenizers.Tokenizer, settings: Settings) -> None:
    """BERT's words and their `##` continuations."""
    library.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.decoder = decoders.WordPiece()
    library.model.unk_token = _content(settings.get("unk_token", BERT_ROLES["unk_token"]))
    library.model.max_input_chars_per_word = 100


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def _bytes(*stages: str, compose: bool = False) -> Callable[[tokenizers.Tokenizer, Settings], None]:
    """Byte-level words, on composed characters or not."""

    def dress(library: tokenizers.Tokenizer, settings: Settings) -> None:
        library.normalizer = normalizers.NFC() if compose else None
        library.pre_tokenizer = from_stages(stages, add_prefix_space=bool(settings.get("add_prefix_space")))
        library.decoder = decoders.ByteLevel()
        library.model.dropout = library.model.unk_token = None
        library.model.fuse_unk = False

    return dress


def _llama(library: tokenizers.Tokenizer, settings: Settings) -> None:
    spaced = settings.get("add_prefix_space")
    spaced = spaced if spaced is not None else True
    scheme = ("always" if settings.get("legacy") else "first") if spaced else "never"
    library.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    _characters(library, strip=spaced)


def _gemma(library: tokenizers.Tokenizer, settings: Settings) -> None:
    library.normalizer = normalizers.Replace(" ", "▁")
    library.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    _characters(library, strip=False)
    library.model.unk_token = _content(settings.get("unk_token", "<unk>"))


def _characters(library: tokenizers.Tokenizer, *, strip: bool) -> None:
    """BPE of characters, bytes for those it does not know, `▁` for a space."""
    last = [decoders.Strip(" ", 1, 0)] if strip else []
    library.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *last])
    library.model.dropout = library.model.unk_token = None
    library.model.fuse_unk = library.model.byte_fallback = True


def _pieces(library: tokenizers.Tokenizer, settings: Settings) -> None:
    """SentencePiece's unigrams of words, with the character map of the file."""
    whole = library.normalizer
    parts = [whole[i] for i in range(len(whole))] if isinstance(whole, normalizers.Sequence) else [whole]
    library.normalizer = next((part for part in parts if isinstance(part, normalizers.Precompiled)), None)
    scheme = "always" if settings.get("add_prefix_space", True) else "never"
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme=scheme)]
    )
    library.decoder = decoders.Metaspace(prepend_scheme=scheme)


def _after_fairseq(replaced: int, *first: str) -> Callable[[Vocabulary, Settings], Vocabulary]:
    """The control tokens of fairseq instead of the first pieces, and `<mask>` last."""

    def arrange(pieces: Vocabulary, settings: Settings) -> Vocabulary:
        control = [(token, -100.0 if token == "<unk>NOTUSED" else 0.0) for token in first]
        return [*control, *pieces[replaced:], (_content(settings.get("mask_token", "<mask>")), 0.0)]

    return arrange


def _blanks(settings: Settings) -> list[str]:
    return [f"<extra_id_{i}>" for i in range(_count(settings.get("extra_ids", 100)))]


def _between(first: str | None, last: str) -> Callable[..., processors.PostProcessor]:
    """Markers named by their parts; a default serves where the folder takes the part from every token."""

    def markers(library: tokenizers.Tokenizer, roles: Roles, settings: Settings) -> processors.PostProcessor:
        return _template(library, [*([roles[first]] if first else []), "$A", roles[last]])

    return markers


between_cls_and_sep = _between("cls_token", "sep_token")


def _template(library: tokenizers.Tokenizer, parts: list[str]) -> processors.PostProcessor:
    ids = [(token, library.token_to_id(token)) for token in dict.fromkeys(parts) if token != "$A"]
    return processors.TemplateProcessing(single=parts, special_tokens=ids)


_GPT2_ROLES = {"unk_token": _END, "bos_token": _END, "eos_token": _END}
_ROBERTA_ROLES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
BERT_ROLES = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_COHERE_ROLES = {
    "unk_token": "<UNK>",
    "bos_token": "<BOS_TOKEN>",
    "eos_token": "<|END_OF_TURN_TOKEN|>",
    "pad_token": "<PAD>",
    "cls_token": "<CLS>",
    "sep_token": "<SEP>",
    "mask_token": "<MASK_TOKEN>",
}
_QWEN_ROLES = {"unk_token": _END, "eos_token": _END, "pad_token": _END}
_GEMMA_ROLES = {
    role: f"<{role.removesuffix('_token')}>"
    for role in ("unk_token", "bos_token", "eos_token", "pad_token", "mask_token")
}

CLASSES = {
    "GPT2Tokenizer": TokenizerClass(roles=_GPT2_ROLES, dress=_bytes(GPT2)),
    "GPTNeoXTokenizer": TokenizerClass(
        roles=_GPT2_ROLES | {"pad_token": "<|padding|>"}, dress=_bytes(GPT2, compose=True), markers=flagged_markers
    ),
    "RobertaTokenizer": TokenizerClass(roles=_ROBERTA_ROLES, dress=_bytes(GPT2), markers=between_cls_and_sep),
    "Qwen2Tokenizer": TokenizerClass(roles=_QWEN_ROLES, dress=_bytes(QWEN2, compose=True)),
    "Qwen3_5Tokenizer": TokenizerClass(roles=_QWEN_ROLES, dress=_bytes(QWEN35, compose=True)),
    "CohereTokenizer": TokenizerClass(roles=_COHERE_ROLES, dress=_bytes(DIGIT, GPT2, compose=True)),
    "LlamaTokenizer": TokenizerClass(
        roles={"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}, dress=_llama, of_characters=True
    ),
    "GemmaTokenizer": TokenizerClass(roles=_GEMMA_ROLES, dress=_gemma, of_characters=True),
    "BertTokenizer": TokenizerClass(roles=BERT_ROLES, dress=dress_words, markers=between_cls_and_sep),
    "MPNetTokenizer": TokenizerClass(
        roles=_ROBERTA_ROLES | {"unk_token": "[UNK]"}, dress=dress_words, markers=between_cls_and_sep
    ),
    "XLMRobertaTokenizer": TokenizerClass(
        roles=_ROBERTA_ROLES,
        dress=_pieces,
        markers=_between("bos_token", "eos_token"),
        arrange=_after_fairseq(3, "<s>", "<pad>", "</s>", "<unk>"),
    ),
    "CamembertTokenizer": TokenizerClass(
        roles=_ROBERTA_ROLES,
        dress=_pieces,
        markers=_between("bos_token", "eos_token"),
        more=lambda settings: ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"],
        arrange=_after_fairseq(1, "<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"),
    ),
    "T5Tokenizer": TokenizerClass(
        roles={"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
        dress=_pieces,
        markers=_between(None, "eos_token"),
        more=_blanks,
        arrange=lambda pieces, settings: [*pieces, *((token, 0.0) for token in reversed(_blanks(settings)))],
    ),
}
_ALIASES = {
    alias + "Tokenizer": name + "Tokenizer"
    for name, aliases in {
        "Roberta": "Bart Longformer LED Mvp",
        "Bert": "DistilBert Electra MobileBert SqueezeBert ConvBert LayoutLM Lxmert DPRQuestionEncoder",
        "Llama": "Phi3",
    }.items()
    for alias in aliases.split()
}
# Which class a family's models have, by `model_type`; "" leaves the file as it is.
_OF_MODEL = {
    model_type: name
    for name, model_types in {
        "GPT2Tokenizer": "codegen dbrx gpt2 gpt_neo gptj jais2 opt phi starcoder2",
        "BertTokenizer": "bert convbert distilbert electra ernie layoutlm megatron-bert nezha nomic_bert squeezebert",
        "RobertaTokenizer": "bart data2vec-text ibert lilt longformer mega mra roberta roberta-prelayernorm",
        "GPTNeoXTokenizer": "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm",
        "Qwen2Tokenizer": "qwen2 qwen2_5_omni qwen2_5_vl qwen2_moe qwen2_vl qwen3 qwen3_moe qwen3_next qwen3_vl "
        "qwen3_vl_moe internvl ovis2",
        "Qwen3_5Tokenizer": "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp",
        "GemmaTokenizer": "gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma t5gemma",
        "T5Tokenizer": "mt5 switch_transformers t5",
        "XLMRobertaTokenizer": "gte jina_embeddings_v3 xlm-roberta xmod",
        "CamembertTokenizer": "camembert",
        "MBartTokenizer": "mbart",
        "PegasusTokenizer": "pegasus",
        "AlbertTokenizer": "albert yoso",
        "DebertaV2Tokenizer": "deberta-v2",
        "NllbTokenizer": "nllb nllb-moe",
        "M2M100Tokenizer": "m2m_100",
        "XGLMTokenizer": "xglm",
        "XLNetTokenizer": "xlnet",
        "BigBirdTokenizer": "big_bird",
        "CodeLlamaTokenizer": "code_llama",
        "MPNetTokenizer": "mpnet",
        "CohereTokenizer": "cohere cohere2",
        "": "arctic ernie4_5 ernie4_5_moe flex_olmo glm glm4 glm4_moe glm4_moe_lite gpt_bigcode granite granitemoe "
        "granitemoehybrid granitemoeshared internlm2 internlm3 jamba kimi_linear llava llava_next mimo_v2_flash "
        "minicpm3 minimax_m2 ministral ministral3 mistral mistral3 mixtral modernbert modernbert-decoder nemotron "
        "olmo2 olmo3 olmo_hybrid persimmon phi3 phimoe pixtral smolvlm stablelm umt5 xlm-roberta-xl",
    }.items()
    for model_type in model_types.split()
}
# Families whose folders often declare another class than they have.
_MISDECLARED = frozenset(("qwen2", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen4_exp"))
