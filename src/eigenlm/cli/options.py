"""Options that several commands share, each said once."""

from typing import Annotated

import tyro

Model = Annotated[
    str,
    tyro.conf.Positional,
    tyro.conf.arg(metavar="MODEL", help="A folder, a .gguf file, an installed model package, or a Hub name."),
]
Json = Annotated[
    bool, tyro.conf.arg(help="Print one JSON object on standard output, and everything else on standard error.")
]
