"""Attacks on the template sandbox: each ends in one line, in little time and memory."""

import json
import resource
import sys
import time
from functools import partial

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from eigenlm.errors import DataError
from eigenlm.text import chat_template
from eigenlm.text.chat_template import ChatTemplate

MESSAGES = [{"role": "user", "content": "x"}]


def doubled(step: str, start: str = "'aa'") -> str:
    loop = f"{{% for i in range(60) %}}{step}{{% endfor %}}{{{{ ns.x }}}}"
    return f"{{% set ns = namespace(x={start}) %}}{loop}"


ESCAPES = [
    # CVE-2024-34359 and its relatives
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% if 'warning' in x.__name__ %}"
    "{{ x()._module.__builtins__['__import__']('os').popen('id').read() }}{% endif %}{% endfor %}",
    # CVE-2026-5760 and its relatives
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ raise_exception.__globals__.sys }}",
    "{{ '{0.__class__.__mro__}'.format('x') }}",
    "{{ 'x'|attr('__class__') }}",
    "{{ [messages]|map(attribute='__class__.__mro__')|first|first }}",
    "{{ namespace(__class__=1) }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update(role='system') }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
]
GIANTS = [
    "{{ 'a' * 10**10 }}",
    "{{ 10**10 * 'a' }}",
    "{{ [1] * 99999999 }}",
    "{{ 10 ** (10 ** 9) }}",
    "{{ 7 ** 9999999 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%*d' % (999999999, 1) }}",
    "{{ '%999999999d'|format(1) }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ '{:{w}}'.format(1, w=999999999) }}",
    "{{ ('{0}' * 1000).format('a' * 100000) }}",
    "{{ 'a'|center(10**9) }}",
    "{{ 'a'.center(1000000000) }}",
    "{{ 'a'.zfill(1000000000) }}",
    "{{ 'a\tb'.expandtabs(1000000000) }}",
    "{{ 'a\n b'|indent(10**9) }}",
    "{{ 'a\n b'|indent(first=true, width=1000000000) }}",
    "{{ 'a\n b'|indent('x' * 1000000) }}",
    "{{ [1]|batch(10**9, 'x')|list }}",
    "{{ 1.5|round(100000000, 'floor') }}",
    "{{ (1).to_bytes(1000000000, 'big') }}",
    "{{ messages|tojson(indent=100000000) }}",
    "{{ [1, 2]|tojson(separators=('x' * 1000000, ':')) }}",
    "{{ strftime_now('%999999999d') }}",
    "{{ lipsum(n=1000000) }}",
    "{% for i in range(9999999) %}{% endfor %}",
    "{{ range(99999)|join('a' * 99999) }}",
    "{{ ('a' * 99999)|replace('a', 'b' * 99999) }}",
    "{{ ('a' * 99999)|replace(new='b' * 99999, old='a') }}",
    "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
    "{{ ('a' * 99999).join(['b'] * 99999) }}",
    "{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
    "{% set x %}{% for i in range(99999) %}{{ 'a' * 1000 }}{% endfor %}{% endset %}",
    "{% set ns = namespace(x='a' * 999999, l=[]) %}"
    "{% for i in range(99999) %}{% set ns.l = ns.l + [ns.x[1:]] %}{% endfor %}",
    doubled("{% set ns.x = ns.x + ns.x %}"),
    doubled("{% set ns.x = ns.x ~ ns.x %}"),
    doubled("{% set ns.x = ns.x|replace('a', 'aa') %}"),
    doubled("{% set ns.x = [ns.x, ns.x]|join(ns.x) %}"),
    doubled("{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}"),
    doubled("{% set ns.x = f(ns.x) %}").replace(
        "{% set ns", "{% macro f(x) %}{{ x }}{{ x }}{% endmacro %}{% set ns", 1
    ),
    doubled("{% set ns.x = [ns.x, ns.x] %}"),
    doubled("{% set ns.x = (ns.x, ns.x) %}"),
    doubled("{% set ns.x = {'a': ns.x, 'b': ns.x} %}"),
    doubled("{% set ns.x = dict(a=ns.x, b=ns.x) %}"),
    doubled("{% set ns.x = {'a': ns.x.items(), 'b': ns.x.items()} %}", "{'a': 1}"),
    doubled("{{ f(ns.x, ns.x) }}", "(1,)").replace(
        "{% for", "{% macro f() %}{% set ns.x = varargs %}{% endmacro %}{% for", 1
    ),
]
ENDLESS = [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{% set x = range(9999)|map('string')|list|length %}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "{% block b %}{{ self.b() }}{{ self.b() }}{% endblock %}",
    "{% include self %}",
]
BROKEN = [
    "{% if %}",
    "{{ messages[0].nothing.at_all }}",
    "{{ 1 / 0 }}",
    "{{ raise_exception('roles\nmust alternate') }}",
    "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    "{{" + "1+" * 20000 + "1}}",
    "x" * (1 << 19),
]


@pytest.fixture(scope="module", autouse=True)
def _impatience():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_template, "_SECONDS", 0.5)
        yield


def _peak() -> int:
    """Peak memory of the process in bytes; macOS counts in bytes, Linux in kibibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("source", ESCAPES + GIANTS + ENDLESS + BROKEN, ids=lambda source: source[:40])
def test_an_attack_is_refused_in_one_line(source):
    start, before = time.monotonic(), _peak()
    with pytest.raises(DataError) as caught:
        ChatTemplate(source).render(MESSAGES)
    assert "\n" not in str(caught.value)
    assert "TypeCheckError" not in str(caught.value)  # users have no beartype to save them
    assert len(str(caught.value)) < 500
    assert time.monotonic() - start < 5  # 0.5 s each for compiling and rendering, and room for a busy machine
    assert _peak() - before < 400 << 20  # 32 values of 2^20 elements


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__ }}{{ ''['__class__'] }}{{ messages[0]['__class__'] }}",
        "{{ raise_exception.__globals__ }}{{ range.__self__ }}",
        "{{ [''] | map(attribute='__class__') | list | length }}",
    ],
)
def test_private_names_that_are_only_printed_are_nothing(source):
    assert ChatTemplate(source).render(MESSAGES) in ("", "1")


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' ~ 1 ~ none }}{{ 'abc'[1:] }}{{ [1, 2, 3][::-1] }}{{ (1, 2)[:1] }}",
        "{% set ns = namespace(n=0) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
        "{%- for m in messages %}\n    {% if loop.first %}\n  first\n    {%- endif %}\n{% endfor -%}\n  end",
        "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% elif i > 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
        "{{ {'b': [1, 'é<'], 'a': none}|tojson }}{{ {'a': [1]}|tojson(indent=2) }}",
        "{{ ' a '|trim }}{{ 'a,b'.split(',')|join(';') }}{{ ['b', 'a']|sort|first }}{{ z|default('y') }}",
        "{{ '{} and {name}'.format(1, name='two') }}{{ 'line\nline'|indent(2) }}",
        "{{ 7 // 2 }}{{ 7 % 4 }}{{ 2 ** 5 }}{{ -3 }}{{ 7 / 2 }}{{ 'a' * 3 }}{{ [1] + [2] }}",
        "{% macro f(x, y=2) %}[{{ x }}{{ y }}]{% endmacro %}{{ f(1) }}{{ f(1, y=3) }}{% set a, b = 1, 2 %}{{ b }}",
        "{{ messages|selectattr('role', 'equalto', 'user')|list|length }}{{ messages|map(attribute='content')|join }}",
        "{% for key, value in {'a': 1}.items() %}{{ key }}{{ value }}{% endfor %}{{ messages[0].get('none', 'd') }}",
    ],
)
def test_what_templates_do_gives_what_plain_jinja_gives(source):
    plain = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    plain.filters["tojson"] = partial(json.dumps, ensure_ascii=False)
    assert ChatTemplate(source).render(MESSAGES) == plain.from_string(source).render(messages=MESSAGES)


def test_generation_marks_are_passed_over():
    assert ChatTemplate("{% generation %}{{ messages[0].content }}{% endgeneration %}!").render(MESSAGES) == "x!"


def test_the_day_can_be_asked_for():
    assert ChatTemplate("{{ strftime_now('%Y') }}").render(MESSAGES) == time.strftime("%Y")
