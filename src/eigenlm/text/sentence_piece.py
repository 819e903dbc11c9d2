"""SentencePiece's own file, `tokenizer.model`, in the form of the tokenizers library.

A tokenizer class of transformers gives the pieces their ids and dresses them; without one the file's word stands.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2 as schema
from tokenizers import AddedToken, Regex, decoders, models, normalizers

from eigenlm.errors import CheckpointError, explain
from eigenlm.files import regular
from eigenlm.text.added_tokens import add_tokens, read_json, read_settings
from eigenlm.text.pre_tokenizers import SPACES
from eigenlm.text.tokenizer_classes import (
    CLASSES,
    Settings,
    TokenizerClass,
    Vocabulary,
    class_name,
    class_of,
    flagged_markers,
)
from eigenlm.text.tokenizer_files import UnreadTokenizer
from eigenlm.text.tokenizer_gguf import _merges_from_scores
from eigenlm.text.tokenizer_limits import check_map

_Piece, _Trained = schema.ModelProto.SentencePiece, schema.TrainerSpec
_SPELLED = (_Piece.NORMAL, _Piece.USER_DEFINED, _Piece.UNUSED)
_LONGEST = 512  # what SentencePiece trains
_NEVER = -1e6  # the library takes a piece that is found in a text for the text's, whatever its type
# Classes that leave ids and spaces as the file has them.
_PLAIN = ("", "PreTrainedTokenizer", "TokenizersBackend", "LlamaTokenizer")
_DO = "pip install transformers, and save it with AutoTokenizer.save_pretrained"


def from_sentence_pieces(path: Path, folder: Path) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    """The tokenizer of a SentencePiece model and of the settings beside it, and which token plays which part.

    Raises:
        CheckpointError: it is none; `UnreadTokenizer` if another rule than those known numbers or cuts its pieces.
    """
    model = _read(path)
    settings, config = read_settings(folder), read_json(folder / "config.json")
    kind = _class(path, model, settings, config)
    vocabulary = _vocabulary(model, kind, settings)
    ids = {token: i for i, (token, _) in enumerate(vocabulary)}
    library = tokenizers.Tokenizer(_model(model, vocabulary, ids, byte_fallback=kind is None or kind.of_characters))
    charsmap = model.normalizer_spec.precompiled_charsmap
    library.normalizer = normalizers.Precompiled(charsmap) if charsmap else None
    if kind is None:
        _dress(library, model)
    else:
        kind.dress(library, settings)
    more = [] if kind is None else kind.more(settings)
    roles = add_tokens(library, folder, settings, _added(model, ids), _roles(model, kind), more)
    markers = flagged_markers if kind is None or kind.markers is None else kind.markers
    library.post_processor = markers(library, roles, settings)
    return library, roles


def _read(path: Path) -> Any:
    model = schema.ModelProto()
    try:
        model.ParseFromString(regular(path).read_bytes())
    except (DecodeError, OSError) as error:
        raise CheckpointError(
            explain(f"reading {path}", expected="a SentencePiece model", got=str(error), do=_DO)
        ) from error
    spec = model.trainer_spec
    if spec.model_type not in (_Trained.UNIGRAM, _Trained.BPE, _Trained.CHAR) or spec.treat_whitespace_as_suffix:
        kind = _Trained.ModelType.Name(spec.model_type).lower()
        got = f"{kind} with spaces after words" if spec.treat_whitespace_as_suffix else kind
        raise UnreadTokenizer(explain(f"reading {path}", expected="unigram, bpe or char", got=got, do=_DO))
    if not any(piece.type == _Piece.UNKNOWN for piece in model.pieces):
        got = f"{len(model.pieces)} pieces, none of them unknown"
        raise CheckpointError(explain(f"reading {path}", expected="a SentencePiece model", got=got, do=_DO))
    if (longest := max(len(piece.piece) for piece in model.pieces if piece.type != _Piece.USER_DEFINED)) > _LONGEST:
        expected = f"pieces of at most {_LONGEST} characters"
        raise CheckpointError(explain(f"reading {path}", expected=expected, got=longest))
    if model.normalizer_spec.precompiled_charsmap:
        check_map(model.normalizer_spec.precompiled_charsmap)
    return model


def _class(path: Path, model: Any, settings: Settings, config: Settings) -> TokenizerClass | None:
    """The class that numbers and dresses the pieces, None where the file's own word stands."""
    name, kind, spec = class_name(settings, config), class_of(settings, config), model.trainer_spec
    unigram = spec.model_type == _Trained.UNIGRAM
    if kind is not None and (kind.arrange is not None if unigram else kind.of_characters and spec.byte_fallback):
        return kind
    if name in _PLAIN:
        return None
    fits = [name for name, kind in CLASSES.items() if (kind.arrange if unigram else kind.of_characters)]
    raise UnreadTokenizer(explain(f"reading {path}", expected=f"{', '.join(fits)} or no class", got=name, do=_DO))


def _vocabulary(model: Any, kind: TokenizerClass | None, settings: Settings) -> Vocabulary:
    """Pieces and scores by id; those that no text spells get a score which keeps them out of it."""
    if kind is None:
        return [(piece.piece, piece.score if piece.type in _SPELLED else _NEVER) for piece in model.pieces]
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    return pieces if kind.arrange is None else kind.arrange(pieces, settings)


def _model(model: Any, vocabulary: Vocabulary, ids: dict[str, int], *, byte_fallback: bool) -> models.Model:
    spec, unknown = model.trainer_spec, _unknown(model)
    if spec.model_type == _Trained.UNIGRAM:  # transformers' classes take no bytes there, whatever the file says
        return models.Unigram(vocabulary, ids[unknown], spec.byte_fallback and byte_fallback)
    short = (piece for piece in model.pieces if piece.type in _SPELLED and len(piece.piece) <= _LONGEST)
    spelled = {piece.piece: piece.score for piece in short}
    merges = _merges_from_scores(spelled, ids) if spec.model_type == _Trained.BPE else []
    return models.BPE(ids, merges, unk_token=unknown, fuse_unk=True, byte_fallback=spec.byte_fallback)


def _dress(library: tokenizers.Tokenizer, model: Any) -> None:
    """Spaces as SentencePiece takes them."""
    spec = model.normalizer_spec
    charsmap = [library.normalizer] if library.normalizer else []
    fewer = [normalizers.Replace(Regex(expression), to) for expression, to in SPACES.items()]
    prefix = [normalizers.Prepend("▁")] if spec.add_dummy_prefix else []
    library.normalizer = normalizers.Sequence(
        [*charsmap, *(fewer if spec.remove_extra_whitespaces else []), *prefix, normalizers.Replace(" ", "▁")]
    )
    last = [decoders.Strip(" ", 1, 0)] if prefix else []
    library.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *last])


def _added(model: Any, ids: Mapping[str, int]) -> dict[int, AddedToken]:
    """Control tokens, and pieces that the user defined, which are words of the text."""
    found = [piece for piece in model.pieces if piece.type in (_Piece.CONTROL, _Piece.USER_DEFINED)]
    return {
        ids[piece.piece]: AddedToken(piece.piece, normalized=False, special=piece.type == _Piece.CONTROL)
        for piece in found
        if piece.piece in ids
    }


def _roles(model: Any, kind: TokenizerClass | None) -> Mapping[str, str]:
    if kind is not None:
        return kind.roles
    named = {role: getattr(model.trainer_spec, f"{role}_id") for role in ("bos", "eos", "pad")}
    parts = {f"{role}_token": model.pieces[i].piece for role, i in named.items() if 0 <= i < len(model.pieces)}
    return {"unk_token": _unknown(model)} | parts


def _unknown(model: Any) -> str:
    return next(piece.piece for piece in model.pieces if piece.type == _Piece.UNKNOWN)
