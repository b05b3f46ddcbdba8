"""The patch file: how a pruned model differs from its dense one, as safetensors.

The tensors of the file are few, so that small patches stay small:

* `bits`: uint8, for each `mask` and `update` entry in turn one bit per weight (1 = kept, row-major, most
  significant bit first), each entry padded to whole bytes;
* `values.<dtype>`: the kept values of the `update` entries of that type, one after another;
* `whole.<name>`: tensors stored as they are.

The safetensors metadata has one key, `prunebench`, holding JSON: format, version, fingerprints of the dense
and the pruned model, surgery steps, the entries in order, and what the caller wanted to remember (dense
checkpoint, method, target). One key, because safetensors does not keep the order of several.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from prunebench.errors import PrunebenchError
from prunebench.files import replacing
from prunebench.models.mapped import joined

FORMAT = "prunebench-patch"
VERSION = 1

EntryKind = Literal["mask", "update", "whole"]


@dataclass(frozen=True)
class Entry:
    """One tensor that differs from the dense model's.

    Attributes:
        kind: `mask` keeps dense weights where `bits` is 1 and has +0.0 elsewhere; `update` has `values` where
            `bits` is 1 and +0.0 elsewhere; `whole` is `values`.
        shape: the tensor's shape.
        bits: uint8 (ceil(numel / 8),), packed; empty for `whole`.
        values: kept values (count,), or the tensor itself for `whole`; None for `mask`.
    """

    kind: EntryKind
    shape: tuple[int, ...]
    bits: np.ndarray
    values: Tensor | None = None


@dataclass(frozen=True)
class Patch:
    """The difference between two models.

    Attributes:
        dense, pruned: fingerprints of the model it was made from and of the one it leads to.
        dtype: the dense model's, for example `bfloat16`; it has to be loaded in the same.
        steps: surgery done before the entries are filled in, each `{"step": ..., ...}`; see `surgery.STEPS`.
        entries: tensors that differ, by name in the pruned model.
        metadata: what the writer wanted to remember.
    """

    dense: str
    pruned: str
    dtype: str
    steps: list[dict[str, Any]]
    entries: dict[str, Entry]
    metadata: dict[str, str] = field(default_factory=dict)


def save_patch(path: Path, patch: Patch, metadata: dict[str, str]) -> None:
    """Write a patch atomically, with `metadata` (dense checkpoint digest, method, target, ...) inside."""
    tensors: dict[str, Tensor] = {}
    values: dict[str, list[Tensor]] = {}
    plan = []
    for name, entry in patch.entries.items():
        dtype = ""
        if entry.values is not None:
            dtype = str(entry.values.dtype).removeprefix("torch.")
            if entry.kind == "whole":
                tensors[f"whole.{name}"] = entry.values.contiguous()
            else:
                values.setdefault(dtype, []).append(entry.values)
        count = entry.values.numel() if entry.kind == "update" and entry.values is not None else 0
        plan.append([name, entry.kind, list(entry.shape), dtype, count])
    for dtype, parts in values.items():
        tensors[f"values.{dtype}"] = joined(parts)
    packed = [torch.from_numpy(entry.bits) for entry in patch.entries.values() if entry.bits.size]
    tensors["bits"] = joined(packed) if packed else torch.zeros(0, dtype=torch.uint8)
    about = {
        "format": FORMAT,
        "version": VERSION,
        "dense": patch.dense,
        "pruned": patch.pruned,
        "dtype": patch.dtype,
        "steps": patch.steps,
        "entries": plan,
        "metadata": metadata,
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, {"prunebench": json.dumps(about, sort_keys=True, separators=(",", ":"))})


def load_patch(path: Path) -> Patch:
    """Read a patch.

    Raises:
        PrunebenchError: the file is missing, truncated, no patch, or of a version this one does not know.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = _about(path, (file.metadata() or {}).get("prunebench"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise PrunebenchError(f"patch {path} does not exist; run the pruning of that cell first") from error
    except (SafetensorError, OSError) as error:
        raise PrunebenchError(f"patch {path} is truncated or damaged; delete it and prune that cell again") from error
    try:
        entries = _entries(about, tensors)
        return Patch(
            about["dense"], about["pruned"], about["dtype"], about["steps"], entries, metadata=about["metadata"]
        )
    except (KeyError, ValueError, TypeError) as error:
        raise PrunebenchError(f"patch {path} contradicts itself; delete it and prune that cell again") from error


def _about(path: Path, text: str | None) -> dict[str, Any]:
    try:
        about = json.loads(text or "{}")
    except ValueError:
        about = {}
    if about.get("format") == "prunebench-failure":  # what a failed cell leaves in place of its patch
        raise PrunebenchError(f"{path} holds no patch, the cell could not be pruned: {about.get('reason')}")
    if about.get("format") != FORMAT:
        raise PrunebenchError(f"{path} is not a patch; a whole checkpoint is loaded as a model, not applied to one")
    if about.get("version") != VERSION:
        raise PrunebenchError(
            f"patch {path} has format version {about.get('version')} and this prunebench reads {VERSION}; "
            "prune that cell again or install the version that wrote it"
        )
    return about


def _entries(about: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Entry]:
    entries = {}
    bits = tensors["bits"].numpy()
    at = 0
    used: dict[str, int] = {}
    for name, kind, shape, dtype, count in about["entries"]:
        if kind not in get_args(EntryKind):
            raise ValueError(kind)
        size = 0 if kind == "whole" else (math.prod(shape) + 7) // 8
        values = None
        if kind == "whole":
            values = tensors[f"whole.{name}"]
        elif kind == "update":
            start = used.get(dtype, 0)
            used[dtype] = start + count
            values = tensors[f"values.{dtype}"][start : start + count]
            if len(values) != count:
                raise ValueError(name)
        if at + size > len(bits):
            raise ValueError(name)
        entries[name] = Entry(kind, tuple(shape), bits[at : at + size], values)
        at += size
    return entries
