import io
import json
import weakref
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from rich.console import Console

import eigenlm
from eigenlm.analysis import analyze, spectrum_of
from eigenlm.analysis.spectra.tables import kind_table, matrix_table
from eigenlm.errors import ConfigError


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Lazy(Mapping[str, torch.Tensor]):
    """A source that makes each tensor anew, counts those alive, and tells how they are stored."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes, self.alive, self.most_alive = shapes, 0, 0

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor = torch.ones(()) if self.shapes[name] == () else random(*self.shapes[name])
        self.alive += 1
        self.most_alive = max(self.most_alive, self.alive)
        weakref.finalize(tensor, self._let_go)
        return tensor

    def _let_go(self) -> None:
        self.alive -= 1

    def __iter__(self):
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def storage(self, name: str) -> str:
        return "Q4_1"


def test_a_row_is_what_numpy_says():
    W = random(30, 20)
    row = spectrum_of(W, "w")
    sigma = np.linalg.svd(W.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(row.singular_values, sigma, rtol=1e-6)  # the promise of linalg.singular_values
    np.testing.assert_allclose(row.frobenius_norm, np.linalg.norm(sigma), rtol=1e-6)
    np.testing.assert_allclose(row.condition_number, np.linalg.cond(W.double().numpy()), rtol=1e-6)
    np.testing.assert_allclose(row.stable_rank, (sigma**2).sum() / sigma[0] ** 2, rtol=1e-6)
    energy = np.cumsum(sigma**2) / np.sum(sigma**2)
    assert row.rank_90 == np.argmax(energy >= 0.9) + 1
    assert row.rank_99 == np.argmax(energy >= 0.99) + 1
    assert list(row.energy_kept) == [2, 5, 10]
    np.testing.assert_allclose(list(row.energy_kept.values()), energy[[1, 4, 9]], rtol=1e-6)


def test_tensors_of_a_lazy_source_are_let_go():
    source = Lazy({f"blocks.{i}.weight": (40, 30) for i in range(40)})
    assert len(analyze(source).matrices) == 40
    assert source.alive == 0
    assert (
        source.most_alive <= min(torch.get_num_threads(), 4) + 2
    )  # a worker's each, and what the type checker looks at


def test_vectors_are_left_out_and_storage_is_told():
    source = Lazy({"blocks.0.query.weight": (8, 6), "norm.weight": (8,), "conv.kernel": (4, 3, 5), "bias": ()})
    analysis = analyze(source)
    assert [(row.name, row.rows, row.columns, row.storage) for row in analysis.matrices] == [
        ("blocks.0.query", 8, 6, "Q4_1"),
        ("conv.kernel", 4, 15, "Q4_1"),
    ]


def test_modules_mappings_and_model_files_agree(tiny_model):
    import eigenlm

    lm = eigenlm.load(tiny_model, device="cpu")
    found = [analyze(source).matrices for source in (lm, lm.model, dict(lm.model.named_parameters()), str(tiny_model))]
    names = [row.name for row in found[0]]
    assert "blocks.1.attention.query" in names
    for rows in found[1:]:
        assert {row.name for row in rows} == set(names)
        by_name = {row.name: row for row in rows}
        for row in found[0]:
            assert torch.equal(row.singular_values, by_name[row.name].singular_values)
    assert {row.storage for row in found[3]} == {"F32"}
    assert {row.storage for row in found[0]} == {None}


def test_a_matrix_that_is_not_finite_is_set_aside_and_the_others_stay():
    broken = random(5, 4)
    broken[2, 1] = torch.nan
    analysis = analyze({"a.weight": random(6, 4), "broken.weight": broken, "none": torch.ones(0, 3), "z": random(3, 3)})
    assert [row.name for row in analysis.matrices] == ["a", "z"]
    assert [(skipped.name, "1 NaN or infinite of 20" in skipped.reason) for skipped in analysis.skipped] == [
        ("broken", True),
        ("none", False),
    ]


def test_the_zero_matrix_makes_strict_json():
    content = analyze({"zero": torch.zeros(4, 3), "one": torch.ones(1, 1)}).to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["matrices"][0]["condition_number"] is None
    assert content["matrices"][0]["rank_90"] == 0
    assert "singular_values" not in analyze({"one": torch.ones(1, 1)}).to_dict(singular_values=False)["matrices"][0]


def test_totals_count_what_a_matrix_of_that_rank_takes():
    # R (m + n - R), the dimension of the matrices of rank R: one direction of 10 x 20 takes 29; the identity needs
    # 9 directions for 90 %, 9 * 11, and all ten for 99 %.
    analysis = analyze({"one": torch.ones(10, 20), "identity": torch.eye(10)})
    assert analysis.totals() == {
        "num_matrices": 2,
        "num_skipped": 0,
        "num_params": 300,
        "num_params_at_90": 29 + 99,
        "num_params_at_99": 29 + 100,
    }


def test_threads_of_torch_stay_as_they_were():
    threads = torch.get_num_threads()
    analyze({"w": random(4, 4)})
    assert torch.get_num_threads() == threads


def test_a_name_that_is_not_there_and_a_thing_that_is_no_model():
    with pytest.raises(ConfigError, match="'query'"):
        analyze({"w": random(4, 4)})["query"]
    with pytest.raises(ConfigError, match="got int"):
        analyze(3)


@pytest.mark.parametrize(("table", "first"), [(matrix_table, "blocks.2.up"), (kind_table, "up 3 ")])
def test_tables_fit_a_terminal_and_name_what_was_left_out(table, first):
    weights = {f"blocks.{i}.up.weight": random(6, 4, seed=i) for i in range(3)} | {"bad": torch.full((2, 2), torch.inf)}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table(analyze(weights).spectra))
    text = console.export_text()
    assert first in " ".join(text.split())
    assert "left out: bad: " in text
    assert "4 NaN or infinite of 4" in " ".join(text.split())


def test_the_act_is_one_word_from_the_top():
    assert eigenlm.analyze({"w": random(4, 4)}) == analyze({"w": random(4, 4)})
