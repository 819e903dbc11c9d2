"""`eigenlm chat`."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eigenlm.cli.options import Compute, Model, SamplingOptions
from eigenlm.errors import ShapeError
from eigenlm.terminal import say_piece

if TYPE_CHECKING:
    from eigenlm.language_model import LanguageModel


@dataclass(frozen=True)
class ChatCommand:
    """Talk with a model; it remembers the conversation until /exit or the end of the input."""

    model: Model
    max_tokens: int = 512
    """The most tokens of an answer."""
    system: str = ""
    """What the model is told before the conversation; its template may have words of its own."""
    choice: SamplingOptions = field(
        default_factory=lambda: SamplingOptions(temperature=0.7, top_p=0.9, repetition_penalty=1.1)
    )
    compute: Compute = field(default_factory=Compute)

    def run(self) -> None:
        """Answer each line of standard input."""
        from eigenlm.engine.room import continuing

        lm = self.compute.load(self.model, continuing(self.system, self.max_tokens))
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for question in _questions():
            messages.append({"role": "user", "content": question})
            try:
                answer = self._answer(lm, messages)
            except ShapeError as error:
                if len(messages) <= 2:
                    raise
                print(f"eigenlm: the conversation is full, it starts anew ({error})", file=sys.stderr)
                del messages[1 if self.system else 0 : -1]
                answer = self._answer(lm, messages)
            messages.append({"role": "assistant", "content": answer})

    def _answer(self, lm: "LanguageModel", messages: list[dict[str, str]]) -> str:
        answer = ""
        for piece in lm.stream_chat(messages, max_tokens=self.max_tokens, sampling=self.choice.sampling()):
            say_piece(piece)
            answer += piece
        print()
        return answer


def _questions() -> Iterator[str]:
    """The lines of standard input until /exit, asked for where a person types them."""
    asks = sys.stdin.isatty()
    if asks:
        import readline  # noqa: F401  (importing it gives input() line editing)

        print("/exit or Ctrl-D ends the conversation.", file=sys.stderr)
    while True:
        try:
            line = input("\n> " if asks else "").strip()
        except EOFError:
            return
        if line == "/exit":
            return
        if line:
            yield line
