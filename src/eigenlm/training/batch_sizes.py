"""What goes through the model at once."""

from dataclasses import dataclass

from eigenlm.errors import ConfigError, explain
from eigenlm.text.corruption import num_sentinels
from eigenlm.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class BatchSizes:
    """Sizes of one micro-batch on one device.

    Attributes:
        texts: B.
        tokens: T of the stack that is scored.
        source_tokens: S of the encoder of an encoder-decoder, else 0.
        accumulation: micro-batches an optimizer step.
        devices: that share the step.
    """

    texts: int
    tokens: int
    source_tokens: int = 0
    accumulation: int = 1
    devices: int = 1

    @property
    def rows(self) -> int:
        """Tokens scored at once, B T."""
        return self.texts * self.tokens

    @property
    def tokens_a_step(self) -> int:
        """Tokens scored by all devices in an optimizer step."""
        return self.rows * self.accumulation * self.devices


def batch_of(recipe: Recipe, devices: int = 1) -> BatchSizes:
    """The micro-batch that each of `devices` runs.

    Raises:
        ConfigError: there are more devices than texts to share.
    """
    t, length, share = recipe.train, recipe.context_length, devices // recipe.layout.tensor
    if t.batch_size < share:
        do = f"use at most {t.batch_size} devices or set train.batch_size"
        raise ConfigError(explain(f"{devices} devices", expected="a text for each", got=t.batch_size, do=do))
    of_device = -(-t.batch_size // share)
    texts = min(t.micro_batch_size or of_device, of_device)
    sizes = {"texts": texts, "accumulation": -(-of_device // texts), "devices": share}
    if recipe.data.objective != "denoising":
        return BatchSizes(tokens=length, **sizes)
    # Each dropped span leaves a sentinel in the source and one before it in the targets.
    dropped = min(max(round(recipe.data.masked_fraction * length), 1), length - 1)
    spans = num_sentinels(length, fraction=recipe.data.masked_fraction) - 1
    return BatchSizes(tokens=dropped + spans + 1, source_tokens=length - dropped + spans, **sizes)
