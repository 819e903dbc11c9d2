"""Several optimizers, each with its own parameters, that behave as one."""

from typing import Any

from torch.optim import Optimizer


class CombinedOptimizer:
    """One `step` for all, one list of groups, and one state in torch's own form, numbered through."""

    def __init__(self, *optimizers: Optimizer) -> None:
        """Take optimizers that share no parameter."""
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all, in order; what is set in one takes effect."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self) -> None:
        """One step of each."""
        for optimizer in self.optimizers:
            optimizer.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """`state` by parameter number and `param_groups`, as one optimizer over all parameters would have them."""
        state: dict[int, Any] = {}
        groups: list[dict[str, Any]] = []
        for optimizer in self.optimizers:
            one, start = optimizer.state_dict(), sum(len(group["params"]) for group in groups)
            state |= {start + number: value for number, value in one["state"].items()}
            groups += [group | {"params": [start + n for n in group["params"]]} for group in one["param_groups"]]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        groups, state = list(state_dict["param_groups"]), state_dict["state"]
        for optimizer in self.optimizers:
            own, groups = groups[: len(optimizer.param_groups)], groups[len(optimizer.param_groups) :]
            numbers = {number for group in own for number in group["params"]}
            optimizer.load_state_dict({"state": {n: state[n] for n in numbers & set(state)}, "param_groups": own})
