"""The text of a run: its tokenizer and its shards, made once and kept in the run's folder."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import takewhile
from pathlib import Path

from eigenlm.checkpoint import open_model
from eigenlm.checkpoint.tokenizer_folder import read_tokenizer, write_tokenizer
from eigenlm.errors import CheckpointError, ConfigError, explain
from eigenlm.files import whole_folder
from eigenlm.text.corpus import read_documents
from eigenlm.text.corruption import num_sentinels, sentinel_tokens
from eigenlm.text.python_documentation import python_documentation
from eigenlm.text.shards import TokenShards, open_shards, write_shards
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_training import train_tokenizer
from eigenlm.training.inputs import check_made, note_inputs
from eigenlm.training.recipe import Recipe
from eigenlm.training.start import write_use

# A vocabulary does not change much with more text than this.
_CHARACTERS_TO_LEARN_FROM = 100_000_000


def prepare_data(recipe: Recipe, folder: Path) -> tuple[Tokenizer, TokenShards]:
    """Tokenizer and shards of a run, read from `folder` where they are there and made otherwise.

    The text was held against the folder's by `check_inputs`.

    Raises:
        DataError: text or shards that cannot be used, or a tokenizer that is not theirs.
        ConfigError: a tokenizer that does not serve the objective.
        CheckpointError: a folder of a tokenizer without one.
    """
    if not (folder / "tokenizer").exists():
        with whole_folder(folder / "tokenizer") as place:
            write_tokenizer(place, _tokenizer(recipe), None)
            if recipe.start is not None:
                write_use(place, recipe.start)
            note_inputs(recipe, folder)
    tokenizer = read_tokenizer(folder / "tokenizer")
    if tokenizer is None:
        do = "start the run anew in another folder"
        raise CheckpointError(explain(f"reading {folder / 'tokenizer'}", expected="a tokenizer", got="none", do=do))
    if not (folder / "shards").exists():
        check_made(folder, "tokenizer", tokenizer.fingerprint)
        validation, seed = recipe.data.validation, recipe.train.seed
        write_shards(documents(recipe), tokenizer, folder / "shards", validation=validation, seed=seed)
    shards = open_shards(folder / "shards", tokenizer)
    check_made(folder, "shards", sha256(repr(shards.manifest).encode()).hexdigest())
    return tokenizer, shards


def documents(recipe: Recipe) -> Iterator[str]:
    """The texts a recipe names; without a name, the documentation inside Python."""
    if recipe.data.text is None:
        return (document.text for document in python_documentation())
    return read_documents(recipe.data.text)


def _tokenizer(recipe: Recipe) -> Tokenizer:
    kind = recipe.tokenizer
    if (where := recipe.start or kind.path) is not None:
        path = Path(where)
        is_folder = recipe.start is None and path.is_dir()
        found = read_tokenizer(path) if is_folder else open_model(where).read_tokenizer()
        if found is None:
            raise ConfigError(explain("tokenizer.path", expected="a model with a tokenizer", got=where))
        return found
    control = ["<|endoftext|>"]
    if recipe.data.objective == "denoising":
        fraction = recipe.data.masked_fraction
        control += sentinel_tokens(num_sentinels(recipe.context_length, fraction=fraction))
    return train_tokenizer(kind.kind, _first_characters(documents(recipe)), kind.vocab_size, control)


def _first_characters(texts: Iterator[str]) -> Iterator[str]:
    left = _CHARACTERS_TO_LEARN_FROM

    def fits(text: str) -> bool:
        nonlocal left
        left -= len(text)
        return left + len(text) > 0

    return takewhile(fits, texts)
