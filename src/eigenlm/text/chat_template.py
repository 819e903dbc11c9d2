"""Messages to one prompt, in which no message can write a control token."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import jinja2

from eigenlm.errors import DataError, explain
from eigenlm.text.deadline import within
from eigenlm.text.template_sandbox import TemplateSandbox
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.traced_text import Traced, by_user, traced

T = TypeVar("T")
# A template may spell control tokens with these words, as Phi's '<|' + role + '|>' does; any other role is user text.
ROLES = ("system", "developer", "user", "assistant", "tool", "function", "ipython", "environment", "model")
_REASONING = ("reasoning_content", "thinking", "reasoning")
_SOURCE_LIMIT = 1 << 18  # characters
_SECONDS = 2.0
_PRIVATE_USE = range(0xE000, 0xF900)


class ChatTemplate:
    """A Jinja template, as model files carry it, that turns messages into a prompt.

    It runs in a sandbox with bounds on time (2 s) and size (2^20 characters); it reads no file and sees no Python.

    Args:
        source: the template, or several with a name each: `tool_use` is taken where there are tools, else `default`.

    Raises:
        DataError: it is no template, or a huge one.
    """

    def __init__(self, source: str | Mapping[str, str]) -> None:
        self.source = source
        self._sandbox = TemplateSandbox()
        named = {"default": source} if isinstance(source, str) else source
        self._templates = {name: self._compile(text) for name, text in named.items()}

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        tools: Sequence[Mapping[str, Any]] | None = None,
        name: str | None = None,
        **variables: Any,
    ) -> str:
        """The prompt as one string, in which messages may have written anything.

        Args:
            messages: each has a `role` and, in most templates, a `content`; the template sees them as they are, but
                without keys whose value is None, and with their reasoning under every name that templates have for it.
            add_generation_prompt: end with the words that make the model answer.
            tools: functions the model may call, as JSON schemas.
            name: of one template among several.
            variables: what else the template asks for, such as `documents` or `enable_thinking`.

        Raises:
            DataError: messages of another form, or the template failed or refused.
        """
        variables["add_generation_prompt"] = add_generation_prompt
        return str.__str__(self._render(messages, tools, name, {}, variables))

    def encode(
        self,
        messages: Sequence[Mapping[str, Any]],
        tokenizer: Tokenizer,
        *,
        add_generation_prompt: bool = True,
        tools: Sequence[Mapping[str, Any]] | None = None,
        name: str | None = None,
        **variables: Any,
    ) -> list[int]:
        """The prompt's token ids; control tokens come from the template alone.

        A control token is one only where the template wrote each of its characters, whatever it did with those of the
        messages; what else looks like one is encoded as literal text. Arguments and errors as in `render`; the template
        also gets `bos_token`, `eos_token` and the like.
        """
        variables["add_generation_prompt"] = add_generation_prompt
        prompt = self._render(messages, tools, name, tokenizer.roles, variables)
        text = str.__str__(prompt)
        spans = tokenizer.control_spans(text)
        if _by_template(spans, prompt, tokenizer) == spans:
            return tokenizer.encode(text, control=True)
        known = {c for c, users in zip(text, prompt.marks) if not users}.union(*tokenizer.control_tokens)
        stand_in = next((c for c in map(chr, _PRIVATE_USE) if c not in known), chr(_PRIVATE_USE[0]))
        hidden = "".join(stand_in if users and not c.isspace() else c for c, users in zip(text, prompt.marks))
        return tokenizer.encode_with(text, _by_template(tokenizer.control_spans(hidden), prompt, tokenizer))

    def _render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        name: str | None,
        roles: Mapping[str, str],
        variables: Mapping[str, Any],
    ) -> Traced:
        wanted = name or ("tool_use" if tools is not None and "tool_use" in self._templates else "default")
        if wanted not in self._templates:
            expected = f"a name among {', '.join(sorted(self._templates))}"
            raise DataError(explain("a chat template", expected=expected, got=repr(wanted)))
        if not messages:
            raise DataError(explain("a chat", expected="at least one message", got="none"))
        for place, message in enumerate(messages):
            if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
                where = f"message {place} of a chat"
                raise DataError(explain(where, expected="a role and a content", got=repr(message)[:100]))

        def act() -> Traced:
            self._sandbox.begin()
            given = by_user({"documents": None, **variables, "tools": tools})
            prompt: str = self._templates[wanted].render({**roles, **given, "messages": list(map(_seen, messages))})
            return traced(prompt)

        return self._run("rendering the chat template", act)

    def _compile(self, source: str) -> jinja2.Template:
        if len(source) > _SOURCE_LIMIT:
            got = f"{len(source)} characters"
            raise DataError(explain("a chat template", expected=f"at most {_SOURCE_LIMIT} characters", got=got))
        return self._run("compiling the chat template", lambda: self._sandbox.from_string(source))

    def _run(self, what: str, act: Callable[[], T]) -> T:
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


def _seen(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as templates see it: without keys that hold nothing, its reasoning under all its names."""
    seen: dict[str, Any] = by_user({key: value for key, value in message.items() if value is not None})
    if seen["role"] in ROLES:
        seen["role"] = ROLES[ROLES.index(seen["role"])]
    reasoning = next((seen[key] for key in _REASONING if key in seen), None)
    return seen if reasoning is None else {"thinking": reasoning, **seen, "reasoning_content": reasoning}


def _by_template(spans: list[tuple[int, int, int]], prompt: Traced, tokenizer: Tokenizer) -> list[tuple[int, int, int]]:
    """The control tokens that no user wrote a part of; white space around one, which it takes in, may be a user's."""

    def spelled(token: int, start: int, end: int) -> Traced:
        whole: Traced = prompt[start:end]
        _, itself, _ = whole.partition(tokenizer.token(token) or whole)
        return itself or whole.strip()

    return [span for span in spans if 1 not in spelled(*span).marks]
