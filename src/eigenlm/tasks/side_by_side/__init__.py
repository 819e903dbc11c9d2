"""Two models side by side: what texts, prompts, a clock and a file say of them, as figures and as one offline page."""

from eigenlm.tasks.side_by_side.exchanges import Reply, TwoAnswers
from eigenlm.tasks.side_by_side.footprint import Footprint
from eigenlm.tasks.side_by_side.side_by_side import Foretold, SideBySide, side_by_side
from eigenlm.tasks.side_by_side.speeds import Rate, Speeds, TimedByTurns

__all__ = [
    "Footprint",
    "Foretold",
    "Rate",
    "Reply",
    "SideBySide",
    "Speeds",
    "TimedByTurns",
    "TwoAnswers",
    "side_by_side",
]
