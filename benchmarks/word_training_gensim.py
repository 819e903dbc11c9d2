"""gensim's skip-gram or CBOW for some epochs of a training, run by an interpreter that has gensim.

PYTHON benchmarks/word_training_gensim.py TEXT MODEL SETTINGS FIRST LAST READING

Epochs FIRST to LAST of SETTINGS' number are trained at the rates that they have in the whole, from the model that the
epochs before have left. After the last epoch the vectors and words lie beside the model, and the model is removed.

READING `file` has each thread read its own part of the file, which is faster. There each thread lowers the rate by the
words that it has read itself: of two, both end an epoch where half of it should be. With `lines` one thread hands out
lines to the others, and the rate falls as it is said to.
"""

import json
import sys
import time
from pathlib import Path

import gensim
import numpy
from gensim.models import Word2Vec
from gensim.models.word2vec import LineSentence

FIXED = {"window": 5, "sample": 1e-3, "alpha": 0.025, "min_alpha": 1e-4, "min_count": 5}


def main() -> None:
    """Train, keep, and print figures."""
    text, model_file, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    first, last = map(int, sys.argv[4:6])
    source = {"corpus_file": text} if sys.argv[6] == "file" else {"corpus_iterable": LineSentence(text)}
    figures: dict[str, object] = {"gensim": gensim.__version__, "numpy": numpy.__version__}
    if first:
        model = Word2Vec.load(str(model_file))
    else:
        model = Word2Vec(**FIXED, **settings)
        start = time.perf_counter()
        model.build_vocab(**source)
        figures["reading, s"] = time.perf_counter() - start
    epochs, (begin, end) = settings["epochs"], (FIXED["alpha"], FIXED["min_alpha"])
    rates = [begin + (end - begin) * epoch / epochs for epoch in (first, last)]
    start = time.perf_counter()
    model.train(
        **source,
        total_words=model.corpus_total_words,
        total_examples=model.corpus_count,
        epochs=last - first,
        start_alpha=rates[0],
        end_alpha=rates[1],
    )
    figures["training, s"] = time.perf_counter() - start
    vocabulary = model.wv.index_to_key
    figures |= {
        "words": int(sum(model.wv.get_vecattr(word, "count") for word in vocabulary)),
        "vocabulary": len(vocabulary),
    }
    if last < epochs:
        model.save(str(model_file))
    else:
        numpy.save(model_file.with_suffix(".npy"), model.wv.vectors)
        model_file.with_suffix(".words").write_text(json.dumps(vocabulary))
        for left in model_file.parent.glob(f"{model_file.name}*"):
            left.unlink()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
