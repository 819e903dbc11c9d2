"""How far one distribution is from another, and one vector."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def kl_divergence(logits: Float[Tensor, "*batch V"], other: Float[Tensor, "*batch V"]) -> Float[Tensor, "*batch"]:
    """KL(p || q) = sum_v p_v (ln p_v - ln q_v) in nats, of p = softmax(logits) and q = softmax(other).

    >>> import torch
    >>> kl_divergence(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 0.0]))
    tensor(0.)
    """
    log_p, log_q = logits.float().log_softmax(-1), other.float().log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).clamp_min(0.0)


def cosine_distance(x: Float[Tensor, "*batch D"], y: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch"]:
    """1 - cosine of the angle between two vectors: 0 where they point alike, 1 where they are orthogonal.

    >>> import torch
    >>> cosine_distance(torch.tensor([0.0, 2.0]), torch.tensor([3.0, 0.0]))
    tensor(1.)
    """
    return 1 - F.cosine_similarity(x.float(), y.float(), dim=-1)
