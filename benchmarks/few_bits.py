"""Few bits for SmolLM2's linear layers without training: all at 2, 3 or 4 bits, and mixed by one budget.

python benchmarks/few_bits.py --text FILE --other FILE [--tokens 24576] [--judged 64] [--seeds 0 1 2]

Calibrated on the first half of the text and judged on windows of its second half and of the other text: the increase of
the nll and the divergence from the original, with intervals over windows. Bits count all bytes of the linear layers'
matrices, scales and steps included; the embedding is not touched.
"""

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from record import record

import eigenlm
from eigenlm.compression import METHODS, Metric
from eigenlm.compression.actions import Found
from eigenlm.compression.offers import Offer, keep_offer
from eigenlm.linalg.allocation import choose
from eigenlm.linalg.divergence import kl_divergence
from eigenlm.linalg.paired import paired_mean
from eigenlm.observe import linears, measure
from eigenlm.observe.predictions import quick_products
from eigenlm.text.windows import windows_across

MODEL, WINDOW, JUDGED_WINDOW = "smollm2-135m-instruct", 1024, 512
MEANS = (3.5, 3.0)
Chosen = Mapping[str, Offer]


def main() -> None:
    """Fill the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--other", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=24 * WINDOW, help="of the calibration")
    parser.add_argument("--judged", type=int, default=64, help="windows of each text")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2), help="of the drawn gradients")
    options = parser.parse_args()
    lm = eigenlm.load(MODEL, device="cpu")
    whole = options.text.read_text("utf-8")
    half, rest = whole[: len(whole) // 2], whole[len(whole) // 2 :]
    fitted = windows_across([half], lm.tokenizer, WINDOW, options.tokens // WINDOW)
    texts = {options.text.name: rest, options.other.name: options.other.read_text("utf-8")}
    judged = {name: windows_across([text], lm.tokenizer, JUDGED_WINDOW, options.judged) for name, text in texts.items()}
    rows = [row for seed in options.seeds for row in rows_of(lm, fitted, judged, seed)]
    record(
        "few_bits",
        {
            "what": "increase of the nll and divergence, nats per token, of SmolLM2-135M-Instruct, no training",
            "must": "<= .35 more at 3.5 bits a number of the linear layers, on text that was not used",
            "text_sha256": hashlib.sha256(options.text.read_bytes()).hexdigest(),
            "calibration_tokens": fitted.numel(),
            "judged_tokens": {name: windows.numel() for name, windows in judged.items()},
            "rows": rows,
        },
    )


def rows_of(lm: eigenlm.LanguageModel, fitted: Any, judged: Mapping[str, Any], seed: int) -> list[dict[str, Any]]:
    """What each choice costs, where labels are drawn by one seed."""
    start = time.perf_counter()
    seen = measure(lm.model, fitted, seed=seed, kinds=("inputs", "outputs", "weighted"))
    measured, start = time.perf_counter() - start, time.perf_counter()
    layers, offers = linears(lm.model), {}
    for name, layer in layers.items():
        C, G, weighted = (grams[name] for grams in (seen.input_grams, seen.output_grams, seen.weighted_grams))
        found = Found.of(name, layer)
        made = METHODS["trellis"].fit(layer, found, Metric(weighted, G))
        offers[name] = [*made(Metric(C, G)), keep_offer(layer, found)]
    seconds = {"measuring": measured, "rounding": time.perf_counter() - start}
    choices = {f"all at {bits} bits": all_at(bits, offers) for bits in (2, 3, 4)}
    numbers = sum(layer.dense().numel() for layer in layers.values())
    choices |= {f"mixed, {mean} bits": mixed(offers, mean * numbers / 8) for mean in MEANS}
    rows = []
    for name, chosen in choices.items():
        row: dict[str, Any] = {"choice": name, "seed": seed, "seconds": seconds}
        row["bits"] = 8 * sum(offer.bytes for offer in chosen.values()) / numbers
        row["actions"] = dict(Counter(said(offer) for offer in chosen.values()))
        row |= {text: cost(lm, chosen, windows) for text, windows in judged.items()}
        print(row, flush=True)
        rows.append(row)
    return rows


def all_at(bits: int, offers: Mapping[str, list[Offer]]) -> Chosen:
    """The same number of bits for every matrix."""
    return {
        name: next(offer for offer in each if getattr(offer.action, "bits", None) == bits)
        for name, each in offers.items()
    }


def mixed(offers: Mapping[str, list[Offer]], budget: float) -> Chosen:
    """What loses least within so many bytes."""
    tables = {
        name: (torch.tensor([float(o.bytes) for o in each]), torch.tensor([o.loss for o in each], dtype=torch.float64))
        for name, each in offers.items()
    }
    return {name: offers[name][option] for name, option in choose(tables, int(budget)).options.items()}


def said(offer: Offer) -> str:
    """The kind of an action, and its bits or type."""
    action = offer.action
    return " ".join(str(part) for part in (action.kind, getattr(action, "bits", getattr(action, "type", ""))) if part)


@torch.inference_mode()
def cost(lm: eigenlm.LanguageModel, chosen: Chosen, windows: Any) -> dict[str, Any]:
    """How much more each token costs, and how far its distribution is from the original's."""
    layers = linears(lm.model)
    before = {name: layers[name].weight.detach().clone() for name in chosen}
    after = {name: offer.action.dense(layers[name], offer.parts()) for name, offer in chosen.items()}
    more, apart = [], []
    for ids in windows:
        said_before, said_after = (logits_with(lm, matrices, ids) for matrices in (before, after))
        nll = [torch.nn.functional.cross_entropy(each[:-1], ids[1:]) for each in (said_before, said_after)]
        more.append(nll[1] - nll[0])
        apart.append(kl_divergence(said_before, said_after).mean())
    put(lm, before)
    return {"more nll": vars(paired_mean(torch.stack(more))), "KL": vars(paired_mean(torch.stack(apart)))}


def logits_with(lm: eigenlm.LanguageModel, matrices: Mapping[str, torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """Of one window, in bfloat16 where the processor multiplies it."""
    put(lm, matrices)
    with quick_products(ids.device):
        return lm.model(ids[None])[0].float()


def put(lm: eigenlm.LanguageModel, matrices: Mapping[str, torch.Tensor]) -> None:
    """Copy matrices into the model."""
    layers = linears(lm.model)
    for name, W in matrices.items():
        layers[name].weight.data.copy_(W)


if __name__ == "__main__":
    main()
