"""The whole loop on a real model, told to a newcomer."""

from eigenlm.tour.story import Story
from eigenlm.tour.walk import Journey, walk

__all__ = ["Journey", "Story", "walk"]
