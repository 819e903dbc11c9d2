"""A recipe: everything a training run is, as one typed value that is stored with it."""

from dataclasses import dataclass, field, replace
from typing import Literal

from eigenlm.allowed import check_seed
from eigenlm.errors import ConfigError, explain
from eigenlm.model import TransformerConfig, VocabularyHead
from eigenlm.shown import Shown
from eigenlm.training.optimizers.catalog import SETTINGS, find_optimizer

Objective = Literal["next_token", "masked", "denoising"]
Precision = Literal["auto", "float32", "bfloat16"]
CurveKind = Literal["tensorboard", "csv", "wandb", "mlflow"]


@dataclass(frozen=True, kw_only=True)
class TokenizerRecipe:
    """How text becomes tokens.

    Attributes:
        kind: `bpe`, `wordpiece`, `unigram` or `character`.
        vocab_size: the most tokens; the model gets as many as the tokenizer learned.
        path: a tokenizer folder or a model whose tokenizer is used as it is; None trains one on the text.
    """

    kind: Literal["bpe", "wordpiece", "unigram", "character"] = "bpe"
    vocab_size: int = 8192
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """What is learned from, and what is asked of each token.

    Attributes:
        text: a file, a folder, or a Hub name; None is the documentation inside Python.
        validation: fraction of the text kept apart; documents are assigned by hash, a lone document is cut.
        objective: `next_token` (GPT), `masked` (BERT, arXiv:1810.04805 section 3.1), `denoising` (span corruption of an
            encoder-decoder, arXiv:1910.10683 section 3.1.4).
        documents: `joined` lets attention look across the documents of a row; `separate` hides the others.
        masked_fraction: of tokens that `masked` hides or `denoising` drops.
        context_length: tokens of a text that the model sees at once; None for all of `model.context_length`.
    """

    text: str | None = None
    validation: float = 0.05
    objective: Objective = "next_token"
    documents: Literal["joined", "separate"] = "joined"
    masked_fraction: float = 0.15
    context_length: int | None = None


@dataclass(frozen=True, kw_only=True)
class OptimizerRecipe:
    """The rule that turns gradients into steps.

    Attributes:
        kind: a name of `optimizers.OPTIMIZERS`. Those for matrices only (`muon`, `soap`, `shampoo`) take the hidden
            matrices; embeddings, head, norms and biases go to AdamW.
        learning_rate: the peak, of the main rule.
        other_learning_rate: the peak of AdamW on what a matrix optimizer leaves.
        weight_decay: decoupled, on matrices alone.
        momentum: of sgd and muon; None for the optimizer's own, as for the next two.
        betas: how slowly averages forget, of Adam, SOAP and Shampoo.
        eps: added to the root of the second moment.
        clip: gradients are scaled down to this norm, over all parameters; 0 for never.
    """

    kind: str = "adamw"
    learning_rate: float = 1e-3
    other_learning_rate: float = 1e-3
    weight_decay: float = 0.1
    momentum: float | None = None
    betas: tuple[float, ...] | None = None
    eps: float | None = None
    clip: float = 1.0

    def __post_init__(self) -> None:
        """Refuse an optimizer that is not in the catalog."""
        find_optimizer(self.kind, "recipe.optimizer.kind")

    def settled(self) -> "OptimizerRecipe":
        """The same with the optimizer's own values for what was left open."""
        own = {**SETTINGS, **find_optimizer(self.kind).settings}
        return replace(self, **{name: value for name, value in own.items() if getattr(self, name) is None})


@dataclass(frozen=True, kw_only=True)
class ScheduleRecipe:
    """How the learning rate goes over a run, as a factor of its peak.

    Attributes:
        kind: `wsd` (warm up, stay, decay; arXiv:2404.06395), `cosine`, `linear`, or `constant`.
        warmup: steps to the peak.
        decay: fraction of all steps that `wsd` decays over.
        final: the factor at the end.
    """

    kind: Literal["wsd", "cosine", "linear", "constant"] = "wsd"
    warmup: int = 20
    decay: float = 0.3
    final: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TelemetryRecipe:
    """What is read off the matrices while they are trained.

    Attributes:
        every: steps from one reading of norms and ratios to the next; 0 for none.
        spectrum_every: steps from one full spectrum (of one matrix after the other) to the next; 0 for none.
        hessian_every: steps from one top Hessian eigenvalue to the next; 0 for none.
        rollback: on a NaN or a loss spike, go back to the last good snapshot and pass over the batch.
    """

    every: int = 10
    spectrum_every: int = 20
    hessian_every: int = 0
    rollback: bool = True


@dataclass(frozen=True, kw_only=True)
class LayoutRecipe:
    """How ranks share the work.

    Attributes:
        data: `ddp` keeps a whole model on each rank; `fsdp` shards parameters, gradients and optimizer (FSDP2).
        tensor: ranks that share each matrix (tensor parallel); divides the number of ranks.
    """

    data: Literal["ddp", "fsdp"] = "ddp"
    tensor: int = 1


@dataclass(frozen=True, kw_only=True)
class TrainRecipe:
    """The run itself.

    Attributes:
        steps: optimizer steps.
        batch_size: texts a step, over all ranks and micro-batches.
        micro_batch_size: texts at once on a rank; None for all of its share.
        seed: of weights, data order, masks and dropout.
        precision: of activations; weights stay float32. `auto` measures whether bfloat16 is the faster.
        compile: whether torch.compile makes one graph of each block; needs a C++ compiler on a processor.
        label_smoothing: arXiv:1512.00567, section 7.
        z_loss: weight of log(Z)^2 (arXiv:2204.02311, section 5).
        eval_every: steps from one evaluation to the next.
        eval_tokens: the most validation tokens scored then.
        save_every: steps from one snapshot to the next.
        keep_last: snapshots kept, beside the best.
        sample_every: steps from one sample to the next; 0 for none.
        curves: where they go: `tensorboard`, `csv` (a table in the run's folder), `wandb`, `mlflow`; it may change when
            the run goes on.
    """

    steps: int = 1000
    batch_size: int = 8
    micro_batch_size: int | None = None
    seed: int = 0
    precision: Precision = "auto"
    compile: bool = False
    label_smoothing: float = 0.0
    z_loss: float = 0.0
    eval_every: int = 100
    eval_tokens: int = 65536
    save_every: int = 100
    keep_last: int = 2
    sample_every: int = 200
    curves: tuple[CurveKind, ...] = ("tensorboard",)


@dataclass(frozen=True, kw_only=True)
class Recipe(Shown):
    """A training run.

    Attributes:
        name: of the recipe, and of what it makes.
        model: what is trained; `model.vocab_size` gives way to the tokenizer's, unless there is a `start`.
        start: a model to go on with, as `load` takes it: `model` is what it is, and its tokenizer is used; None begins
            with random weights.
    """

    name: str
    model: TransformerConfig
    start: str | None = None
    tokenizer: TokenizerRecipe = field(default_factory=TokenizerRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    telemetry: TelemetryRecipe = field(default_factory=TelemetryRecipe)
    layout: LayoutRecipe = field(default_factory=LayoutRecipe)

    @property
    def context_length(self) -> int:
        """Tokens of a text that the model sees at once."""
        return self.data.context_length or self.model.context_length

    def with_vocabulary(self, size: int) -> "Recipe":
        """The same for a tokenizer of so many tokens; a model that is there keeps its own size."""
        return self if self.start is not None else replace(self, model=replace(self.model, vocab_size=size))

    def __post_init__(self) -> None:
        """Refuse what makes no run."""
        t = self.train
        check_seed(t.seed, "train.seed")
        for name in ("steps", "batch_size", "eval_every", "eval_tokens", "save_every", "keep_last"):
            if getattr(t, name) < 1:
                raise ConfigError(explain(f"train.{name}", expected="at least 1", got=getattr(t, name)))
        if t.micro_batch_size is not None and t.micro_batch_size < 1:
            raise ConfigError(explain("train.micro_batch_size", expected="at least 1", got=t.micro_batch_size))
        for name, value in (
            ("data.validation", self.data.validation),
            ("data.masked_fraction", self.data.masked_fraction),
            ("schedule.decay", self.schedule.decay),
        ):
            if not 0 < value < 1:
                raise ConfigError(explain(name, expected="a fraction between 0 and 1", got=value))
        for name, value in (
            ("optimizer.learning_rate", self.optimizer.learning_rate),
            ("optimizer.other_learning_rate", self.optimizer.other_learning_rate),
        ):
            if not 0 < value < float("inf"):
                raise ConfigError(explain(name, expected="a positive number", got=value))
        longest, length = self.model.context_length, self.data.context_length
        if length is not None and not 1 <= length <= longest:
            raise ConfigError(explain("data.context_length", expected=f"1 to {longest} tokens", got=length))
        if self.start is not None and self.tokenizer.path not in (None, self.start):
            expected, do = f"the tokenizer of {self.start}", "leave tokenizer.path open"
            raise ConfigError(explain("tokenizer.path", expected=expected, got=self.tokenizer.path, do=do))
        expected = {"next_token": "decoder", "masked": "encoder", "denoising": "encoder_decoder"}[self.data.objective]
        if self.model.kind != expected:
            objective = f"objective {self.data.objective!r}"
            raise ConfigError(explain(objective, expected=f"a model of kind {expected}", got=self.model.kind))
        head = self.model.head
        if not isinstance(head, VocabularyHead):
            got = "none" if head is None else head.kind
            raise ConfigError(explain("training", expected="a head over the vocabulary", got=got))
