"""Token ids in, token ids out: prefill the prompts, then one token a step."""

from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor

from eigenlm.engine.packing import packed
from eigenlm.engine.sampling import Sampler, Sampling
from eigenlm.errors import ConfigError, DataError, ShapeError, explain
from eigenlm.model import Transformer, VocabularyHead


@torch.inference_mode()
def generate(
    model: Transformer,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    sampling: Sampling | None = None,
    stop_tokens: Collection[int] = (),
    sources: Sequence[Sequence[int]] | None = None,
) -> Iterator[list[int | None]]:
    """Continue each prompt until a stop token, `max_tokens`, or the end of the context.

    Prompts of unequal length share a batch: shorter ones are padded on the left, where nothing real looks.

    Args:
        model: a decoder, or an encoder-decoder with `sources`.
        prompts: B lists of token ids, none empty.
        max_tokens: the most new tokens of a row.
        sampling: how tokens are chosen; greedy by default.
        stop_tokens: tokens that end a row; they are not given out.
        sources: B lists of token ids for the encoder.

    Yields:
        the next token of each row, None for a row that has ended.

    Raises:
        ConfigError: the model has no head over the vocabulary.
        DataError: no prompt, or an empty one.
        ShapeError: a prompt fills the context, or the model is an encoder.
    """
    _check(model, prompts)
    device = model.embedding.token.weight.device
    sampler = Sampler(sampling or Sampling(), len(prompts), device)
    seen = [torch.tensor(prompt, device=device) for prompt in prompts]
    ids, positions = left_padded(seen)
    source = model.encode(*left_padded([torch.tensor(s, device=device) for s in sources])) if sources else None
    longest = max(len(prompt) for prompt in prompts)
    steps = min(max_tokens, model.config.context_length - longest)
    state = model.new_state(longest + steps)
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    stops = torch.tensor(sorted(stop_tokens), device=device, dtype=torch.long)
    runner = packed(model)
    for _ in range(steps):
        hidden_B1D = runner.hidden(ids, positions=positions, state=state, source=source)[:, -1:]
        chosen_B = sampler.choose(runner.logits(hidden_B1D)[:, 0], seen)
        ended = ended | torch.isin(chosen_B, stops)
        if bool(ended.all()):
            return
        yield [None if end else token for token, end in zip(chosen_B.tolist(), ended.tolist())]
        seen = [torch.cat([tokens, token[None]]) for tokens, token in zip(seen, chosen_B)]
        ids, positions = chosen_B[:, None], positions[:, -1:] + 1


def left_padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as (B, T) ids and positions, filled on the left with token 0 at position -1."""
    width = max(len(row) for row in rows)
    ids = torch.stack([torch.cat([row.new_zeros(width - len(row)), row]) for row in rows])
    places = torch.arange(width, device=ids.device)
    offsets = torch.tensor([width - len(row) for row in rows], device=ids.device)
    return ids, (places - offsets[:, None]).clamp(min=-1)


def _check(model: Transformer, prompts: Sequence[Sequence[int]]) -> None:
    if model.config.kind == "encoder":
        raise ShapeError(explain("generation", expected="a decoder or encoder-decoder", got="an encoder"))
    if not isinstance(model.config.head, VocabularyHead):
        do = "load the model with its head, as AutoModelForCausalLM saves it"
        raise ConfigError(explain("generation", expected="a head over the vocabulary", got="none", do=do))
    if not prompts or not all(len(prompt) for prompt in prompts):
        raise DataError(explain("generation", expected="prompts of at least one token", got="an empty one"))
    longest = max(len(prompt) for prompt in prompts)
    if longest >= model.config.context_length:
        room = f"fewer than {model.config.context_length} tokens"
        raise ShapeError(explain("prompt", expected=room, got=f"{longest}", do="shorten it"))
