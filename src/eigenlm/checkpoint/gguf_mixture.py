"""Which type each matrix of a GGUF file has: more bits where they matter most, as llama.cpp's mixtures have it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gguf import GGMLQuantizationType as Kind
from gguf import LlamaFileType
from gguf.constants import GGML_QUANT_SIZES

from eigenlm.allowed import GGUF_MIXTURES

WITHOUT_SEARCH = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")
"""Types that the package gguf writes, where nothing is known of a matrix's inputs."""
_NARROWER_BLOCKS = {
    "IQ4_XS": "IQ4_NL",
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
_VALUES = re.compile(r"attn_(v|qkv|kv_b)\.weight$")
_KEYS = re.compile(r"attn_k\.weight$")
_FIVE_BITS_BESIDE_EXPERTS = ("Q2_K", "Q3_K_S", "Q3_K_M", "IQ4_XS", "IQ4_NL", "Q4_K_S", "Q4_K_M")
_EMBEDDING, _HEAD = "token_embd.weight", "output.weight"
_STAYS_F32 = re.compile(r"(^|\.)(position_embd|token_types)\.weight$|ffn_gate_inp\.weight$|attn_rel_b\.weight$|\.bias$")


@dataclass(frozen=True, kw_only=True)
class TypeMixture:
    """What decides on the types of a file's matrices.

    Attributes:
        name: of the file's type, as `allowed.gguf_type` gives it.
        queries_per_key: query heads that share a key.
        experts: of a layer; 8, as Mixtral has them, get more bits for attention, which is then a small part.
        informed: whether the importance of inputs is known.
    """

    name: str
    queries_per_key: int = 1
    experts: int = 0
    informed: bool = False

    @property
    def file_type(self) -> LlamaFileType:
        """The number of this type in a file."""
        return LlamaFileType.ALL_F32 if self.name == "F32" else LlamaFileType[f"MOSTLY_{self.name}"]

    def kinds(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Kind]:
        """The type of each tensor; one whose rows are not whole blocks has the next type that they are blocks of.

        Args:
            shapes: of all tensors of the file, by llama.cpp's names, blocks in order.
        """
        wanted = self._mixed(shapes) if self.name in GGUF_MIXTURES else self._plain(shapes)
        return {name: _that_fits(wanted.get(name, Kind.F32), shape[-1]) for name, shape in shapes.items()}

    def _plain(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Kind]:
        vocabulary = "Q8_0" if self.name in ("Q4_0", "Q4_1") else self.name
        names = matrices(shapes)
        return {name: Kind[vocabulary if name in (_EMBEDDING, _HEAD) else self.name] for name in names}

    def _mixed(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Kind]:
        base = Kind[re.sub("_[SML]$", "", self.name)]
        found = dict.fromkeys(matrices(shapes), base)
        head = _HEAD if _HEAD in shapes else _EMBEDDING
        if head in found:
            found[head] = Kind.Q8_0 if shapes[head][-1] % _block(base) else Kind.Q6_K
        values = [name for name in found if _VALUES.search(name)]
        for place, name in enumerate(values):
            found[name] = self._of_values(place, len(values)) or base
        downs = [name for name in found if "ffn_down" in name]
        for place, name in enumerate(downs):
            found[name] = self._of_down(place, len(downs)) or base
        outputs = {"Q2_K": Kind.Q3_K, "Q3_K_M": Kind.Q4_K, "Q3_K_L": Kind.Q5_K}
        if self.experts == 8:
            found |= {name: Kind.Q8_0 for name in found if _KEYS.search(name) or _VALUES.search(name)}
            outputs = dict.fromkeys(_FIVE_BITS_BESIDE_EXPERTS, Kind.Q5_K)
        return found | {name: outputs.get(self.name, base) for name in found if name.endswith("attn_output.weight")}

    def _of_values(self, place: int, count: int) -> Kind | None:
        shared = self.queries_per_key >= 4
        match self.name:
            case "Q2_K":
                return Kind.Q4_K if shared else Kind.Q3_K
            case "Q3_K_M":
                return Kind.Q5_K if place < 2 else Kind.Q4_K
            case "Q3_K_L":
                return Kind.Q5_K
            case "IQ4_NL" | "IQ4_XS" if shared:
                return Kind.Q5_K
            case "Q4_K_M" | "Q5_K_M" if _more_bits(place, count):
                return Kind.Q6_K
            case "Q4_K_S" if place < 4:
                return Kind.Q5_K
        return None

    def _of_down(self, place: int, count: int) -> Kind | None:
        first = place < count // 8
        match self.name:
            case "Q2_K":
                return Kind.Q3_K
            case "Q3_K_M":
                return Kind.Q5_K if place < count // 16 else Kind.Q4_K
            case "Q3_K_L":
                return Kind.Q5_K
            case "Q4_K_M" | "Q5_K_M" if _more_bits(place, count):
                return Kind.Q6_K
            case "IQ4_NL" | "IQ4_XS" if first and not self.informed:
                return Kind.Q5_K
            case "Q4_K_S" if first:
                return Kind.Q5_K
        return None


def matrices(shapes: Mapping[str, tuple[int, ...]]) -> Iterable[str]:
    """Tensors that are rounded: matrices, but for routers and small tables whose numbers are added."""
    return [name for name, shape in shapes.items() if len(shape) > 1 and not _STAYS_F32.search(name)]


def _more_bits(place: int, count: int) -> bool:
    return place < count // 8 or place >= 7 * count // 8 or (place - count // 8) % 3 == 2


def _block(kind: Kind) -> int:
    return GGML_QUANT_SIZES[kind][0]


def _that_fits(kind: Kind, width: int) -> Kind:
    if width % _block(kind) and kind.name in _NARROWER_BLOCKS:
        kind = Kind[_NARROWER_BLOCKS[kind.name]]
    return Kind.F16 if width % _block(kind) else kind
