"""Model folders, Hugging Face folders and GGUF files: reading and writing, and nothing else."""

from eigenlm.checkpoint.adapter_writer import write_peft
from eigenlm.checkpoint.folder import write_folder
from eigenlm.checkpoint.generation import Generation
from eigenlm.checkpoint.gguf_adapter import write_gguf_adapter
from eigenlm.checkpoint.gguf_writer import gguf_size, gguf_sources, misread_by_llama_cpp, write_gguf
from eigenlm.checkpoint.hugging_face import write_hugging_face
from eigenlm.checkpoint.opened import Matrices, Opened
from eigenlm.checkpoint.read import Checkpoint, open_any, open_matrices, open_model, open_tensors, read_model
from eigenlm.checkpoint.room import Work
from eigenlm.checkpoint.sentence_vectors import SentenceVectors
from eigenlm.checkpoint.tensors import TensorSource

__all__ = [
    "Checkpoint",
    "Generation",
    "Matrices",
    "Opened",
    "SentenceVectors",
    "TensorSource",
    "Work",
    "gguf_size",
    "gguf_sources",
    "misread_by_llama_cpp",
    "open_any",
    "open_matrices",
    "open_model",
    "open_tensors",
    "read_model",
    "write_folder",
    "write_gguf",
    "write_gguf_adapter",
    "write_hugging_face",
    "write_peft",
]
