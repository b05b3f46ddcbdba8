"""What every script of the workflow has around its one call: a log file, and errors a person can read."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from prunebench.errors import PrunebenchError


@contextmanager
def job(log: str) -> Iterator[None]:
    """Send log messages to the file `log`; a `PrunebenchError` ends the process with its message, not a traceback."""
    logging.basicConfig(filename=log, level=logging.INFO, format="[%(asctime)s] %(message)s", datefmt="%H:%M:%S")
    logging.captureWarnings(True)
    try:
        yield
    except PrunebenchError as error:
        logging.error("%s", error)
        sys.exit(f"error: {error}")
    except Exception:
        logging.exception("unexpected error")
        raise
