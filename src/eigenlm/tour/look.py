"""Step 2: one sentence as the matrices it becomes."""

import torch

from eigenlm.language_model import LanguageModel
from eigenlm.tour.inside import Inside, look_inside
from eigenlm.tour.story import Story

SENTENCE = "The cat chased the mouse because it was hungry, and then the cat"


def look(story: Story, lm: LanguageModel) -> Inside:
    """Print the shapes and a few numbers of each stage."""
    story.step(
        "One sentence as matrices",
        f'"{SENTENCE}" on its way through the model. T is the number of tokens; the other letters are as above.',
    )
    seen = look_inside(lm, SENTENCE)
    story.table(
        ["stage", "shape", "first numbers"],
        [
            ["token ids", _shape(seen.ids, "T"), " ".join(map(str, seen.ids[:8].tolist()))],
            ["embeddings: a row of the table for each id", _shape(seen.embedding, "T D"), _numbers(seen.embedding)],
            [
                f"queries of layer {seen.layer}: what a token looks for",
                _shape(seen.query, "T H K"),
                _numbers(seen.query),
            ],
            ["keys: what a token offers to be found by", _shape(seen.key, "T G K"), _numbers(seen.key)],
            ["values: what a token gives when it is found", _shape(seen.value, "T G K"), _numbers(seen.value)],
            ["logits of the next token", _shape(seen.logits, "V"), _numbers(seen.logits)],
        ],
    )
    story.say(
        f"Attention of head {seen.head} in layer {seen.layer}, softmax(q k / sqrt(K)): a row says, in per cent, where a"
        " token takes its values from; it cannot see the tokens after it. Of all heads this one looks most from a word"
        " to what followed the same word before, as the last rows show (an induction head, arXiv:2209.11895)."
    )
    _print_attention(story, seen)
    story.say("Softmax turns the last token's logits into probabilities. The five likeliest to come next:")
    story.table(
        ["token", "logit", "probability"],
        [
            [repr(lm.tokenizer.decode([token], control=True)), f"{seen.logits[token]:.2f}", f"{probability:.1%}"]
            for token, probability in seen.likeliest(5)
        ],
    )
    return seen


def _print_attention(story: Story, seen: Inside) -> None:
    names = [token.strip() or repr(token) for token in seen.tokens]
    rows = [
        [name, *(f"{100 * weight:.0f}" if weight >= 0.005 else "." for weight in row[: t + 1].tolist())]
        + [""] * (len(names) - t - 1)
        for t, (name, row) in enumerate(zip(names, seen.weights))
    ]
    story.table(["", *(name[:5] for name in names)], rows)


def _shape(tensor: torch.Tensor, letters: str) -> str:
    sizes = zip(letters.split(), tensor.shape)
    return " x ".join(f"{letter} {size:,}" for letter, size in sizes)


def _numbers(tensor: torch.Tensor) -> str:
    return " ".join(f"{number:+.2f}" for number in tensor.flatten()[:4].tolist()) + " ..."
