"""The recipes that come with eigenlm, by name."""

from pathlib import Path

from eigenlm.errors import ConfigError, did_you_mean, explain

_FOLDER = Path(__file__).with_name("recipes")
RECIPES = tuple(sorted(file.stem for file in _FOLDER.glob("*.py")))


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe.

    Args:
        name: its path, or one of `RECIPES`.

    Raises:
        ConfigError: neither; the message has all names, and the nearest.

    >>> find_recipe("gpt_small").name
    'gpt_small.py'
    """
    if Path(name).is_file():
        return Path(name)
    if (known := str(name).replace("-", "_")) in RECIPES:
        return _FOLDER / f"{known}.py"
    do = f"{did_you_mean(name, RECIPES)} By name there are {', '.join(RECIPES)}".strip()
    raise ConfigError(explain("reading a recipe", expected="a file", got=f"none at {name}", do=do))
