"""Text to token ids and back, with control tokens that no text can spell."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import tokenizers

from eigenlm.errors import DataError, explain
from eigenlm.text import tokenizer_files
from eigenlm.text.byte_alphabet import unspell
from eigenlm.text.library_errors import is_the_librarys, told
from eigenlm.text.text_stream import TextStream
from eigenlm.text.tokenizer_limits import in_time, is_familiar
from eigenlm.text.unicode import check_unicode

_CUT = secrets.token_hex(16)  # where a control token was told to stand: nobody can guess it
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


class Tokenizer:
    """A vocabulary and the rule that cuts text into it; the work is done by the `tokenizers` library.

    Control tokens are those that the vocabulary calls special, such as `<|im_end|>`, and those that play a part; white
    space is always text. Text becomes a control token only where `control=True` asks for it. Other added words, such
    as `COVID-19` or `<think>`, are words of the text, each with an id of its own.

    Args:
        library: the `tokenizers.Tokenizer`; its truncation and padding are switched off.
        roles: which token plays which part, under Hugging Face's names: `bos_token`, `eos_token`, `pad_token`,
            `unk_token`, `cls_token`, `sep_token`, `mask_token`. Tokens that are not in the vocabulary are left out.
    """

    def __init__(self, library: tokenizers.Tokenizer, roles: Mapping[str, str] | None = None) -> None:
        library.no_truncation()
        library.no_padding()
        library.encode_special_tokens = False
        self.library = library
        named = {"unk_token": getattr(library.model, "unk_token", None)} | dict(roles or {})
        self.roles = {role: token for role, token in named.items() if token and library.token_to_id(token) is not None}
        added = sorted(library.get_added_tokens_decoder().items())
        control = {token.content for _, token in added if token.special} | set(self.roles.values())
        self.control_tokens: dict[str, int] = {
            token.content: i for i, token in added if token.content.strip() and token.content in control
        }
        self._words = {token.content for _, token in added}
        self.vocab_size = max(library.get_vocab_size(), 1 + max((i for i, _ in added), default=-1))
        self.unknown = self._role("unk_token")
        self._familiar = is_familiar(library)
        self._never = frozenset(self.control_tokens.values()) - {self.unknown}
        self._literal = _without_control(library, library.model, dict.fromkeys(self.control_tokens))

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a tokenizer from a folder or a file.

        Args:
            path: a folder with `tokenizer.json`, or `vocab.json` and `merges.txt` (GPT-2), or `vocab.txt` (BERT),
                or `tokenizer.model` (SentencePiece); or one of these files.

        Raises:
            CheckpointError: nothing of that kind is there, or it is damaged.
        """
        return cls(*tokenizer_files.read(Path(path)))

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, which `transformers.AutoTokenizer` reads."""
        tokenizer_files.write(Path(folder), self.library, self.roles)

    def encode(self, text: str, *, control: bool = False, add_markers: bool = False) -> list[int]:
        """Token ids of a text.

        Args:
            text: any string.
            control: recognise control tokens in `text`; only for text that no user wrote.
            add_markers: add what the vocabulary puts around a whole text, such as BERT's `[CLS]` and `[SEP]`.

        Raises:
            DataError: the string holds half a surrogate pair, so it is not Unicode text.
        """
        return self.encode_batch([text], control=control, add_markers=add_markers)[0]

    def encode_batch(
        self, texts: Sequence[str], *, control: bool = False, add_markers: bool = False
    ) -> list[list[int]]:
        """`encode` of every text, in parallel."""
        for text in texts:
            check_unicode("encoding", text)
        rows = self._rows(self.library, texts, add_markers) if control else self._literal_rows(texts, add_markers)
        return [row.ids for row in rows]

    def encode_with(self, text: str, spans: Sequence[tuple[int, int, int]]) -> list[int]:
        """Token ids of a text with control tokens at `spans`, as `control_spans` gives them, and nowhere else."""
        places = [0, *(place for _, *span in spans for place in span), len(text)]
        between = [text[start:end] for start, end in zip(places[::2], places[1::2], strict=True)]
        (row,) = self._literal_rows([_CUT.join(between)], add_markers=False, offsets=True)
        tokens = (token for token, _, _ in spans)
        return [next(tokens) if piece == _CUT else i for i, piece in zip(row.ids, row.tokens)]

    def control_spans(self, text: str) -> list[tuple[int, int, int]]:
        """Where `encode(text, control=True)` sees control tokens: (id, first character, one past the last)."""
        check_unicode("encoding", text)
        (row,) = self._rows(self.library, [text], add_markers=False, offsets=True)
        spelled = {i: token for token, i in self.control_tokens.items()}
        spans = ((i, *span) for i, span in zip(row.ids, row.offsets) if i in spelled)
        # An unknown character also gives the unknown token's id; only its name in the text is the token itself.
        return [
            span for span in spans if span[0] != self.unknown or text[span[1] : span[2]].strip() == spelled[span[0]]
        ]

    def decode(self, ids: Iterable[int], *, control: bool = False) -> str:
        """Text of token ids; tokens that the vocabulary calls special appear only with `control=True`.

        Raises:
            DataError: an id outside the vocabulary.
        """
        ids = list(ids)
        outside = next((i for i in ids if not 0 <= i < self.vocab_size), None)
        if outside is not None:
            raise DataError(explain("decoding", expected=f"token ids from 0 to {self.vocab_size - 1}", got=outside))
        try:  # no context manager, which takes as long as the decoding of a token
            return self.library.decode(ids, skip_special_tokens=not control)
        except BaseException as failure:
            if not is_the_librarys(failure):
                raise
            raise DataError(explain("decoding", expected="tokens with a text", got=str(failure)[:200])) from failure

    def decode_stream(self, *, control: bool = False) -> TextStream:
        """A decoder that takes one id at a time and gives only whole characters."""
        return TextStream(lambda ids: self.decode(ids, control=control))

    def token(self, id: int) -> str | None:
        """The token as the vocabulary spells it, or None."""
        return self.library.id_to_token(id) if id >= 0 else None

    def id(self, token: str) -> int | None:
        """The id of a token as the vocabulary spells it, or None."""
        return self.library.token_to_id(token)

    def token_bytes(self, id: int) -> bytes:
        """The UTF-8 bytes that one token adds to the middle of a text; none for a control token.

        Raises:
            DataError: an id outside the vocabulary.
        """
        token = self.token(id)
        if token is None:
            raise DataError(explain("bytes of a token", expected=f"an id below {self.vocab_size}", got=id))
        if token in self._words:
            return b"" if token in self.control_tokens else token.encode()
        if isinstance(self.library.decoder, tokenizers.decoders.ByteLevel):
            return unspell(token) or token.encode()
        if byte := _BYTE_TOKEN.fullmatch(token):
            return bytes([int(byte[1], 16)])
        return token.removeprefix("##").replace("▁", " ").encode()

    @property
    def bos(self) -> int | None:
        """The id that begins a text (BERT's `[CLS]` where there is no other), or None."""
        return self._role("bos_token", "cls_token")

    @property
    def eos(self) -> int | None:
        """The id that ends a text (BERT's `[SEP]` where there is no other), or None."""
        return self._role("eos_token", "sep_token")

    @property
    def pad(self) -> int | None:
        """The id that fills up short rows, or None."""
        return self._role("pad_token")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the serialised tokenizer, in hexadecimal."""
        return hashlib.sha256(self.library.to_str().encode()).hexdigest()

    def _rows(
        self, library: tokenizers.Tokenizer, texts: Sequence[str], add_markers: bool, *, offsets: bool = False
    ) -> list[tokenizers.Encoding]:
        encode = library.encode_batch if offsets else library.encode_batch_fast
        try:
            if self._familiar:
                return encode(list(texts), add_special_tokens=add_markers)
            act = partial(encode, list(texts), add_special_tokens=add_markers)
            return in_time(sum(map(len, texts)), act)
        except BaseException as failure:
            if not is_the_librarys(failure):
                raise
            expected, got = "text that the tokenizer can read", str(failure)[:200]
            raise DataError(explain("encoding", expected=expected, got=got)) from failure

    def _role(self, *names: str) -> int | None:
        return next((self.library.token_to_id(self.roles[name]) for name in names if name in self.roles), None)

    def _literal_rows(
        self, texts: Sequence[str], add_markers: bool, *, offsets: bool = False
    ) -> list[tokenizers.Encoding]:
        rows = self._rows(self._literal, texts, add_markers, offsets=offsets)
        if all(self._never.isdisjoint(_spelled(row) if add_markers else row.ids) for row in rows):
            return rows
        return self._rows(self._hardened, texts, add_markers, offsets=offsets)

    @cached_property
    def _hardened(self) -> tokenizers.Tokenizer:
        """For vocabularies whose model can itself spell a control token: there those have names nobody can guess."""
        state = json.loads(self.library.to_str())
        secret = {token: secrets.token_hex(16) for token, i in self.control_tokens.items() if i in self._never}
        model = state["model"]
        if isinstance(model["vocab"], dict):
            model["vocab"] = {secret.get(token, token): i for token, i in model["vocab"].items()}
        else:
            model["vocab"] = [[secret.get(token, token), score] for token, score in model["vocab"]]
        pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model.get("merges", [])]
        if pairs:
            model["merges"] = [pair for pair in pairs if secret.keys().isdisjoint((*pair, "".join(pair)))]
        with told("encoding a control token as text", expected="merges that fit the vocabulary", error=DataError):
            plain = tokenizers.Tokenizer.from_str(json.dumps(state | {"added_tokens": [], "post_processor": None}))
        return _without_control(self.library, plain.model, dict.fromkeys(self.control_tokens) | secret)


def _without_control(
    library: tokenizers.Tokenizer, model: tokenizers.models.Model, control: Mapping[str, str | None]
) -> tokenizers.Tokenizer:
    """The same tokenizer on a model (shared, not copied), blind to control tokens, some of which have other names."""
    literal = tokenizers.Tokenizer(model)
    literal.normalizer = library.normalizer
    literal.pre_tokenizer = library.pre_tokenizer
    literal.post_processor = library.post_processor
    added = [token for _, token in sorted(library.get_added_tokens_decoder().items())]
    for token in added:
        token.special = token.content in control
        token.content = control.get(token.content) or token.content
    literal.add_tokens(added)
    literal.add_tokens([tokenizers.AddedToken(_CUT, normalized=False)])
    literal.encode_special_tokens = True
    return literal


def _spelled(row: tokenizers.Encoding) -> list[int]:
    """The ids that came from the text, without the markers put around it."""
    return [i for i, marker in zip(row.ids, row.special_tokens_mask) if not marker]
