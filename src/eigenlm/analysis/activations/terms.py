"""Words about what text makes of a model."""

from eigenlm.analysis.term import Term

ACTIVATIONS = {
    "residual_stream": Term(
        "Residual stream",
        "The vector that stands for a token and passes through all layers; each layer adds to it.",
    ),
    "logit_lens": Term(
        "Logit lens",
        "What the model would predict if it stopped after this layer: the stream is read by the model's own last norm"
        " and head.",
    ),
    "lens_agreement": Term(
        "Agreement", "The share of tokens for which this layer's likeliest next token is already the last layer's."
    ),
    "intrinsic_dimension": Term(
        "Intrinsic dimension",
        "How many numbers it would take to say where on their (curved) surface the vectors lie; judged from each"
        " vector's two nearest neighbours, with a 95% interval.",
    ),
    "participation_ratio": Term(
        "Participation ratio",
        "How many directions share the variance evenly, (Σλ)² / Σλ²: 1 if all of it lies along one direction.",
    ),
    "pca_energy": Term(
        "Variance explained",
        "The share of the vectors' variance along their first k principal components, the directions in which they"
        " differ most.",
    ),
    "cka": Term(
        "CKA",
        "How alike two layers see the same tokens, 0 to 1, whatever way their spaces are turned (linear centred kernel"
        " alignment).",
    ),
    "massive_activation": Term(
        "Massive activation",
        "A number of the stream that is at least 100 in size and a thousand times the usual one. It is often the same"
        " in every text, and sits on the first token.",
    ),
    "massive_ratio": Term("Times the usual size", "The largest size in the channel over the median size in its layer."),
    "outlier_ratio": Term(
        "Times the median channel", "Root mean square of the channel over the median of all channels of that input."
    ),
    "attention_head": Term(
        "Attention head", "One of the parts of a layer that look at other tokens and fetch what they hold."
    ),
    "head_kind": Term(
        "What a head does",
        "By what it looks at most. Induction: what followed the same token earlier. Previous token, next token, self,"
        " local (itself and the four before): where they say. Sink: the first token, where it finds nothing. Broad:"
        " many tokens alike. Mixed: none of these.",
    ),
    "relative_entropy": Term(
        "Evenness", "How evenly the attention is spread over the tokens it sees: 0% on one token, 100% on all alike."
    ),
    "previous_token": Term("Token before", "The share of attention on the token just before."),
    "first_token": Term("First token", "The share of attention on the first token of the text, where idle heads rest."),
    "self_token": Term("Itself", "The share of a token's attention on itself."),
    "next_token": Term("Token after", "The share of attention on the token just after."),
    "local_attention": Term("Nearby", "The share of attention on the token itself and the four before it."),
    "induction": Term(
        "Induction",
        "In random tokens that are repeated: the share of attention on what followed the same token the first time."
        " Such heads copy patterns.",
    ),
    "mean_square": Term("Input size", "Mean of the square of the numbers that this matrix is given."),
    "max_abs": Term("Largest input", "The largest size of a number that this matrix is given."),
    "first_token_share": Term(
        "From first tokens",
        "The share of the inputs' energy that the first token of each text holds; far above its share of the tokens: it"
        " carries massive activations.",
    ),
    "mean_share": Term(
        "Constant part", "The share of the inputs' energy that is the same for every token, and so acts like a bias."
    ),
    "input_stable_rank": Term(
        "Stable rank of inputs",
        "How many directions the inputs fill, counted by energy over that of the strongest one.",
    ),
    "input_effective_rank": Term(
        "Effective rank of inputs", "How many directions of the inputs carry weight, counted smoothly (by entropy)."
    ),
    "top_pca_share": Term(
        "First component", "The share of the inputs' variance along the one direction in which they differ most."
    ),
    "num_outliers": Term(
        "Outlier channels", "Channels of the input whose size is at least six times that of the median channel."
    ),
    "top_outlier_share": Term(
        "Largest channel", "The share of the inputs' energy in the largest outlier channel alone."
    ),
    "output_energy": Term(
        "Energy of outputs",
        "Of what comes out of the matrix on this text, the most that any matrix of a rank could keep. Above the other"
        " curve: text uses fewer directions than the matrix has.",
    ),
    "output_rank_90": Term(
        "Output rank 90%",
        "The smallest rank of any matrix that keeps 90% of the energy of the outputs on this text. Below rank 90%: text"
        " uses fewer directions than the matrix has.",
    ),
    "output_rank_99": Term("Output rank 99%", "The same for 99% of the energy of the outputs."),
    "output_stable_rank": Term(
        "Stable rank of outputs", "How many directions the outputs fill, counted by energy over that of the strongest."
    ),
}
