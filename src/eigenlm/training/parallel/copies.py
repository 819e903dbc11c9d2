"""Data parallel: a whole model on each rank, gradients averaged."""

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from eigenlm.machine.processes import Ranks
from eigenlm.model import Transformer


def copy_to_ranks(module: nn.Module, ranks: Ranks) -> nn.Module:
    """Wrap the module so that `backward` leaves the mean gradient of the ranks (arXiv:2006.15704)."""
    assert ranks.mesh is not None
    return DistributedDataParallel(
        module,
        device_ids=None if ranks.device.type == "cpu" else [ranks.device],
        process_group=ranks.mesh.get_group("data"),
        gradient_as_bucket_view=True,
        find_unused_parameters=any(_has_idle_part(m) for m in module.modules()),
    )


def _has_idle_part(module: nn.Module) -> bool:
    # A pooler is of no use to a loss on tokens; DDP would wait for its gradient.
    return isinstance(module, Transformer) and module.pooler is not None
