"""Target tokens: how much is pruned and in which pattern, as words safe in file names.

`u50` unstructured 50 %; `n2m4` 2:4 (N *pruned* of every M consecutive inputs); `s20` structured 20 %;
`u00` nothing, the dense model's only target.
"""

import re
from dataclasses import dataclass
from typing import Literal

from prunebench.errors import PrunebenchError

Pattern = Literal["dense", "unstructured", "n:m", "structured"]
PATTERNS: tuple[Pattern, ...] = ("dense", "unstructured", "n:m", "structured")

_TOKEN = re.compile(r"(?P<kind>[us])(?P<percent>\d{2})|n(?P<n>\d+)m(?P<m>\d+)")


@dataclass(frozen=True)
class Target:
    """One point of the sparsity axis.

    Attributes:
        pattern: what may be removed: single weights, N of every M, or whole units.
        sparsity: the fraction of prunable weights to remove, in [0, 1).
        n, m: N pruned of M consecutive inputs; 0 unless `pattern` is "n:m".
    """

    pattern: Pattern
    sparsity: float
    n: int = 0
    m: int = 0

    @classmethod
    def parse(cls, token: str) -> "Target":
        """Read a token such as `u50`, `n2m4` or `s20`.

        Raises:
            PrunebenchError: the token is none of these, or asks for nothing or for everything.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise PrunebenchError(
                f"target {token!r} is not one of uNN (unstructured NN %), nNmM (N pruned of M) or sNN (structured "
                "NN %), for example u50, n2m4, s20"
            )
        if match["kind"]:
            sparsity = int(match["percent"]) / 100
            if match["kind"] == "s":
                if sparsity == 0:
                    raise PrunebenchError("target 's00' removes nothing: leave it out, the dense row is always there")
                return cls("structured", sparsity)
            return cls("unstructured" if sparsity else "dense", sparsity)
        n, m = int(match["n"]), int(match["m"])
        if not 0 < n < m:
            raise PrunebenchError(f"target {token!r}: N:M prunes N of every M weights, so 0 < N < M is needed")
        return cls("n:m", n / m, n, m)

    @property
    def token(self) -> str:
        """The token this target is written as; `parse` reads it back."""
        if self.pattern == "n:m":
            return f"n{self.n}m{self.m}"
        return f"{'s' if self.pattern == 'structured' else 'u'}{round(self.sparsity * 100):02d}"

    @property
    def label(self) -> str:
        """How people write it: `50%`, `2:4`, `20% structured`, `dense`."""
        if self.pattern == "n:m":
            return f"{self.n}:{self.m}"
        if self.pattern == "dense":
            return "dense"
        return f"{round(self.sparsity * 100)}%" + (" structured" if self.pattern == "structured" else "")


DENSE = Target("dense", 0.0)
