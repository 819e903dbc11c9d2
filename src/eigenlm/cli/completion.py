"""`eigenlm completion`."""

import re
import shlex
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import tyro

from eigenlm.cli.command import Command
from eigenlm.cli.output import print_json

Shell = Literal["bash", "zsh", "fish"]

# `  -t FLOAT, --temperature FLOAT` or `  --dtype {float32,bfloat16}`, as --help begins what it says of an option.
_OPTION = re.compile(r"^[ │] (?:-(\w)(?: [^,\n]+)?, )?--([a-z][\w-]*)(?: \{([^}]+)\})?", re.MULTILINE)
_BASH = """\
# Completion of eigenlm by the Tab key, written by `eigenlm completion`.
_eigenlm() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}" words=
  case "$command" in GROUPS) ((COMP_CWORD > 2)) && command="$command ${COMP_WORDS[2]}" ;; esac
  if ((COMP_CWORD == 1)); then
    words="COMMANDS help --help --version"
  else
    case "$command $word" in
OPTIONS
    *)
      case "$command $before" in
VALUES
      *) [ -n "$word" ] && words="MODELS" ;;
      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _eigenlm eigenlm
"""
_ZSH = "autoload -Uz compinit bashcompinit; (( $+functions[compdef] )) || compinit; bashcompinit\n" + _BASH


@dataclass(frozen=True)
class CompletionCommand(Command):
    """Print what lets the Tab key complete commands, options and names; once: eigenlm completion bash >> ~/.bashrc."""

    shell: Annotated[Shell, tyro.conf.Positional]
    """Append that for zsh to ~/.zshrc, and write that for fish to ~/.config/fish/completions/eigenlm.fish."""

    def run(self) -> None:
        """Ask every command for its options, and print the script."""
        script = _fish() if self.shell == "fish" else _bash(_ZSH if self.shell == "zsh" else _BASH)
        print_json({"shell": self.shell, "script": script}) if self.json else print(script, end="")


@dataclass(frozen=True)
class KnownOption:
    """An option of a command.

    Attributes:
        short: its letter, or nothing.
        long: its name.
        values: the only ones it takes, if they are few.
    """

    short: str
    long: str
    values: tuple[str, ...]


def options_of_commands() -> dict[str, list[KnownOption]]:
    """The options of every command, as its help tells them; those that take one of a few values have these."""
    from eigenlm.cli.program import COMMANDS, help_of

    return {
        name: [
            KnownOption(short, long, tuple(value for value in values.split(",") if value not in ("", "None")))
            for short, long, values in _OPTION.findall(help_of(name))
        ]
        for name in COMMANDS
    }


def _models() -> str:
    from eigenlm.model_names import PACKAGES

    return " ".join(PACKAGES)


def _bash(template: str) -> str:
    commands = options_of_commands()
    firsts = " ".join(dict.fromkeys(name.split()[0] for name in commands))
    groups: dict[str, list[str]] = {first: [] for first, *second in map(str.split, commands) if second}
    values = {"help help": firsts, "completion completion": " ".join(get_args(Shell))}
    options = {}
    for name, known in commands.items():
        first, *second = name.split()
        for word in second:
            groups[first].append(word)
        values |= {f"{name} --{option.long}": " ".join(option.values) for option in known if option.values}
        options[name] = " ".join(f"--{option.long}" for option in known)
    values |= {f"{first} {first}": " ".join(words) for first, words in groups.items()}
    return (
        template.replace("COMMANDS", firsts)
        .replace("GROUPS", "|".join(groups))
        .replace("VALUES", "\n".join(f'      "{before}") words="{words}" ;;' for before, words in values.items()))
        .replace("OPTIONS", "\n".join(f'    "{first} -"*) words="{words}" ;;' for first, words in options.items()))
        .replace("MODELS", _models())
    )


def _fish() -> str:
    from eigenlm.cli.program import load_command

    lines = [f"complete -c eigenlm -n 'not __fish_use_subcommand' -a {shlex.quote(_models())}"]
    lines += ["complete -c eigenlm -n __fish_use_subcommand -f -a help -d 'The options of a command'"]
    for name, known in options_of_commands().items():
        first, *second = name.split()
        does = shlex.quote((load_command(name).__doc__ or "").splitlines()[0])
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in (first, *second))
        inside = f"complete -c eigenlm -n '{seen}'"
        lines.append(f"complete -c eigenlm -n __fish_use_subcommand -f -a {first}" + f" -d {does}" * (not second))
        lines += [
            f"complete -c eigenlm -n '__fish_seen_subcommand_from {first}' -a {word} -d {does}" for word in second
        ]
        for option in known:
            short = f" -s {option.short}" * bool(option.short)
            values = f" -x -a {shlex.quote(' '.join(option.values))}" * bool(option.values)
            lines.append(f"{inside}{short} -l {option.long}{values}")
    lines.append(f"complete -c eigenlm -n '__fish_seen_subcommand_from completion' -f -a '{' '.join(get_args(Shell))}'")
    return "\n".join(lines) + "\n"
