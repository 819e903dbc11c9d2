"""A model, its tokenizer and its chat template: text in, text out."""

import inspect
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from eigenlm import checkpoint
from eigenlm.checkpoint import Generation, SentenceVectors, Work
from eigenlm.engine import Runner, Sampling, Session
from eigenlm.errors import ConfigError, DataError, explain
from eigenlm.linear import linear_maps
from eigenlm.model import Transformer, TransformerConfig
from eigenlm.parameters import fields_of, shows
from eigenlm.sentence_encoder import SentenceEncoder, chosen_prompt
from eigenlm.shown import Shown
from eigenlm.text import ChatTemplate, Tokenizer
from eigenlm.text_session import TextSession

_ENDS_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end|>", "</s>")


@dataclass(eq=False)
class LanguageModel(Shown):
    """What a model folder or a GGUF file holds, ready to run.

    Attributes:
        model: the transformer.
        tokenizer: text to token ids and back.
        chat_template: how messages become one prompt; None for a model that does not chat.
        path: where it was read from.
        name: what `load` finds it by again.
        generation: how its answers begin and end.
        cache: how keys and values are kept while it answers: as they are (`float`), or in 8 or 5 bits a number (`int8`,
            `int4`); it may be set.
    """

    model: Transformer
    tokenizer: Tokenizer
    chat_template: ChatTemplate | None
    path: Path
    name: str
    generation: Generation = field(default_factory=Generation)
    cache: str = "float"
    _runner: Runner | None = field(default=None, init=False, repr=False)

    @property
    def config(self) -> TransformerConfig:
        """What the transformer is made of."""
        return self.model.config

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def num_params(self) -> int:
        """Numbers of the model; codes of quantized matrices are among them, places of rows are not."""
        layers = linear_maps(self.model).values()
        inside = {id(parameter) for layer in layers for parameter in layer.parameters()}
        others = (parameter.numel() for parameter in self.model.parameters() if id(parameter) not in inside)
        return sum(layer.num_params for layer in layers) + sum(others)

    @property
    def num_bytes(self) -> int:
        """Bytes of all that a folder keeps of the model."""
        return sum(tensor.nbytes for tensor in self.model.state_dict().values())

    @property
    def stop_tokens(self) -> set[int]:
        """Tokens that end a text or a turn: the tokenizer's, and those of the model's files or else well-known ones."""
        known = {self.tokenizer.control_tokens.get(name) for name in _ENDS_OF_TURN}
        return {*(self.generation.ends or known), self.tokenizer.eos} - {None}

    @property
    def runner(self) -> Runner:
        """What runs the model; it keeps the weights in the layout that a CPU reads fastest."""
        if self._runner is None or self._runner.model is not self.model:
            self._runner = Runner(self.model)
        return self._runner

    def session(self) -> TextSession:
        """A session for many texts at once, which are admitted and released between its steps.

        >>> with lm.session() as session:  # doctest: +SKIP
        ...     first = session.admit("A matrix is", max_tokens=20)
        ...     second = session.admit("A vector is", max_tokens=40)
        ...     for slot, piece in session:
        ...         print(slot, piece)
        """
        session = Session(self.runner, cache=self.cache)
        return TextSession(session, self.tokenizer, frozenset(self.stop_tokens), self.generation)

    @shows(fields_of(Sampling))
    def generate(
        self,
        prompt: str | Sequence[str],
        *,
        max_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
        control: bool = False,
        **choice: Any,
    ) -> Any:
        """Continue a text, or each of several side by side; returns the new text, or a list of them.

        An encoder-decoder reads the text with its encoder and answers with its decoder.

        Args:
            prompt: the text or texts to continue, or to answer.
            max_tokens: the most new tokens.
            sampling: how tokens are chosen; greedy by default.
            stop: strings that end the text; they are not part of it.
            control: control tokens that the prompt spells, such as `<|im_end|>`, are control tokens.
            choice: attributes of `Sampling` by name, such as `temperature=0.7`; they go before those of `sampling`.

        Raises:
            ConfigError: no option of a name, or a value that is none.
            DataError: an empty prompt.
            ShapeError: a prompt that fills the context.
        """
        sampling = (sampling or Sampling()).changed(choice)
        options: dict[str, Any] = {"max_tokens": max_tokens, "stop": stop, "control": control}
        if isinstance(prompt, str):
            return "".join(self.stream(prompt, sampling=sampling, **options))
        with self.session() as session:
            slots = [session.admit(text, sampling=sampling.of_row(row), **options) for row, text in enumerate(prompt)]
            texts = dict.fromkeys(slots, "")
            for slot, piece in session:
                texts[slot] += piece
        return [texts[slot] for slot in slots]

    @shows(fields_of(Sampling))
    def stream(
        self,
        prompt: str,
        *,
        max_tokens: int = 128,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
        control: bool = False,
        **choice: Any,
    ) -> Generator[str, None, bool]:
        """Continue a text, piece by piece as it comes; arguments as in `generate`.

        At its end the generator returns whether the text was cut, at `max_tokens` or where the context is full.
        """
        sampling = (sampling or Sampling()).changed(choice)
        return self._stream(prompt, max_tokens=max_tokens, sampling=sampling, stop=stop, control=control)

    @shows(fields_of(Sampling))
    def stream_chat(
        self,
        messages: str | Sequence[Mapping[str, Any]],
        *,
        max_tokens: int = 256,
        sampling: Sampling | None = None,
        stop: Sequence[str] = (),
        tools: Sequence[Mapping[str, Any]] | None = None,
        variables: Mapping[str, Any] | None = None,
        **choice: Any,
    ) -> Generator[str, None, bool]:
        """The answer, piece by piece as it comes; at its end the generator returns whether it was cut, as in `stream`.

        Args:
            messages: a question, or a list of `{"role": ..., "content": ...}`.
            max_tokens: the most tokens of the answer.
            sampling: how tokens are chosen; greedy by default.
            stop: strings that end the answer.
            tools: functions the model may call, as JSON schemas.
            variables: what else the chat template asks for, such as `enable_thinking`.
            choice: attributes of `Sampling` by name, such as `temperature=0.7`; they go before those of `sampling`.

        Raises:
            ConfigError: the model has no chat template; no option of a name, or a value that is none.
        """
        if self.chat_template is None:
            raise ConfigError(explain("chat", expected="a model with a chat template", got="none", do="use generate"))
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        sampling = (sampling or Sampling()).changed(choice)
        ids = self.chat_template.encode(messages, self.tokenizer, tools=tools, **(variables or {}))
        return self._stream(ids, max_tokens=max_tokens, sampling=sampling, stop=stop)

    @shows(list(inspect.signature(stream_chat).parameters.values())[2:])
    def chat(self, messages: str | Sequence[Mapping[str, Any]], **options: Any) -> str:
        """The answer to a question or a conversation; options as in `stream_chat`.

        Raises:
            ConfigError: the model has no chat template.
        """
        return "".join(self.stream_chat(messages, **options))

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], *, prompt: str | None = None) -> Float[Tensor, "B _"]:
        """One vector a text, made as the model's files say; where they do not, the mean of its tokens' at length 1.

        Args:
            texts: what to embed; longer ones are cut where the files say so.
            prompt: the name of the model's prompt to put before each, such as `query`.

        Raises:
            DataError: no text, an empty one, or numbers that outgrow the model's floats.
            ShapeError: a text longer than the context, which the files do not say to cut.
            ConfigError: no prompt of that name, vectors that pass through what is not computed here, or too little
                memory.
        """
        if not texts:
            raise DataError(explain("embedding", expected="at least one text", got="none"))
        encoder = self.sentence_encoder(prompt)
        rows, _ = encoder.read(texts)
        return encoder.vectors_of(rows)

    def sentence_encoder(self, prompt: str | None = None) -> SentenceEncoder:
        """What `embed` makes vectors with, for texts that come piece by piece.

        Args:
            prompt: as in `embed`.

        Raises:
            ConfigError: no prompt of that name, or vectors that pass through what is not computed here.
        """
        vectors = self.generation.vectors or SentenceVectors()
        if vectors.others:
            expected, got = "pooling and normalization alone", ", ".join(vectors.others)
            raise ConfigError(explain("embedding", expected=expected, got=got, do="use sentence-transformers"))
        return SentenceEncoder(self.runner, self.tokenizer, vectors, chosen_prompt(vectors, prompt))

    def save(self, folder: str | Path) -> None:
        """Write an eigenlm model folder, whole or not at all.

        Raises:
            DataError: the folder is in use or cannot be written.
        """
        checkpoint.write_folder(folder, self.model, **self.parts)

    @property
    def parts(self) -> dict[str, Any]:
        """What every writer of `checkpoint` takes beside the model."""
        template = None if self.chat_template is None else self.chat_template.source
        return {"tokenizer": self.tokenizer, "chat_template": template, "generation": self.generation}

    @property
    def foreign_parts(self) -> dict[str, Any]:
        """The same for other programs' formats, whose writers ask for the family that the model was read as too."""
        return {"family": checkpoint.open_model(self.path).family, **self.parts}

    def _stream(self, prompt: str | Sequence[int], **options: Any) -> Generator[str, None, bool]:
        session = self.session()
        return _pieces(session, session.admit(prompt, **options))


def _pieces(session: TextSession, slot: int) -> Generator[str, None, bool]:
    for _, piece in session:
        yield piece
    return session.was_cut(slot)


def load(
    where: str | Path,
    *,
    adapter: str | Path | None = None,
    dtype: str | torch.dtype = "float32",
    device: str = "auto",
    work: Work | None = None,
) -> LanguageModel:
    """Read a model by name, folder or file.

    Args:
        where: a model folder (eigenlm's or Hugging Face's), a `.gguf`, the name of an installed model package
            (`smollm2-135m-instruct`, `minilm-l6-v2`), a name in the folder `EIGENLM_MODELS`, a Hub name, or a LoRA
            adapter of PEFT whose base is one.
        adapter: a LoRA adapter that is merged into the model.
        dtype: `float32` or `bfloat16`.
        device: `cpu`, `cuda`, or `auto` for the accelerator if there is one.
        work: what it is read for, if that takes memory to be asked for as well.

    Raises:
        CheckpointError: nothing there, or it is damaged or of a kind that is not read.
        ConfigError: a dtype or device that does not serve, or too little memory.
    """
    read = checkpoint.read_model(where, adapter=adapter, dtype=_dtype(dtype), device=device_named(device), work=work)
    if read.tokenizer is None:
        expected, do = "a tokenizer beside the weights", "save one there as tokenizer.json"
        if any(read.path.glob("*.model")):
            do += ": pip install transformers, AutoTokenizer's save_pretrained"
        raise ConfigError(explain(f"loading {where}", expected=expected, got="none", do=do))
    template = None if read.chat_template is None else ChatTemplate(read.chat_template)
    name = str(read.path.resolve()) if Path(where).exists() else str(where)
    return LanguageModel(read.model, read.tokenizer, template, read.path, name, read.generation)


def check_speaks(lm: object, operation: str) -> None:
    """Refuse a module without a tokenizer, or the name of a model, where a model that reads text is needed.

    Raises:
        ConfigError: it is no `LanguageModel`.
    """
    if not isinstance(lm, LanguageModel):
        do = "load it with eigenlm.load; analyze, compare and eigenlm.compression.plan(module, windows) take any module"
        raise ConfigError(explain(operation, expected="a LanguageModel", got=type(lm).__name__, do=do))


def _dtype(dtype: str | torch.dtype) -> torch.dtype:
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    for name, found in known.items():
        if dtype in (name, found):
            return found
    raise ConfigError(explain("dtype", expected=" or ".join(known), got=repr(dtype)))


def device_named(device: str, what: str = "device") -> str:
    """A device of this machine, `auto` being its accelerator if there is one.

    Args:
        device: a name of torch's, or `auto`.
        what: what the name was given for.

    Raises:
        ConfigError: there is no such device.
    """
    if device == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return "cpu" if found is None else found.type
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(explain(what, expected="cpu, auto, or an accelerator of this machine", got=device)) from error
    return device
