"""A forecast as rows of a table."""

from collections.abc import Callable, Mapping

from eigenlm.errors import counted
from eigenlm.planner.forecast import Forecast


def lines(forecast: Forecast) -> list[tuple[str, str, str]]:
    """(what, how much, how it is made up) for each figure, in the order a person asks."""
    f, b, flops = forecast, forecast.batch, forecast.flops
    split = f", matrices over {f.recipe.layout.tensor}" if f.recipe.layout.tensor > 1 else ""
    layout = (
        f"{counted(f.machine.devices, 'device')} ({f.recipe.layout.data}{split}), " if f.machine.devices > 1 else ""
    )
    shared = f"{f.precision}, {layout}{counted(b.texts, 'text')} of {counted(b.tokens, 'token')} at once, "
    shared += "once a step" if b.accumulation == 1 else f"{b.accumulation} times a step"
    causal, all_pairs, six_n = (n / flops.tokens for n in (flops.step, flops.step_unhalved, flops.six_n))
    a_token = (
        f"a token: {causal:.3g}; {all_pairs:.3g} if causal attention is counted as full, {six_n:.3g} by the 6 N rule"
    )
    epochs = "corpus not read yet" if f.epochs is None else f"{f.epochs:.2f} epochs of {_count(f.corpus_tokens or 0)}"
    return [
        ("machine", f.machine.name, shared),
        ("parameters", _count(f.parameters.total), _parts(vars(f.parameters), _count)),
        ("compute", f"{f.total_flops:.3g} FLOP", a_token),
        ("memory of a device", _bytes(f.memory.total), _parts(f.memory, _bytes)),
        ("fits", "yes" if f.fits else "no", f.advice or f"{_bytes(f.machine.memory)} there"),
        ("step", in_words(f.time.total), _parts(f.time, in_words)),
        ("speed", f"{f.tokens_a_second:,.0f} tokens/s", f"{counted(b.tokens_a_step, 'token')} a step"),
        ("time", in_words(f.seconds), f"{counted(f.recipe.train.steps, 'step')}, without evaluations and snapshots"),
        ("tokens", _count(f.tokens), epochs),
    ]


def _parts(values: Mapping[str, int | float], spell: Callable[..., str]) -> str:
    """The parts that are there, largest first."""
    found = {name: amount for name, amount in values.items() if amount and "matri" not in name}
    ordered = sorted(found, key=lambda name: -found[name])
    return ", ".join(f"{name.replace('_', ' ')} {spell(found[name])}" for name in ordered)


def _count(n: int | float) -> str:
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.0f}"


def _bytes(n: int | float) -> str:
    return f"{n / 2**30:.2f} GiB" if n >= 2**30 else f"{n / 2**20:.1f} MiB"


def in_words(s: float) -> str:
    """Seconds in a unit that suits them."""
    if s < 1:
        return f"{s * 1e3:.1f} ms"
    if s < 120:
        return f"{s:.1f} s"
    return f"{s / 60:.1f} min" if s < 7200 else f"{s / 3600:.1f} h" if s < 172800 else f"{s / 86400:.1f} days"
