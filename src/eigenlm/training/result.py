"""What a run leaves behind: a model folder like any other."""

from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from eigenlm.checkpoint import Generation
from eigenlm.engine import Sampling
from eigenlm.errors import DataError, EigenError
from eigenlm.language_model import LanguageModel, load
from eigenlm.model import Transformer
from eigenlm.text import ChatTemplate
from eigenlm.text.batches import validation_rows
from eigenlm.text.corruption import start_token
from eigenlm.training.start import read_use
from eigenlm.training.training import Training

# A model that only continues text is spoken to by giving it the text so far.
_CONTINUE = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
_PROMPT_TOKENS, _SAMPLE_TOKENS = 16, 64


def trained_model(training: Training, folder: Path) -> LanguageModel | None:
    """A copy of the model as it is now, whole and on the CPU; every rank calls it, and the first alone gets one.

    Args:
        training: the run.
        folder: of the run, with its tokenizer.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in training.model.state_dict().items():
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if training.ranks.is_first:
            tensors[name] = whole.detach().cpu()
    if not training.ranks.is_first:
        return None
    model = Transformer(training.recipe.model)
    model.load_state_dict(tensors)
    name, (template, generation) = training.recipe.name, _use(training, folder)
    return LanguageModel(model.eval(), training.tokenizer, template, Path(name), name, generation)


def _use(training: Training, folder: Path) -> tuple[ChatTemplate | None, Generation]:
    """How the model is spoken to: as the one that it went on from, or by giving it the text so far."""
    kind = training.recipe.model.kind
    if training.recipe.start is not None:
        return read_use(folder / "tokenizer")
    generation = Generation(start=start_token(training.tokenizer)) if kind == "encoder_decoder" else Generation()
    return ChatTemplate(_CONTINUE) if kind == "decoder" else None, generation


def is_saved(lm: LanguageModel, folder: Path) -> bool:
    """Whether a folder holds this very model with its tokenizer, to the bit."""
    try:
        saved = load(folder, device="cpu")
    except EigenError:  # nothing there, or not all of it
        return False
    pairs = zip(saved.model.state_dict().items(), lm.model.state_dict().items())
    same = saved.config == lm.config and saved.tokenizer.fingerprint == lm.tokenizer.fingerprint
    return same and all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@torch.no_grad()
def sample(lm: LanguageModel, training: Training) -> str:
    """What a decoder makes of the beginning of the validation text; the same weights write the same."""
    length = max(1, min(_PROMPT_TOKENS, training.recipe.model.context_length // 2))
    start = next(validation_rows(training.shards.validation, length, 1)).ids[0].tolist()
    prompt = lm.tokenizer.decode(start)
    sampling = Sampling(temperature=0.8, top_k=50, seed=training.recipe.train.seed)
    room = training.recipe.model.context_length - len(start)
    try:
        return prompt + lm.generate(prompt, max_tokens=max(1, min(_SAMPLE_TOKENS, room)), sampling=sampling)
    except DataError as error:  # its logits are no numbers, which a sample may tell but not end a run for
        return str(error)
