"""What every script of the workflow has around its one call: a log file, and errors a person can read."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prunebench.errors import PrunebenchError
from prunebench.files import storage_error


@contextmanager
def job(log: str) -> Iterator[None]:
    """Send log messages to the file `log`; a `PrunebenchError` ends the process with its message, not a traceback.

    So does a full or read-only disk.
    """
    logging.raiseExceptions = False  # a log that cannot be written is no second error
    try:
        logging.basicConfig(filename=log, level=logging.INFO, format="[%(asctime)s] %(message)s", datefmt="%H:%M:%S")
        logging.captureWarnings(True)
        yield
    except PrunebenchError as error:
        logging.error("%s", error)
        sys.exit(f"error: {error}")
    except Exception as unexpected:
        if (trouble := storage_error(unexpected, Path(log))) is not None:
            logging.error("%s", trouble)
            sys.exit(f"error: {trouble}")
        logging.exception("unexpected error")
        raise
