"""Heads of encoders: which one a Hugging Face class has, its labels, and the names of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from eigenlm.checkpoint.dialects.dialect import FamilyPart, FileReading
from eigenlm.checkpoint.dialects.keys import Refusal
from eigenlm.checkpoint.dialects.names import Location, Names
from eigenlm.config import to_dict
from eigenlm.errors import ConfigError, explain
from eigenlm.model import ClassifierHead, TransformerConfig, VocabularyHead

SPAN = ("start", "end")  # what the two logits of question answering are of


@dataclass(frozen=True, kw_only=True)
class Task:
    """A classifier of a family.

    Attributes:
        head: its form; the number and the names of its labels are those of a model, unless it has names here.
        names: of its parts, without `head.`.
    """

    head: ClassifierHead
    names: Mapping[str, str]

    @property
    def has_own_labels(self) -> bool:
        """Whether the labels are the same in every model."""
        return self.head.labels is not None or self.head.num_labels > 1

    def fits(self, head: ClassifierHead) -> bool:
        """Whether a model's head is of this form."""
        own = self.head if self.has_own_labels else replace(self.head, num_labels=head.num_labels, labels=head.labels)
        return own == head


# Of question answering, how likely each token is the start and the end of the answer; and a label for every token.
EACH_TOKEN = {
    "ForQuestionAnswering": Task(head=ClassifierHead(num_labels=2, labels=SPAN), names={"logits": "qa_outputs"}),
    "ForTokenClassification": Task(head=ClassifierHead(num_labels=1), names={"logits": "classifier"}),
}


def classifier(head: ClassifierHead, **names: str) -> dict[str, Task]:
    """The tasks of a family that classifies texts with this head, and tokens as most do."""
    return {"ForSequenceClassification": Task(head=head, names=names), **EACH_TOKEN}


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The heads of a family.

    Attributes:
        class_name: what its classes begin with, such as `Bert`.
        masked: parts of the head for masked tokens, without `head.`, and where they are.
        tasks: what ends the name of the class of each classifier; of two that fit a head, the first is written.
        transform: the activation in the head for masked tokens; None for that of the layers.
    """

    class_name: str
    masked: Names
    tasks: Mapping[str, Task]
    transform: str | None = None

    @property
    def part(self) -> FamilyPart:
        """The heads as a part of a family."""
        return FamilyPart(self.read, self.write, self.names)

    def read(self, file: FileReading) -> dict[str, Any]:
        """Our field `head`.

        Raises:
            Refusal: a class that is not computed.
            ConfigError: labels that are none.
        """
        architecture = (file.values.get("architectures") or [f"{self.class_name}Model"])[0]
        ending = architecture.removeprefix(self.class_name)
        if ending in self.tasks:
            task = self.tasks[ending]
            labels = {} if task.has_own_labels else _labels(file.values)
            return {"head": to_dict(replace(task.head, **labels))}
        if ending not in ("ForMaskedLM", "ForPreTraining", "Model"):
            known = ", ".join(f"{self.class_name}{one}" for one in ("ForMaskedLM", "Model", *self.tasks))
            raise Refusal(f"one of {known}", repr(architecture))
        if f"{self.masked['transform']}.weight" not in file.tensors:
            return {"head": None}
        transform = self.transform or file.ours["layer.feed_forward.activation"]
        return {"head": {"tied": file.values["tie_word_embeddings"], "bias": True, "transform": transform}}

    def write(self, config: TransformerConfig) -> dict[str, Any]:
        """The class, the labels, and whether the embedding serves as a head."""
        head = config.head
        labels: dict[str, Any] = {}
        if isinstance(head, ClassifierHead):
            ending, task = self._task(head)
            names = () if task.has_own_labels else head.labels or [f"LABEL_{i}" for i in range(head.num_labels)]
            if names:
                labels["id2label"] = {str(i): label for i, label in enumerate(names)}
                labels["label2id"] = {label: i for i, label in enumerate(names)}
        else:
            ending = "Model" if head is None else "ForMaskedLM"
        tied = not isinstance(head, VocabularyHead) or head.tied
        return {"architectures": [f"{self.class_name}{ending}"], "tie_word_embeddings": tied, **labels}

    def names(self, config: TransformerConfig) -> dict[str, str | Location]:
        """Our names of the parts of a model's head, and where they are."""
        head = config.head
        parts = self._task(head)[1].names if isinstance(head, ClassifierHead) else self.masked
        return {f"head.{part}": place for part, place in parts.items()}

    def _task(self, head: ClassifierHead) -> tuple[str, Task]:
        for ending, task in self.tasks.items():
            if task.fits(head):
                return ending, task
        expected = f"a classifier of {self.class_name}"
        raise ConfigError(explain("naming a head", expected=expected, got=f"one that reads {head.reads} tokens"))


def _labels(values: Mapping[str, Any]) -> dict[str, Any]:
    """How many labels, and their names unless they are LABEL_0, LABEL_1, ..."""
    names: Mapping[str, str] | None = values.get("id2label")
    if not names:
        return {"num_labels": values.get("num_labels", 2), "labels": None}
    by_number = {int(number): name for number, name in names.items()}
    if sorted(by_number) != list(range(len(by_number))):
        raise Refusal("id2label with labels 0, 1, 2, ...", ", ".join(map(str, list(names)[:3])))
    labels = tuple(by_number[i] for i in range(len(by_number)))
    plain = tuple(f"LABEL_{i}" for i in range(len(labels)))
    return {"num_labels": len(labels), "labels": None if labels == plain else labels}
