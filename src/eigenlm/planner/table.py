"""A forecast as rows of a table."""

from collections.abc import Callable

from eigenlm.planner.forecast import Forecast

Row = tuple[str, str, str]


def lines(forecast: Forecast) -> list[Row]:
    """(what, how much, how it is made up) for each figure, in the order a person asks."""
    f = forecast
    return [
        ("machine", f.machine.name, f"{f.precision}, {_shared(f)}"),
        ("parameters", _count(f.parameters.total), _parts(f.parameters, _count)),
        ("compute", f"{f.total_flops:.3g} FLOP", _conventions(f)),
        ("memory of a device", _bytes(f.memory.total), _parts(f.memory, _bytes)),
        ("fits", "yes" if f.fits else "no", f.advice or f"{_bytes(f.machine.memory)} there"),
        ("step", _seconds(f.time.total), _parts(f.time, _seconds)),
        ("speed", f"{f.tokens_a_second:,.0f} tokens/s", f"{f.batch.tokens_a_step:,} tokens a step"),
        ("time", _seconds(f.seconds), f"{f.recipe.train.steps:,} steps, without evaluations and snapshots"),
        ("tokens", _count(f.tokens), _epochs(f)),
    ]


def _shared(f: Forecast) -> str:
    b = f.batch
    layout = f"{f.machine.devices} devices ({f.recipe.layout.data}), " if f.machine.devices > 1 else ""
    return f"{layout}{b.texts} texts of {b.tokens} tokens at once, {b.accumulation} times a step"


def _conventions(f: Forecast) -> str:
    a_token = f.flops.step / f.flops.tokens
    unhalved, six_n = f.flops.step_unhalved / f.flops.tokens, f.flops.six_n / f.flops.tokens
    return f"a token: {a_token:.3g} causal, {unhalved:.3g} with all of attention, {six_n:.3g} by the 6 N rule"


def _epochs(f: Forecast) -> str:
    return "corpus not read yet" if f.epochs is None else f"{f.epochs:.2f} epochs of {_count(f.corpus_tokens or 0)}"


def _parts(values: object, spell: Callable[..., str]) -> str:
    """The parts that are there, largest first."""
    found = {name: amount for name, amount in vars(values).items() if amount and "matri" not in name}
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return ", ".join(f"{name.replace('_', ' ')} {spell(amount)}" for name, amount in ordered)


def _count(n: float | int) -> str:
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.0f}"


def _bytes(n: float) -> str:
    return f"{n / 2**30:.2f} GiB" if n >= 2**30 else f"{n / 2**20:.1f} MiB"


def _seconds(s: float) -> str:
    if s < 1:
        return f"{s * 1e3:.1f} ms"
    if s < 120:
        return f"{s:.1f} s"
    return f"{s / 60:.1f} min" if s < 7200 else f"{s / 3600:.1f} h" if s < 172800 else f"{s / 86400:.1f} days"
