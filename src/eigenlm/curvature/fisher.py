"""Fisher matrices of a classifier: second moments of gradients of -ln p(label), for three choices of the labels.

Labels weighed by the model's own p, all of them: the Fisher information, which for cross-entropy is the Gauss-Newton
matrix (`GaussNewton`) and is called the Fisher of type 2. Labels drawn from p: an estimate of it without bias, the
Monte Carlo Fisher. Labels of the data: the empirical Fisher, which is no estimate of the Fisher unless the model has
the data's own distribution (arXiv:1905.12558).
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eigenlm.curvature.gauss_newton import GaussNewton
from eigenlm.curvature.losses import CrossEntropy, RootedLoss
from eigenlm.curvature.objective import Objective, ObjectivePart
from eigenlm.curvature.parameters import parameters_of, twice_differentiable
from eigenlm.errors import ConfigError, explain
from eigenlm.linalg.seeded import seeded
from eigenlm.text.batches import IGNORED


def monte_carlo_fisher(
    objective: Objective,
    names: Sequence[str] | None = None,
    *,
    draws: int = 1,
    seed: int = 0,
    keep_graph: bool = True,
) -> GaussNewton:
    """1 / (rows draws) sum of g g^T, g the gradient of -ln p of a label drawn from the model in a row.

    Its expectation is the Gauss-Newton matrix; its rank is at most rows x draws, and its eigenvectors are computed in
    vectors of that length.

    Args:
        objective: a mean cross-entropy.
        names: of parameters; all by default.
        draws: labels for each row, drawn once, here.
        seed: of the draws.
        keep_graph: as in `GaussNewton`.

    Raises:
        ConfigError: no draw, or another loss.
    """
    if draws < 1:
        raise ConfigError(explain("Monte Carlo Fisher", expected="at least one draw", got=draws))
    _check(objective)
    generator = seeded(seed)
    chosen = list(parameters_of(objective.module, names).values())
    parts = []
    for part in objective.parts:
        with twice_differentiable(chosen), torch.no_grad():
            labels = _drawn(objective.output(part), draws, generator)
        labels[:, part.target == IGNORED] = IGNORED
        parts.append(ObjectivePart(inputs=part.inputs, target=labels))
    drawn = replace(objective, loss=_GradientsOfLabels(), parts=parts)
    return GaussNewton(drawn, names, keep_graph=keep_graph, name="Monte Carlo Fisher")


def empirical_fisher(
    objective: Objective, names: Sequence[str] | None = None, *, keep_graph: bool = True
) -> GaussNewton:
    """1 / rows sum of g g^T, g the gradient of -ln p of the data's label in a row; arguments as in `GaussNewton`.

    Raises:
        ConfigError: another loss than cross-entropy.
    """
    _check(objective)
    parts = [ObjectivePart(inputs=part.inputs, target=part.target[None]) for part in objective.parts]
    given = replace(objective, loss=_GradientsOfLabels(), parts=parts)
    return GaussNewton(given, names, keep_graph=keep_graph, name="empirical Fisher")


class _GradientsOfLabels(RootedLoss):
    """Rows of logits z with labels (draws, ...) each: L has a column (p - onehot(label)) / sqrt(draws) for each label.

    What is differentiated is the mean nll of a row's labels.
    """

    def total(self, output: Float[Tensor, "*rows V"], target: Int[Tensor, "draws *rows"]) -> Float[Tensor, ""]:
        losses = [CrossEntropy().total(output, labels) for labels in target]
        return torch.stack(losses).mean()

    def count(self, target: Int[Tensor, "draws *rows"]) -> int:
        return CrossEntropy().count(target[0])

    def curvature_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        return self.root_product(output, target, self.transposed_root_product(output, target, u))

    def root_shape(self, output: Tensor, target: Tensor) -> tuple[int, ...]:
        return tuple(target.shape)

    def root_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        u = u.masked_fill(target == IGNORED, 0) / len(target) ** 0.5
        summed = output.softmax(-1).mul_(u.sum(0)[..., None])
        labels = target.movedim(0, -1).clamp(min=0)
        return summed.scatter_add_(-1, labels, -u.movedim(0, -1))

    def transposed_root_product(self, output: Tensor, target: Tensor, u: Tensor) -> Tensor:
        # Logits often move together, far; what they have in common is taken out before it cancels.
        u = u - u.mean(-1, keepdim=True)
        expected = (output.softmax(-1) * u).sum(-1)
        at_labels = u.gather(-1, target.movedim(0, -1).clamp(min=0)).movedim(-1, 0)
        return (expected - at_labels).masked_fill_(target == IGNORED, 0) / len(target) ** 0.5


def _drawn(logits: Float[Tensor, "*rows V"], draws: int, generator: torch.Generator) -> Int[Tensor, "draws *rows"]:
    p = logits.flatten(0, -2).softmax(-1).cpu()
    labels = torch.multinomial(p, draws, replacement=True, generator=generator)
    return labels.mT.reshape(draws, *logits.shape[:-1]).to(logits.device)


def _check(objective: Objective) -> None:
    if not isinstance(objective.loss, CrossEntropy):
        got = type(objective.loss).__name__
        raise ConfigError(explain("Fisher of labels", expected="an objective of CrossEntropy", got=got))
