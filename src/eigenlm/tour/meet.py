"""Step 1: what the model is, and a question for it."""

import time

from rich.filesize import decimal
from rich.markup import escape

from eigenlm.analysis.anatomy import anatomy
from eigenlm.attention import SoftmaxConfig
from eigenlm.checkpoint import open_model
from eigenlm.compression.room import planning
from eigenlm.errors import counted
from eigenlm.language_model import LanguageModel, load
from eigenlm.model import DenseFeedForward
from eigenlm.tour.story import Story

CALIBRATED = 8192  # tokens that the plan of the tour is made on
METHODS = ("bits",)  # of which it chooses
QUESTION = "What is gravity? Answer in one short sentence."


def meet(story: Story, model: str) -> LanguageModel:
    """Show where the numbers of a model sit, then load it."""
    story.step(
        "Meet the model",
        "A language model is a few hundred matrices in a file. This is what the file says before one number is read.",
    )
    opened = open_model(model)
    config, parts = opened.config, anatomy(opened.tensors)
    layer = config.layers[0]
    attention, inner = layer.attention, layer.feed_forward
    assert isinstance(attention, SoftmaxConfig)
    assert isinstance(inner, DenseFeedForward)
    story.say(
        f"[bold]{escape(opened.path.name)}[/]: {counted(config.num_layers, 'layer')} (N);"
        f" {counted(attention.num_heads, 'query head')} (H) and {counted(attention.num_kv_heads, 'key/value head')} (G)"
        f" of width {attention.head_dim} (K) in each; residual stream of width {config.d_model:,} (D),"
        f" feed-forward of width {inner.d_ff:,} (F); vocabulary of"
        f" {config.vocab_size:,} (V); it reads up to {config.context_length:,} tokens."
    )
    total = sum(part.num_params for part in parts)
    story.table(
        ["part", "parameters", "share", "bytes on disk", "stored as", "tensors"],
        [
            [
                part.name,
                f"{part.num_params:,}",
                f"{part.num_params / total:.1%}",
                decimal(part.num_bytes),
                ", ".join(part.storage),
                str(part.num_tensors),
            ]
            for part in parts
        ]
        + [["all", f"{total:,}", "", decimal(sum(part.num_bytes for part in parts)), "", ""]],
    )
    start = time.perf_counter()
    lm = load(model, work=planning(CALIBRATED, METHODS, whole=True))
    story.say(f"Loaded as float32 in {time.perf_counter() - start:.1f} s.")
    return lm


def ask(story: Story, lm: LanguageModel) -> str:
    """Put the question through the chat template; greedy, so that the same model says the same again."""
    if lm.chat_template is None:
        prompt = "Gravity is"
        return story.quote(prompt, lm.stream(prompt, max_tokens=48))
    return story.quote(QUESTION, lm.stream_chat(QUESTION, max_tokens=48))
