"""The most memory a step holds at once, by part."""

from eigenlm.model import VocabularyHead
from eigenlm.planner.job import Job, Parts
from eigenlm.training.losses import COLUMNS, chunk_rows
from eigenlm.training.tally import Amounts

# What malloc holds beyond what is alive: holes that activations leave between what stays, more of them where the
# optimizer's step allocates as well. Fitted on this project's own runs (benchmarks/planner.py says which).
_HEAP_SLACK, _HEAP_SLACK_OF_MATRIX_RULES = 0.25, 0.75
# What CUDA's caching allocator reserves beyond what is alive, a usual figure.
_CACHE_SLACK = 0.05


def peak_memory(job: Job) -> Parts:
    """Bytes of one device at the highest of three moments: after the loss, after the backward pass, in the update.

    Weights, gradients and what the optimizer remembers are float32, or a device's shard of that; activations are what
    is saved for the backward pass, weight_casts copies of weights in low precision, or blocks gathered from shards;
    working is what a block's backward pass or one matrix of the optimizer needs beside, slack what the allocator holds
    and nobody uses, base the interpreter and the framework. The total is the peak resident size of the process.
    """
    config, gradients = job.recipe.model, 4 * job.parameters.total / job.shards
    # The look-up of a tied embedding has a whole gradient of its own before it is added to the head's.
    tied = isinstance(config.head, VocabularyHead) and config.head.tied
    looked_up = 4 * config.vocab_size * config.d_model * tied
    after_loss = _after_loss(job)
    passed = dict.fromkeys(after_loss, 0.0)
    moments = [
        {"gradients": gradients * (job.batch.accumulation > 1), **after_loss},
        {"gradients": gradients, **passed, "working": looked_up},
        {"gradients": gradients, **passed, "working": 4 * job.update.working},
    ]
    highest = max(moments, key=lambda moment: sum(moment.values()))
    held = highest.pop("gradients")
    heap = _HEAP_SLACK_OF_MATRIX_RULES if job.update.working else _HEAP_SLACK
    return Parts(
        weights=4 * job.parameters.total / job.shards,
        gradients=held,
        optimizer=4 * job.update.kept / job.shards,
        **highest,
        data=3 * 8 * job.batch.rows * job.batch.accumulation,
        slack=sum(highest.values()) * (heap if job.machine.device == "cpu" else _CACHE_SLACK),
        base=job.machine.base,
    )


def _after_loss(job: Job) -> Amounts:
    """What is there when the backward pass begins."""
    done, saved, number, counts = job.forward(), job.forward(as_kept=True), job.number, job.parameters
    whole_norms = number < 4 and job.machine.device != "cpu"
    kept, casts = saved["kept"] + saved["norms_whole" if whole_norms else "kept_by_norms"], saved["casts"]
    # Gradients inside a block: two of the inner width, four of the stream's, and one matrix in both precisions.
    width, largest = job.recipe.model.d_model, counts.largest_matrix
    working = job.batch.rows * number * (2 * largest / width + 4 * width) + largest * (number + 4)
    if job.execution.checkpoint != "none":
        working = (kept + casts) / done["blocks"]
        kept = done["inputs"] + done["selective"] * (job.execution.checkpoint == "selective")
    if job.recipe.layout.data == "fsdp" and job.batch.devices > 1:
        # Two blocks (one ahead of use) and the outermost group, whole, and a block's gradient before it is scattered.
        block = (counts.attention + counts.feed_forward) / done["blocks"]
        casts = number * (2 * block + counts.embedding + counts.head) + 4 * block
    return {"activations": kept, "weight_casts": casts, "loss": _loss_bytes(job), "working": working}


def _loss_bytes(job: Job) -> float:
    """Logits, their gradients, and what the head needs, at the moment when most of it is there."""
    rows, V, D, number = job.batch.rows, job.recipe.model.vocab_size, job.recipe.model.d_model, job.number
    hidden = 2 * rows * D * number
    if job.execution.loss != "chunked":
        # Full: softmax, its incoming and its outgoing gradient in float32; fused: logits and gradient as they are.
        return float(rows * V * (3 * 4 if job.execution.loss == "full" else 2 * number) + hidden)
    # The gradient of the head, what is added to it at once, and in lower precision that widened and the weight cast.
    is_cast = number < 4
    head = V * D * (4 + number * is_cast) + min(V, COLUMNS) * D * (number + 4 * is_cast)
    return float(head + min(rows, chunk_rows(V)) * V * 2 * (4 + number) + hidden)
