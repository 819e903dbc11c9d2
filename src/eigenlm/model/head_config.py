"""What stands on top of a transformer."""

from dataclasses import dataclass
from typing import Literal

from eigenlm.errors import ConfigError, explain
from eigenlm.model.activations import check_activation
from eigenlm.tagged import Tagged


@dataclass(frozen=True, kw_only=True)
class HeadConfig(Tagged):
    """Which kind of head."""


@dataclass(frozen=True, kw_only=True)
class VocabularyHead(HeadConfig):
    """Logits over the vocabulary.

    Attributes:
        tied: the matrix is the embedding's.
        bias: whether logits have one.
        transform: the activation of a square matrix with activation and norm before the logits (BERT's masked language
            modelling); None for no such matrix.
        transform_bias: whether that matrix has one.
        scale: of the logits (Granite, T5).
        softcap: logits z become softcap * tanh(z / softcap) (Gemma 2); None for no cap.
    """

    kind = "vocabulary"

    tied: bool = True
    bias: bool = False
    transform: str | None = None
    transform_bias: bool = True
    scale: float = 1.0
    softcap: float | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no head."""
        if self.transform is not None:
            check_activation(self.transform, gated=False)


@dataclass(frozen=True, kw_only=True)
class ClassifierHead(HeadConfig):
    """Logits over labels.

    Attributes:
        num_labels: how many.
        labels: their names; None where they have none.
        reads: what is classified: the `pooled` vector (BERT), the `first` token (RoBERTa), the `mean` of all tokens
            (ModernBERT), or `every` token.
        transform: the activation of a square matrix before the logits; None for no such matrix.
        transform_bias: whether that matrix has one.
        transform_norm: whether a norm follows the activation.
        bias: whether logits have one.
    """

    kind = "classifier"

    num_labels: int
    labels: tuple[str, ...] | None = None
    reads: Literal["pooled", "first", "mean", "every"] = "every"
    transform: str | None = None
    transform_bias: bool = True
    transform_norm: bool = False
    bias: bool = True

    def __post_init__(self) -> None:
        """Refuse what makes no head."""
        if self.num_labels < 1:
            raise ConfigError(explain("head.num_labels", expected="at least 1", got=self.num_labels))
        if self.labels is not None and len(self.labels) != self.num_labels:
            raise ConfigError(explain("head.labels", expected=f"{self.num_labels} names", got=len(self.labels)))
        if self.transform is not None:
            check_activation(self.transform, gated=False)
