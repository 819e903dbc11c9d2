"""Chat templates against transformers: the same text, the same ids, and no control token that a user wrote a part of.

python benchmarks/templates.py FOLDER

FOLDER holds the `chat_template.jinja` files of real models, one a file. Each meets every conversation below with two
vocabularies made for it, byte-level and SentencePiece-like, in which the tokens that it spells are control tokens.
"""

import argparse
import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import tokenizers
import transformers
from record import record
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers
from tqdm import tqdm

from eigenlm.errors import EigenError
from eigenlm.text import ChatTemplate, Tokenizer

CONTROL = re.compile(
    r"<[|｜][^<>|｜\s]{1,40}[|｜]>|</?s>|\[/?[A-Z_]{3,20}\]|<(?:start|end)_of_[a-z]+>|<[a-z_]+\|>|<\|[a-z_]+>"
)
WORDS = re.compile(r"</?(?:think|tool_call|tool_response|tools|tool|answer|function|arg_key|arg_value)>")
QUOTED = re.compile(r"⟦([^⟦⟧]*)⟧")  # what adversaries spell stands between these, so that it can be found in the prompt
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": 'The weather\'s state, "now" & here <b>',
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "A city"},
                    "days": {"type": "integer", "enum": [1, 2]},
                    "units": {"type": ["string", "null"]},
                },
                "required": ["city"],
            },
        },
    }
]
CALL = {
    "id": "call00001",
    "type": "function",
    "function": {"name": "get_weather", "arguments": {"city": "Łódź", "days": 1}},
}
ASKED = {"role": "user", "content": "Is 2 < 3 & 'so' \"on\"?"}
THOUGHT = "<think>\nTwo, counted on fingers.\n</think>\n\nYes."


def conversations(control: list[str]) -> dict[str, dict[str, Any]]:
    """What is said, by name; `control` are the tokens that adversaries spell."""
    spelled = " ".join(f"⟦{token}⟧" for token in control)
    halves = [(token[:3], token[3:]) for token in control[:4]]
    return {
        "plain": {"messages": [ASKED]},
        "system and turns": {
            "messages": [
                {"role": "system", "content": "  Be brief.\n"},
                ASKED,
                {"role": "assistant", "content": " Yes.\n\n"},
                {"role": "user", "content": "\tEt là? 你好 🙂 "},
            ]
        },
        "reasoning in the text": {"messages": [ASKED, {"role": "assistant", "content": THOUGHT}, ASKED]},
        "reasoning of its own": {
            "messages": [ASKED, {"role": "assistant", "reasoning_content": "On fingers.", "content": "Yes."}, ASKED]
        },
        "reasoning last": {
            "messages": [ASKED, {"role": "assistant", "content": THOUGHT}],
            "add_generation_prompt": False,
        },
        "tools": {"messages": [ASKED], "tools": TOOLS},
        "a call": {
            "messages": [
                ASKED,
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": '{"sky": "blue"}'},
            ],
            "tools": TOOLS,
        },
        "a call with a text": {
            "messages": [
                ASKED,
                {"role": "assistant", "content": "I look.", "tool_calls": [CALL, CALL | {"id": "call00002"}]},
                {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "blue"},
                {"role": "tool", "name": "get_weather", "tool_call_id": "call00002", "content": "grey"},
                {"role": "assistant", "content": "It is blue."},
                ASKED,
            ],
            "tools": TOOLS,
            "enable_thinking": False,
        },
        "parts": {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "the rank"}, {"type": "text", "text": "of a matrix"}],
                }
            ]
        },
        "an image": {
            "messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}]
        },
        "numbers": {"messages": [{"role": "user", "content": 3}, {"role": "assistant", "content": 2.5}, ASKED]},
        "another role": {
            "messages": [ASKED, {"role": "critic", "content": "No."}, {"role": "developer", "content": "Go"}]
        },
        "adversary": {
            "messages": [
                {"role": "system", "content": f"Read {spelled}"},
                {"role": "user", "content": f"{spelled} {spelled}"},
                {"role": "assistant", "content": f"I say {spelled}"},
                {"role": "user", "content": f"x {spelled}"},
            ]
        },
        "adversary in tools": {
            "messages": [
                {"role": "user", "content": spelled},
                {
                    "role": "assistant",
                    "content": "",
                    "reasoning_content": f"so {spelled}",
                    "tool_calls": [
                        {**CALL, "function": {"name": f"f{spelled}", "arguments": {f"k{spelled}": spelled}}}
                    ],
                },
                {"role": "tool", "name": f"f{spelled}", "tool_call_id": "call00001", "content": f"r {spelled}"},
            ],
            "tools": [
                {"type": "function", "function": {"name": f"f{spelled}", "description": spelled, "parameters": {}}}
            ],
        },
        "adversary in halves": {
            "messages": [
                {"role": role, "content": half}
                for front, back in halves
                for role, half in (
                    ("user", f"x{front}"),
                    ("assistant", f"{back}{front}{back[:1]}"),
                    ("user", f"{back} {back}"),
                )
                for half in [half]
            ]
            or [ASKED]
        },
    }


def vocabulary(source: str, kind: str) -> tokenizers.Tokenizer:
    """A tokenizer of bytes and characters with the tokens that a template spells."""
    control = dict.fromkeys(["<s>", "</s>", *sorted(set(CONTROL.findall(source)))])
    bytes_ = {f"<0x{byte:02X}>": place for place, byte in enumerate(range(256))}
    if kind == "byte-level":
        made = tokenizers.Tokenizer(
            models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
        )
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        made.decoder = decoders.ByteLevel()
    else:
        letters = {c: 256 + i for i, c in enumerate("▁abcdefghijklmnopqrstuvwxyz<>|/")}
        merges = [("▁", letter) for letter in "abcdefghijklmnopqrstuvwxyz<"]
        vocab = bytes_ | letters | {"".join(pair): 300 + i for i, pair in enumerate(merges)} | {"<unk>": 400}
        made = tokenizers.Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True))
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    takes_space = kind != "byte-level"  # as Phi's do
    made.add_special_tokens([AddedToken(t, normalized=False, rstrip=takes_space and "user" in t) for t in control])
    made.add_tokens([AddedToken(word, normalized=False) for word in sorted(set(WORDS.findall(source)))])
    return made


def attempt(act: Callable[[], Any], refusals: type[Exception] | tuple[type[Exception], ...]) -> Any:
    """What `act` gives, or "refused"."""
    try:
        return act()
    except refusals:
        return "refused"


def by_template(text: str, theirs: Any, control: Mapping[str, int]) -> list[int]:
    """The control tokens of a prompt outside of what stands between quotes."""
    ids = theirs(QUOTED.sub("⟦⟧", text), add_special_tokens=False).input_ids
    return [i for i in ids if i in control.values()]


def judge(source: str, kind: str, folder: Path) -> dict[str, str]:
    """For each conversation: equal, refused by both, or what differs."""
    made = vocabulary(source, kind)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    theirs.chat_template = source
    theirs.save_pretrained(folder)
    ours, template = Tokenizer.load(folder), ChatTemplate(source)
    told = {}
    for name, asked in conversations([t for t in ours.control_tokens if t not in ("<unk>",)]).items():
        asked = {"add_generation_prompt": True, **asked}
        want = attempt(lambda: theirs.apply_chat_template(asked["messages"], tokenize=False, **rest(asked)), Exception)
        got = attempt(lambda: template.render(**asked, **ours.roles), EigenError)
        if want == "refused" or got == "refused" or want != got:
            told[name] = "refused by both" if want == got else "another text"
            continue
        ids = template.encode(tokenizer=ours, **asked)
        if name == "adversary in halves":
            free = [i for i in ids if i in ours.control_tokens.values()]
            defused = template.render(
                **(asked | {"messages": [{**m, "content": "x"} for m in asked["messages"]]}), **ours.roles
            )
            told[name] = (
                "equal" if free == by_template(defused, theirs, ours.control_tokens) else "a user wrote a control token"
            )
        elif "adversary" in name:
            control = [i for i in ids if i in ours.control_tokens.values()]
            same = control == by_template(want, theirs, ours.control_tokens)
            told[name] = "equal" if same else "a user wrote a control token"
        else:
            right = theirs.apply_chat_template(asked["messages"], return_dict=False, **rest(asked))
            told[name] = "equal" if ids == right else "other ids"
    return told


def rest(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in asked.items() if key != "messages"}


def main() -> None:
    """All templates, all conversations, both vocabularies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.glob("*.jinja"))
    counts, faults, seen = Counter(), [], {}
    for file in tqdm(files):
        source = file.read_text(encoding="utf-8")
        digest = hashlib.sha256(source.encode()).hexdigest()
        if digest in seen.values():
            continue
        seen[file.stem] = digest
        for kind in ("byte-level", "SentencePiece-like"):
            with tempfile.TemporaryDirectory() as folder:
                told = judge(source, kind, Path(folder))
            counts.update(told.values())
            faults += [
                [file.stem, kind, name, verdict]
                for name, verdict in told.items()
                if verdict not in ("equal", "refused by both")
            ]
    figures = {
        "must": "all equal",
        "templates": len(seen),
        "pairs": counts.total(),
        "counts": dict(counts),
        "faults": faults,
    }
    record("templates", {**figures, "sha256": seen})


if __name__ == "__main__":
    main()
