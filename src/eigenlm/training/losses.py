"""Cross-entropy of a head that never forms all its logits at once."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.errors import ConfigError, DataError, ShapeError, explain
from eigenlm.text.batches import IGNORED

_CHUNK_BYTES = 2**23  # float32 logits at once: they stay in the last cache of a processor
_LEAST_ROWS = 256  # with fewer, adding up the weight's gradient costs more than its products
COLUMNS = 8192  # of the vocabulary, whose part of that gradient is added at once: it is widened to float32 on the way


@dataclass(frozen=True, kw_only=True)
class CrossEntropyTerms:
    """What is added to -ln p(target).

    Attributes:
        label_smoothing: e; the target is (1 - e) one-hot + e / V everywhere (arXiv:1512.00567, section 7).
        z_loss: weight of (ln sum exp logits)^2, which keeps logits small (arXiv:2204.02311, section 5).
    """

    label_smoothing: float = 0.0
    z_loss: float = 0.0

    def __post_init__(self) -> None:
        """Refuse weights without meaning."""
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(explain("label_smoothing", expected="a number in [0, 1)", got=self.label_smoothing))
        if not 0 <= self.z_loss < float("inf"):
            raise ConfigError(explain("z_loss", expected="a number of at least 0", got=self.z_loss))


def chunk_rows(vocab_size: int) -> int:
    """How many rows of logits `linear_cross_entropy` has at once."""
    return max(_LEAST_ROWS, _CHUNK_BYTES // (4 * vocab_size))


def linear_cross_entropy(
    hidden: Float[Tensor, "*batch D"],
    weight: Float[Tensor, "V _"],
    targets: Int[Tensor, "..."],
    bias: Float[Tensor, " V"] | None = None,
    *,
    kind: CrossEntropyTerms | None = None,
    softcap: float | None = None,
) -> Float[Tensor, ""]:
    """The sum over targets of cross_entropy(hidden W^T + b), in nats; divide by how many are not ignored.

    Rows are taken in chunks, whose gradients are formed with their loss, so that what is held beside the inputs is one
    chunk of logits and the gradients themselves. Products are in the precision of `hidden`; softmax, sums of gradients
    and the target's own logit are in float32, and the loss is summed in float64.

    Args:
        hidden: (..., D) what the logits' matrix is applied to, bfloat16 or float32.
        weight: (V, D).
        targets: (...) token ids; `IGNORED` (-100) leaves a place out.
        bias: (V).
        kind: what is added to it; nothing by default.
        softcap: a, where logits z are a tanh(z / a) before the loss (arXiv:2408.00118, section 2); None for no cap.

    Raises:
        ShapeError: sizes that do not belong together.
        DataError: a target outside the vocabulary.
    """
    if targets.shape != hidden.shape[:-1] or hidden.shape[-1] != weight.shape[-1]:
        got = f"hidden {tuple(hidden.shape)}, weight {tuple(weight.shape)}, targets {tuple(targets.shape)}"
        raise ShapeError(explain("cross-entropy", expected="hidden (..., D), weight (V, D), targets (...)", got=got))
    outside = (targets >= len(weight)) | ((targets < 0) & (targets != IGNORED))
    if bool(outside.any()):
        first = int(targets[outside][0])
        raise DataError(explain("targets", expected=f"token ids from 0 to {len(weight) - 1}, or {IGNORED}", got=first))
    return _LinearCrossEntropy.apply(
        hidden.flatten(0, -2), weight, targets.flatten(), bias, kind or CrossEntropyTerms(), softcap
    )


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        targets_N: Tensor,
        bias_V: Tensor | None,
        kind: CrossEntropyTerms,
        softcap: float | None,
    ) -> Tensor:
        W_VD = weight_VD.to(hidden_ND.dtype)
        want_h, want_w, _, want_b, *_ = ctx.needs_input_grad
        dhidden_ND = torch.empty_like(hidden_ND) if want_h else None
        dweight_VD = torch.zeros_like(weight_VD, dtype=torch.float32) if want_w else None
        dbias_V = torch.zeros_like(bias_V, dtype=torch.float32) if want_b and bias_V is not None else None
        loss = hidden_ND.new_zeros((), dtype=torch.float64)
        for rows in _slices(len(hidden_ND), chunk_rows(len(W_VD))):
            h_CD, y_C = hidden_ND[rows], targets_N[rows]
            part, dlogits_CV = _loss_and_gradient(h_CD, W_VD, bias_V, y_C, kind, softcap)
            loss += part
            if dbias_V is not None:
                dbias_V += dlogits_CV.sum(0)
            dlogits_CV = dlogits_CV.to(h_CD.dtype)
            if dhidden_ND is not None:
                torch.mm(dlogits_CV, W_VD, out=dhidden_ND[rows])
            if dweight_VD is not None:
                for columns in _slices(len(W_VD), COLUMNS):
                    dweight_VD[columns] += dlogits_CV[:, columns].mT @ h_CD
        ctx.gradients = dhidden_ND, dweight_VD, dbias_V, weight_VD.dtype
        return loss

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, Tensor | None, None, Tensor | None, None, None]:
        dhidden, dweight, dbias, dtype = ctx.gradients
        ctx.gradients = None
        scaled = [None if g is None else g.mul_(grad_loss) for g in (dhidden, dweight, dbias)]
        return scaled[0], None if scaled[1] is None else scaled[1].to(dtype), None, scaled[2], None, None


def _slices(length: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


def _loss_and_gradient(
    h_CD: Tensor, W_VD: Tensor, bias_V: Tensor | None, y_C: Tensor, kind: CrossEntropyTerms, softcap: float | None
) -> tuple[Tensor, Tensor]:
    """The loss of some rows, summed in float64, and its gradient by their logits, float32.

    With p = softmax(z), Z = sum exp z, e the smoothing and c the z-loss,

        loss = ln Z - (1 - e) z_y - e mean(z) + c ln^2 Z
        d loss / d z = (1 + 2 c ln Z) p - (1 - e) onehot(y) - e / V,

    times dz / d(logit) = 1 - (z / a)^2 where z = a tanh(logit / a).
    """
    e, c, V = kind.label_smoothing, kind.z_loss, len(W_VD)
    real_C1, y_C1 = (y_C != IGNORED)[:, None], y_C.clamp(min=0)[:, None]
    logits_CV = F.linear(h_CD, W_VD).float()
    # The target's logit once more, in float32: what is added up must not carry the rounding of the product.
    target_C1 = (h_CD.float() * W_VD[y_C1[:, 0]].float()).sum(-1, keepdim=True)
    if bias_V is not None:
        logits_CV += bias_V
        target_C1 += bias_V[y_C1].float()
    logits_CV.scatter_(1, y_C1, target_C1)
    capped_CV = None if softcap is None else logits_CV.div_(softcap).tanh_()
    if softcap is not None:
        logits_CV = logits_CV * softcap
        target_C1 = logits_CV.gather(1, y_C1)
    logp_CV = F.log_softmax(logits_CV, dim=-1)
    logp_target_C1 = logp_CV.gather(1, y_C1)
    logZ_C1 = target_C1 - logp_target_C1
    loss_C1 = -(1 - e) * logp_target_C1 + c * logZ_C1.square()
    if e:
        loss_C1 = loss_C1 - e * logp_CV.mean(-1, keepdim=True)
    gradient_CV = logp_CV.exp_()
    if c:
        gradient_CV *= 1 + 2 * c * logZ_C1
    gradient_CV.scatter_add_(1, y_C1, torch.full_like(target_C1, e - 1))
    if e:
        gradient_CV -= e / V
    if capped_CV is not None:
        gradient_CV.addcmul_(gradient_CV, capped_CV.square_(), value=-1)
    if not bool(real_C1.all()):
        loss_C1, gradient_CV = loss_C1 * real_C1, gradient_CV.mul_(real_C1)
    return loss_C1.sum(dtype=torch.float64), gradient_CV
