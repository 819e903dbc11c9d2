"""What damaged files are made to say: numbers, texts, stages of tokenizers and pieces of templates that bite."""

import base64
from typing import Any

NUMBERS = [
    0,
    1,
    -1,
    2,
    3,
    64,
    1000,
    2**16,
    2**24,
    2**31 - 1,
    2**31,
    2**32,
    2**40,
    2**53,
    2**63 - 1,
    2**63,
    2**64 - 1,
]
TEXTS = [
    *("", "x", " ", "\n", "two\nlines\r\n", "\0", "\x1b[31mred\x1b]0;title\a", "\u202eleft", "\u2028", "\ud800"),
    *(
        "a" * 100_000,
        "é中🤖",
        "\u0301" * 500,
        "../../x",
        "/dev/zero",
        "/",
        "/proc/self/mem",
        "owner/name",
        "nan",
        "None",
    ),
    *("<s>", "</s>", "<|im_end|>", "<unk>", "##", "▁", "Ġ", "<0x41>", "float32", "float16", "silu", "llama", "bert"),
]
VALUES: list[Any] = [
    *(None, True, False, 1.5, -0.0, 1e-45, 1e300, float("nan"), float("inf"), float("-inf"), *NUMBERS, *TEXTS),
    *([], {}, [None], [1], [-1], ["x"], [[]], [{}], {"": None}, {"x": {}}, {"type": "x"}, {"content": 1}, [0] * 5000),
]
RAW = [  # JSON that no program writes
    *("1e999", "-1e999", "1" + "0" * 400, "1" + "0" * 5000, "-" + "9" * 4400, "1E400", "0.1e-9999", "-0"),
    *("[" * 100_000, "[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000, '{"a":1,"a":[2]}', '"\\ud800"'),
    *("0x10", "{", "", "'x'", '"\\u0000\\u001b[2J"', "nul", "1.", '"\\uDC00\\uD800"', "[1,]", "\ufeff1", "true false"),
]
STORAGES = [
    *("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "U16", "U32", "U64", "BOOL", "F8_E4M3", "F8_E5M2"),
    *("F4", "F6_E2M3", "F8_E8M0", "C64", "f32", "", "X", "F32 ", 4, None, []),
]
REGEXES = [
    *(
        "(a+)+$",
        "(a|a)*b",
        "(.*)*x",
        "(?:\\s*)*$",
        "(\\w+\\s?)*\\d",
        "((a{1,30}){1,30}){1,30}b",
        "a{1000}{1000}",
        "()*",
    ),
    *("\\p{L", "(?=", "[", "\\K", "(?R)", "\\1", "(?<!a+)", "", "|", ".", "(?i)ss", "[^\\x00-\\x{10ffff}]", "\\p{X}"),
    *("(?<n>a\\g<n>?b)", "\\X*\\X*\\X*z", "(?s).*", "'s|'t| ?\\p{L}+|\\s+(?!\\S)", "(?m)^", "$", "\\b", "\ud800"),
]
_PATTERNS: list[Any] = [
    *({"Regex": each} for each in REGEXES),
    *({"String": each} for each in ("", "a", " ", "▁", "a" * 999)),
]
_PATTERNS += [{}, {"Regex": 1}, None, "a"]
_MAPS = [
    base64.b64encode(each).decode()
    for each in (b"", b"\4\0\0\0abcd", b"\xff" * 64, bytes(400), b"\4\0\0\0\xff\xff\xff\xff\0a\0")
]
STAGES: dict[Any, list[Any]] = {
    "normalizer": [
        *(
            {"type": "Replace", "pattern": pattern, "content": new}
            for pattern in _PATTERNS
            for new in ("", "x", "x" * 70)
        ),
        *({"type": "Precompiled", "precompiled_charsmap": each} for each in (*_MAPS, "", "?", None, 5)),
        *({"type": "Prepend", "prepend": each} for each in ("▁", "", "x" * 1000)),
        *(
            {"type": name}
            for name in ("NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "ByteLevel", "X")
        ),
        *({"type": "Sequence", "normalizers": [{"type": "NFKD"}] * n} for n in (0, 1, 500)),
        *(
            {"type": "BertNormalizer", "lowercase": True},
            {"type": "Strip", "strip_left": True, "strip_right": True},
            None,
        ),
    ],
    "pre_tokenizer": [
        *(
            {"type": "Split", "pattern": p, "behavior": b, "invert": False}
            for p in _PATTERNS
            for b in ("Isolated", "Removed", "X")
        ),
        *({"type": "Split", "pattern": pattern, "behavior": "MergedWithNext", "invert": True} for pattern in _PATTERNS),
        *(
            {"type": "Metaspace", "replacement": each, "prepend_scheme": "always", "split": True}
            for each in ("▁", "", "ab")
        ),
        *(
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": use}
            for use in (True, False)
        ),
        *({"type": "FixedLength", "length": each} for each in (0, 1, 2**40, -1)),
        *(
            {"type": name}
            for name in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts", "Punctuation", "X")
        ),
        *({"type": "CharDelimiterSplit", "delimiter": each} for each in ("", "a", "ab")),
        *({"type": "Digits", "individual_digits": True}, {"type": "Sequence", "pretokenizers": []}, None),
    ],
    "decoder": [
        *({"type": "Replace", "pattern": pattern, "content": new} for pattern in _PATTERNS for new in ("", "x" * 70)),
        *(
            {"type": "Strip", "content": c, "start": n, "stop": m}
            for c in (" ", "", "ab")
            for n, m in ((0, 0), (1, 2), (2**40, 2**63))
        ),
        *({"type": "WordPiece", "prefix": each, "cleanup": True} for each in ("##", "", "x" * 999)),
        *({"type": "CTC", "pad_token": "", "word_delimiter_token": each, "cleanup": True} for each in ("", "|")),
        *({"type": "BPEDecoder", "suffix": each} for each in ("</w>", "")),
        *({"type": name} for name in ("ByteLevel", "ByteFallback", "Fuse", "X")),
        *({"type": "Metaspace", "replacement": each, "prepend_scheme": "first", "split": False} for each in ("▁", "")),
        *({"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}, None),
    ],
    "post_processor": [
        *({"type": "BertProcessing", "sep": ["[SEP]", n], "cls": ["[CLS]", n]} for n in (0, 1, 2**31, 2**32 - 1, -1)),
        *(
            {
                "type": "RobertaProcessing",
                "sep": ["</s>", n],
                "cls": ["<s>", 0],
                "trim_offsets": True,
                "add_prefix_space": True,
            }
            for n in (2, 2**32 - 1)
        ),
        *(
            {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "<s>", "type_id": t}},
                    *[{"Sequence": {"id": "A", "type_id": 0}}] * times,
                ],
                "pair": [],
                "special_tokens": {"<s>": {"id": "<s>", "ids": ids, "tokens": ["<s>"] * names}},
            }
            for t in (0, 2**32 - 1)
            for times in (0, 1, 2, 500)
            for ids in ([0], [], [2**32 - 1], [0] * 100)
            for names in (0, 1)
        ),
        *(
            {"type": "Sequence", "processors": []},
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            None,
        ),
    ],
    "truncation": [
        *(
            {"direction": "Right", "max_length": n, "strategy": s, "stride": m}
            for n in (0, 1, 2**63)
            for s in ("LongestFirst", "OnlySecond")
            for m in (0, 5)
        ),
    ],
    "padding": [
        *(
            {
                "strategy": s,
                "direction": "Left",
                "pad_to_multiple_of": m,
                "pad_id": 2**31,
                "pad_type_id": 0,
                "pad_token": "",
            }
            for s in ("BatchLongest", {"Fixed": 2**40})
            for m in (None, 0, 2**40)
        ),
    ],
    "model": [
        *(
            {"type": "Unigram", "unk_id": unk, "vocab": vocab, "byte_fallback": True}
            for unk in (None, 0, 5, -1, 2**40)
            for vocab in ([], [["<unk>", 0.0]], [["", -1.0]], [["a", 1e308], ["a", -1e308], ["<unk>", 0]])
        ),
        *(
            {"type": "WordLevel", "vocab": vocab, "unk_token": unk}
            for vocab in ({}, {"a": 0, "b": 2**32 - 1}, {"a": 0, "b": 0})
            for unk in ("", "a")
        ),
        *(
            {
                "type": "BPE",
                "vocab": {"a": 0, "b": n, "ab": 2},
                "merges": merges,
                "byte_fallback": True,
                "unk_token": "a",
            }
            for n in (1, 0, 2**32 - 1)
            for merges in ([], ["a b"], ["a b"] * 9, ["a c"], ["b a"], ["a"], [["a", "b", "ab"]], [" "])
        ),
        *(
            {
                "type": "WordPiece",
                "vocab": vocab,
                "unk_token": "[UNK]",
                "continuing_subword_prefix": prefix,
                "max_input_chars_per_word": most,
            }
            for vocab in ({}, {"[UNK]": 0, "a": 1, "##": 2})
            for prefix in ("", "##", "\n")
            for most in (0, 100, 2**62)
        ),
    ],
    "dropout": [0.5, 0.0, 1.0, -1, 2, "x"],
    "added_tokens": [
        *(
            [
                {
                    "id": i,
                    "content": c,
                    "single_word": True,
                    "lstrip": True,
                    "rstrip": True,
                    "normalized": n,
                    "special": s,
                }
            ]
            for i in (0, 1, 2**31, 2**32 - 1)
            for c in ("", "a", " ", "\n", "<s>")
            for n in (True, False)
            for s in (True, False)
        ),
    ],
    "merges": [
        [],
        ["a b"],
        ["zz zz"],
        [["a", "b"]],
        [["a"]],
        ["#version"],
        [" "],
        [["Ġ", "t"]] * 50,
        ["a b c"],
        [["", ""]],
    ],
    "unk_token": [None, "", "a", "<unk>", "nothing"],
    "continuing_subword_prefix": ["", "##", "a", "\n", None],
    "end_of_word_suffix": ["", "</w>", "a"],
    "rope_scaling": [
        *(
            {
                "rope_type": kind,
                "factor": factor,
                "original_max_position_embeddings": n,
                "low_freq_factor": 1,
                "high_freq_factor": factor,
                "short_factor": [1.0],
                "long_factor": [factor] * 4,
                "beta_fast": 32,
                "beta_slow": 1,
            }
            for kind in ("linear", "dynamic", "yarn", "longrope", "llama3", "x")
            for factor in (0, 1.0, 2.0, -1, 1e300)
            for n in (0, 1, 32, 2**70)
        ),
    ],
    "quantization_config": [
        *(
            {
                "quant_method": kind,
                "bits": bits,
                "group_size": group,
                "weight_block_size": [group, group],
                "desc_act": True,
            }
            for kind in ("gptq", "awq", "fp8", "mxfp4", "bitsandbytes", "fbgemm_fp8", "x")
            for bits in (0, 3, 4, 8, -4)
            for group in (-1, 0, 16)
        ),
    ],
    "layer_types": [
        ["full_attention"],
        ["sliding_attention"] * 3,
        ["x"] * 2,
        [None],
        ["full_attention", "sliding_attention"] * 50,
    ],
}
STAGES |= {
    "normalizers": [[each] for each in STAGES["normalizer"]],
    "pretokenizers": [[each] for each in STAGES["pre_tokenizer"]],
}
STAGES |= {
    "decoders": [[each] for each in STAGES["decoder"]],
    "pattern": _PATTERNS,
    "rope_parameters": STAGES["rope_scaling"],
}
STAGES |= {"Regex": [each["Regex"] for each in _PATTERNS if isinstance(each, dict) and "Regex" in each]}
TEMPLATES = [
    *(
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'a' * 2**30 }}",
        "{{ 2 ** 10**9 }}",
    ),
    *(
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ messages | list * 10**8 }}",
    ),
    *(
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
        "{% raw %}",
    ),
    *(
        "{{ messages[0]['content'] | replace('', 'x' * 9999) }}",
        "{{ '%9999999d' % 1 }}",
        "{{ '{:>99999999}'.format(1) }}",
        "{{",
    ),
    *(
        "{% include 'x' %}",
        "{% import 'os' as os %}",
        "{% extends x %}",
        "{% block a %}{{ self.a() }}{% endblock %}",
        "%}",
        "}}",
    ),
    *(
        "{{ raise_exception('no\x1b[31m\nway') }}",
        "{{ strftime_now('%Y' * 20) }}",
        "{{ messages | tojson(indent=4) }}",
        "{%",
    ),
    *(
        "{{ messages | map(attribute='content') | join('\x00') }}",
        "{{ namespace }}",
        "{{ range(10**12) | list }}",
        "{{ lipsum() }}",
    ),
    *(
        "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
        "{{ cycler(1,2) }}",
        "{{ joiner() }}",
        "{{ 1/0 }}",
    ),
    *(
        "{{ messages | sort(attribute='x') }}",
        "{{ (1,) * 10**9 }}",
        "{{ messages | groupby('role') }}",
        "{{ x.y.z }}",
        "{#",
    ),
    *(
        "{% if messages[0] is mapping %}",
        "{% endif %}",
        "{% endfor %}",
        "{% else %}",
        "{% set x = 1 %}",
        "{{ dict(a=1)['b'] }}",
    ),
    *(
        "{{ 'abc'[::0] }}",
        "{{ 'a'.join(['b'] * 9**6) }}",
        "{{ '\ud800' }}",
        '{{ "\\ud800" }}',
        "{{ caller() }}",
        "{{ bos_token }}",
    ),
    *(
        "{{ messages[-1] }}",
        "{{ 'x' | indent(10**9) }}",
        "{{ 'x' | center(10**9) }}",
        "{{ 10**4000 }}",
        "{% break %}",
        "{% call f() %}",
    ),
    *(
        "{{ '" + "(" * 200 + "' }}",
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "-" * 3000 + "1 }}",
        "{{ 1 if }}",
        "{{ 0.1.real }}",
    ),
    *(
        "{{ " + "[" * 90 + "]" * 90 + " }}",
        "{% if 1 %}" * 60 + "x" + "{% endif %}" * 60,
        "{% filter upper %}a{% endfilter %}",
        "{{ loop }}",
    ),
]
