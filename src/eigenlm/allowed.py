"""What options may be: asked by the command line before torch is loaded, and again by what takes them."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eigenlm.errors import ConfigError, explain, nearest

METHODS = ("low_rank", "int8", "bits", "trellis")
"""Names of the ways to make a matrix smaller, in the order of `compression.methods`."""
CACHES = ("float", "int8", "int4")
"""Names of the forms in which decoding keeps keys and values, in the order of `attention.vector_codes`."""
GOALS = ("keep", "bits", "size", "time", "max_loss", "max_kl")
"""What a plan may be asked for, of which it is one."""
OPTIMIZERS = ("sgd", "adam", "adamw", "lion", "muon", "soap", "shampoo")
"""Names of the optimizers, in the order of `training.optimizers.catalog`."""
VECTOR_METHODS = ("ppmi-svd", "sgns", "cbow", "glove", "fasttext")
"""Names of the ways to make word vectors, in the order of `vectors.methods`."""
GGUF_PLAIN = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1")
"""GGUF files whose matrices are all of one type, but for the embedding and the head beside 4 bits."""
GGUF_MIXTURES = (
    "Q2_K",
    "Q3_K_S",
    "Q3_K_M",
    "Q3_K_L",
    "IQ4_XS",
    "IQ4_NL",
    "Q4_K_S",
    "Q4_K_M",
    "Q5_K_S",
    "Q5_K_M",
    "Q6_K",
)
"""GGUF files of several types, from the smallest to the largest."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmg])(i)?)?b?", re.IGNORECASE)
_DEVICE = re.compile(r"(auto|cpu|cuda|mps|xpu|hpu|xla|mtia|meta|privateuseone)(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a value may be, in words and as a test, and why or what to do."""

    expected: str
    fits: Callable[[Any], object]
    do: str = ""


def _at_least(least: int, do: str = "") -> Rule:
    return Rule(expected=f"at least {least}", fits=lambda x: x >= least, do=do)


SEED = Rule(expected="a whole number from 0 to 2^32 - 1", fits=lambda x: 0 <= x < 1 << 32)
RULES = {
    "keep": Rule(expected="a fraction in (0, 1]", fits=lambda x: 0 < x <= 1),
    "bits": Rule(expected="a number of bits above 0", fits=lambda x: 0 < x < math.inf),
    "time": Rule(expected="a fraction above 0 and below 1", fits=lambda x: 0 < x < 1),
    "max_loss": Rule(expected="nats per token above 0", fits=lambda x: 0 < x < math.inf),
    "max_kl": Rule(expected="nats per token above 0", fits=lambda x: 0 < x < math.inf),
    "tokens": _at_least(4),  # two windows of two
    "seed": SEED,
    "max_tokens": Rule(expected="0 or more", fits=lambda x: x >= 0),
    "repetition_penalty": Rule(expected="a number above 0", fits=lambda x: 0 < x < math.inf),
    "temperature": Rule(expected="0 or more", fits=lambda x: 0 <= x < math.inf),
    "top_k": Rule(expected="0 (all) or more", fits=lambda x: x >= 0),
    "top_p": Rule(expected="a probability in (0, 1]", fits=lambda x: 0 < x <= 1),
    "min_p": Rule(expected="a fraction in [0, 1]", fits=lambda x: 0 <= x <= 1),
    "device": Rule(expected="cpu, auto, or an accelerator of this machine", fits=_DEVICE.fullmatch),
    "seconds": Rule(expected="a number above 0", fits=lambda x: 0 < x < math.inf),
    "depth": _at_least(1),
    "steps": _at_least(1),
    "k": _at_least(1),
    "rank": _at_least(1),
    "count": _at_least(1),
    "dim": _at_least(1),
    "words_near": _at_least(1),
    "min_count": _at_least(1),
    "max_words": _at_least(1),
    "without_top": _at_least(0),
    "recall": Rule(expected="a share between 0 and 1", fits=lambda x: 0 < x < 1),
    "held_out": Rule(expected="a share between 0 and 1", fits=lambda x: 0 < x < 1),
    "strength": Rule(expected="a number above 0", fits=lambda x: 0 < x < math.inf),
    "penalty": Rule(expected="a number of 0 or more", fits=lambda x: 0 <= x < math.inf),
    "points": _at_least(3, do="a best rate has one tried on either side"),
    "seeds": _at_least(2, do="one run shows no spread, so that no interval is possible"),
}
"""The rule of each option by its name; what stands here means the same wherever it is taken."""


def check(**values: Any) -> None:
    """Refuse a value that its option cannot have; None, and an option without a rule, pass.

    Raises:
        ConfigError: the first that does not fit.

    >>> check(keep=0.8, window=None)
    """
    for name, value in values.items():
        rule = RULES.get(name)
        if rule is not None and value is not None and not rule.fits(value):
            raise ConfigError(explain(name, expected=rule.expected, got=value, do=rule.do))


def check_seed(seed: int, what: str) -> None:
    """Refuse what random generators take for no seed.

    Raises:
        ConfigError: it is negative, or has more than 32 bits.
    """
    if not SEED.fits(seed):
        raise ConfigError(explain(what, expected=SEED.expected, got=seed))


def check_methods(names: Sequence[str]) -> None:
    """Refuse ways to make a matrix smaller that there are not.

    Raises:
        ConfigError: no name, or one that is unknown.
    """
    unknown = [name for name in names if name not in METHODS] if names else [None]
    if unknown:
        raise ConfigError(nearest("methods", unknown[0], METHODS, "some of"))


def check_cache(name: str) -> None:
    """Refuse forms of keys and values that there are not.

    Raises:
        ConfigError: an unknown name.
    """
    if name not in CACHES:
        raise ConfigError(nearest("cache", name, CACHES))


def chosen_goal(asked: Mapping[str, Any]) -> tuple[str, float]:
    """The goal of a plan, of several that may be asked for, and its value; a size may be written as people do.

    Raises:
        ConfigError: several goals, one that there is not, or a value that it cannot have.

    >>> chosen_goal({"size": "50MB"}), chosen_goal({})
    (('size', 50000000.0), ('keep', 0.9))
    """
    if len(asked) > 1:
        raise ConfigError(explain("planning", expected=f"one of {', '.join(GOALS)}", got=" and ".join(asked)))
    name, value = next(iter(asked.items()), ("keep", 0.9))
    if name not in GOALS:
        raise ConfigError(nearest("goal", name, GOALS))
    value = byte_count(str(value)) if name == "size" else value
    check(**{name: value})
    return name, float(value)


def check_vector_method(name: str) -> None:
    """Refuse a way to make word vectors that there is not.

    Raises:
        ConfigError: the name is unknown.
    """
    if name not in VECTOR_METHODS:
        raise ConfigError(nearest("method", name, VECTOR_METHODS))


def check_optimizer(name: str, where: str) -> None:
    """Refuse an optimizer that there is not.

    Raises:
        ConfigError: it names the nearest.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(nearest(where, name, OPTIMIZERS))


def optimizer_kinds(names: str) -> tuple[str, ...]:
    """Optimizers from their names with commas between them.

    Raises:
        ConfigError: an unknown name; the message has the nearest known one.
    """
    wanted = tuple(name.strip().lower() for name in names.split(",") if name.strip())
    for name in wanted:
        check_optimizer(name, "race, optimizers")
    return wanted


def check_windows(window: int, stride: int, longest: int | None) -> None:
    """Refuse windows that hold nothing, or that leave tokens out between them.

    Args:
        window: tokens of each.
        stride: tokens from the start of one to that of the next.
        longest: the longest stride, where there is one.

    Raises:
        ConfigError: a window or stride below 1, or a longer stride.
    """
    if window < 1 or stride < 1 or (longest is not None and stride > longest):
        expected = "a window above 0 and a stride " + ("at least 1" if longest is None else f"from 1 to {longest}")
        got = f"window {window}, stride {stride}"
        raise ConfigError(explain("cutting text into windows", expected=expected, got=got))


def check_scored(window: int, stride: int | None) -> None:
    """Refuse windows of which no token can be scored, which takes a token before it.

    Raises:
        ConfigError: a window below 2, or a stride outside 1..window.
    """
    check_windows(window, window if stride is None else stride, longest=window)
    if window < 2:
        raise ConfigError(explain("scoring text in windows", expected="at least 2 tokens", got=window))


def check_vocabulary(kind: str, size: int, control_tokens: Sequence[str]) -> None:
    """Refuse a vocabulary too small for what a tokenizer of the kind must hold.

    Raises:
        ConfigError: with the least there can be.
    """
    needed = len(control_tokens) + (256 if kind == "bpe" else 8)
    if size < needed:
        raise ConfigError(explain(f"training a {kind} tokenizer", expected=f"vocab_size >= {needed}", got=size))


def byte_count(text: str) -> int:
    """A size as people write it, in bytes.

    Raises:
        ConfigError: it is none.

    >>> byte_count("72MB"), byte_count("1.5 GiB"), byte_count("4096")
    (72000000, 1610612736, 4096)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ConfigError(explain("size", expected="a number of bytes such as 72MB or 1.5GiB", got=repr(text)))
    power = " kmg".index((found[2] or " ").lower())
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


def gguf_type(name: str) -> str:
    """The type of a GGUF file as it is spelled here, in capital letters.

    Raises:
        ConfigError: there is none of that name.
    """
    known = (*GGUF_PLAIN, *GGUF_MIXTURES)
    if name.upper() not in known:
        raise ConfigError(explain("type of a GGUF file", expected=f"one of {', '.join(known)}", got=repr(name)))
    return name.upper()
