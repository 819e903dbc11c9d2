"""Messages to ids: as transformers does for plain text, and never a control token from a message."""

import pytest
import tokenizers
import transformers
from hypothesis import Phase, given, settings
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


texts = st.lists(
    st.sampled_from([*CONTROL, "<|im_", "end|>", "<", "|>", "|", "<|", "im_end", "x", " ", "\n", "\u00df", "%s", "'"]),
    min_size=1,
    max_size=6,
).map("".join)


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


@settings(max_examples=40)
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


REASONING = """{% for m in messages %}{% set text = m.content %}
{% if m.role == 'assistant' and '</think>' in text %}{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}
{{ '<|im_start|>' + m.role + '\n' + text }}
{% if m.reasoning_content is string and loop.last %}{{ '(' ~ m.reasoning_content|trim ~ ')' }}{% endif %}<|im_end|>
{% endfor %}"""
PARTS = """{% macro show(content) %}{% if content is string %}{{ content }}{% elif content is iterable %}
{% for part in content %}{{ '[image]' if part.type == 'image' else part['text'] }}{% endfor %}
{% else %}{{ content }}{% endif %}{% endmacro %}
{% for m in messages %}<|im_start|>{{ m.role|upper }}:{% generation %}{{ show(m.content) }}{% endgeneration %}<|im_end|>
{% endfor %}"""
TOOLS = """{% for tool in tools or [] %}{{ tool.function|tojson(indent=1) }}
{{ tool.function.name|safe + " isn't <b>" }}{% endfor %}
{% for m in messages %}<|im_start|>{% if 'content' not in m %}nothing{% else %}{{ m.content }}{% endif %}
{% for call in m.tool_calls or [] %}{% for key, value in call.arguments|items %}{{ key ~ '=' ~ value }}{% endfor %}
{{ call|tojson }}{{ call.arguments }}{% endfor %}<|im_end|>{% endfor %}
{{ '%s of %d' % (messages[0].role, messages|length) }}"""
BEFORE = """{% macro show(x, y) %}{{ x }}{{ y }}{% endmacro %}
{% set a = messages[0].content %}{% set b = messages[1].content %}
{% set cut %}{{ a }}{% filter trim %}{{ b }}{% endfilter %}{% endset %}"""
TALKS = [
    {
        "messages": [
            {"role": "user", "content": " Is 2 < 3?\n"},
            {"role": "assistant", "content": "<think>\nso\n</think>\n\nyes"},
        ]
    },
    {"messages": [{"role": "assistant", "content": "yes", "thinking": " on fingers ", "tool_calls": None}]},
    {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what?"}]}]},
    {"messages": [{"role": "critic", "content": 3}, {"role": "user", "content": (1.5, True)}]},
    {
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": [{"arguments": {"Łódź": [1, None], "it's": "x"}}]}
        ],
        "tools": [{"type": "function", "function": {"name": "f'<i>", "description": 'é & "so"'}}],
    },
]


@pytest.mark.parametrize("talk", TALKS)
@pytest.mark.parametrize("source", [CHATML, REASONING, PARTS, TOOLS])
def test_a_template_sees_messages_as_they_are(bpe, theirs, source, talk):
    options = {"add_generation_prompt": False, **talk}
    messages = options.pop("messages")
    try:
        want = theirs.apply_chat_template(messages, chat_template=source, return_dict=False, **options)
    except Exception:
        with pytest.raises(DataError, match=r"rendering the chat template: expected a prompt"):
            ChatTemplate(source).encode(messages, bpe, **options)
    else:
        assert ChatTemplate(source).encode(messages, bpe, **options) == want


EXPRESSIONS = [
    "a ~ b",
    "a + b",
    "a.replace(' ', '') + b|trim",
    "a|replace('x', '') ~ b|replace('|', '|', 1)",
    "a.split('x')|join ~ b.split('x')[-1]",
    "a.rsplit(none, 1)|last ~ b.partition('>')|join",
    "a[:5] ~ b[-5:] ~ a[::-1][::-1]",
    "(a|list + b|list)|join ~ (a ~ b)|first ~ (a ~ b)|last",
    "a|upper|lower ~ b|title|capitalize",
    "[a, b]|join('<|im_') ~ ['end|>']|join(a)",
    "{a: b}|tojson ~ {a: b} ~ [a, b] ~ (a, b)|string",
    "'{}{x}'.format(a, x=b) ~ '%s%s' % (a, b)",
    "(a ~ b)|indent(2) ~ (a ~ '\n' ~ b)|indent",
    "a|safe + b ~ a|e",
    "[a, b]|map('trim')|join ~ [a, b]|map('upper')|map('lower')|join",
    "messages|map(attribute='content')|join ~ (messages|groupby('role'))",
    "'x'.join(a.splitlines() + [b]) ~ a.strip('<') ~ b.removeprefix('e').removesuffix('>')",
    "('<|im_' ~ b) ~ (a ~ 'end|>') ~ '<' ~ a.lstrip('<')",
    "show(a, b) ~ cut ~ messages[0].role",
    "dict(a=a).a ~ dict([[a, b]]).items()|list ~ a * 2 ~ (a if a else b) ~ a|default(b)",
    "(a ~ b)|truncate(30, true, 'x') ~ [a]|sort|unique|list ~ {'a': a}|dictsort",
]
USES = ChatTemplate(BEFORE + "".join(f"<|im_start|>{{{{ {one} }}}}<|im_end|>" for one in EXPRESSIONS))


@settings(max_examples=3, phases=[Phase.generate])
@given(texts, texts)
def test_no_template_makes_a_control_token_of_what_users_wrote(bpe, a, b):
    messages = [{"role": "<|im_end|>", "content": a}, {"role": "user", "content": b}]
    ids = USES.encode(messages, bpe)
    control = [i for i in ids if i in bpe.control_tokens.values()]
    assert control == [bpe.id("<|im_start|>"), bpe.id("<|im_end|>")] * len(EXPRESSIONS)
    assert bpe.decode(ids, control=True) == USES.render(messages)


def test_a_role_that_templates_know_may_be_a_part_of_a_control_token(bpe):
    library = tokenizers.Tokenizer.from_str(bpe.library.to_str())
    library.add_special_tokens(["<|user|>", "<|endoftext|>"])
    tokenizer, template = (
        Tokenizer(library),
        ChatTemplate("{% for m in messages %}{{ '<|' + m.role + '|>' }}{% endfor %}"),
    )
    ids = template.encode([{"role": "user"}, {"role": "endoftext"}], tokenizer)
    assert ids == [tokenizer.id("<|user|>"), *tokenizer.encode("<|endoftext|>")]


def test_white_space_of_a_user_goes_with_the_token_that_takes_it(tmp_path):
    made = tokenizers.Tokenizer(models.WordLevel({"a": 0, " ": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.add_special_tokens([tokenizers.AddedToken("<u>", rstrip=True), tokenizers.AddedToken("<e>", lstrip=True)])
    template, tokenizer = ChatTemplate("<u>{{ messages[0].content }}<e>"), Tokenizer(made)
    assert template.encode([{"role": "user", "content": " a a "}], tokenizer) == [3, 0, 1, 0, 4]
    assert template.encode([{"role": "user", "content": " <e>"}], tokenizer) == [3, 2, 2, 2, 4]


def test_one_of_several_templates_is_taken_as_transformers_does(theirs):
    named = {"default": "plain", "tool_use": "tools", "rag": "documents"}
    theirs.chat_template = named
    for options in ({}, {"tools": []}, {"tools": [{"name": "f"}]}):
        want = theirs.apply_chat_template([{"role": "user", "content": ""}], tokenize=False, **options)
        assert ChatTemplate(named).render([{"role": "user", "content": ""}], **options) == want
    assert ChatTemplate(named).render([{"role": "user"}], name="rag") == "documents"
    with pytest.raises(DataError, match=r"expected a name among default, rag, tool_use, got 'other'"):
        ChatTemplate(named).render([{"role": "user"}], name="other")


@pytest.mark.parametrize("messages", [[], [{"content": "hello"}], [{"role": 3, "content": "hello"}]])
def test_messages_of_another_form(bpe, messages):
    for act in (lambda: TEMPLATE.render(messages), lambda: TEMPLATE.encode(messages, bpe)):
        with pytest.raises(DataError, match=r"chat: expected"):
            act()
