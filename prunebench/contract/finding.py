"""What a check of the contract found out, and how long all of them may take."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

# What the whole contract may take; the slowest method here takes a third. A check alone may take all of it.
CONTRACT_SECONDS = 60.0


class Finding(NamedTuple):
    """The name of a check, what a method that passes does, and what is wrong in one line, empty if nothing is."""

    check: str
    promise: str
    problem: str


def said_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, with a problem that several checks have told at the first of them; the others name that one."""
    first: dict[str, str] = {}
    for finding in findings:
        where = first.setdefault(finding.problem, finding.check)
        if finding.problem and where != finding.check:
            finding = finding._replace(problem=f"for the same reason as {where}")
        yield finding
