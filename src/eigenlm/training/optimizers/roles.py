"""Which parameter plays which part in a model, told by the modules that hold it."""

from dataclasses import dataclass

from torch import nn

from eigenlm.model.head import Head


@dataclass(frozen=True)
class Roles:
    """The trainable parameters of a model, each once.

    Attributes:
        hidden: matrices between hidden vectors: those of linear layers, and the factors of low-rank ones.
        embedding: tables of vectors; a tied head's matrix is here.
        head: the matrix of logits, if it is one of its own.
        vectors: biases, norms, and all else that is no matrix.
    """

    hidden: list[nn.Parameter]
    embedding: list[nn.Parameter]
    head: list[nn.Parameter]
    vectors: list[nn.Parameter]


def roles(model: nn.Module) -> Roles:
    """Sort the parameters of a model that require a gradient."""
    held_by_embeddings = _matrices_of(model, nn.Embedding)
    held_by_heads = _matrices_of(model, Head)
    sorted_out = Roles([], [], [], [])
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim != 2:
            sorted_out.vectors.append(parameter)
        elif id(parameter) in held_by_embeddings:
            sorted_out.embedding.append(parameter)
        elif id(parameter) in held_by_heads:
            sorted_out.head.append(parameter)
        else:
            sorted_out.hidden.append(parameter)
    return sorted_out


def _matrices_of(model: nn.Module, kind: type[nn.Module]) -> set[int]:
    modules = (module for module in model.modules() if isinstance(module, kind))
    return {id(p) for module in modules for p in module.parameters(recurse=False) if p.ndim == 2}
