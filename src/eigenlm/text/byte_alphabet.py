"""The printable stand-in that GPT-2's byte-level BPE writes for each of the 256 bytes."""

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_REST = [byte for byte in range(256) if byte not in _PRINTABLE]

BYTE_TO_CHARACTER: dict[int, str] = {byte: chr(byte) for byte in _PRINTABLE} | {
    byte: chr(0x100 + place) for place, byte in enumerate(_REST)
}
CHARACTER_TO_BYTE: dict[str, int] = {character: byte for byte, character in BYTE_TO_CHARACTER.items()}


def spell(data: bytes) -> str:
    """Bytes as a byte-level vocabulary spells them.

    >>> spell(b" the")
    'Ġthe'
    """
    return "".join(BYTE_TO_CHARACTER[byte] for byte in data)


def unspell(token: str) -> bytes | None:
    """The bytes that `spell` was given; None when some character stands for no byte.

    >>> unspell("Ġthe")
    b' the'
    """
    try:
        return bytes(CHARACTER_TO_BYTE[character] for character in token)
    except KeyError:
        return None
