"""The contract of a method as a list of named checks, and how one is run."""

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from prunebench.contract import promises
from prunebench.contract.finding import CONTRACT_SECONDS
from prunebench.errors import ContractError, PrunebenchError
from prunebench.plugins.header import Header, parse_variant
from prunebench.plugins.loader import Method
from prunebench.plugins.variants import framework_params


@dataclass(frozen=True)
class Check:
    """One promise of the contract.

    Attributes:
        name: how it is asked for (`prunebench check wanda --only exact_n_m`).
        promise: what a method that passes does.
        run: returns if the method keeps the promise, raises if not.
        applies: whether a method with this header makes the promise.
    """

    name: str
    promise: str
    run: Callable[[Method], None]
    applies: Callable[[Header], bool] = lambda header: True


def checks_for(header: Header) -> list[Check]:
    """The checks a method with this header has to pass, in the order of the contract."""
    return [check for check in CHECKS if check.applies(header)]


def examine(
    method: Method, checks: Sequence[Check], begin: Callable[[str, str], None] = lambda name, promise: None
) -> Iterator[tuple[Check, str]]:
    """Run checks one after another, within `CONTRACT_SECONDS` in all.

    Args:
        begin: told the name and the promise of each check before it is run.

    Yields:
        Each check with what is wrong, in one line; with nothing where the promise is kept.
    """
    end = time.monotonic() + CONTRACT_SECONDS
    for check in checks:
        begin(check.name, check.promise)
        try:
            left = end - time.monotonic()
            if left <= 0:
                raise ContractError(
                    f"not run: the checks before it took the {CONTRACT_SECONDS:g} s that the contract may take; "
                    f"`--only {check.name}` runs it alone"
                )
            run_check(check, method, left)
        except PrunebenchError as problem:
            yield check, str(problem)
        else:
            yield check, ""


def run_check(check: Check, method: Method, seconds: float = CONTRACT_SECONDS) -> None:
    """Run one check, on the method itself: what a variant asks of the framework (`only`, `allocation`) is left out.

    Args:
        seconds: after so long it is broken off, whatever it is checking.

    Raises:
        ContractError: the method breaks the promise; the message says how.
        PrunebenchError: the method raised something itself, or never came back.
    """
    try:
        with _broken_off_after(seconds):
            check.run(replace(method, framework=framework_params(method.name, {}, method.header)))
    except PrunebenchError:
        raise
    except _OutOfTimeError as error:
        raise ContractError(f"{method.name} was still running after {seconds:.3g} s on tiny models") from error
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        frames, base = traceback.extract_tb(error.__traceback__), parse_variant(method.name)[0]
        where = next((frame for frame in reversed(frames) if Path(frame.filename).stem == base), frames[-1])
        message = " ".join(str(error).split())
        raise PrunebenchError(
            f"{method.name} raised {type(error).__name__}: {message} ({where.filename}:{where.lineno})"
        ) from error


class _OutOfTimeError(BaseException):
    """Not an `Exception`, so that a method that catches everything does not catch this."""


@contextmanager
def _broken_off_after(seconds: float) -> Iterator[None]:
    """Raise `_OutOfTimeError` in a block that takes too long; only the main thread can be interrupted so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _prunes_in(*patterns: str) -> Callable[[Header], bool]:
    return lambda header: any(pattern in header.patterns for pattern in patterns)


CHECKS: tuple[Check, ...] = (
    Check("header_valid", "the header can be read, and `needs` names what is read and nothing else",
          promises.header_valid),
    Check("exact_n_m", "every group of M consecutive inputs has exactly N zeros", promises.exact_n_m,
          _prunes_in("n:m")),
    Check("exact_sparsity", "each group is within one weight (one row, one column) of the target",
          promises.exact_sparsity, _prunes_in("unstructured", "n:m", "dense")),
    Check("all_finite", "no NaN and no infinity, even with dead inputs and few tokens", promises.all_finite),
    Check("same_seed_same_mask", "one seed always gives the same model", promises.same_seed_same_mask),
    Check("dtype_and_device_kept", "weights stay in their dtype and on their device", promises.dtype_and_device_kept),
    Check("others_untouched", "embeddings, norms and the head keep their bits", promises.others_untouched),
    Check("harmless_at_zero", "nothing changes where nothing is to be pruned", promises.harmless_at_zero,
          lambda header: header.kind == "units" or _prunes_in("unstructured", "dense")(header)),
    Check("works_on_llama_gqa", "works on Linear without bias and with grouped queries",
          promises.works_on("llama-gqa")),
    Check("works_on_opt", "works on Linear with bias and with one key per query", promises.works_on("opt")),
    Check("works_on_conv1d", "works on Conv1D, where it prunes what it prunes on a Linear",
          promises.same_on_conv1d_and_linear),
    Check("in_time", f"prunes a tiny model within {promises.SECONDS_PER_TINY_MODEL:g} s", promises.in_time),
)  # fmt: skip
