"""How long a step takes, by part: work in the units of a machine's rates, divided by them."""

from eigenlm.planner.job import Job, Parts
from eigenlm.training.losses import chunk_rows
from eigenlm.training.tally import Amounts

# A block in float8 against bfloat16, scaling and casts included: fitted on torchtitan's row of 8 H100.
FLOAT8_GAIN = 1.5
# Of the rates that operations reach one by one, a processor keeps so much when a step runs them one after the other and
# each finds the caches full of the last one's numbers. Fitted on eleven configurations of benchmarks/planner.py, where
# it was 0.77 to 0.98. Clusters' rates are those of a step already.
_KEPT = 0.90


def step_time(job: Job) -> Parts:
    """Seconds of an optimizer step, all micro-batches together.

    The loss has the head's gradients with it, the backward pass what is computed again, the update the clipping; of the
    exchange between devices it is what passes do not hide.
    """
    machine = job.machine
    kept = _KEPT if machine.device == "cpu" else 1.0
    passes = [sum(machine.seconds(work, job.precision) for work in part) for part in (*_passes(job), [_loss(job)])]
    forward, backward, loss = (s * job.batch.accumulation / job.recipe.layout.tensor / kept for s in passes)
    products = machine.faster_precision if job.update.fast_flops else "float32"
    update = machine.seconds(_update(job), products) / kept
    exchange = _exchange(job, hiding=forward + backward)
    return Parts(forward=forward, loss=loss, backward=backward, update=update, exchange=exchange)


def _passes(job: Job) -> tuple[list[Amounts], list[Amounts]]:
    """Of one micro-batch: from ids to hidden vectors, and from their gradients to those of all parameters."""
    done, execution = job.forward(), job.execution
    products, seen, activated = done["products"], done["attention_seen"], done["activated"]
    moved, calls = done["fused" if execution.compiled else "moved"], done["calls"]
    anew = 1 - done["selective_products"] / products  # what `selective` did not keep
    products /= FLOAT8_GAIN if execution.float8 else 1.0
    other = {"moved": moved, "calls": calls}
    forward = {"products": products, "attention_forward": seen, "activation_forward": activated, **other}
    gradients = {"products": products, "attention_backward": seen, "activation_backward": activated}
    selective = {**forward, "products": anew * products, "attention_forward": 0.0}
    again = {"none": [], "selective": [selective], "full": [forward]}[execution.checkpoint]
    return [forward], [gradients, {"products": products}, other, other, *again]


def _loss(job: Job) -> Amounts:
    """Of one micro-batch: logits, cross-entropy, gradients of the hidden vectors and of the head."""
    rows, V, D, number = job.batch.rows, job.recipe.model.vocab_size, job.recipe.model.d_model, job.number
    chunks = -(-rows // chunk_rows(V)) if job.execution.loss == "chunked" else 1
    # Each chunk's product is written, widened to float32 if it is not, and added to the gradient of the head.
    added = chunks * (number + (number + 4) * (number < 4) + 3 * 4)
    logits = {"chunked": 0, "fused": 6 * number, "full": 2 * number + 7 * 4}[job.execution.loss] * rows * V
    moved = V * D * (added + 4 + number) + logits
    return {"products": 3 * job.forward()["head"], "softmax": rows * V, "moved": moved, "calls": 25 * chunks}


def _update(job: Job) -> Amounts:
    """Of one optimizer step: the norm, the clipping, and the rule itself."""
    clipped = 3 * job.parameters.total * (job.recipe.optimizer.clip > 0)
    return {
        "products": (job.update.flops + job.update.fast_flops) / job.shards,
        "updated": 4 * (job.update.moved + clipped) / job.shards,
        "calls": 150 + 60 * job.forward()["blocks"],
    }


def _exchange(job: Job, hiding: float) -> float:
    """Seconds of collectives that are not overlapped with `hiding` seconds of blocks.

    FSDP gathers all weights for the forward pass and again for the backward pass, and scatters the sums of gradients in
    float32; DDP reduces gradients, which moves them twice. A ring moves (n - 1) / n of the bytes over links: within a
    node its own; beyond, all network ports of a node together, if they are slower. All runs beside the blocks but the
    first gathering and the last scattering, of embedding and head.
    """
    counts, machine, n = job.parameters, job.machine, job.batch.devices
    if n == 1:
        return 0.0
    outer = (counts.embedding + counts.head) / counts.total
    a_weight = 2 * job.number + 4 if job.recipe.layout.data == "fsdp" else 8
    beyond = machine.devices > machine.devices_a_node
    ring = min(machine.link, machine.network * machine.devices_a_node) if beyond else machine.link
    seconds = counts.total * a_weight / job.recipe.layout.tensor * (n - 1) / n / ring
    return outer * seconds + max(0.0, (1 - outer) * seconds - hiding)
