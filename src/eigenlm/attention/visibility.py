"""Which key a query may see, as a rule over places: dense only where no rule in closed form tells it."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Visibility:
    """What attention may look at.

    Without `positions` the T queries are the last T of S tokens that follow one another, and the rule is in closed
    form; with them, `mask` says it.

    Attributes:
        causal: a query sees no key after itself.
        window: causal: only the latest `window` keys, the query's own included; otherwise only keys at most window / 2
            places away. None for no limit.
        mask: True where a query may see a key, broadcastable to (B, H, T, S); then the rule is in it already.
        positions: (B, T) places of the queries and (B, S) of the keys, -1 for padding.
    """

    causal: bool = False
    window: int | None = None
    mask: Bool[Tensor, "B 1 T S"] | None = None
    positions: tuple[Int[Tensor, "B T"], Int[Tensor, "B S"]] | None = None

    def places(self, T: int, S: int, device: torch.device) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B S"]]:
        """Places of T queries and S keys."""
        if self.positions is not None:
            return self.positions
        return torch.arange(S - T, S, device=device)[None], torch.arange(S, device=device)[None]

    def keys(self, rows: slice, T: int, S: int) -> slice:
        """The keys that any of some queries may see; those that the rule in closed form hides from all are left out.

        Args:
            rows: the queries, of T.
            T: number of queries.
            S: number of keys.
        """
        if self.mask is not None:
            return slice(0, S)
        first, last = S - T + rows.start, S - T + rows.stop - 1
        reach = None if self.window is None else (self.window - 1 if self.causal else self.window // 2)
        start = 0 if reach is None else max(0, first - reach)
        stop = last + 1 if self.causal else S if reach is None else min(S, last + reach + 1)
        return slice(start, stop)

    def block(self, rows: slice, keys: slice, T: int, S: int, device: torch.device) -> Bool[Tensor, "B 1 t s"] | None:
        """The mask of some queries and some keys, None where each sees all; arguments as in `keys`."""
        if self.mask is not None:
            return self.mask[..., rows, keys]
        first, last = S - T + rows.start, S - T + rows.stop - 1
        if (not self.causal or keys.stop - 1 <= first) and (
            self.window is None or (last - keys.start < self.window and self.causal)
        ):
            return None
        q_T1 = torch.arange(first, last + 1, device=device)[:, None]
        k_S = torch.arange(keys.start, keys.stop, device=device)
        return _sees(q_T1, k_S, self.causal, self.window)[None, None]

    def dense(self, T: int, S: int, device: torch.device | str = "cpu") -> Bool[Tensor, "B 1 T S"]:
        """The whole mask of T queries and S keys: for small sizes, and for naive twins."""
        whole = self.block(slice(0, T), slice(0, S), T, S, torch.device(device))
        return torch.ones(1, 1, T, S, dtype=torch.bool, device=device) if whole is None else whole


def visibility(
    query_positions: Int[Tensor, "B T"],
    key_positions: Int[Tensor, "B S"],
    *,
    causal: bool,
    window: int | None = None,
    documents: Int[Tensor, "B T"] | None = None,
) -> Visibility:
    """See key j from query i iff both are real, and the rule of `Visibility` shows it.

    A position of -1 marks padding. Padding sees padding, so that no row of the softmax is empty.

    Args:
        query_positions: (B, T) places of the queries in their text, -1 for padding.
        key_positions: (B, S) places of the keys, -1 for padding.
        causal: whether the future is hidden.
        window: as in `Visibility`.
        documents: (B, T) the document of each token, where queries and keys are the same tokens: only keys of a query's
            own are seen.
    """
    q_BT1, k_B1S = query_positions[:, :, None], key_positions[:, None, :]
    visible_BTS = (k_B1S >= 0) & _sees(q_BT1, k_B1S, causal, window) | (q_BT1 < 0)
    if causal:
        visible_BTS = visible_BTS & (k_B1S <= q_BT1)  # padding sees padding alone
    if documents is not None:
        visible_BTS = visible_BTS & (documents[:, :, None] == documents[:, None, :])
    return Visibility(mask=visible_BTS[:, None], positions=(query_positions, key_positions))


def _sees(q: Tensor, k: Tensor, causal: bool, window: int | None) -> Tensor:
    seen = k <= q if causal else torch.ones_like(k <= q)
    if window is None:
        return seen
    return seen & (q - k < window) if causal else (q - k).abs() <= window // 2
