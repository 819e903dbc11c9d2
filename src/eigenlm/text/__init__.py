"""Text in, token ids out: tokenizers, chat templates, corpora and the windows a model reads them through."""
