"""The commands inside a conversation, each a line that starts with a slash."""

from collections.abc import Callable
from dataclasses import dataclass

from eigenlm.cli.chat.conversation import Conversation
from eigenlm.cli.chat.said import Said
from eigenlm.cli.chat.saved import load, save, saved_names
from eigenlm.errors import ConfigError, did_you_mean, explain
from eigenlm.terminal import tell


@dataclass(frozen=True)
class _SlashCommand:
    takes: str
    does: str
    act: Callable[[Conversation, str], None]


def obey(conversation: Conversation, said: Said) -> None:
    """Carry out a command.

    Raises:
        ConfigError: there is no such command, or it cannot be carried out.
        EOFError: the command is a farewell.
    """
    if said.command not in COMMANDS:
        do = did_you_mean(said.command, COMMANDS, "/? lists them") + '; a message may start with """'
        raise ConfigError(explain("command", expected="one of a conversation's", got=said.command, do=do))
    COMMANDS[said.command].act(conversation, said.text)


def _help(_: Conversation, __: str) -> None:
    for name, command in COMMANDS.items():
        if command.does:
            tell(f"  {name + ' ' + command.takes:<22} {command.does}")
    tell('  """                    begins and ends a message of several lines; pasted lines are one message')
    tell("  Ctrl-C                 stops an answer, or clears the line; twice on an empty line, or Ctrl-D, leaves")


def _clear(conversation: Conversation, _: str) -> None:
    conversation.start([])
    tell("The conversation is empty; the system message and options are as before.")


def _system(conversation: Conversation, text: str) -> None:
    if text:
        conversation.system = "" if text == '""' else text
    tell(f"System message: {conversation.system or 'none'}")


def _set(conversation: Conversation, text: str) -> None:
    name, _, value = text.removeprefix("parameter ").strip().partition(" ")
    if name == "system":
        _system(conversation, value.strip())
        return
    name = name.replace("-", "_")
    if value:
        conversation.set_options({name: value.strip()})
    elif name:
        raise ConfigError(explain("/set", expected=f"a value, as in /set {name} 1", got="none"))
    for option, now in conversation.options.items():
        if name in ("", option):
            tell(f"  {option:<22} {'none' if now is None else now}")


def _save(conversation: Conversation, text: str) -> None:
    tell(save(conversation, text))


def _load(conversation: Conversation, text: str) -> None:
    if text:
        tell(load(conversation, text))
    else:
        tell(f"Saved conversations: {', '.join(saved_names()) or 'none'}; /load NAME goes on with one.")


def _again(conversation: Conversation, _: str) -> None:
    conversation.ask_again()


def _leave(_: Conversation, __: str) -> None:
    raise EOFError


COMMANDS = {
    "/help": _SlashCommand("", "lists the commands; so does /?", _help),
    "/?": _SlashCommand("", "", _help),
    "/clear": _SlashCommand("", "forgets the conversation", _clear),
    "/regenerate": _SlashCommand("", "answers the last question again", _again),
    "/system": _SlashCommand("TEXT", 'tells the model TEXT before the conversation; "" for nothing', _system),
    "/set": _SlashCommand("OPTION VALUE", "changes an option of the answers; alone it shows them", _set),
    "/save": _SlashCommand("NAME", "writes the conversation to a file, of that name or at that path", _save),
    "/load": _SlashCommand("NAME", "goes on with one that was saved; alone it lists them", _load),
    "/bye": _SlashCommand("", "leaves; so do /exit and Ctrl-D", _leave),
    "/exit": _SlashCommand("", "", _leave),
}
