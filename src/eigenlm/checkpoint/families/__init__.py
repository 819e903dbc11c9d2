"""x"""

from eigenlm.checkpoint.families.dialect import Dialect, Place, differences

GGUF = {}
HUGGING_FACE = {}
