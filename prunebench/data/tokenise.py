"""From finished assets to token files: what the workflow's tokenise jobs call."""

import json
import logging
from pathlib import Path
from typing import Any

from prunebench.assets.manifest import check_asset
from prunebench.assets.texts import DOCUMENTS
from prunebench.config.protocols import Selection
from prunebench.data.calibration import sample_calibration, sample_recovery, write_calibration
from prunebench.data.documents import Documents
from prunebench.data.windows import Bos, make_windows, write_windows
from prunebench.models.load import load_tokenizer

_log = logging.getLogger(__name__)


def tokenise_calibration(
    path: Path,
    model: Path,
    text: Path,
    *,
    nsamples: int,
    seqlen: int,
    seed: int,
    selection: Selection = "document-crop",
) -> None:
    """Write the calibration file of one model, text and seed; sequences are at most as long as the model takes.

    Args:
        path: the file to write.
        model, text: folders of the finished assets.

    Raises:
        PrunebenchError: an asset is not finished, or no document is long enough.
    """
    model_facts, text_facts = check_asset(model, weights=False), check_asset(text)
    settings = {
        "nsamples": nsamples,
        "seqlen": min(seqlen, model_facts["positions"]),
        "seed": seed,
        "selection": selection,
    }
    ids = sample_calibration(Documents(text / DOCUMENTS), load_tokenizer(model), **settings)
    write_calibration(path, ids, _metadata(model_facts, text_facts, settings))
    _log.info("%s: %d calibration samples of %d tokens", path, *ids.shape)


def tokenise_recovery(
    path: Path,
    model: Path,
    text: Path,
    *,
    validation: int,
    training: int,
    seqlen: int,
    seed: int,
    selection: Selection = "document-crop",
) -> None:
    """Write the sequences that recovery fine-tuning validates on, and after them those it trains on.

    Args and raises as `tokenise_calibration`; also a text that is too small for both.
    """
    model_facts, text_facts = check_asset(model, weights=False), check_asset(text)
    settings = {
        "validation": validation,
        "training": training,
        "seqlen": min(seqlen, model_facts["positions"]),
        "seed": seed,
        "selection": selection,
    }
    ids = sample_recovery(Documents(text / DOCUMENTS), load_tokenizer(model), **settings)
    write_calibration(path, ids, _metadata(model_facts, text_facts, settings))
    _log.info("%s: %d sequences of %d tokens, %d of them to validate on", path, *ids.shape, validation)


def tokenise_windows(
    path: Path,
    model: Path,
    text: Path,
    *,
    window: int,
    join: str = "\n\n",
    bos: Bos = "once",
    max_windows: int | None = None,
) -> None:
    """Write the evaluation windows of one model and text; windows are at most as long as the model takes.

    Args and raises as `tokenise_calibration`; also a text shorter than one window.
    """
    model_facts, text_facts = check_asset(model, weights=False), check_asset(text)
    settings = {
        "window": min(window, model_facts["positions"]),
        "join": join,
        "bos": bos,
        "max_windows": max_windows,
    }
    ids = make_windows(Documents(text / DOCUMENTS), load_tokenizer(model), **settings)
    write_windows(path, ids, _metadata(model_facts, text_facts, settings))
    _log.info("%s: %d windows of %d tokens", path, *ids.shape)


def _metadata(model: dict[str, Any], text: dict[str, Any], settings: dict[str, Any]) -> dict[str, str]:
    return {
        "text": text["name"],
        "text_sha256": text["files"][DOCUMENTS],
        "tokenizer_sha256": model["tokenizer_sha256"],
        "settings": json.dumps(settings, sort_keys=True),
    }
