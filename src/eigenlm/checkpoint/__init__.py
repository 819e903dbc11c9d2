"""Model folders, Hugging Face folders and GGUF files: reading and writing, and nothing else."""

from eigenlm.checkpoint.folder import write_folder
from eigenlm.checkpoint.read import Checkpoint, open_model, open_tensors, read_model
from eigenlm.checkpoint.tensors import TensorSource

__all__ = ["Checkpoint", "TensorSource", "open_model", "open_tensors", "read_model", "write_folder"]
