"""The promises of the contract, each as a function that raises if a method breaks it on tiny models.

The verification of real cells is looser (it counts layers, these count groups) and cannot see what a single
run does not show: hidden randomness, needless `needs`, other kinds of layer.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from prunebench.contract.tiny_models import TINY_CONFIGS, linear_twin, tiny_calibration, tiny_model, with_dead_channels
from prunebench.errors import ContractError, NotApplicable
from prunebench.models.linear import LinearView, prunable_linears
from prunebench.plugins.loader import Method
from prunebench.prune.cell import prune_cell, prune_copy
from prunebench.prune.verify import check_untouched
from prunebench.prune.verify_whole import verify_whole
from prunebench.sparsity.select import BLOCK_COLUMNS, WHOLE
from prunebench.targets import DENSE, Target

# A tiny model has 100 000 weights and takes a good method hundredths of a second; a real one has a thousand
# times as many.
SECONDS_PER_TINY_MODEL = 10.0

_TOKENS = {"dense": ("u00",), "unstructured": ("u50", "u37"), "n:m": ("n2m4", "n1m4"), "structured": ("s20",)}
# Rounding may tip near-ties, so a mask may differ in this share of its weights where arithmetic differs.
_TIPPED = 0.02


# A method for whole models may drop one of a tiny model's two blocks, or none.
_WHOLE_TOKENS = {**_TOKENS, "structured": ("s40",)}


def _tokens(method: Method) -> dict[str, tuple[str, ...]]:
    return _WHOLE_TOKENS if method.kind == "model" else _TOKENS


def _targets(method: Method) -> list[Target]:
    return [Target.parse(token) for pattern in method.header.patterns for token in _tokens(method)[pattern]]


def _first_targets(method: Method) -> list[Target]:
    return [Target.parse(_tokens(method)[pattern][0]) for pattern in method.header.patterns]


def _pruned_models(
    method: Method, targets: list[Target], dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Iterator[tuple[nn.Module, nn.Module, Target]]:
    """(dense, pruned, target) for each tiny model the method applies to and each target."""
    applied = False
    for name in TINY_CONFIGS:
        dense = tiny_model(name, dtype)
        for target in targets:
            try:
                pruned, _ = prune_copy(dense, method, target, tiny_calibration(), device=device)
            except NotApplicable:
                continue
            applied = True
            yield dense, pruned, target
    if not applied:
        raise ContractError(f"{method.name} says of every tiny model that it does not apply to it")


def _weights(method: Method) -> list[dict[str, Tensor]]:
    """What every tiny model's tensors become at the first target of each pattern."""
    return [dict(pruned.state_dict()) for _, pruned, _ in _pruned_models(method, _first_targets(method))]


def header_valid(method: Method) -> None:
    """Loading has read and checked the header; only running shows whether its `needs` are what is read."""
    baseline = _weights(method)
    for need in method.header.needs:
        others = [other for other in method.header.needs if other != need]
        poorer = replace(method, header=method.header.model_copy(update={"needs": others}))
        try:
            same = _weights(poorer)
        except Exception:
            continue  # it asked for what it no longer gets, so the need is a real one
        if all(_equal(a, b) for a, b in zip(baseline, same, strict=True)):
            raise ContractError(f"METHOD['needs'] of {method.name} has {need!r}, which it never reads; take it out")


def exact_n_m(method: Method) -> None:
    targets = [target for target in _targets(method) if target.pattern == "n:m"]
    for _, pruned, target in _pruned_models(method, targets):
        for name, linear in prunable_linears(pruned).items():
            zeros = (linear.weight == 0).reshape(-1, target.m).sum(1)
            if (wrong := int((zeros != target.n).sum())) > 0:
                raise ContractError(
                    f"{name}: {wrong} of {len(zeros)} groups of {target.m} consecutive inputs do not have exactly "
                    f"{target.n} zeros at {target.token}"
                )


def exact_sparsity(method: Method) -> None:
    for _, pruned, target in _pruned_models(method, _targets(method)):
        for name, linear in prunable_linears(pruned).items():
            for index, zero in enumerate(_groups(name, linear.weight == 0, method.header.group or "row")):
                zeros, wanted = int(zero.sum()), zero.numel() * target.sparsity
                if abs(zeros - wanted) > 1:
                    raise ContractError(
                        f"{name}: {zeros} of the {zero.numel()} {_members(method.header.group or 'row', index)} "
                        f"are zero, {target.token} asks for {wanted:g}"
                    )


def _groups(name: str, zero: Tensor, group: str) -> tuple[Tensor, ...]:
    """The parts of `zero` (out, in) whose members compete: single weights, or whole rows or columns."""
    if group in WHOLE:
        across = 1 if group == "outputs" else 0
        if (torn := int((zero.any(across) != zero.all(across)).sum())) > 0:
            raise ContractError(f"{name}: {torn} of its {group} are zero in part; group {group!r} prunes whole ones")
        return (zero.all(across),)
    if group == "matrix":
        return (zero,)
    return zero.split(BLOCK_COLUMNS, dim=1) if group == "block128" else zero.unbind(0)


def _members(group: str, index: int) -> str:
    return group if group in WHOLE else f"weights of {group} {index}"


def all_finite(method: Method) -> None:
    """With channels that are always zero and fewer tokens than inputs, in the narrowest range there is."""
    for dtype in (torch.float32, torch.float16):
        dense = with_dead_channels(tiny_model("opt", dtype))
        for target in _targets(method):
            try:
                pruned, _ = prune_copy(dense, method, target, tiny_calibration(2, 8))
            except NotApplicable:
                continue
            for name, tensor in pruned.state_dict().items():
                if not tensor.isfinite().all():
                    raise ContractError(
                        f"{name} has NaN or infinite values at {target.token} in {dtype}, calibrated with 16 tokens "
                        "where some inputs are always zero"
                    )


def same_seed_same_mask(method: Method) -> None:
    # Global random states differ between the runs: a method has only its own generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)
        first = _weights(method)
        torch.manual_seed(2)
        random.seed(2)
        np.random.seed(2)
        second = _weights(method)
    for a, b in zip(first, second, strict=True):
        for name in a:
            if not torch.equal(a[name], b[name]):
                raise ContractError(
                    f"{name} differs between two runs with one seed; draw random numbers from the `generator` argument"
                )


def dtype_and_device_kept(method: Method) -> None:
    targets = _first_targets(method)
    devices = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    for dtype, device in product((torch.bfloat16, torch.float16, torch.float32), devices):
        for dense, pruned, target in _pruned_models(method, targets, dtype, device):
            after = pruned.state_dict()
            for name, tensor in dense.state_dict().items():
                if name in after and (after[name].dtype, after[name].device) != (tensor.dtype, tensor.device):
                    raise ContractError(
                        f"{name} was {tensor.dtype} on {tensor.device} and is {after[name].dtype} on "
                        f"{after[name].device} at {target.token}"
                    )


def others_untouched(method: Method) -> None:
    for dense, pruned, target in _pruned_models(method, _targets(method)):
        if method.kind == "model" and target.pattern == "structured":
            verify_whole(dense, pruned)
            continue
        check_untouched(dense, pruned, set(prunable_linears(dense)), resized=method.header.patterns == ["structured"])


def harmless_at_zero(method: Method) -> None:
    pattern = next((p for p in ("unstructured", "structured") if p in method.header.patterns), None)
    target = Target(pattern, 0.0) if pattern else DENSE
    for name in TINY_CONFIGS:
        dense = tiny_model(name)
        try:
            pruned, _ = prune_copy(dense, method, target, tiny_calibration())
        except NotApplicable:
            continue
        before, after = prunable_linears(dense), prunable_linears(pruned)
        for linear, view in after.items():
            if (
                view.weight.shape != before[linear].weight.shape
                or not torch.allclose(view.weight, before[linear].weight, rtol=1e-4, atol=1e-6)
                or not torch.allclose(_bias(view), _bias(before[linear]), rtol=1e-4, atol=1e-6)
            ):
                raise ContractError(f"{linear} of {name} changed although nothing was to be pruned (sparsity 0)")


def _bias(linear: LinearView) -> Tensor:
    return torch.zeros(len(linear.weight)) if linear.bias is None else linear.bias


def works_on(name: str) -> Callable[[Method], None]:
    def run(method: Method) -> None:
        for target in _targets(method):
            try:
                prune_cell(tiny_model(name), method, target, tiny_calibration())
            except NotApplicable:
                continue  # an honest answer, and a status of its own

    return run


def same_on_conv1d_and_linear(method: Method) -> None:
    works_on("gpt2")(method)
    conv = tiny_model("gpt2")
    linear = linear_twin(conv)
    for target in _targets(method):
        try:
            pruned = prune_copy(conv, method, target, tiny_calibration())[0]
        except NotApplicable:
            continue
        twin = prune_copy(linear, method, target, tiny_calibration())[0]
        if method.kind == "model" and target.pattern == "structured":
            _same_logits(pruned, twin)  # which may have no linears of these names any more
            continue
        of_conv, of_linear = prunable_linears(pruned), prunable_linears(twin)
        for name, view in of_conv.items():
            # The two multiply in different orders, so a near-tie may fall the other way.
            other = _other_share(view.weight, of_linear[name].weight, target.pattern == "structured")
            if other > _TIPPED:
                raise ContractError(
                    f"{name}: {other:.0%} of the mask is another on Conv1D than on a Linear with the same weights at "
                    f"{target.token}; use layer.weight (out, in), not the module's own tensor"
                )


@torch.no_grad()
def _same_logits(conv: nn.Module, linear: nn.Module) -> None:
    ids = tiny_calibration(1, 16)
    a, b = conv(ids).logits, linear(ids).logits
    if (a - b).norm() > _TIPPED * a.norm():
        raise ContractError("the pruned model is another on Conv1D than on Linears with the same weights")


def _other_share(a: Tensor, b: Tensor, smaller: bool) -> float:
    """The share of the masks that differs; of matrices that were made smaller, the share of their weights."""
    if a.shape != b.shape:
        return 1.0
    other = ~a.isclose(b, rtol=1e-3, atol=1e-5) if smaller else (a == 0) != (b == 0)
    return other.float().mean().item()


def in_time(method: Method) -> None:
    dense = tiny_model("llama-gqa")
    for target in _targets(method):
        started = time.perf_counter()
        try:
            prune_copy(dense, method, target, tiny_calibration())
        except NotApplicable:
            continue
        if (seconds := time.perf_counter() - started) > SECONDS_PER_TINY_MODEL:
            raise ContractError(
                f"{method.name} took {seconds:.1f} s for a model of 100 000 weights at {target.token}, more than "
                f"{SECONDS_PER_TINY_MODEL:g} s"
            )


def _equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
