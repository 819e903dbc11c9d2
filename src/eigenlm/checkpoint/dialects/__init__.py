"""What a family of models is spelled with: tables of keys and names, and the parts that no table can say."""

from eigenlm.checkpoint.dialects.dialect import Dialect
from eigenlm.checkpoint.dialects.dotted import differences
from eigenlm.checkpoint.dialects.names import Location

__all__ = ["Dialect", "Location", "differences"]
