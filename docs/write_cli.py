"""Write docs/cli.md from what each command says of itself: `make docs`. A test checks that it is current."""

import os
from pathlib import Path

from eigenlm.cli.program import COMMANDS, EXIT_CODES, help_of

PAGE = Path(__file__).with_name("cli.md")
BEGINNING = """# Commands

Written by `make docs` from `--help`; not by hand.

`eigenlm` alone lists the commands, and `eigenlm help NAME` is `eigenlm NAME --help`. Every command takes `--json`,
`--quiet` and `--debug`.

## Exit codes

| code | meaning |
|---|---|
"""
DEFAULTS = """## Defaults

| option | variable | key in the file |
|---|---|---|
| `--device` | `EIGENLM_DEVICE` | `device = "cpu"` |
| `--dtype` | `EIGENLM_DTYPE` | `dtype = "bfloat16"` |
| `--threads` | `EIGENLM_THREADS` | `threads = 2` |
| names of models are looked for there too | `EIGENLM_MODELS` | `models = "~/models"` |

An option goes before a variable, and a variable before the file: `~/.config/eigenlm/config.toml`, in `XDG_CONFIG_HOME`
if that is set, or the one that `EIGENLM_CONFIG` names. Threads hold for every command, device and dtype for those that
take the option. `eigenlm doctor` shows what is set, and where.

## Completion by the Tab key

| shell | once |
|---|---|
| bash | `eigenlm completion bash >> ~/.bashrc` |
| zsh | `eigenlm completion zsh >> ~/.zshrc` |
| fish | `eigenlm completion fish > ~/.config/fish/completions/eigenlm.fish` |
"""


def cli_page() -> str:
    """The page, every command's --help in order, 100 columns wide, without colour and without anyone's settings."""
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "EIGENLM_CONFIG": os.devnull}
    os.environ |= {"EIGENLM_DEVICE": "", "EIGENLM_DTYPE": "", "EIGENLM_THREADS": ""}
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    parts = [BEGINNING + codes, DEFAULTS]
    parts += [f"## eigenlm {name}\n\n```text\n{help_of(name)}\n```\n" for name in COMMANDS]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(cli_page(), encoding="utf-8")
