"""One model on many ranks: copies of it (DDP), shards of it (FSDP2), parts of its matrices (tensor parallel)."""

from eigenlm.training.parallel.gradients import clip_gradients_, gradient_norm, gradients_summed
from eigenlm.training.parallel.layout import parallelize_
from eigenlm.training.parallel.parameter_groups import one_mesh_a_group

__all__ = ["clip_gradients_", "gradient_norm", "gradients_summed", "one_mesh_a_group", "parallelize_"]
