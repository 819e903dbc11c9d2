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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tokenizers
import transformers
from record import record
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from eigenlm.errors import EigenError
from eigenlm.progress import track
from eigenlm.text import ChatTemplate, Tokenizer

CONTROL = re.compile(
    r"<[|\uff5c][^<>|\uff5c\s]{1,40}[|\uff5c]>|</?s>|\[/?[A-Z_]{3,20}\]|<(?:start|end)_of_[a-z]+>|<[a-z_]+\|>|<\|[a-z_]+>"
)
WORDS = re.compile(r"</?(?:think|tool_call|tool_response|tools|tool|answer|function|arg_key|arg_value)>")
QUOTED = re.compile(
    r"~\((.*?)\)~"
)  # what adversaries spell stands between these, so that it can be found in the prompt
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


def conversations() -> dict[str, dict[str, Any]]:
    """What people say, by name."""
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
    }


def adversaries(control: list[str]) -> dict[str, dict[str, Any]]:
    """What people say who spell the tokens `control`."""
    spelled = " ".join(f"~({token})~" for token in control)
    halves = [
        (role, text)
        for front, back in ((token[:3], token[3:]) for token in control[:4])
        for role, text in (("user", f"x{front}"), ("assistant", f"{back}{front}{back[:1]}"), ("user", f"{back} {back}"))
    ]
    return {
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
        "adversary in halves": {"messages": [{"role": role, "content": text} for role, text in halves] or [ASKED]},
    }


def vocabulary(source: str, kind: str) -> tokenizers.Tokenizer:
    """A tokenizer of bytes and letters, in which what the template spells are special tokens and added words."""
    letters = "abcdefghijklmnopqrstuvwxyz<>|/"
    if kind == "byte-level":
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        made = tokenizers.Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
    else:
        pairs = [("▁", letter) for letter in letters]
        tokens = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *letters, *map("".join, pairs)]
        vocab = {token: i for i, token in enumerate(tokens)}
        made = tokenizers.Tokenizer(models.BPE(vocab, pairs, unk_token="<unk>", byte_fallback=True))
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    takes_space = kind != "byte-level"  # as Phi's tokens of roles do
    special = dict.fromkeys(["<s>", "</s>", *sorted(set(CONTROL.findall(source)))])
    made.add_special_tokens([AddedToken(t, normalized=False, rstrip=takes_space and "user" in t) for t in special])
    made.add_tokens([AddedToken(word, normalized=False) for word in sorted(set(WORDS.findall(source)))])
    return made


def attempt(act: Callable[[], Any], refusal: type[Exception]) -> Any:
    """What `act` gives, or "refused"."""
    try:
        return act()
    except refusal:
        return "refused"


def judge(source: str, kind: str, folder: Path) -> dict[str, str]:
    """For each conversation: equal, refused by both, or what differs."""
    made = vocabulary(source, kind)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    theirs.chat_template = source
    theirs.save_pretrained(folder)
    ours, template = Tokenizer.load(folder), ChatTemplate(source)
    special = {token.content: i for i, token in made.get_added_tokens_decoder().items() if token.special}
    told = {}
    for name, asked in {**conversations(), **adversaries(list(special))}.items():
        messages, options = (
            asked["messages"],
            {"add_generation_prompt": True} | {k: v for k, v in asked.items() if k != "messages"},
        )
        want = attempt(partial(theirs.apply_chat_template, messages, tokenize=False, **options), Exception)
        got = attempt(partial(template.render, messages, **options, **ours.roles), EigenError)
        if want == "refused" or want != got:
            told[name] = "refused by both" if want == got else "another text"
            continue
        ids = template.encode(messages, ours, **options)
        if not name.startswith("adversary"):
            right = theirs.apply_chat_template(messages, return_dict=False, **options)
            told[name] = "equal" if ids == right else "other ids"
            continue
        if "halves" in name:
            want = template.render([{**message, "content": "x"} for message in messages], **options, **ours.roles)
        free = theirs(QUOTED.sub("~()~", want), add_special_tokens=False).input_ids
        control = [[i for i in row if i in special.values()] for row in (free, ids)]
        told[name] = "equal" if control[0] == control[1] else "other control tokens"
    return told


def main() -> None:
    """All templates, all conversations, both vocabularies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if not (files := sorted(folder.glob("*.jinja"))):
        parser.error(f"expected templates *.jinja in {folder}, got none")
    counts: Counter[str] = Counter()
    faults, seen = [], {}
    for file in track(files, "templates"):
        source = file.read_text(encoding="utf-8")
        digest = hashlib.sha256(source.encode()).hexdigest()
        if digest in seen.values():
            continue
        seen[file.stem] = digest
        for kind in ("byte-level", "SentencePiece-like"):
            with tempfile.TemporaryDirectory() as folder:
                told = judge(source, kind, Path(folder))
            counts.update(told.values())
            faults += [[file.stem, kind, *pair] for pair in told.items() if pair[1] not in ("equal", "refused by both")]
    figures = {"must": "all equal", "templates": len(seen), "pairs": counts.total(), "counts": dict(counts)}
    record("templates", {**figures, "faults": faults, "sha256": seen})


if __name__ == "__main__":
    main()
