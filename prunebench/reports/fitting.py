"""How much room text takes in LaTeX, so that a table is split before its letters would have to get small."""

import re
from collections.abc import Collection, Sequence

from prunebench.reports.latex import BREAKS

TEXT_WIDTH = 455.0  # points: A4 with margins of 2.5 cm; journals and conferences have 397 to 487
TEXT_HEIGHT = 690.0
SMALL, SCRIPT = 9.0, 7.0  # points: the letters of a table, and of what stands small in it; none are smaller
COLUMN_GAP = 8.0  # points between two columns
LINE = 11.0  # points from one line of a table to the next

# Widths of Latin Modern's letters in shares of their size, the widest of each class; small sizes are cut wider.
_CLASSES = (("iljfI.,:;'|![]", 0.33), ('rtscez()- "', 0.44), ("mwMW%@", 0.95))
_UPPER, _OTHER = 0.74, 0.55
_CUT = {SMALL: 1.03, SCRIPT: 1.14}


def width(text: str, size: float = SMALL) -> float:
    """The width of a line of text, of `SMALL` or `SCRIPT` letters, in points: rather too large than too small."""
    return size * _CUT[size] * sum(map(_share, text))


def _share(letter: str) -> float:
    named = (share for letters, share in _CLASSES if letter in letters)
    return next(named, _UPPER if letter.isupper() else _OTHER)


def narrowed(widths: Sequence[float], room: float, least: Sequence[float]) -> list[float]:
    """The widths that columns of text have if the widest wrap until all fit into `room`; none below its `least`."""
    if sum(widths) <= room:
        return list(widths)
    low, high = 0.0, max(widths)
    for _ in range(30):  # bisection: the cap above which columns wrap
        cap = (low + high) / 2
        low, high = (cap, high) if sum(min(width, cap) for width in widths) <= room else (low, cap)
    return [max(min(width, low), smallest) if width > low else width
            for width, smallest in zip(widths, least, strict=True)]  # fmt: skip


def longest_word(text: str, size: float = SMALL) -> float:
    """The width of what `latex.breakable` cannot wrap, in points."""
    return max((width(word, size) for word in re.split(rf"\s|(?<=[{BREAKS}])", text)), default=0.0)


def batches(sizes: Sequence[float], room: float, breaks: Collection[int] = ()) -> list[range]:
    """As few runs of neighbours as fit into `room`, about equally large; one that is larger alone stands alone.

    Args:
        sizes: of the neighbours, in the unit of `room`.
        breaks: the places to begin a run at rather than at others, where that leaves no run less than half full.
    """
    count = max(1, len(_filled(sizes, room, breaks)))
    even = sum(sizes) / count
    # The first room, from the even share on, that needs no more runs than the whole room does.
    steps = 20
    for step in range(steps + 1):
        found = _filled(sizes, even + (room - even) * step / steps, breaks)
        if len(found) <= count:
            break
    return found or [range(0)]


def _filled(sizes: Sequence[float], room: float, breaks: Collection[int]) -> list[range]:
    runs, start = [], 0
    while start < len(sizes):
        end, taken = start, 0.0
        while end < len(sizes) and (end == start or taken + sizes[end] <= room):
            taken += sizes[end]
            end += 1
        if end < len(sizes):
            better = [place for place in breaks if start < place <= end and sum(sizes[start:place]) >= room / 2]
            end = max(better, default=end)
        runs.append(range(start, end))
        start = end
    return runs
