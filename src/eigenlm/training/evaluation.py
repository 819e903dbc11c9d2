"""How well a model in training answers on text it does not learn from."""

import math
from dataclasses import dataclass
from itertools import zip_longest

import torch

from eigenlm.text.batches import IGNORED, validation_rows
from eigenlm.training.objective import ask
from eigenlm.training.training import Training


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A score on validation text.

    Attributes:
        step: optimizer steps made before it.
        nll: nats per target, without smoothing or z-loss.
        bits_per_byte: the same against the bytes that the targets spell, or, where the vocabulary has an unknown token,
            against the mean bytes a token of the validation text; None where only some tokens are asked for.
        num_targets: how many were scored.
    """

    step: int
    nll: float
    bits_per_byte: float | None
    num_targets: int


@torch.no_grad()
def evaluate(training: Training) -> Evaluation:
    """Score the first `train.eval_tokens` of the validation text, shared among the ranks; each call scores the same.

    What an objective hides is drawn as in training, from another seed.
    """
    recipe, ranks = training.recipe, training.ranks
    size = recipe.train.micro_batch_size or recipe.train.batch_size // ranks.data_size
    rows = validation_rows(training.shards.validation, recipe.context_length, size, recipe.train.eval_tokens)
    lengths_V = torch.tensor([len(training.tokenizer.token_bytes(i)) for i in range(training.tokenizer.vocab_size)])
    sums = torch.zeros(3, dtype=torch.float64)
    training.learner.eval()
    for batches in zip_longest(*[rows] * ranks.data_size):
        batch = batches[ranks.data_rank]
        # Shards are gathered by all ranks together: one that has no batch left passes another's through.
        question = ask(batch or batches[0], training.tokenizer, recipe.data, recipe.train.seed + 1)
        loss = float(training.plain_loss(question.to(ranks.device)))
        targets = question.targets[question.targets != IGNORED]
        if batch is not None:
            sums += torch.tensor([loss, len(targets), float(lengths_V[targets].sum())], dtype=torch.float64)
    training.learner.train()
    nll_sum, count, num_bytes = ranks.sum(sums).tolist()
    stream, whole = training.shards.validation, recipe.data.objective == "next_token"
    if training.tokenizer.unknown is not None:
        num_bytes = count * stream.num_bytes / stream.num_tokens
    return Evaluation(
        step=training.position.step,
        nll=nll_sum / max(count, 1),
        bits_per_byte=nll_sum / math.log(2) / max(num_bytes, 1) if whole else None,
        num_targets=int(count),
    )
