"""JSON files that carry their own digest, so that a number edited by hand or a flipped bit does not pass for a result.

The second line of such a file is the SHA-256 of the others: `sed 2d FILE | sha256sum` checks it anywhere.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from prunebench.errors import DamagedFile
from prunebench.files import write_text

_OPENING = "{\n"
_SEAL = re.compile(rb'\{\n "sha256": "([0-9a-f]{64})",\n')


def write_sealed(path: Path, text: str) -> None:
    """Write a JSON object atomically, with the digest as its first key.

    Args:
        text: the object, not empty, laid out with one key a line.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    write_text(path, f'{_OPENING} "sha256": "{digest}",\n{text.removeprefix(_OPENING)}')


def write_sealed_json(path: Path, value: dict[str, Any]) -> None:
    """The same with a value; its keys are sorted so that equal values make equal files."""
    write_sealed(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_sealed(path: Path) -> bytes:
    """The JSON object as it was given to `write_sealed`.

    Raises:
        DamagedFile: the file is cut off or edited, or something else wrote it.
        OSError: it is not there or cannot be read.
    """
    content = path.read_bytes()
    seal = _SEAL.match(content)
    text = _OPENING.encode() + content[seal.end() :] if seal else b""
    if seal is None or hashlib.sha256(text).hexdigest().encode() != seal[1]:
        raise DamagedFile(f"{path} is not what was written: it is cut off or was changed")
    return text
