"""Encoder-decoders: answers to texts, against transformers' greedy generation."""

import json
import string
from pathlib import Path

import pytest
import tiny_encoder_decoders
import tiny_transformers
import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentencepiece import sentencepiece_model_pb2

import eigenlm
from eigenlm.checkpoint import Generation, open_model, read_model, write_hugging_face
from eigenlm.engine import generate, left_padded
from eigenlm.errors import CheckpointError, ConfigError, EigenError
from eigenlm.tasks import perplexity
from eigenlm.text import Tokenizer

TEXT = "the rank of a matrix is at most its width, and the trace of a product is that of its turn"
TEXTS = ["the rank of a matrix", "a product", "its width is that of the trace of a matrix"]
ANSWERING = [name for name in tiny_encoder_decoders.MODELS if "headless" not in name]
START, MAX_TOKENS = 0, 12


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """T5's in small: white space as a letter, `</s>` after each text."""
    library = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    library.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    library.decoder = tokenizers.decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=96, special_tokens=special, initial_alphabet=list(string.ascii_letters), show_progress=False
    )
    library.train_from_iterator([TEXT], trainer)
    library.post_processor = tokenizers.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    roles = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=library, **roles)


def saved(name: str, folder: Path, **facts: object) -> transformers.PreTrainedModel:
    """A tiny model, with its tokenizer, whose answers depend on the text and do not repeat one token for ever."""
    model = tiny_transformers.tiny(name)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.mul_(torch.randn_like(parameter).sign())
            elif "EncDecAttention.o" in key or "encoder_attn.out_proj" in key:
                parameter.mul_(10)
    facts = {"decoder_start_token_id": START, "eos_token_id": 1, "pad_token_id": 0} | facts
    model.generation_config = transformers.GenerationConfig(**facts)
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return model


def their_ids(model: transformers.PreTrainedModel, texts: list[str]) -> torch.Tensor:
    batch = tokenizer()(texts, return_tensors="pt", padding=True)
    return model.generate(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        do_sample=False,
        num_beams=1,
        max_new_tokens=MAX_TOKENS,
    )


def their_answers(model: transformers.PreTrainedModel, texts: list[str]) -> list[str]:
    return tokenizer().batch_decode(their_ids(model, texts), skip_special_tokens=True)


@pytest.mark.parametrize("name", ANSWERING)
def test_answers_equal_transformers_in_a_batch_alone_and_written_back(name, tmp_path):
    theirs = saved(name, tmp_path / "theirs")
    expected = their_answers(theirs, TEXTS)
    assert len(set(expected)) > 1
    ours = eigenlm.load(tmp_path / "theirs", device="cpu")
    assert ours.generate(TEXTS, max_tokens=MAX_TOKENS) == expected
    assert [ours.generate(text, max_tokens=MAX_TOKENS) for text in TEXTS] == expected

    ours.save(tmp_path / "ours")
    again = eigenlm.load(tmp_path / "ours", device="cpu")
    assert again.generation == ours.generation
    assert again.generate(TEXTS, max_tokens=MAX_TOKENS) == expected
    write_hugging_face(tmp_path / "hf", ours.model, tokenizer=ours.tokenizer, generation=ours.generation)
    assert their_answers(type(theirs).from_pretrained(tmp_path / "hf"), TEXTS) == expected
    assert open_model(tmp_path / "hf").generation == ours.generation


@pytest.mark.parametrize("name", tiny_encoder_decoders.MODELS)
def test_sources_of_unequal_length_answer_as_alone_and_as_in_transformers(name, tmp_path):
    theirs = saved(name, tmp_path / "theirs")
    model = read_model(tmp_path / "theirs").model
    rows = [torch.randint(3, 96, (n,), generator=torch.Generator().manual_seed(n)) for n in (5, 17, 11)]
    ids = torch.randint(3, 96, (3, 9), generator=torch.Generator().manual_seed(0))
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = (torch.arange(17) < torch.tensor([[5], [17], [11]])).long()
    with torch.no_grad():
        out = theirs(input_ids=padded, attention_mask=mask, decoder_input_ids=ids)
        expected = out.logits if hasattr(out, "logits") else out.last_hidden_state
        memory = model.encode(*left_padded(rows))
        together = model(ids, source=memory)
        state = model.new_state(4)
        parts = [model(part, source=memory, state=state) for part in ids.split([5, 4], dim=1)]
        alone = torch.cat([model(ids[i : i + 1], source=row[None]) for i, row in enumerate(rows)])
    for ours in (together, torch.cat(parts, dim=1), alone):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)  # float32 sums in another order


@pytest.mark.parametrize(
    "facts",
    [
        {"forced_bos_token_id": 7},
        {"forced_eos_token_id": 1, "eos_token_id": 1},
        {"forced_bos_token_id": 7, "forced_eos_token_id": 1, "bad_words_ids": [[0], [2]]},
        {"suppress_tokens": [4, 9, 11, 20, 21, 22, 23, 24]},
    ],
)
def test_forced_and_forbidden_tokens_are_those_of_transformers(facts, tmp_path):
    theirs = saved("t5", tmp_path / "theirs", **facts)
    expected = their_ids(theirs, TEXTS)
    ours = read_model(tmp_path / "theirs")
    lm = eigenlm.load(tmp_path / "theirs", device="cpu")
    assert lm.generate(TEXTS, max_tokens=MAX_TOKENS) == tokenizer().batch_decode(expected, skip_special_tokens=True)
    never = facts.get("suppress_tokens", []) + [token for (token,) in facts.get("bad_words_ids", [])]
    assert ours.generation.never == tuple(never)
    write_hugging_face(tmp_path / "hf", ours.model, tokenizer=ours.tokenizer, generation=ours.generation)
    assert torch.equal(their_ids(type(theirs).from_pretrained(tmp_path / "hf"), TEXTS), expected)


def test_a_start_token_in_config_json_alone_is_read(tmp_path):
    saved("t5", tmp_path / "model")
    (tmp_path / "model" / "generation_config.json").unlink()
    values = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(values | {"decoder_start_token_id": 5}))
    assert open_model(tmp_path / "model").generation == Generation(start=5, ends=(1,))
    for odd in ({"decoder_start_token_id": "x"}, {"bad_words_ids": 5}, {"suppress_tokens": {"a": 1}}):
        (tmp_path / "model" / "generation_config.json").write_text(json.dumps(odd))
        with pytest.raises(ConfigError, match=r"generation|start"):
            open_model(tmp_path / "model")


def test_without_a_start_token_there_is_no_answer(tmp_path):
    saved("t5", tmp_path / "model")
    lm = eigenlm.load(tmp_path / "model", device="cpu")
    lm.generation = Generation()
    with pytest.raises(ConfigError, match="decoder_start_token_id"):
        lm.generate("the rank")


def test_the_engine_takes_sources_and_the_decoders_first_tokens(tmp_path):
    theirs = saved("t5", tmp_path / "model")
    model = read_model(tmp_path / "model").model
    source = tokenizer()(TEXTS[0]).input_ids
    expected = their_ids(theirs, TEXTS[:1])[0, 1:].tolist()
    steps = generate(model, [[START]], sources=[source], max_tokens=MAX_TOKENS, stop_tokens=[1])
    assert [row[0] for row in steps] == [token for token in expected if token != 1]


def test_what_needs_one_text_says_so_in_one_line(tmp_path):
    saved("bart", tmp_path / "model")
    lm = eigenlm.load(tmp_path / "model", device="cpu")
    with pytest.raises(ConfigError, match=r"a decoder with a head, got an encoder_decoder; see its answers"):
        perplexity(lm, TEXT)
    with pytest.raises(ConfigError, match=r"a decoder with a head, or an encoder, got an encoder_decoder.*; .*analyze"):
        eigenlm.plan(lm)
    analysis = eigenlm.analyze(lm, text=[TEXT * 20])
    assert "got an encoder_decoder" in analysis.left_out["activations"]
    assert analysis["encoder.0.attention.query"].rank_90 > 1


def test_shards_of_half_precision_are_read(tmp_path):
    theirs = tiny_transformers.tiny("marian").bfloat16()
    theirs.save_pretrained(tmp_path / "model", max_shard_size="30KB")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 2
    model = read_model(tmp_path / "model").model
    again = type(theirs).from_pretrained(tmp_path / "model", dtype=torch.float32)
    torch.testing.assert_close(
        tiny_transformers.our_answer(model), tiny_transformers.answer(again), rtol=0, atol=1e-5
    )  # float32 sums in another order


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("t5", {"feed_forward_proj": "gated-mish"}, "'mish'"),
        ("t5", {"feed_forward_proj": "twice-gelu"}, "gated-ACTIVATION"),
        ("t5", {"architectures": ["T5ForTokenClassification"]}, "T5ForConditionalGeneration or T5Model"),
        ("t5", {"num_heads": 4}, r"encoder\.0\.attention\.query.*\(40, 48\), got \(30, 48\)"),
        ("bart", {"tie_word_embeddings": False}, "tie_word_embeddings = True"),
        ("bart", {"architectures": ["BartForSequenceClassification"]}, "BartForConditionalGeneration or BartModel"),
        ("bart", {"encoder_attention_heads": 5}, "heads that divide"),
        ("marian", {"decoder_vocab_size": 50}, "one vocabulary for both stacks"),
        ("marian", {"share_encoder_decoder_embeddings": False}, "share_encoder_decoder_embeddings = True"),
        ("pegasus", {"activation_function": "mish"}, "'mish'"),
    ],
)
def test_what_is_not_computed_is_refused_in_one_line(name, changes, message, tmp_path):
    saved(name, tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values | changes))
    with pytest.raises(EigenError, match=message) as caught:
        open_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_table_of_tokens_stored_under_other_names_is_read_once(tmp_path):
    theirs = saved("bart", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    table = tensors.pop("model.shared.weight")
    for names in (["model.decoder.embed_tokens.weight"], ["model.encoder.embed_tokens.weight", "lm_head.weight"]):
        save_file(tensors | {name: table.clone() for name in names}, tmp_path / "model.safetensors")
        model = read_model(tmp_path).model
        assert sum(tuple(p.shape) == (96, 48) for p in model.parameters()) == 1
        torch.testing.assert_close(
            tiny_transformers.our_answer(model), tiny_transformers.answer(theirs), rtol=0, atol=1e-5
        )  # float32 sums in another order


def test_marians_pair_of_tokenizers_does_not_hide_its_weights(tmp_path):
    theirs = tiny_transformers.tiny("marian")
    theirs.save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text('{"</s>": 0}')
    (tmp_path / "source.spm").write_bytes(b"\n")
    ours = read_model(tmp_path)
    assert ours.tokenizer is None
    torch.testing.assert_close(
        tiny_transformers.our_answer(ours.model), tiny_transformers.answer(theirs), rtol=0, atol=1e-5
    )  # float32 sums in another order
    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        eigenlm.load(tmp_path)


def test_a_tokenizer_that_another_rule_numbers_does_not_hide_its_weights(tmp_path):
    tiny_transformers.tiny("mbart").save_pretrained(tmp_path)
    model = sentencepiece_model_pb2.ModelProto()
    model.pieces.add(piece="<unk>", type=2)
    (tmp_path / "sentencepiece.bpe.model").write_bytes(model.SerializeToString())
    assert read_model(tmp_path).tokenizer is None
    with pytest.raises(ConfigError, match=r"tokenizer\.json: pip install transformers"):
        eigenlm.load(tmp_path)
    with pytest.raises(CheckpointError, match="got MBartTokenizer"):
        Tokenizer.load(tmp_path)
