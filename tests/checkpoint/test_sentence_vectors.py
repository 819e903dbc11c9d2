"""Sentence encoders: vectors as the folder's own modules make them, by transformers and the formula in float64."""

import json

import pytest
import tiny_transformers
import torch
import transformers

import eigenlm
from eigenlm.checkpoint import SentenceVectors, misread_by_llama_cpp, open_model, write_gguf, write_hugging_face
from eigenlm.errors import CheckpointError, ConfigError
from eigenlm.model.pooling import pool

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "rank", "of", "the", "matrix", "new", "query", ":"]
TEXTS = ["the rank of a matrix", "a new rank", "The " * 20]
FLAGS = {
    "cls": "pooling_mode_cls_token",
    "last": "pooling_mode_lasttoken",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
    "weighted_mean": "pooling_mode_weightedmean_tokens",
}


def formula(hidden_TD, how):
    T = len(hidden_TD)
    places = torch.arange(1, T + 1, dtype=hidden_TD.dtype)[:, None]
    return {
        "cls": lambda: hidden_TD[0],
        "last": lambda: hidden_TD[-1],
        "max": lambda: hidden_TD.max(dim=0).values,
        "mean": lambda: hidden_TD.sum(dim=0) / T,
        "mean_sqrt_len": lambda: hidden_TD.sum(dim=0) / T**0.5,
        "weighted_mean": lambda: (places * hidden_TD).sum(dim=0) / places.sum(),
    }[how]()


@pytest.mark.parametrize("how", FLAGS)
def test_pooling_is_the_formula_over_the_tokens_that_count(how):
    hidden = torch.randn(2, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([[-1, -1, 0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]])
    right = torch.stack([formula(hidden[0, 2:], how), formula(hidden[1], how)])
    torch.testing.assert_close(pool(hidden, positions >= 0, positions, how), right, rtol=0, atol=1e-14)


def write(path, values):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A BERT, as transformers has it, and its folder without the files of a sentence encoder."""
    folder = tmp_path_factory.mktemp("encoder")
    theirs = tiny_transformers.tiny("bert")
    theirs.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": 14})
    return theirs.double().eval(), folder


@pytest.fixture
def sentences(encoder, tmp_path):
    """The folder of a sentence encoder with pooling of the given settings, with or without normalization."""

    def make(pooling, modules=("Transformer", "Pooling", "Normalize"), length=None, **about):
        for file in encoder[1].iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        paths = {"Transformer": "", "Pooling": "1_Pooling"}
        kinds = [{"path": paths.get(kind, kind), "type": f"sentence_transformers.models.{kind}"} for kind in modules]
        write(tmp_path / "modules.json", kinds)
        write(tmp_path / "1_Pooling" / "config.json", pooling)
        write(tmp_path / "sentence_bert_config.json", {"max_seq_length": length})
        write(tmp_path / "config_sentence_transformers.json", about)
        return tmp_path

    return make


def right(encoder, how, length, texts=TEXTS, skipped=0):
    tokenizer = transformers.AutoTokenizer.from_pretrained(encoder[1])
    rows = [tokenizer(text, truncation=True, max_length=length, return_tensors="pt") for text in texts]
    with torch.no_grad():
        return torch.stack([formula(encoder[0](**row).last_hidden_state[0, skipped:], how) for row in rows])


@pytest.mark.parametrize("how", FLAGS)
def test_vectors_are_pooled_and_cut_as_the_folder_says_and_written_back(encoder, sentences, how, tmp_path):
    folder = sentences({flag: flag == FLAGS[how] for flag in FLAGS.values()}, ("Transformer", "Pooling"), length=6)
    lm = eigenlm.load(folder, device="cpu")
    expected = right(encoder, how, 6).float()
    torch.testing.assert_close(lm.embed(TEXTS), expected, rtol=0, atol=1e-5)  # float32 sums in another order
    write_hugging_face(tmp_path / "hf", lm.model, tokenizer=lm.tokenizer, generation=lm.generation)
    lm.save(tmp_path / "ours")
    assert open_model(tmp_path / "hf").generation.vectors == open_model(tmp_path / "ours").generation.vectors
    assert open_model(tmp_path / "hf").generation.vectors == lm.generation.vectors
    gguf = {"cls": 2, "last": 3, "mean": 1}
    if how in gguf:
        write_gguf(tmp_path / "m.gguf", lm.model, tokenizer=lm.tokenizer, generation=lm.generation)
        assert open_model(tmp_path / "m.gguf").generation.vectors == SentenceVectors(pooling=(how,))
        told = misread_by_llama_cpp("bert", lm.config, lm.generation.vectors)
        assert told is not None
        assert told.startswith("GGUF has no place for the 6 tokens that it reads of a text: ")
    else:
        with pytest.raises(ConfigError, match="pooling in GGUF: expected mean, cls or last"):
            write_gguf(tmp_path / "m.gguf", lm.model, tokenizer=lm.tokenizer, generation=lm.generation)


def test_a_transformer_in_a_folder_of_its_own(encoder, sentences):
    folder = sentences({"pooling_mode_cls_token": True}, ("Transformer", "Pooling"), length=6)
    inside = folder / "0_Transformer"
    inside.mkdir()
    for file in {file.name for file in encoder[1].iterdir()} | {"sentence_bert_config.json"}:
        (folder / file).rename(inside / file)
    modules = json.loads((folder / "modules.json").read_text())
    write(folder / "modules.json", [modules[0] | {"path": inside.name}, *modules[1:]])
    expected = right(encoder, "cls", 6).float()
    for where in (folder, inside):
        torch.testing.assert_close(eigenlm.load(where, device="cpu").embed(TEXTS), expected, rtol=0, atol=1e-5)


def test_several_ways_prompts_and_length_of_the_tokenizer(encoder, sentences):
    pooling = {"pooling_mode": ["cls", "mean"], "include_prompt": False}
    folder = sentences(pooling, prompts={"query": "query : ", "plain": None}, default_prompt_name="query")
    lm = eigenlm.load(folder, device="cpu")
    texts = ["query : " + text for text in TEXTS]
    both = [right(encoder, how, 14, texts, skipped=3) for how in ("cls", "mean")]
    expected = torch.nn.functional.normalize(torch.cat(both, dim=-1), dim=-1).float()
    torch.testing.assert_close(lm.embed(TEXTS), expected, rtol=0, atol=1e-5)  # float32 sums in another order
    plain = torch.nn.functional.normalize(
        torch.cat([right(encoder, how, 14) for how in ("cls", "mean")], dim=-1), dim=-1
    )
    torch.testing.assert_close(lm.embed(TEXTS, prompt="plain"), plain.float(), rtol=0, atol=1e-5)
    with pytest.raises(ConfigError, match="expected one of: query, plain, got 'passage'"):
        lm.embed(TEXTS, prompt="passage")


def test_modules_that_are_not_computed_are_named(sentences, tmp_path):
    folder = sentences({}, ("Transformer", "Pooling", "Dense", "Normalize"))
    lm = eigenlm.load(folder, device="cpu")
    for act in (
        lambda: lm.embed(TEXTS),
        lambda: write_hugging_face(tmp_path / "hf", lm.model, tokenizer=lm.tokenizer, generation=lm.generation),
        lambda: write_gguf(tmp_path / "m.gguf", lm.model, tokenizer=lm.tokenizer, generation=lm.generation),
    ):
        with pytest.raises(ConfigError, match="Dense"):
            act()


@pytest.mark.parametrize("modules", [[3], {"type": 1}, [{"path": "", "type": None}], "x"])
def test_damaged_modules(sentences, modules):
    folder = sentences({})
    write(folder / "modules.json", modules)
    with pytest.raises(CheckpointError, match="expected modules, each with a type and a path"):
        open_model(folder)


def test_a_pooling_of_another_name(sentences):
    with pytest.raises(CheckpointError, match="expected pooling by cls, last, max"):
        open_model(sentences({"pooling_mode": "attention"}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sentence_bert_config.json", {"max_seq_length": -3}),
        ("sentence_bert_config.json", {"max_seq_length": 0.5}),
        ("sentence_bert_config.json", {"max_seq_length": float("-inf")}),
        ("config_sentence_transformers.json", {"prompts": ["x"]}),
        ("config_sentence_transformers.json", {"prompts": {"q": "find"}, "default_prompt_name": [1]}),
        ("config_sentence_transformers.json", {"prompts": {"q": "find"}, "default_prompt_name": 7}),
    ],
)
def test_settings_of_another_type_or_length_are_one_line(sentences, name, values):
    folder = sentences({FLAGS["mean"]: True})
    write(folder / name, values)
    with pytest.raises((CheckpointError, ConfigError)) as told:
        eigenlm.load(folder)
    assert "\n" not in str(told.value)
