"""From what a user calls a model to its path."""

import os
import shutil
from pathlib import Path

from eigenlm.checkpoint.safetensors_reader import PICKLES, SINGLE_NAME, refuse_pickle
from eigenlm.checkpoint.sentence_vectors import transformer_in
from eigenlm.errors import CheckpointError, explain
from eigenlm.files import whole_file
from eigenlm.model_names import PACKAGES, check_model
from eigenlm.progress import track

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
    name = check_model(where)
    if os.path.exists(name):  # in the folder of models
        return locate(name)
    return _packaged(name) if name in PACKAGES else _from_hub(name)


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
    try:
        with path.open("rb") as file:
            if file.read(4) == b"GGUF":
                return path
    except OSError as error:
        expected = "a file that can be read"
        raise CheckpointError(explain(f"reading {path}", expected=expected, got=error.strerror)) from error
    raise CheckpointError(
        explain(f"reading {path}", expected="a GGUF file, or .safetensors beside its config.json", got="another file")
    )


def _packaged(name: str) -> Path:
    paths = PACKAGES[name].paths()
    return paths[0] if len(paths) == 1 else _joined(place_joined(name), paths)


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
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return _inside(Path(snapshot_download(name, allow_patterns=_HUB_FILES)))
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        do = "check the name and the network, or give a path"
        raise CheckpointError(explain(f"fetching {name}", expected="a model on the Hub", got=error, do=do)) from error
