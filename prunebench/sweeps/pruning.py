"""Pruning the cells of a sweep: what the worker of a prune job does."""

import json
from typing import Any

from prunebench.data.calibration import load_calibration
from prunebench.engine.shared import DenseFacts
from prunebench.errors import ContractError
from prunebench.files import sha256_file
from prunebench.patches.bits import fingerprint
from prunebench.patches.diff import make_patch
from prunebench.patches.format import Patch, save_patch
from prunebench.prune.cell import PrunedCell, prune_cell
from prunebench.prune.finetune import RecoveryIds
from prunebench.sandbox.loading import open_method
from prunebench.sandbox.policy import Policy
from prunebench.sweeps import keys
from prunebench.sweeps.handlers import Bench, Meter
from prunebench.targets import Target


class PruneHandler:
    """Prunes copies of the dense model with one method to one target after another.

    The reply to a cell holds `sparsity`, `notes`, `patch_sha256` and the costs; its seconds are those of the
    method with its verification, without storing the patch, and what it would have taken to find
    out about the dense model what an earlier cell already had.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._calibration = load_calibration(
            keys.calibration_path(bench.sweep), keys.nsamples(bench.config, bench.sweep)
        )
        self._recovery = _recovery_ids(bench)
        self._dense = fingerprint(bench.dense)
        self._facts = DenseFacts()

    def attempt(self, cell: dict[str, Any]) -> tuple[Patch, dict[str, Any]]:
        """Prune one cell; the method is imported anew, since it may keep state of its own."""
        bench, target = self._bench, Target.parse(cell["target"])
        bench.clear()
        self._facts.seconds_saved = 0.0
        policy = Policy.of(bench.config, bench.sweep.seed)

        def progress(done: int, total: int) -> None:
            bench.say(f"{bench.sweep.method} {target.token}: block {done}/{total}")

        with open_method(bench.sweep.method, bench.config.method_paths, policy) as method, Meter(bench.device) as meter:
            pruned = prune_cell(
                bench.dense, method, target, self._calibration, bench.sweep.seed, bench.device, progress, self._facts,
                self._recovery, bench.mapped,
            )  # fmt: skip
        meter.cost["seconds"] += self._facts.seconds_saved
        patch = make_patch(bench.dense, pruned.model)
        if patch.dense != self._dense:
            raise ContractError("the dense model itself was changed; a method may change only the model it is given")
        return patch, _reply(pruned, meter)

    def keep(self, cell: dict[str, Any], result: tuple[Patch, dict[str, Any]]) -> dict[str, Any]:
        """Store the patch."""
        patch, reply = result
        sweep, target = self._bench.sweep, cell["target"]
        path = sweep.patch(target)
        about = {"sweep": sweep.path, "target": target, "dtype": self._bench.dtype}
        save_patch(path, patch, about)
        return {"status": "ok", "patch_sha256": sha256_file(path), **reply}

    def intact(self) -> bool:
        """Whether the dense model is."""
        return fingerprint(self._bench.dense) == self._dense

    def failed_cost(self) -> dict[str, Any]:
        """See `Bench.failed_cost`."""
        return self._bench.failed_cost()


def _recovery_ids(bench: Bench) -> RecoveryIds | None:
    path = keys.recovery_path(bench.config, bench.sweep)
    if path is None:
        return None
    ids = load_calibration(path, keys.recovery_rows(bench.sweep))
    return RecoveryIds(validation=ids[: keys.VALIDATION_ROWS], training=ids[keys.VALIDATION_ROWS :])


def _reply(pruned: PrunedCell, meter: Meter) -> dict[str, Any]:
    losses = [json.loads(loss.model_dump_json()) for loss in pruned.losses]
    return {"sparsity": pruned.sparsity.model_dump(mode="json"), "notes": pruned.notes, "losses": losses, **meter.cost}
