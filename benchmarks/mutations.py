"""What can be done to a file to damage it: to its bytes, its JSON, its header, its lines, its template."""

import copy
import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any

from mutation_words import NUMBERS, RAW, STAGES, STORAGES, TEMPLATES, TEXTS, VALUES

Draw = random.Random
_MOST = 1 << 21  # bytes of a mutant; larger ones say no more
_WIDTHS = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "U8": 1, "I8": 1, "BOOL": 1}
_WIDTHS |= {"F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8, "U16": 2, "U32": 4, "U64": 8}
_MARK = "\ue001"  # around JSON text that no JSON writer would write
_TEMPLATE = re.compile(r"(\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\})", re.DOTALL)
_WORD = re.compile(r"(\w+|\W)")


def damaged(name: str, content: bytes, draw: Draw, others: list[bytes]) -> tuple[bytes, str]:
    """A file that was damaged, and how.

    Args:
        name: of the file, whose ending says what it holds.
        content: as it was.
        draw: decides everything.
        others: files of the same kind, of which parts may be taken.
    """
    kinds: dict[str, Callable[..., bytes]] = {
        ".json": _json,
        ".safetensors": _tensors if draw.random() < 0.5 else _safetensors_header,
        ".gguf": _gguf,
        ".jinja": _template,
        ".txt": _lines,
    }
    structural = kinds.get(name[name.rfind(".") :], _bytes)
    if draw.random() < 0.8 and structural is not _bytes:
        try:
            return structural(content, draw)[:_MOST], "structure"
        except (ValueError, LookupError, TypeError, struct.error, RecursionError, OverflowError):
            pass  # damaged beyond its structure already
    return _bytes(content, draw, others)[:_MOST], "bytes"


def _bytes(content: bytes, draw: Draw, others: list[bytes] = ()) -> bytes:  # type: ignore[assignment]
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        end = len(changed) if draw.random() < 0.4 else min(len(changed), 4096)  # where headers are
        at, length = draw.randrange(end + 1), draw.choice((1, 2, 4, 8, 64, 1000))
        match draw.randrange(7):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] ^= 1 << draw.randrange(8)
            case 1:
                changed[at:at] = draw.randbytes(length)
            case 2:
                del changed[at : at + length]
            case 3:
                del changed[at:]
            case 4:
                changed[at : at + 8] = struct.pack("<Q", draw.choice(NUMBERS) % 2**64)[: draw.choice((1, 2, 4, 8))]
            case 5:
                changed[at:at] = changed[at : at + length] * draw.choice((1, 2, 50))
            case 6 if others:
                other = draw.choice(others)
                changed[at:] = other[draw.randrange(len(other) + 1) :]
    return bytes(changed)


def _json(content: bytes, draw: Draw) -> bytes:
    tree = json.loads(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        tree = changed_tree(tree, draw)
    return _dumped(tree)


def changed_tree(tree: Any, draw: Draw) -> Any:
    """JSON with one place of it changed."""
    place = _place(tree, draw)
    if place is None or draw.random() < 0.01:
        return copy.deepcopy(draw.choice(VALUES))
    holder, key = place
    value = holder[key]
    match draw.randrange(9):
        case 0 | 1:
            holder[key] = copy.deepcopy(draw.choice(VALUES))
        case 2:
            holder[key] = _MARK + draw.choice(RAW) + _MARK
        case 3:
            del holder[key]
        case 4 if isinstance(holder, dict):
            other = _place(tree, draw)
            name = other[1] if other and isinstance(other[1], str) else draw.choice(TEXTS)
            holder[name] = holder.pop(key)
        case 5:
            other = _place(tree, draw)
            holder[key] = copy.deepcopy(other[0][other[1]]) if other and draw.random() < 0.8 else [[value]]
        case 6 if isinstance(holder, dict):
            again = _dumped(copy.deepcopy(draw.choice(VALUES))).decode()
            holder[key] = f"{_MARK}{json.dumps(value)}, {json.dumps(key)}: {again}{_MARK}"
        case 7 if key in STAGES or draw.random() < 0.2:
            holder[key] = copy.deepcopy(draw.choice(STAGES.get(key) or draw.choice(list(STAGES.values()))))
        case _:
            holder[key] = _near(value, draw)
    return tree


def _place(tree: Any, draw: Draw) -> tuple[Any, Any] | None:
    """A place in a tree: the object or list, and the key; large parts are no more likely than small ones."""
    place, value = None, tree
    while isinstance(value, (dict, list)) and value and (place is None or draw.random() < 0.8):
        key = draw.choice(list(value)) if isinstance(value, dict) else draw.randrange(len(value))
        place, value = (value, key), value[key]
    return place


def _near(value: Any, draw: Draw) -> Any:
    """A value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return draw.choice((value + 1, value - 1, -value, value * 2, value * 2**20, value / 2, *NUMBERS))
    if isinstance(value, str):
        at = draw.randrange(len(value) + 1)
        return draw.choice((value[:at], value[:at] + draw.choice(TEXTS) + value[at:], value.upper(), value * 3))
    if isinstance(value, list) and value:
        at = draw.randrange(len(value))
        return draw.choice((value[:at], value[at:], value * draw.choice((2, 40)), [*value, value[at]], value[::-1]))
    return copy.deepcopy(draw.choice(VALUES))


def _dumped(tree: Any) -> bytes:
    text = json.dumps(tree)
    mark = json.dumps(_MARK)[1:-1]
    return re.sub(
        f'"{re.escape(mark)}((?:[^"\\\\]|\\\\.)*?){re.escape(mark)}"', lambda found: json.loads(f'"{found[1]}"'), text
    ).encode("utf-8", "surrogatepass")


def split_safetensors(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and its data."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def _safetensors_header(content: bytes, draw: Draw) -> bytes:
    """A header that may lie."""
    header, data = split_safetensors(content)
    for _ in range(draw.choice((1, 1, 2, 4))):
        entry = header[draw.choice(list(header))]
        match draw.randrange(5):
            case 0:
                entry["dtype"] = draw.choice(STORAGES)
            case 1:
                entry["shape"] = [draw.choice((0, 1, 3, -1, 2**31, 2**32, 2**63, *entry["shape"])) for _ in range(2)]
            case 2:
                entry["data_offsets"] = [
                    draw.choice((place, place + 1, 0, -8, 2**63)) for place in entry["data_offsets"]
                ]
            case _:
                header = changed_tree(header, draw)
    text = _dumped(header)
    length = len(text) if draw.random() < 0.9 else draw.choice((0, 1, len(text) - 1, len(text) + 1, 2**40, 2**64 - 1))
    return struct.pack("<Q", length) + text + data


def _tensors(content: bytes, draw: Draw) -> bytes:
    """A file without a lie, of other tensors."""
    header, data = split_safetensors(content)
    metadata = header.pop("__metadata__", {})
    tensors = {
        name: (each["dtype"], each["shape"], data[slice(*each["data_offsets"])]) for name, each in header.items()
    }
    for _ in range(draw.choice((1, 1, 2, 4))):
        name = draw.choice(list(tensors))
        dtype, shape, numbers = tensors[name]
        match draw.randrange(7):
            case 0:
                del tensors[name]
            case 1:
                parts = draw.choice(list(tensors)).split(".")
                tensors[".".join(draw.sample(parts, len(parts)) if draw.random() < 0.3 else parts)] = tensors.pop(name)
            case 2:
                tensors[name] = dtype, shape[::-1], numbers
            case 3:
                tensors[name] = dtype, [len(numbers) // _WIDTHS[dtype]], numbers
            case 4:
                tensors[name] = dtype, shape, draw.choice((b"\xff", b"\x7f", b"\0", b"\x01")) * len(numbers)
            case 5:
                other = draw.choice(list(_WIDTHS))
                length = len(numbers) // _WIDTHS[dtype] * _WIDTHS[other]
                tensors[name] = other, shape, draw.choice((numbers * 8, bytes(length), draw.randbytes(length)))[:length]
            case 6:
                tensors[name] = dtype, [0, *shape[1:]], b""
    header, at = {"__metadata__": metadata}, 0
    for name, (dtype, shape, numbers) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(numbers)]}
        at += len(numbers)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(numbers for _, _, numbers in tensors.values())


def _gguf(content: bytes, draw: Draw) -> bytes:
    from mutation_gguf import changed

    return changed(content, draw)


def _lines(content: bytes, draw: Draw) -> bytes:
    lines = content.decode("utf-8", "replace").split("\n")
    for _ in range(draw.choice((1, 1, 2, 8))):
        at, other = draw.randrange(len(lines)), draw.choice(lines)
        lines[at : at + draw.randrange(2)] = draw.choice(
            (
                [],
                [other],
                [other, other],
                [lines[at] + other],
                [draw.choice(TEXTS)],
                [""],
                [lines[at] + "\r"],
                [other * 999],
            )
        )
    if draw.random() < 0.1:
        draw.shuffle(lines)
    return "\n".join(lines or [""]).encode("utf-8", "replace")


def _template(content: bytes, draw: Draw) -> bytes:
    return changed_template(content.decode("utf-8", "replace"), draw).encode("utf-8", "surrogatepass")


def changed_template(source: str, draw: Draw) -> str:
    """A template with pieces or words of it changed."""
    pieces = _TEMPLATE.split(source)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(pieces))
        if draw.random() < 0.6:
            new = draw.choice(
                ([draw.choice(TEMPLATES)], [draw.choice(pieces)], [pieces[at]] * 2, [], [pieces[at] * 30])
            )
            pieces[at : at + draw.randrange(2)] = new
            pieces = pieces or [""]
        else:
            words = [word for word in _WORD.split(pieces[at]) if word]
            known = [word for piece in pieces for word in _WORD.findall(piece)] or ["x"]
            if words:
                words[draw.randrange(len(words))] = draw.choice(
                    (draw.choice(known), draw.choice(TEMPLATES), str(2**70), "")
                )
            pieces[at] = "".join(words)
    return "".join(pieces)
