"""The sparsity of each decoder block of a cell, as a small drawing and in words."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

_HEIGHT, _STEP, _BAR = 40, 8, 6  # units of the drawing: how high, from bar to bar, and how wide a bar is


class Blocks(NamedTuple):
    """`svg` is empty where all blocks are alike; `words` has every number."""

    svg: Markup
    words: str
    range: str


def drawn_blocks(shares: Sequence[float]) -> Blocks | None:
    """Bars from 0 to 100 %, the first block on the left; None where nothing was measured.

    Args:
        shares: as in `results.entries`: one per block, or one for all of them.
    """
    if not shares:
        return None
    if len(shares) == 1:
        return Blocks(Markup(""), "", f"{_percent(shares[0])} in every block")
    lowest, highest = min(shares), max(shares)
    between = f"{_percent(lowest)} to {_percent(highest)}, block by block"
    bars = "".join(
        f"M{_STEP * number} {_HEIGHT}v-{_HEIGHT * share:.1f}h{_BAR}V{_HEIGHT}z" for number, share in enumerate(shares)
    )
    svg = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="Sparsity of {} blocks: {}"><path d="{}"/></svg>')
    words = ", ".join(f"{number}: {_percent(share)}" for number, share in enumerate(shares))
    return Blocks(svg.format(_STEP * len(shares), _HEIGHT, len(shares), between, bars), words, between)


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
