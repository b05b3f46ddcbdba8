"""The model hub: snapshots of model repositories and rows of dataset repositories, pinned by commit.

Both go through the hub's own cache (`HF_HOME`), so a machine without network works once the cache is filled.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prunebench.config.registry import HubDatasetSource, HubModelSource
from prunebench.errors import PrunebenchError

_log = logging.getLogger(__name__)
# Weights apart: a repository often holds the same ones in several formats, and one of them is enough.
_DESCRIPTION = ["*.json", "*.txt", "*.model", "*.jinja"]
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_IGNORED = ["*/*", "consolidated*"]  # subfolders hold other formats; `consolidated` is the same weights again


def snapshot(asset: str, source: HubModelSource) -> Path:
    """Folder in the hub's cache with the configuration, the tokenizer and one set of weights (or the GGUF file).

    Raises:
        PrunebenchError: no such repository, revision or weights, no access, no network; names the asset.
    """
    import huggingface_hub

    def download(patterns: list[str]) -> Path:
        return Path(
            huggingface_hub.snapshot_download(
                source.repo, revision=source.revision, allow_patterns=patterns, ignore_patterns=_IGNORED
            )
        )

    _log.info("%s: fetching %s at %s from the hub", asset, source.repo, source.revision[:12])
    with _explained(asset, source.repo, source.revision):
        if source.file:
            folder, wanted = download([source.file]), [source.file]
        else:
            folder, wanted = download(_DESCRIPTION), list(_WEIGHTS)
            for pattern in _WEIGHTS:
                download([pattern])
                if any(folder.glob(pattern)):
                    break
    if not any(next(folder.glob(pattern), None) for pattern in wanted):
        raise PrunebenchError(
            f"asset {asset!r}: {source.repo} at {source.revision[:12]} on the hub has no {' or '.join(wanted)}; name "
            "a repository or file that has"
        )
    return folder


def rows(asset: str, source: HubDatasetSource, split: str) -> Iterator[dict[str, Any]]:
    """The rows of one split, in order, as plain dictionaries.

    Raises:
        PrunebenchError: no such repository, revision, configuration, file or split, no access, no network.
    """
    import datasets

    files = {split: source.data_files} if source.data_files else None
    _log.info("%s: fetching split %s of %s at %s from the hub", asset, split, source.repo, source.revision[:12])
    with _explained(asset, source.repo, source.revision):
        dataset = datasets.load_dataset(
            source.repo, name=source.subset, data_files=files, split=split, revision=source.revision
        )
    # Without network, `datasets` takes whatever version its cache holds; the folder is named after the commit.
    if any(source.revision not in Path(file["filename"]).parts for file in dataset.cache_files):
        raise PrunebenchError(
            f"asset {asset!r}: the hub could not be reached and the cache holds {source.repo} at another commit than "
            f"{source.revision[:12]}; fetch it once where there is network and share the cache (HF_HOME)"
        )
    yield from dataset


@contextmanager
def _explained(asset: str, repo: str, revision: str) -> Iterator[None]:
    """Turn the hub libraries' exceptions into one sentence with what to do."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub import errors

    def failure(sentence: str) -> PrunebenchError:
        return PrunebenchError(f"asset {asset!r}: {sentence}")

    try:
        yield
    except errors.RevisionNotFoundError:
        raise failure(
            f"{repo} on the hub has no commit {revision}; copy `revision` from the repository's history"
        ) from None
    except errors.GatedRepoError:
        raise failure(
            f"{repo} on the hub is gated; accept its terms on its page and log in with `hf auth login`"
        ) from None
    except errors.RepositoryNotFoundError:
        raise failure(
            f"the hub has no repository {repo} that you may read; check `repo`, or log in with `hf auth login` if it "
            "is private"
        ) from None
    except (errors.LocalEntryNotFoundError, ConnectionError, TimeoutError, errors.HTTPError) as error:
        raise failure(
            f"{repo} could not be fetched from the hub ({_first_line(error)}); check the network and HF_ENDPOINT, or "
            "fetch it once where there is network and share the cache (HF_HOME)"
        ) from None
    except (DatasetsError, ValueError, OSError) as error:
        raise failure(f"{repo} at {revision[:12]} from the hub: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
