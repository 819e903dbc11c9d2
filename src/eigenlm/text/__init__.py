"""Text in, token ids out: tokenizers, chat templates, corpora and the windows a model reads them through."""

from eigenlm.text.chat_template import ChatTemplate as ChatTemplate
from eigenlm.text.stop_strings import StopStrings as StopStrings
from eigenlm.text.text_stream import TextStream as TextStream
from eigenlm.text.tokenizer import Tokenizer as Tokenizer
from eigenlm.text.tokenizer_gguf import gguf_metadata as gguf_metadata
from eigenlm.text.tokenizer_gguf import tokenizer_from_gguf as tokenizer_from_gguf
from eigenlm.text.windows import scored_windows as scored_windows
