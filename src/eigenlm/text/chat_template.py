"""Messages to one prompt, in which no message can write a control token."""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from eigenlm.errors import DataError, explain
from eigenlm.text.deadline import within
from eigenlm.text.template_sandbox import TemplateSandbox
from eigenlm.text.tokenizer import Tokenizer

ROLES = ("system", "developer", "user", "assistant", "tool", "function", "ipython", "environment", "model")
_SOURCE_LIMIT = 1 << 18  # characters
_SECONDS = 2.0
_PRIVATE_USE = range(0xE000, 0xF900)


class ChatTemplate:
    """A Jinja template, as model files carry it, that turns messages into a prompt.

    It runs in a sandbox with bounds on time (2 s) and size (2^20 characters); it reads no file and sees no Python.

    Args:
        source: the template.

    Raises:
        DataError: it is no template, or a huge one.
    """

    def __init__(self, source: str) -> None:
        if len(source) > _SOURCE_LIMIT:
            got = f"{len(source)} characters"
            raise DataError(explain("a chat template", expected=f"at most {_SOURCE_LIMIT} characters", got=got))
        self.source = source
        self._sandbox = TemplateSandbox()
        self._template = self._run("compiling the chat template", lambda: self._sandbox.from_string(source))

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **variables: Any,
    ) -> str:
        """The prompt as one string, in which messages may have written anything.

        Args:
            messages: each has a `role` and a `content`: a string, or a list of `{"type": "text", "text": ...}`.
            add_generation_prompt: end with the words that make the model answer.
            tools: functions the model may call, as JSON schemas.
            variables: what else the template asks for.

        Raises:
            DataError: messages of another form, or the template failed or refused.
        """
        values = {
            "messages": [_checked(message, place) for place, message in enumerate(messages)],
            "tools": tools,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
            **variables,
        }
        if not values["messages"]:
            raise DataError(explain("a chat", expected="at least one message", got="none"))

        def act() -> str:
            self._sandbox.begin()
            return self._template.render(values)

        return self._run("rendering the chat template", act)

    def encode(
        self,
        messages: Sequence[Mapping[str, Any]],
        tokenizer: Tokenizer,
        *,
        add_generation_prompt: bool = True,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **variables: Any,
    ) -> list[int]:
        """The prompt's token ids; control tokens come from the template alone.

        Characters of the messages that could begin a control token are replaced, before rendering, by private-use
        characters that occur nowhere; the control tokens found then are the template's own. What lies between them is
        encoded as literal text with the characters put back. Arguments and errors as in `render`; the template also
        gets `bos_token`, `eos_token` and the like.
        """
        checked = [_checked(message, place) for place, message in enumerate(messages)]
        stand_in = _stand_ins(_characters([checked, tools]), tokenizer)
        roles = [message["role"] for message in checked]
        hidden = [{**_translate(message, stand_in), "role": role} for message, role in zip(checked, roles)]
        options = {**tokenizer.roles, **variables, "add_generation_prompt": add_generation_prompt}
        guarded = self.render(hidden, tools=_translate(tools, stand_in), **options)
        prompt = guarded.translate({new: old for old, new in stand_in.items()})
        spans = tokenizer.control_spans(guarded)
        if spans == tokenizer.control_spans(prompt):
            return tokenizer.encode(prompt, control=True)
        ids, place = [], 0
        for token, start, end in spans:
            ids += [*tokenizer.encode(prompt[place:start]), token]
            place = end
        return ids + tokenizer.encode(prompt[place:])

    def _run(self, what: str, act: Any) -> Any:
        try:
            return within(_SECONDS, what, act, source="<template>")
        except DataError:
            raise
        except jinja2.TemplateSyntaxError as error:
            got = f"{error.message} (line {error.lineno})"
            raise DataError(explain(what, expected="a Jinja template", got=got[:300])) from error
        except Exception as error:  # a template can raise whatever its expressions raise
            got = f"{type(error).__name__}: {error}"
            raise DataError(explain(what, expected="a prompt", got=got[:300])) from error


def _checked(message: Any, place: int) -> dict[str, Any]:
    where = f"message {place} of a chat"
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        raise DataError(explain(where, expected="a role and a content", got=repr(message)[:100]))
    if message["role"] not in ROLES:
        raise DataError(explain(where, expected=f"a role among {', '.join(ROLES)}", got=repr(message["role"])[:100]))
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
        content = "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else content
    if not isinstance(content, str) and not (content is None and message.get("tool_calls")):
        raise DataError(explain(where, expected="content as text or a list of text parts", got=repr(content)[:100]))
    return {**message, "content": content}


def _characters(value: Any) -> set[str]:
    if isinstance(value, str):
        return set(value)
    if isinstance(value, Mapping):
        return _characters([*value.keys(), *value.values()])
    if isinstance(value, (list, tuple)):
        return set().union(*map(_characters, value))
    return set()


def _stand_ins(characters: set[str], tokenizer: Tokenizer) -> dict[int, int]:
    """A private-use character for each of `characters` that, as it is or normalised, could begin a control token."""
    first = {token[0] for token in tokenizer.control_tokens}
    normalizer = tokenizer.library.normalizer
    risky = {
        character
        for character in characters
        if character in first or (normalizer is not None and not first.isdisjoint(normalizer.normalize_str(character)))
    }
    free = (code for code in _PRIVATE_USE if chr(code) not in characters)
    return {ord(character): code for character, code in zip(sorted(risky), free, strict=False)}


def _translate(value: Any, table: Mapping[int, int]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, Mapping):
        return {_translate(key, table): _translate(item, table) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_translate(item, table) for item in value]
    return value
