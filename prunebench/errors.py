"""Errors a person reads: one sentence that says what was wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class PrunebenchError(Exception):
    """A mistake in the input or the surroundings; the message is shown without a traceback."""


class ContractError(PrunebenchError):
    """A method broke its contract (wrong sparsity, NaN, touched other weights): status `rejected`."""


class NotApplicable(PrunebenchError):
    """A method has nothing to work on in this model (a bias criterion without biases): status `na`."""


class BrokenMethod(PrunebenchError):
    """A method's file fails as it is imported."""


class DamagedFile(PrunebenchError):
    """A file is not what was written under its name: cut off, edited, or a bit of it flipped."""


class StorageError(PrunebenchError):
    """A file cannot be written (the disk is full, the folder is read-only): trouble with the machine, not a method."""


class MethodFailure(PrunebenchError):
    """A method failed in a process of its own; `status` says how, and this process is unharmed."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def unknown_name(what: str, name: str, known: Iterable[str], where: str = "") -> PrunebenchError:
    """The error for a name that is not in `known`, with the nearest known one suggested."""
    known = sorted(known)
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known) or 'none'}"
    return PrunebenchError(f"unknown {what} {name!r}{' in ' + where if where else ''}; {hint}")
