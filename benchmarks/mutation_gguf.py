"""A GGUF file taken apart, changed and put together again, by the specification, without the library that reads it."""

import copy
import random
import struct
from typing import Any

from mutation_words import NUMBERS, TEMPLATES, TEXTS

Draw = random.Random
STRING, ARRAY = 8, 9
_PACK = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_ODD: list[tuple[int, Any]] = [
    *((STRING, text) for text in TEXTS),
    *((kind, number) for kind in (4, 5, 10, 11) for number in NUMBERS),
    *((kind, number) for kind in (6, 12) for number in (0.0, -1.0, float("nan"), float("inf"), 1e38, 1e-45)),
    *((7, True), (0, 255), (1, -1), (ARRAY, (4, [])), (ARRAY, (4, [1, 2, 3])), (ARRAY, (8, ["x"] * 9))),
    *((ARRAY, (6, [float("nan")])), (ARRAY, (5, [-1] * 96)), (ARRAY, (8, [""] * 300)), (ARRAY, (9, [])), (99, 0)),
]


class File:
    """What stands in the file."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 4
        self.version, num_tensors, num_entries = self._read("<IQQ")
        if max(num_tensors, num_entries) > 1 << 16:
            raise ValueError("a count that lies")
        self.entries = [(self._string(), *self._value()) for _ in range(num_entries)]
        self.tensors: list[Any] = []
        for _ in range(num_tensors):
            name, (num_dims,) = self._string(), self._read("<I")
            dims = list(self._read(f"<{num_dims % 9}Q"))
            self.tensors.append([name, dims, *self._read("<IQ")])
        self.data = content[-(-self._at // 32) * 32 :]

    def content(self, counts: tuple[int, int] | None = None) -> bytes:
        """The file again."""
        head = b"GGUF" + struct.pack("<IQQ", self.version, *(counts or (len(self.tensors), len(self.entries))))
        head += b"".join(
            _string(key) + struct.pack("<I", kind) + _value(kind, held) for key, kind, held in self.entries
        )
        for name, dims, kind, offset in self.tensors:
            sizes = struct.pack(f"<{len(dims)}Q", *(size % 2**64 for size in dims))
            head += _string(name) + struct.pack("<I", len(dims)) + sizes + struct.pack("<IQ", kind, offset % 2**64)
        return head + bytes(-len(head) % 32) + self.data

    def _read(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return found

    def _string(self) -> str:
        (length,) = self._read("<Q")
        self._at += length
        return self._content[self._at - length : self._at].decode("utf-8", "surrogateescape")

    def _value(self, kind: int | None = None) -> tuple[int, Any]:
        if kind is None:
            (kind,) = self._read("<I")
        if kind == STRING:
            return kind, self._string()
        if kind == ARRAY:
            inner, number = self._read("<IQ")
            if inner in _PACK:
                return kind, (inner, list(self._read(f"<{min(number, 1 << 20)}{_PACK[inner]}")))
            return kind, (inner, [self._value(inner)[1] for _ in range(min(number, 1 << 20))])
        return kind, self._read("<" + _PACK[kind])[0]


def _string(text: str) -> bytes:
    spelled = text.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(spelled)) + spelled


def _value(kind: int, held: Any) -> bytes:
    if kind == STRING:
        return _string(held)
    if kind == ARRAY:
        return struct.pack("<IQ", held[0], len(held[1])) + b"".join(_value(held[0], item) for item in held[1])
    form = _PACK.get(kind, "I")
    bits = 8 * struct.calcsize(form)
    number = held if form in "fd?" else int(held) % 2**bits - (2**bits if form.islower() and held < 0 else 0)
    return struct.pack("<" + form, number)


def changed(content: bytes, draw: Draw) -> bytes:
    """The file with some entries, tensors or numbers changed."""
    file, counts = File(content), None
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        act = draw.random()
        if act < 0.6:
            _change_entry(file.entries, draw)
        elif act < 0.9:
            _change_tensor(file.tensors, draw)
        elif act < 0.97:
            at = draw.randrange(len(file.data) + 1)
            filled = draw.choice((b"\xff", b"\0", b"\x7f", b"\x3c")) * (len(file.data) - at)
            file.data = draw.choice((file.data[:at], file.data[:at] + filled))
        elif act < 0.98:
            file.version = draw.choice((0, 1, 2, 4, 2**32 - 1, 3 << 24))
        else:
            counts = draw.choice(NUMBERS) % 2**64, draw.choice((len(file.entries), draw.choice(NUMBERS) % 2**64))
    return file.content(counts)


def _change_entry(entries: list[Any], draw: Draw) -> None:
    at = draw.randrange(len(entries))
    key, kind, held = entries[at]
    match draw.randrange(7):
        case 0 | 1:
            entries[at] = (key, *copy.deepcopy(draw.choice(_ODD)))
        case 2:
            del entries[at]
        case 3:
            entries.insert(draw.randrange(len(entries)), entries[at])
        case 4:
            entries[at] = (draw.choice((draw.choice(entries)[0], draw.choice(TEXTS), key + ".x")), kind, held)
        case 5:
            entries[at] = (key, *draw.choice(entries)[1:])
        case _:
            entries[at] = (key, kind, _near(kind, held, draw))


def _near(kind: int, held: Any, draw: Draw) -> Any:
    if kind == STRING:
        at = draw.randrange(len(held) + 1)
        return draw.choice((held[:at], held[:at] + draw.choice((*TEXTS, *TEMPLATES)) + held[at:], held * 2))
    if kind == ARRAY:
        inner, items = held
        if not items:
            return held
        items, at = list(items), draw.randrange(len(items))
        for _ in range(draw.choice((1, 1, 30))):
            items[draw.randrange(len(items))] = draw.choice((items[at], _near(inner, items[at], draw)))
        return inner, draw.choice((items, items, items, items[:at], items * 2, items[::-1], [items[at]] * len(items)))
    if kind == 7:
        return not held
    return held * draw.choice((-1, 0, 2, 0.5, 1e3)) if kind in (6, 12) else draw.choice((held + 1, held - 1, *NUMBERS))


def _change_tensor(tensors: list[Any], draw: Draw) -> None:
    at = draw.randrange(len(tensors))
    name, dims, kind, offset = tensors[at]
    match draw.randrange(7):
        case 0:
            dims = [draw.choice((size, 0, 1, 2 * size, size + 1, 2**31, 2**32, 2**63, 2**64 - 1)) for size in dims]
        case 1:
            dims = draw.choice((dims[::-1], [*dims, 1], dims[:-1], [*dims, 2**33, 2**33], [1] * 5))
        case 2:
            kind = draw.randrange(42)
        case 3:
            offset = draw.choice((offset + 1, offset + 32, 0, 2**63, 2**64 - 32, offset - 32))
        case 4:
            name = draw.choice((draw.choice(tensors)[0], draw.choice(TEXTS), name + ".bias"))
        case 5:
            tensors.append(list(draw.choice(tensors)))
            tensors[-1][0] += draw.choice(("", "2"))
        case _:
            if len(tensors) > 1:
                del tensors[at]
                return
    tensors[at] = [name, dims, kind, offset]
