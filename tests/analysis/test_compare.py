"""Two models held against each other: figures from numpy, low-rank changes recognised, nothing lost on the way."""

import io
import json
import weakref
from collections.abc import Mapping

import numpy as np
import pytest
import scipy.linalg
import torch
from rich.console import Console
from safetensors.torch import save_file

import eigenlm
from eigenlm.analysis import stream
from eigenlm.analysis.comparison import compare, comparison_findings, comparison_table, difference
from eigenlm.checkpoint import write_folder
from eigenlm.checkpoint.safetensors_reader import SafetensorsFiles
from eigenlm.errors import ConfigError, DataError
from eigenlm.linalg import by_blocks, decomposition, subspace
from eigenlm.model import InterpolativeLinear, LowRankLinear


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def rank_for(sigma: np.ndarray, share: float) -> int:
    energy = np.cumsum(sigma**2) / np.sum(sigma**2)
    return int(np.argmax(energy >= share)) + 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("m", "n"), [(40, 25), (25, 40)])
def test_a_row_is_what_numpy_says(m, n, dtype):
    W, D = random(m, n, dtype=dtype), 0.1 * random(m, n, seed=1, dtype=dtype)
    row = difference(W, W + D, "w", rank=5)
    before, after = W.double().numpy(), (W + D).double().numpy()
    U, S, Vh = np.linalg.svd(before)
    U2, S2, Vh2 = np.linalg.svd(after)
    sigma = np.linalg.svd(after - before, compute_uv=False)
    change = row.change
    # W' - W of float32 is rounded once more, by 6e-8 of itself; singular values are promised to 1e-6.
    near = {"rel": 2e-6}
    assert row.rel_change == pytest.approx(np.linalg.norm(sigma) / np.linalg.norm(S), **near)
    assert change.frobenius_norm == pytest.approx(np.linalg.norm(sigma), **near)
    assert change.rel_spectral == pytest.approx(sigma[0] / S[0], **near)
    assert change.stable_rank == pytest.approx((sigma**2).sum() / sigma[0] ** 2, **near)
    p = sigma / sigma.sum()
    assert change.effective_rank == pytest.approx(np.exp(-(p * np.log(p)).sum()), **near)
    assert (change.rank, change.rank_90, change.full_rank) == (25, rank_for(sigma, 0.9), 25)
    assert change.energy_kept == pytest.approx((S2**2).sum() / (S**2).sum(), **near)
    assert change.before.condition_number == pytest.approx(S[0] / S[-1], **near)
    assert (change.before.rank_90, change.after.rank_99) == (rank_for(S, 0.9), rank_for(S2, 0.99))
    left = scipy.linalg.subspace_angles(U[:, :5], U2[:, :5])
    right = scipy.linalg.subspace_angles(Vh[:5].T, Vh2[:5].T)
    # Both bases are of float64 matrices that are equal to the bit; the gaps of these spectra cost less than six digits.
    assert change.overlap.left == pytest.approx((np.cos(left) ** 2).mean(), abs=1e-9)
    assert change.overlap.right == pytest.approx((np.cos(right) ** 2).mean(), abs=1e-9)
    assert (change.overlap.left_chance, change.overlap.right_chance) == (5 / m, 5 / n)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_change_as_lora_makes_it_has_its_rank(dtype):
    W = random(60, 48)
    merged = (W + random(60, 4, seed=1) @ random(4, 48, seed=2)).to(dtype)
    change = difference(W.to(dtype), merged).change
    assert change.rank == 4  # not 48, though rounding to this precision leaves a little in every direction
    assert change.rank_90 <= 4


def test_identical_matrices_are_not_decomposed(monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("eigenlm.analysis.comparison.matrix.spectrum_of", never)
    W = random(6, 4)
    row = compare({"w": W}, {"w": W.double()}).matrices[0]
    assert (row.rel_change, row.change) == (0.0, None)
    assert row.frobenius_norm == pytest.approx(float(W.norm()), rel=1e-6)


def test_zero_matrices_have_what_can_be_said():
    row = difference(torch.zeros(4, 3), random(4, 3))
    assert (row.rel_change, row.change.rel_spectral, row.change.energy_kept, row.change.overlap) == (None,) * 4
    back = difference(random(4, 3), torch.zeros(4, 3))
    assert back.rel_change == pytest.approx(1.0, rel=1e-12)  # two norms of one matrix, summed in two orders
    assert back.change.energy_kept == 0
    assert back.change.after.condition_number is None


def thinned(folder, where) -> None:
    """A copy of a model with one layer of each low-rank kind, written as `eigenlm apply` writes it."""
    lm = eigenlm.load(folder, device="cpu")
    B, A = random(32, 3, seed=1), random(3, 32, seed=2)
    block = lm.model.blocks[0]
    block.attention.query = LowRankLinear.from_factors(B, A)
    block.attention.output = InterpolativeLinear.from_factors(B, A)
    write_folder(where, lm.model, tokenizer=lm.tokenizer)


def test_a_compressed_model_is_compared_by_the_products_of_its_factors(tiny_model, tmp_path):
    thinned(tiny_model, tmp_path / "thin")
    found = compare(tiny_model, tmp_path / "thin")
    changed = [row for row in found.matrices if row.change is not None]
    assert [row.name for row in changed] == ["blocks.0.attention.query", "blocks.0.attention.output"]
    product = random(32, 3, seed=1) @ random(3, 32, seed=2)
    for row in changed:
        assert row.change.after.frobenius_norm == pytest.approx(float(product.norm()), rel=1e-5)  # float32 factors
        assert row.change.after.numerical_rank == 3
        assert (row.storage_before, row.storage_after) == ("F32", "F32, rank 3")
        assert row.change.overlap.rank == 3
    totals = found.totals()
    assert (totals["num_changed"], totals["num_identical"]) == (2, len(found.matrices) - 2)
    assert (found.only_before, found.only_after, found.other_shapes) == ((), (), ())
    loaded = compare(eigenlm.load(tiny_model, device="cpu"), eigenlm.load(tmp_path / "thin", device="cpu").model)
    by_name = {row.name: row for row in loaded.matrices}
    assert by_name.keys() == {row.name for row in found.matrices}
    assert all(by_name[row.name].change == row.change for row in found.matrices)


def test_every_tensor_is_somewhere():
    broken = random(5, 4)
    broken[2, 1] = torch.nan
    before = {
        "z.weight": random(6, 5),
        "norm.weight": torch.ones(5),
        "gone": random(2, 2),
        "a.weight": random(4, 4),
        "bias": torch.ones(3),
        "broken.weight": random(5, 4),
        "wider.weight": random(3, 4),
        "kernel": random(4, 3, 5),
    }
    after = before | {
        "a.weight": random(4, 4, seed=5),
        "norm.weight": torch.full((5,), 1.5),
        "broken.weight": broken,
        "wider.weight": random(3, 9),
        "new.weight": random(2, 2),
    }
    del after["gone"]
    found = compare(before, after)
    assert [(row.name, row.change is None) for row in found.matrices] == [("z", True), ("a", False), ("kernel", True)]
    assert (found.matrices[2].rows, found.matrices[2].columns) == (4, 15)
    assert [(vector.name, vector.rel_change) for vector in found.vectors] == [("norm", 0.5)]
    assert (found.only_before, found.only_after) == (("gone",), ("new",))
    assert [(other.name, other.before, other.after) for other in found.other_shapes] == [("wider", (3, 4), (3, 9))]
    assert [skipped.name for skipped in found.skipped] == ["broken"]
    assert "1 NaN or infinite of 20 in the second" in found.skipped[0].reason
    totals = found.totals()
    whole = np.hypot.reduce([float(before[name].norm()) for name in ("z.weight", "a.weight", "kernel")])
    moved = float((after["a.weight"] - before["a.weight"]).norm())
    assert totals["rel_change"] == pytest.approx(moved / whole, rel=1e-6)
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["totals"] == totals
    assert content["matrices"][1]["change"]["before"]["numerical_rank"] == 4
    text = " ".join(finding.text for finding in comparison_findings(found))
    assert "1 only in the first model (gone)" in text
    assert "1 left out (broken)" in text


class Lazy(Mapping[str, torch.Tensor]):
    """A source that makes each tensor anew and counts those alive."""

    alive = most_alive = 0

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor = random(40, 30, seed=self.seed + int(name))
        Lazy.alive += 1
        Lazy.most_alive = max(Lazy.most_alive, Lazy.alive)
        weakref.finalize(tensor, self._let_go)
        return tensor

    @staticmethod
    def _let_go() -> None:
        Lazy.alive -= 1

    def __iter__(self):
        return iter(map(str, range(self.count)))

    def __len__(self) -> int:
        return self.count

    def shape(self, name: str) -> tuple[int, ...]:
        return (40, 30)


def test_two_tensors_a_worker_are_in_memory():
    assert compare(Lazy(30, 0), Lazy(30, 100)).totals()["num_changed"] == 30
    assert Lazy.alive == 0
    # Two for each worker, and what the type checker still looks at.
    assert Lazy.most_alive <= 2 * min(torch.get_num_threads(), 4) + 3


def layers(change) -> dict[str, torch.Tensor]:
    names = [f"blocks.{i}.{part}.weight" for i in range(3) for part in ("attention.query", "feed_forward.down")]
    return {name: random(40, 40, seed=i) + change(i) for i, name in enumerate(names)}


def low_rank(i: int) -> torch.Tensor:
    return 0.1 * random(40, 2, seed=50 + i) @ random(2, 40, seed=90 + i)


@pytest.mark.parametrize(
    ("change", "heading", "sentence"),
    [
        (lambda i: 0, "The same model", "All 6 matrices that could be compared are identical"),
        (low_rank, "The change is low-rank", "in every matrix the rank of the change is 2"),
        (lambda i: 0.1 * random(40, 40, seed=50 + i), "The change is not low-rank", "of the directions."),
        (
            lambda i: low_rank(i) if i < 2 else 0.1 * random(40, 40, seed=i),
            "The change is low-rank in places",
            "In 2 of 6 it is a tenth or less, as in blocks.0.attention.query",
        ),
        (lambda i: (5.0 + i) * torch.eye(40), "Changed most", "blocks.2.feed_forward.down changed by"),
        (lambda i: 1e-3 * random(40, 40, seed=i + 9), "The strongest directions are 100% the same", "chance: 40%"),
    ],
)
def test_findings_say_what_was_done(change, heading, sentence):
    found = {
        finding.heading: finding.text for finding in comparison_findings(compare(layers(lambda i: 0), layers(change)))
    }
    assert sentence in found[heading]


def test_a_model_with_more_than_the_other_is_not_the_same():
    W = random(3, 3)
    found = comparison_findings(compare({"w": W, "more": W}, {"w": W}))
    assert [finding.heading for finding in found] == ["No matrix changed", "Not everything has a partner"]


def test_rounding_is_told_from_training():
    exact = layers(lambda i: 0)
    found = comparison_findings(compare(exact, {name: W.bfloat16() for name, W in exact.items()}))
    assert "No more than rounding" in [finding.heading for finding in found]


def test_a_cut_to_lower_rank_is_told():
    def cut(i: int) -> torch.Tensor:
        U, S, Vh = torch.linalg.svd(random(40, 40, seed=i).double())
        return -(U[:, 10 + i :] * S[10 + i :]) @ Vh[10 + i :]

    found = compare(layers(lambda i: 0), layers(cut))
    texts = {finding.heading: finding.text for finding in comparison_findings(found)}
    assert "blocks.0.attention.query goes furthest: rank 10 of 40" in texts["Cut to a lower rank"]


@pytest.mark.parametrize("every", [False, True])
def test_tables_fit_a_terminal(every):
    before = layers(lambda i: 0) | {"norm.weight": torch.ones(3), "old.weight": random(2, 2)}
    after = layers(lambda i: 0.1 * random(40, 40, seed=i + 9) if i else 0) | {"norm.weight": torch.zeros(3)}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(comparison_table(compare(before, after, rank=4), every=every))
    text = console.export_text()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    assert ("blocks.0.attention.query same" if every else "attention.query 2/3") in flat
    assert "the 4 strongest directions" in flat
    assert "chance gives 10% and 10%" in flat
    assert "vectors that changed: norm" in flat
    assert "only in the first: old" in flat


def test_what_cannot_be_compared_is_refused():
    W = random(3, 3)
    with pytest.raises(ConfigError, match="names that both have, got none; the first holds a, the second b"):
        compare({"a": W}, {"b": W})
    with pytest.raises(ConfigError, match="a rank of 1 or more"):
        compare({"a": W}, {"a": W}, rank=0)
    with pytest.raises(ConfigError, match="got int"):
        compare({"a": W}, 3)
    with pytest.raises(DataError, match="floating-point"):
        difference(W, W.int(), "a")


@pytest.mark.parametrize(("m", "n"), [(2000, 12), (12, 2000)])
def test_large_matrices_of_files_are_compared_block_by_block(m, n, tmp_path, monkeypatch):
    W, D = random(m, n), 0.1 * random(m, n, seed=1)
    save_file({"w": W}, tmp_path / "before.safetensors")
    save_file({"w": (W + D).to(torch.bfloat16)}, tmp_path / "after.safetensors")
    whole = compare({"w": W}, {"w": (W + D).to(torch.bfloat16)}).to_dict()
    read = []
    part = SafetensorsFiles.part
    monkeypatch.setattr(SafetensorsFiles, "part", lambda *call: [found := part(*call), read.append(found.numel())][0])
    monkeypatch.setattr(stream, "MANY_NUMBERS", 1000)
    monkeypatch.setattr(by_blocks, "_NUMBERS_AT_ONCE", 1000)
    monkeypatch.setattr(decomposition, "_GRAM_ROWS", 80)
    monkeypatch.setattr(subspace, "_ROWS", 80)
    found = compare(tmp_path / "before.safetensors", tmp_path / "after.safetensors").to_dict()
    assert 0 < max(read) <= 1000
    (told,), (expected,) = found["matrices"], whole["matrices"]
    assert (told["storage_before"], told["storage_after"]) == ("F32", "BF16")
    assert flat(told["change"]) == pytest.approx(flat(expected["change"]), rel=1e-9)  # the same sums in float64
    assert told["rel_change"] == pytest.approx(expected["rel_change"], rel=1e-9)
    same = compare(tmp_path / "after.safetensors", tmp_path / "after.safetensors")
    assert same.matrices[0].change is None


def flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Numbers of dictionaries in dictionaries, by their paths."""
    found: dict[str, object] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
