"""Every block of the README as written, from a fresh clone, top to bottom in one shell: exit codes and seconds.

Python blocks are run where they stand. `chat` is asked one question; nothing else reads standard input.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from record import record

HOME = Path(__file__).parents[1]
sys.path.insert(0, str(HOME))
from docs.blocks import Block, blocks  # noqa: E402

QUESTION = "What is a matrix?\n/bye\n"
NOTE = """python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' \
  "$code" "$start" "$(date +%s.%N)" {line} >>{log}"""


def main() -> None:
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    commands = [command for block in blocks(readme, "sh", "python") for command in commands_of(block)]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", HOME, f"{folder}/clone"], check=True)
        log, script = Path(folder) / "log.jsonl", Path(folder) / "script.sh"
        script.write_text("".join(noted(command, log) for command in commands), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        subprocess.run(["bash", script], cwd=f"{folder}/clone", env=environment, input=QUESTION, text=True, check=False)
        told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    ran = [
        {"command": line, "exit_code": int(code), "seconds": round(float(end) - float(start), 1)}
        for code, start, end, line in told
    ]
    failed = [each["command"] for each in ran if each["exit_code"]]
    record("readme", {"commands": len(commands), "ran": len(ran), "failed": failed, "each": ran})
    sys.exit(bool(failed or len(ran) < len(commands)))


def commands_of(block: Block) -> list[str]:
    """A line of a shell block at a time; a Python block is one command."""
    if block.language == "python":
        return [f"python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK"]
    return [line for line in block.text.splitlines() if line.strip()]


def noted(command: str, log: Path) -> str:
    """The command as it stands, then a line in the log: exit code, start, end, first line."""
    note = NOTE.format(line=shlex.quote(command.splitlines()[0]), log=shlex.quote(str(log)))
    return f"start=$(date +%s.%N)\n{command}\ncode=$?\n{note}\n"


if __name__ == "__main__":
    main()
