"""What a change of the matrices will cost, told before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from eigenlm.compress.hooks import Hooks, backward_of_sampled_labels, quick_products
from eigenlm.progress import track


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Expected increase of the nll, in nats per token, with a 95 % interval over windows."""

    nll_increase: float
    low: float
    high: float


def forecast(
    module: nn.Module, changes: Mapping[str, Float[Tensor, "m n"]], windows: Int[Tensor, "B T"], *, seed: int = 1
) -> Forecast:
    """Half the Fisher quadratic form of a change, on text that the change was not fitted to.

    With y = W x and labels drawn from the model, a change D of one matrix raises the nll to second order by
    1/2 E[(g . D x)^2], g being the gradient at y; changes of different matrices are taken to act independently.
    Per token this needs D x beside W x and no Gram. The interval is the bootstrap's over windows.

    Args:
        module: the model before the change.
        changes: D of each linear layer that changes.
        windows: (B, T) token ids.
        seed: of the sampled labels.
    """
    generator = torch.Generator(windows.device).manual_seed(seed)
    costs: list[float] = []

    def felt(name: str, x: Tensor, gradient: Tensor) -> None:
        if name in changes:
            effect = (x.to(gradient.dtype) @ changes[name].mT.to(gradient.dtype)).float()
            costs[-1] += float((gradient.float() * effect).sum(dim=1).square().sum()) / 2

    with quick_products(windows.device), Hooks(module, lambda *_: None, felt):
        for window in track(windows, "forecasting"):
            costs.append(0.0)
            backward_of_sampled_labels(module, window[None], generator)
    return _interval(torch.tensor(costs, dtype=torch.float64) / windows.shape[1])


def _interval(costs_B: Tensor, draws: int = 2000) -> Forecast:
    picked = torch.randint(len(costs_B), (draws, len(costs_B)), generator=torch.Generator().manual_seed(0))
    low, high = costs_B[picked].mean(dim=1).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Forecast(nll_increase=float(costs_B.mean()), low=low, high=high)
