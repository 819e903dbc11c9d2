"""Step 2: one sentence as the matrices it becomes."""

import torch

from eigenlm.language_model import LanguageModel
from eigenlm.tour.inside import Inside, look_inside
from eigenlm.tour.story import Story

SENTENCE = "The cat chased the mouse because it was hungry, and then the cat"
# As many columns as a terminal of 80 characters has room for.
_SHOWN = 14


def look(story: Story, lm: LanguageModel) -> Inside:
    """Print the shapes and a few numbers of each stage."""
    story.step(
        "One sentence as matrices",
        f'"{SENTENCE}" on its way through the model. T is the number of tokens; the other letters are as above. Queries'
        " say what a token looks for, keys what it offers to be found by, values what it gives when it is found.",
    )
    seen = look_inside(lm, SENTENCE)
    story.table(
        ["stage", "shape", "first numbers"],
        [
            ["token ids", _shape(seen.ids, "T"), " ".join(map(str, seen.ids[:4].tolist())) + " ..."],
            ["embeddings", _shape(seen.embedding, "T D"), _numbers(seen.embedding)],
            [f"queries of layer {seen.layer}", _shape(seen.query, "T H K"), _numbers(seen.query)],
            [f"keys of layer {seen.layer}", _shape(seen.key, "T G K"), _numbers(seen.key)],
            [f"values of layer {seen.layer}", _shape(seen.value, "T G K"), _numbers(seen.value)],
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
    """The last tokens' rows and columns; a weight below half a per cent is a dot."""
    first = max(0, len(seen.tokens) - _SHOWN)
    names = [token.strip() or repr(token) for token in seen.tokens[first:]]
    rows = []
    for t, name in enumerate(names):
        weights = seen.weights[first + t, first : first + t + 1].tolist()
        row = [f"{100 * weight:.0f}" if weight >= 0.005 else "." for weight in weights]
        rows.append([name[:8], *row, *[""] * (len(names) - t - 1)])
    story.table(["", *(name[:4] for name in names)], rows)


def _shape(tensor: torch.Tensor, letters: str) -> str:
    return " x ".join(f"{letter} {size:,}" for letter, size in zip(letters.split(), tensor.shape))


def _numbers(tensor: torch.Tensor) -> str:
    return " ".join(f"{number:+.2f}" for number in tensor.flatten()[:3].tolist()) + " ..."
