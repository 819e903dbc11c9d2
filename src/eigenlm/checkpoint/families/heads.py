"""Heads of encoders: which one a Hugging Face class has, its labels, and the names of its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eigenlm.checkpoint.families.dialect import Location, refuse
from eigenlm.checkpoint.tensors import TensorSource
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


def answers(name: str = "qa_outputs") -> Task:
    """Question answering: how likely each token is the start and the end of the answer."""
    return Task(head=ClassifierHead(num_labels=2, labels=SPAN), names={"logits": name})


def tags(name: str = "classifier") -> Task:
    """A label for every token."""
    return Task(head=ClassifierHead(num_labels=1), names={"logits": name})


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The heads of a family.

    Attributes:
        class_name: what its classes begin with, such as `Bert`.
        masked: parts of the head for masked tokens, without `head.`, and where they are.
        tasks: what ends the name of the class of each classifier; of two that fit a head, the first is written.
    """

    class_name: str
    masked: Mapping[str, str | Location]
    tasks: Mapping[str, Task]

    def read(self, values: Mapping[str, Any], tensors: TensorSource, masked: Mapping[str, Any]) -> dict[str, Any]:
        """Our field `head`; `masked` has those of the head for masked tokens.

        Raises:
            CheckpointError: a class that is not computed.
            ConfigError: labels that are none.
        """
        architecture = (values.get("architectures") or [f"{self.class_name}Model"])[0]
        ending = architecture.removeprefix(self.class_name)
        if ending in self.tasks:
            task = self.tasks[ending]
            labels = {} if task.has_own_labels else _labels(values)
            return {"head": _fields(replace(task.head, **labels))}
        if ending not in ("ForMaskedLM", "ForPreTraining", "Model"):
            known = ", ".join(f"{self.class_name}{one}" for one in ("ForMaskedLM", "Model", *self.tasks))
            raise refuse(values["model_type"], f"one of {known}", repr(architecture))
        if f"{self.masked['transform']}.weight" not in tensors:
            return {"head": None}
        return {"head": {"tied": values["tie_word_embeddings"], "bias": True, **masked}}

    def write(self, config: TransformerConfig) -> dict[str, Any]:
        """The class, the labels, and whether the embedding serves as a head."""
        head = config.head
        if not isinstance(head, ClassifierHead):
            ending = "Model" if head is None else "ForMaskedLM"
            tied = not isinstance(head, VocabularyHead) or head.tied
            return {"architectures": [f"{self.class_name}{ending}"], "tie_word_embeddings": tied}
        ending, task = self._task(head)
        labels = head.labels or [f"LABEL_{i}" for i in range(head.num_labels)]
        told = {
            "id2label": {str(i): label for i, label in enumerate(labels)},
            "label2id": {label: i for i, label in enumerate(labels)},
        }
        said = {"architectures": [f"{self.class_name}{ending}"], "tie_word_embeddings": True}
        return said if task.has_own_labels else {**said, **told}

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


def _fields(head: ClassifierHead) -> dict[str, Any]:
    return {"kind": head.kind, **vars(head)}


def _labels(values: Mapping[str, Any]) -> dict[str, Any]:
    """How many labels, and their names unless they are LABEL_0, LABEL_1, ..."""
    names: Mapping[str, str] | None = values.get("id2label")
    if not names:
        return {"num_labels": values.get("num_labels", 2), "labels": None}
    by_number = {int(number): name for number, name in names.items()}
    if sorted(by_number) != list(range(len(by_number))):
        raise ConfigError(explain("id2label", expected="labels 0, 1, 2, ...", got=_few(list(names))))
    labels = tuple(by_number[i] for i in range(len(by_number)))
    plain = tuple(f"LABEL_{i}" for i in range(len(labels)))
    return {"num_labels": len(labels), "labels": None if labels == plain else labels}


def _few(names: Sequence[object]) -> str:
    return ", ".join(map(str, names[:3]))
