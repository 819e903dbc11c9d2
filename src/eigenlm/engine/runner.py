"""The model that runs: the one that was given, or its fast twin."""

from itertools import chain

import torch
from torch import Tensor, nn

from eigenlm.model import Transformer

_SAMPLES = 64  # numbers of each weight that are compared


class Runner:
    """A model and the fast copy of its matrices, which takes as much memory again, or that of their few bits.

    `current()` is what runs. It looks at the weights and hooks of the model each time it is called, which a session
    does when it reads a prompt, but not at each token. If a weight was changed or replaced, the copies are made anew; a
    model with hooks runs itself, so that they are called. Only a change of a few numbers through `weight.data` may go
    unseen; call `refresh()` after it.

    Attributes:
        model: the model, as it was given.
    """

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.refresh()

    def refresh(self) -> None:
        """Forget the copies; they are made anew when they are needed."""
        self._fast: Transformer | None = None
        self._weights: list[Tensor] = []  # kept, so that no other weight can come to lie at their addresses
        self._seen: tuple[list[tuple[int, int]], Tensor] | None = None

    def current(self) -> Transformer:
        """The fast twin; the model itself where packing does not serve, or where hooks are to see it."""
        from eigenlm.engine.packing import pack, serves  # compiles: not for a model that is only read

        if _has_hooks(self.model):
            return self.model
        weights = list(chain(self.model.parameters(), self.model.buffers()))
        if any(weight.is_inference() for weight in weights):
            return self.model  # its changes cannot be seen
        if self._fast is None or not self._is_of(weights):
            self.refresh()
            if not serves(self.model):
                return self.model
            with torch.inference_mode(False), torch.no_grad():
                twin = pack(self.model)
            assert isinstance(twin, Transformer)
            self._fast, self._weights, self._seen = twin, [weight.detach() for weight in weights], _traces(weights)
        return self._fast

    @property
    def num_bytes(self) -> int:
        """Bytes of the weights that a process holds to run the model: its own, and those of the fast copies."""
        from eigenlm.engine.bytes_held import bytes_held  # compiles: not for a model that is only read

        return bytes_held(self.model, self.current())

    def _is_of(self, weights: list[Tensor]) -> bool:
        marks, samples = _traces(weights)
        return self._seen is not None and marks == self._seen[0] and torch.equal(samples, self._seen[1])


def _traces(weights: list[Tensor]) -> tuple[list[tuple[int, int]], Tensor]:
    """What changes with weights: where they lie, how often they were changed, and some of their numbers."""
    with torch.no_grad():
        samples = torch.cat([_samples(weight) for weight in weights]).nan_to_num()
    return [(weight.data_ptr(), weight._version) for weight in weights], samples


def _samples(weight: Tensor) -> Tensor:
    step = max(1, weight.numel() // _SAMPLES)
    if weight.is_contiguous():
        return weight.as_strided((1 + (weight.numel() - 1) // step,), (step,))
    return weight.flatten()[::step]


def _has_hooks(model: nn.Module) -> bool:
    return any(
        part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks
        for part in model.modules()
    )
