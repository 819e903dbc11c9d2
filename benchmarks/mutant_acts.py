"""What a user does with a file: look at it, load it, let it read and write, look at its matrices, carry a plan out."""

import contextlib
import io
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import eigenlm
from eigenlm.checkpoint import open_any
from eigenlm.checkpoint.tokenizer_folder import read_chat_template, read_tokenizer
from eigenlm.cli.info import InfoCommand
from eigenlm.compression import Plan
from eigenlm.errors import EigenError, visible
from eigenlm.text import ChatTemplate, Tokenizer

SOURCE = str(Path(eigenlm.__file__).parent)
TEXTS = ("The matrix maps", " a B\n1é中 \u0301🤖  ", "x" * 300, "<|im_end|> </s>", "a b\0c\x1b[1m" + " the vector" * 20)
TOOLS = [
    {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}},
    }
]
CHATS: list[list[dict[str, Any]]] = [
    [{"role": "user", "content": "Is 2 < 3?"}],
    [
        {"role": "system", "content": "Be brief.<|im_end|>"},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
        {
            "role": "assistant",
            "content": "<think>\nyes</think>",
            "reasoning_content": "so",
            "tool_calls": [{"id": "1"}],
        },
        {"role": "user", "content": "x" * 3000},
    ],
]
Act = Callable[[], object]


def acts_on(kind: str, path: Path) -> Iterator[tuple[str, Act]]:
    """What is done to one mutant, each act with its name; those that need what an earlier one made come if it did."""
    if kind == "plan":
        yield from _of_a_plan(path)
    elif kind == "tokenizer":
        yield from _of_a_tokenizer(path)
    else:
        yield from _of_a_model(path, kind)


def _of_a_model(path: Path, kind: str) -> Iterator[tuple[str, Act]]:
    held: dict[str, Any] = {}
    yield "info", lambda: _quiet(InfoCommand(model=str(path)).run)
    if kind in ("gguf", "weights", "adapter"):
        yield "matrices", lambda: _matrices(open_any(path).tensors)
    yield "load", lambda: held.update(lm=eigenlm.load(path))
    if "lm" not in held:
        return
    lm = held["lm"]
    yield from _reading(lm.tokenizer)
    yield "embed", lambda: lm.embed(list(TEXTS[:2]))
    if lm.config.head and lm.config.kind != "encoder":
        yield "generate", lambda: lm.generate(TEXTS[1], max_tokens=4)
    if lm.chat_template is not None:
        yield from _chatting(lm.chat_template, lm.tokenizer)


def _matrices(tensors: Any) -> None:
    """Look at one matrix, and at what is said of all tensors."""
    for name in tensors:
        tensors.shape(name), tensors.storage(name), tensors.num_bytes(name)
    small = [name for name in tensors if len(tensors.shape(name)) == 2 and 1 < tensors.shape(name)[0] < 200][:1]
    eigenlm.analyze({name: tensors[name] for name in small} if small else tensors)


def _of_a_tokenizer(path: Path) -> Iterator[tuple[str, Act]]:
    held: dict[str, Any] = {}
    yield "load", lambda: held.update(tokenizer=read_tokenizer(path), source=read_chat_template(path))
    if held.get("tokenizer") is not None:
        yield from _reading(held["tokenizer"])
    if held.get("source") is not None:
        yield "template", lambda: held.update(template=ChatTemplate(held["source"]))
        if "template" in held:
            yield from _chatting(held["template"], held["tokenizer"])


def _reading(tokenizer: Tokenizer) -> Iterator[tuple[str, Act]]:
    ids: list[int] = []
    for text in TEXTS:
        yield "encode", lambda text=text: ids.extend(tokenizer.encode(text, add_markers=True))
        yield "encode", lambda text=text: ids.extend(tokenizer.encode(text, control=True))
    yield "decode", lambda: tokenizer.decode(ids[:500])
    yield "decode", lambda: [tokenizer.decode([i], control=True) for i in range(min(tokenizer.vocab_size, 20))]
    yield (
        "tokens",
        lambda: [tokenizer.token_bytes(i) for i in range(min(tokenizer.vocab_size, 300)) if tokenizer.token(i)],
    )
    yield "tokens", lambda: (tokenizer.bos, tokenizer.eos, tokenizer.pad, tokenizer.fingerprint)


def _chatting(template: ChatTemplate, tokenizer: Tokenizer) -> Iterator[tuple[str, Act]]:
    for chat in CHATS:
        yield "render", lambda chat=chat: template.encode(chat, tokenizer)
    yield "render", lambda: template.render(CHATS[0], tools=TOOLS, enable_thinking=False)


def _of_a_plan(path: Path) -> Iterator[tuple[str, Act]]:
    held: dict[str, Any] = {}
    yield "load", lambda: held.update(plan=Plan.load(path))
    if "plan" in held:
        yield "apply", lambda: held.update(lm=eigenlm.apply(held["plan"]))
    if "lm" in held:
        yield "generate", lambda: held["lm"].generate(TEXTS[0], max_tokens=4)


def _quiet(act: Callable[[], None]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        act()


def outcome(kind: str, path: Path, begins: Act) -> tuple[str, str]:
    """How a mutant ended: `opened`, `refused` (with the act that refused first), or a fault and what it was.

    An act that refused is not tried with another text; `begins` is called before each.
    """
    ended, refused = ("opened", ""), set()
    for name, act in acts_on(kind, path):
        if name in refused:
            continue
        begins()
        try:
            act()
        except EigenError as error:
            if fault := line_fault(str(error)):
                return "message", f"{name}: {fault}: {str(error)[:300]!r}"
            ended = ended if refused else ("refused", name)
            refused.add(name)
        except MemoryError as error:
            return "memory", f"{name}: {_where(error)}"
        except BaseException as error:  # a panic is no Exception
            return "traceback", f"{name}: {_where(error)}"
    return ended


def line_fault(line: str) -> str:
    """What is wrong with an error's line."""
    if "\n" in line or not line.strip():
        return "no single line"
    return "" if visible(line) == line and "\t" not in line else "controls"


def _where(error: BaseException) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(SOURCE)]
    place = f"{ours[-1].filename.removeprefix(SOURCE + '/')}:{ours[-1].lineno}" if ours else "?"
    return f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:160]}"
