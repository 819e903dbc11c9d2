"""A layout applied to a model."""

from torch import nn

from eigenlm.errors import ConfigError, explain
from eigenlm.machine.processes import Ranks
from eigenlm.training.parallel.copies import copy_to_ranks
from eigenlm.training.parallel.shards import shard_
from eigenlm.training.parallel.tensor import split_matrices_
from eigenlm.training.recipe import LayoutRecipe


def parallelize_(module: nn.Module, layout: LayoutRecipe, ranks: Ranks) -> nn.Module:
    """Lay a module that holds a transformer over the ranks; what comes back is called in its place.

    Every rank must come with the same weights. Each then feeds its own share of the batch (ranks that share matrices
    feed the same), and after `backward` each gradient is the *mean* over the shares. With L_r the sum of the losses of
    share r and N the targets of all shares, the gradient of sum_r L_r / N is therefore that of

        loss = L_r * ranks.data_size / N.

    Args:
        module: whose `forward` gives the loss; changed in place. Its parameters are new objects afterwards: make the
            optimizer later.
        layout: how.
        ranks: among whom; a single one leaves the module as it is.

    Raises:
        ConfigError: the layout does not fit the ranks, or heads or widths of the model do not divide.
    """
    module.to(ranks.device)
    width = 1 if ranks.mesh is None else ranks.mesh["tensor"].size()
    if layout.tensor != width:
        raise ConfigError(explain("layout.tensor", expected=f"{width}, as the ranks were joined", got=layout.tensor))
    if ranks.mesh is None:
        return module
    if layout.data == "ddp" and 1 < width < ranks.size:
        do = "choose layout.data='fsdp', or as many ranks as layout.tensor"
        raise ConfigError(explain("tensor parallel with copies", expected="one share of the batch", got="more", do=do))
    if width > 1:
        split_matrices_(module, ranks.mesh["tensor"])
    if ranks.data_size == 1:
        return module
    return shard_(module, ranks.mesh["data"]) if layout.data == "fsdp" else copy_to_ranks(module, ranks)
