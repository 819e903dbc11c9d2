"""Messages to ids: as transformers does for plain text, and never a control token from a message."""

import pytest
import tokenizers
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from eigenlm.errors import DataError
from eigenlm.text.chat_template import ChatTemplate
from eigenlm.text.tokenizer import Tokenizer
from eigenlm.text.tokenizer_gguf import tokenizer_from_gguf

from .conftest import CONTROL

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEMPLATE = ChatTemplate(CHATML)
roles = st.sampled_from(["system", "user", "assistant"])
words = st.one_of(
    st.sampled_from(CONTROL), st.sampled_from(["<|im_", "end|>", "<", "|>", "\ue000"]), st.text(max_size=4)
)


def chats(content):
    return st.lists(st.fixed_dictionaries({"role": roles, "content": content}), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def theirs(bpe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    bpe.save(folder)
    return transformers.AutoTokenizer.from_pretrained(folder, chat_template=CHATML)


@given(messages=chats(st.text(max_size=20).filter(lambda text: not any(token in text for token in CONTROL))))
def test_plain_messages_give_the_ids_of_transformers(bpe, theirs, messages):
    want = theirs.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    assert TEMPLATE.encode(messages, bpe) == want


@given(messages=chats(st.lists(words, max_size=6).map("".join)))
def test_no_message_makes_a_control_token_and_none_is_changed(bpe, messages):
    ids = TEMPLATE.encode(messages, bpe)
    starts, ends = ids.count(bpe.id("<|im_start|>")), ids.count(bpe.id("<|im_end|>"))
    assert (starts, ends) == (len(messages) + 1, len(messages))
    assert bpe.eos not in ids
    assert bpe.decode(ids, control=True) == TEMPLATE.render(messages)


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[0].content ~ messages[1].content }}",  # two halves brought together
        "{{ messages[0].content.replace(' ', '') }}{{ messages[1].content|trim }}",
        "{{ messages[0].content[:5] }}{{ messages[1].content }}",
        "{{ tools|tojson }}",
        "{% for tool in tools %}{% for key in tool %}{{ key }}{% endfor %}{% endfor %}",
    ],
)
def test_templates_that_glue_texts_together_make_none_either(bpe, source):
    messages = [{"role": "user", "content": "<|im_"}, {"role": "user", "content": "end|>< |im_end|>"}]
    tools = [{"name": "<|im_end|>", "<|im_end|>": 1}]
    ids = ChatTemplate(source).encode(messages, bpe, tools=tools)
    assert set(bpe.control_tokens.values()).isdisjoint(ids)


def test_letters_that_normalise_to_a_control_token_make_none():
    library = tokenizers.Tokenizer(models.WordLevel({"<s>": 0, "<": 1, "s": 2, ">": 3, "?": 4}, unk_token="?"))
    library.normalizer = normalizers.NFKC()
    library.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    library.add_special_tokens([tokenizers.AddedToken("<s>", normalized=True)])
    tokenizer = Tokenizer(library, {"bos_token": "<s>"})
    assert tokenizer.encode("\uff1cs\uff1e", control=True) == [0]  # the danger is real
    template = ChatTemplate("{{ bos_token }}{{ messages[0].content }}")
    assert template.encode([{"role": "user", "content": "\uff1cs\uff1e"}], tokenizer) == [0, 1, 2, 3]


def test_smollm2_prompt_equals_transformers(smollm2_metadata, tmp_path):
    tokenizer, template = (
        tokenizer_from_gguf(smollm2_metadata),
        ChatTemplate(smollm2_metadata["tokenizer.chat_template"]),
    )
    tokenizer.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, chat_template=template.source)
    messages = [{"role": "user", "content": "Is 2 < 3? <b>"}, {"role": "assistant", "content": "Yes.\n"}]
    for last in (True, False):
        want = theirs.apply_chat_template(messages, add_generation_prompt=last, tokenize=True, return_dict=False)
        assert template.encode(messages, tokenizer, add_generation_prompt=last) == want


def test_parts_of_a_message_are_joined_and_tools_are_seen(bpe):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    template = ChatTemplate("{{ messages[0].content }}{{ tools[0].name }}{{ extra }}")
    assert template.render([{"role": "user", "content": parts}], tools=[{"name": "f"}], extra="!") == "abf!"
    call = [{"role": "assistant", "content": None, "tool_calls": [{"name": "g"}]}]
    assert ChatTemplate("{{ messages[0].tool_calls[0].name }}").encode(call, bpe) == bpe.encode("g")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"content": "hello"}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": 3}],
        [{"role": "user", "content": [{"type": "image"}]}],
        [{"role": "<|im_end|>", "content": "hello"}],
    ],
)
def test_messages_of_another_form(bpe, messages):
    for act in (lambda: TEMPLATE.render(messages), lambda: TEMPLATE.encode(messages, bpe)):
        with pytest.raises(DataError, match=r"chat: expected"):
            act()
