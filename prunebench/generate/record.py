"""What is kept of an attempt: the code exactly as it came, and beside it a record of all there was."""

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from prunebench.errors import PrunebenchError
from prunebench.files import replacing, write_text
from prunebench.generate.prompt import TEMPLATE, Extracted, Idea
from prunebench.generate.server import Reply, Request


class Kept(BaseModel):
    """What an earlier attempt's record is read for."""

    model_config = ConfigDict(strict=True)

    code: str
    finish_reason: str | None


def settings_of(request: Request, endpoint: str, prompt: str, seed: int) -> dict[str, Any]:
    """What an attempt is made with; `endpoint` is the address without secrets."""
    return {
        **asdict(request),
        "endpoint": endpoint,
        "seed": seed,
        "template": TEMPLATE.stem,
        "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
    }


def read_kept(record: Path, code: Path, settings: dict[str, Any]) -> Kept | None:
    """An attempt that was made before, its code put back if that is gone; None if there was none.

    Raises:
        PrunebenchError: the record cannot be read or is of other settings, or the code is not the record's.
    """
    if not record.is_file():
        if code.exists():
            raise PrunebenchError(
                f"{code} is there without its record {record.name}; move it out of {code.parent} under another name, "
                "as your own method, or remove it to ask again"
            )
        return None
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        kept = Kept.model_validate(stored)
        came = kept.code.encode()
        same = all(stored.get(key) == value for key, value in settings.items() if key != "endpoint")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise PrunebenchError(f"{record} cannot be read: {reason}; remove it and {code.name} to ask again") from error
    if not same:
        raise PrunebenchError(
            f"{record} is of another model, prompt or setting; give another --out, or remove it and {code.name}"
        )
    if not code.exists():
        _write_code(code, kept.code)
    elif code.read_bytes() != came:
        raise PrunebenchError(
            f"{code} is not what the model wrote, it was edited; move it out of {code.parent} under another name, "
            "as your own method"
        )
    return kept


def keep(
    record: Path, code: Path, settings: dict[str, Any], idea: Idea, prompt: str, found: Extracted, reply: Reply
) -> None:
    """Write the record, then the code: an interruption between the two is mended by `read_kept`."""
    entry = settings | {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "idea": idea.model_dump(),
        "prompt": prompt,
        **asdict(found),
        **asdict(reply),
    }
    write_text(record, json.dumps(entry, indent=1) + "\n")
    _write_code(code, found.code)


def _write_code(code: Path, text: str) -> None:
    with replacing(code) as temporary:
        temporary.write_bytes(text.encode())  # line ends stay as they came
