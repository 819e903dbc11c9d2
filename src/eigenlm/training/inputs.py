"""What a run was made from, noted in its folder, so that what differs later is told and not taken for the same."""

import json
import shutil
import sys
from hashlib import file_digest
from pathlib import Path
from typing import Any

from eigenlm.checkpoint import open_model
from eigenlm.checkpoint.json_file import read_json_object
from eigenlm.checkpoint.locate import locate
from eigenlm.errors import DataError, EigenError, explain
from eigenlm.files import regular, write_text
from eigenlm.text_files import text_files
from eigenlm.training.recipe import Recipe
from eigenlm.training.run_folder import learned

NAME = "inputs.json"
_MADE = ("tokenizer", "shards")


def check_inputs(recipe: Recipe, folder: Path) -> None:
    """Hold the text, and the model to go on with, against those that the run began with.

    Others are told of where what was made of the former is there to go on with; where nothing was learned yet, what was
    made is taken away, to be made anew.

    Raises:
        DataError: another text where tokenizer or shards are missing, another model where no snapshot is there, or a
            tokenizer or shards that no run made here.
    """
    noted = read_json_object(folder / NAME) if (folder / NAME).exists() else {}
    made = [name for name in _MADE if (folder / name).exists()]
    if made and not noted and not learned(folder):
        got, do = f"a folder {made[0]} of something else", "choose another --out, or move it away"
        raise DataError(explain(f"training in {folder}", expected="a folder for the run alone", got=got, do=do))
    before, now = {name: noted.get(name) for name in ("text", "start")}, _inputs(recipe, noted)
    if before["text"] is None and made:  # a run of an eigenlm that took no notes
        _note(folder, now)
    elif before["text"] is None or now == before:
        return
    elif not learned(folder):
        (folder / NAME).unlink()
        for name in made:
            shutil.rmtree(folder / name)
    else:
        if now["text"] != before["text"]:
            _tell_of_another("text", "tokenizer and shards", len(made) == len(_MADE), folder)
        if now["start"] != before["start"]:
            _tell_of_another("model", "snapshot", any((folder / "snapshots").glob("step-*")), folder)


def _tell_of_another(what: str, made: str, is_made: bool, folder: Path) -> None:
    if not is_made:
        got, do = f"another {what}, and no {made} of it", f"restore the {what}, or choose another --out to begin anew"
        raise DataError(explain(f"going on in {folder}", expected=f"the {what} that it began with", got=got, do=do))
    own = "shards" if what == "text" else "weights"
    print(f"eigenlm: the {what} is not what {folder} began with; going on with its own {own}", file=sys.stderr)


def note_inputs(recipe: Recipe, folder: Path) -> None:
    """Note what the run begins with."""
    _note(folder, _inputs(recipe, {}))


def _inputs(recipe: Recipe, noted: dict[str, Any]) -> dict[str, Any]:
    start = None if recipe.start is None else _model_files(recipe.start, noted.get("start"))
    return {"text": text_identity(recipe.data.text, noted.get("text")), "start": start}


def _model_files(model: str, known: Any) -> dict[str, Any]:
    """What tells a model from another, with the base of an adapter; of one that is gone, its name."""
    try:
        places = {locate(model), open_model(model).path}
    except EigenError:
        return {"name": model}
    files = [file for place in sorted(places) for file in ([place] if place.is_file() else sorted(place.iterdir()))]
    return _identities([file for file in files if file.is_file() and not file.name.startswith(".")], known)


def check_made(folder: Path, name: str, identity: str) -> None:
    """Hold the tokenizer or the shards against those that the run began with, and note them the first time.

    Raises:
        DataError: they are others.
    """
    noted = read_json_object(folder / NAME)
    if name not in noted:
        _note(folder, noted | {name: identity})
    elif noted[name] != identity:
        do = "restore what was there, or choose another --out to begin anew"
        raise DataError(explain(f"going on in {folder}", expected=f"the {name} it began with", got="another", do=do))


def is_model_noted(folder: Path) -> bool:
    """Whether all but the weights of a run's model is as it was noted, or nothing was."""
    noted = read_json_object(folder / NAME)
    return noted.get("model", made := _model_identity(folder)) == made


def note_model(folder: Path) -> None:
    """Note what lies beside the weights of the model that a run came to."""
    if (made := _model_identity(folder)) != (noted := read_json_object(folder / NAME)).get("model"):
        _note(folder, noted | {"model": made})


def _model_identity(folder: Path) -> dict[str, str]:
    files = [path for path in sorted((folder / "model").rglob("*")) if path.is_file() and path.suffix != ".safetensors"]
    return {str(path.relative_to(folder)): _sha256(path) for path in files}


def text_identity(text: str | None, known: Any = None) -> dict[str, Any]:
    """What tells a text from another: size and SHA-256 of each file, or the name of what is no file here.

    Args:
        text: as in a recipe.
        known: an earlier answer; files with the size and time of it are not read again.
    """
    if text is None:
        return {"documentation of Python": sys.version}
    if not Path(text).exists():
        return {"name": text}
    return _identities(text_files(Path(text)), known)


def _identities(files: list[Path], known: Any) -> dict[str, Any]:
    known = known if isinstance(known, dict) else {}
    return {str(file): _file_identity(file, known.get(str(file))) for file in files}


def _file_identity(file: Path, known: Any) -> dict[str, Any]:
    about = regular(file).stat()
    marks = {"bytes": about.st_size, "modified": about.st_mtime_ns}
    if isinstance(known, dict) and marks.items() <= known.items():
        return known
    digest = _sha256(file)
    same = isinstance(known, dict) and known.get("sha256") == digest  # only touched
    return known if same else {**marks, "sha256": digest}


def _sha256(file: Path) -> str:
    with regular(file).open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


def _note(folder: Path, noted: dict[str, Any]) -> None:
    write_text(folder / NAME, json.dumps(noted, indent=1) + "\n")
