"""Options that several commands share, each said once."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from eigenlm.errors import ConfigError, explain
from eigenlm.recipe_names import RECIPES
from eigenlm.settings import MOST_THREADS, setting

if TYPE_CHECKING:
    from eigenlm.checkpoint import Work
    from eigenlm.engine import Sampling
    from eigenlm.language_model import LanguageModel
    from eigenlm.training import Recipe

_LOOKED_AT = 1 << 20  # characters
Model = Annotated[
    str,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="MODEL", help="A folder, a .gguf file, an installed model package, or a Hub name."),
]
Vectors = Annotated[
    str,
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="VECTORS",
        help="A file or folder of word vectors (word2vec, GloVe, fastText), glove-6b-50d if its package is"
        " installed, or a model: then the vectors of its tokens.",
    ),
]
Many = Annotated[int, tyro.conf.arg(metavar="INT", help="How many words.")]
Index = Annotated[
    Path | None,
    tyro.conf.arg(metavar="PATH", help="What `eigenlm vectors index` built of the same vectors: faster, nearly exact."),
]
HeldOut = Annotated[
    float, tyro.conf.arg(metavar="SHARE", help="How many of the words are held out, to measure on, between 0 and 1.")
]
Text = Annotated[
    Path,
    tyro.conf.arg(
        metavar="PATH",
        aliases=["-f"],
        help="A text, jsonl or parquet file (also .gz), a folder of them, or - for standard input.",
    ),
]
Texts = Annotated[
    tuple[Path, ...],
    tyro.conf.arg(
        metavar="PATH ...",
        aliases=["-f"],
        help="Texts to measure on, each by itself: one like your users' and one from elsewhere; or - for standard"
        " input. Without any, what is always there.",
    ),
]
Prompts = Annotated[
    Path | None,
    tyro.conf.arg(metavar="PATH", help="What both models answer, a line for each; five small ones by default."),
]
Html = Annotated[
    Path | None, tyro.conf.arg(metavar="PATH", help="Write a page of before and after there: one file, no network.")
]
Calibration = Annotated[
    Path | None,
    tyro.conf.arg(
        metavar="PATH",
        aliases=["-f"],
        help="Calibration text, the documentation inside Python by default; an eighth more is a decoder's own words.",
    ),
]
Adapter = Annotated[
    Path | None, tyro.conf.arg(metavar="PATH", help="A LoRA adapter of PEFT, merged into the model as it is read.")
]
Out = Annotated[
    Path, tyro.conf.arg(metavar="PATH", aliases=["-o"], help="Where to write; it appears whole or not at all.")
]
MaxTokens = Annotated[int, tyro.conf.arg(aliases=["-n"])]
Cache = Annotated[
    str,
    tyro.conf.arg(
        metavar="FORM", help="How keys and values are kept: float, as they are, or in few bits, int8 or int4."
    ),
]
Control = Annotated[
    bool, tyro.conf.arg(help="Read control tokens that the text spells, such as <|im_end|>, as control tokens.")
]
Overwrite = Annotated[bool, tyro.conf.arg(help="Replace a model, or a file of a folder that is read.")]
RecipeFile = Annotated[
    Path,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="RECIPE", help=f"A recipe's file, or a name: {', '.join(RECIPES)}."),
]
Corpus = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="TEXT",
        aliases=["-f"],
        help="A text, jsonl or parquet file (also .gz), a folder of them, or a Hub data set;"
        " the documentation inside Python by default.",
    ),
]
Depth = Annotated[int | None, tyro.conf.arg(metavar="INT", help="The recipe's dial: its layers.")]
Start = Annotated[
    str | None,
    tyro.conf.arg(name="from", metavar="MODEL", help="Go on with a model, and its tokenizer, instead of a new one."),
]
Changes = Annotated[
    tuple[str, ...],
    tyro.conf.arg(metavar="FIELD=VALUE ...", help="Set fields of the recipe, such as train.batch_size=8."),
]


def read_recipe_for(
    recipe: Path, text: str | None, depth: int | None, changes: Sequence[str], start: str | None = None
) -> "Recipe":
    """A recipe with what a command line says of it."""
    from eigenlm.training import read_recipe

    named = [] if text is None else [f"data.text={text!r}"]
    return read_recipe(recipe, depth=depth, start=start, changes=[*named, *changes])


def beginning_of(path: Path) -> str:
    """The first million characters of a text, or its first document.

    Raises:
        DataError: there is no text, or it cannot be read.
    """
    from eigenlm.text.corpus import chunks

    return next(chunks(path, _LOOKED_AT), "")


def tell_of_control_tokens(lm: "LanguageModel", text: str) -> None:
    """Say on standard error which control tokens the beginning of a text spells, which are read as text."""
    spelled = [token for token in lm.tokenizer.control_tokens if token in text]
    if spelled:
        names = ", ".join(map(repr, spelled[:3])) + (", ..." if len(spelled) > 3 else "")
        print(f"eigenlm: {names} in the text are read as text; --control reads control tokens", file=sys.stderr)


@dataclass(frozen=True)
class Compute:
    """Where a model runs, with which numbers, and what is merged into it."""

    device: str = field(default_factory=lambda: setting("device").value)
    """`auto` (an accelerator if there is one), `cpu`, or another of torch's names."""
    dtype: Literal["float32", "bfloat16"] = field(default_factory=lambda: setting("dtype").value)
    """Numbers of weights and activations."""
    threads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = field(
        default_factory=lambda: setting("threads").value
    )
    """Threads that share an operation; one for each core by default."""
    adapter: Adapter = None

    def load(self, model: str, work: "Work | None" = None) -> "LanguageModel":
        """Read a model to run there, if there is memory for it and for the work."""
        from eigenlm.language_model import device_named, load

        default = setting("device")
        is_set = default.source != "built in" and self.device == default.value
        device = device_named(self.device, f"device, set by {default.source}" if is_set else "device")
        return load(model, adapter=self.adapter, dtype=self.dtype, device=device, work=work)


def use_threads(count: int | None) -> None:
    """Have torch, whether it is loaded yet or not, share an operation among so many threads.

    Raises:
        ConfigError: none, or far too many.
    """
    if count is None:
        return
    if not 1 <= count <= MOST_THREADS:
        raise ConfigError(explain("--threads", expected=f"a whole number from 1 to {MOST_THREADS:,}", got=count))
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(count)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)


@dataclass(frozen=True)
class SamplingOptions:
    """How the next token is chosen."""

    temperature: Annotated[float, tyro.conf.arg(aliases=["-t"])] = 0.0
    """Logits are divided by it; 0 takes the likeliest token."""
    top_k: int = 0
    """Only the k likeliest tokens; 0 for all."""
    top_p: float = 1.0
    """Only the likeliest tokens that together reach this probability."""
    min_p: float = 0.0
    """Only tokens at least this fraction as likely as the likeliest."""
    repetition_penalty: float = 1.0
    """How much less likely a token becomes that was there before; 1 for none."""
    seed: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Draws the same tokens again; without it, new ones each time."""

    def sampling(self) -> "Sampling":
        """What the engine takes."""
        from eigenlm.engine import Sampling

        return Sampling(**asdict(self))
