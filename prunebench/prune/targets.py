"""Which linear is pruned to what: the cell's target, or a share of it by block, or none at all."""

import torch
from torch import Tensor, nn

from prunebench.engine.allocation import alphapruning, owl
from prunebench.engine.allocation.fit import fit_counts, fit_sparsities
from prunebench.engine.shared import DenseFacts
from prunebench.errors import NotApplicable, PrunebenchError
from prunebench.models.linear import LinearView, block_linears
from prunebench.plugins.variants import FrameworkParams
from prunebench.targets import Target


@torch.no_grad()
def linear_targets(
    model: nn.Module,
    framework: FrameworkParams,
    target: Target,
    calibration: Tensor,
    device: torch.device,
    facts: DenseFacts,
) -> tuple[dict[str, Target], list[str]]:
    """The target of each linear to be pruned, by name, and notes on how it was come by.

    Args:
        model: the dense model; it may move between devices but does not change.
        calibration: (samples, tokens) token ids, read by the OWL allocation.
        facts: what is known of the dense model; the allocations' measures are kept there.

    Raises:
        PrunebenchError: `only` names layers the model does not have.
        NotApplicable: M does not divide the inputs of a layer; told here, before any data runs.
    """
    blocks = [[view for group in block for view in group] for block in block_linears(model)]
    chosen = [_chosen(block, framework.only) for block in blocks]
    notes = []
    if framework.only:
        _check_known(blocks, framework.only)
        share = _weights(chosen) / _weights(blocks)
        notes.append(f"only {', '.join(framework.only)}: {share:.1%} of the prunable weights")
    for view in [view for block in chosen for view in block]:
        if target.m and view.weight.shape[1] % target.m:
            columns = view.weight.shape[1]
            raise NotApplicable(f"{target.label} needs a multiple of {target.m} inputs, {view.name} has {columns}")
    targets = [target] * len(blocks)
    if framework.allocation != "uniform" and target.pattern in ("unstructured", "n:m"):
        sizes, those = [_weights([block]) for block in chosen], "+".join(framework.only)
        if framework.allocation == "owl":
            ratios = facts.once(
                f"outlier ratios of {those}", lambda: owl.outlier_ratios(model, chosen, calibration, device)
            )
            sparsities = owl.spread(ratios, target.sparsity)
        else:
            exponents = facts.once(f"tail exponents of {those}", lambda: alphapruning.tail_exponents(chosen, device))
            sparsities = alphapruning.spread(exponents, sizes, target.sparsity)
        targets = _block_targets(target, sparsities, sizes)
        words = " ".join(each.label if target.m else f"{each.sparsity:.1%}" for each in targets)
        notes.append(f"allocation {framework.allocation}, block by block: {words}")
    return {
        view.name: block_target for block, block_target in zip(chosen, targets, strict=True) for view in block
    }, notes


def _chosen(block: list[LinearView], only: tuple[str, ...]) -> list[LinearView]:
    return [view for view in block if not only or any(f".{view.name}".endswith(f".{name}") for name in only)]


def _check_known(blocks: list[list[LinearView]], only: tuple[str, ...]) -> None:
    for name in only:
        if not any(_chosen(block, (name,)) for block in blocks):
            # Names within a block: model.layers.0.mlp.up_proj and model.layers.1.mlp.up_proj are both mlp.up_proj.
            prefix = len(_common_prefix([view.name for view in blocks[0]]))
            known = ", ".join(sorted(view.name[prefix:] for view in blocks[0]))
            raise PrunebenchError(f"only={name}: the model has no such layer; its layers are {known}")


def _common_prefix(names: list[str]) -> str:
    parts = [name.split(".") for name in names]
    common = 0
    while all(len(part) > common + 1 and part[common] == parts[0][common] for part in parts):
        common += 1
    return "".join(f"{part}." for part in parts[0][:common])


def _weights(blocks: list[list[LinearView]]) -> int:
    return sum(view.weight.numel() for block in blocks for view in block)


def _block_targets(target: Target, sparsities: list[float], sizes: list[int]) -> list[Target]:
    if target.pattern == "unstructured":
        return [Target("unstructured", s) for s in fit_sparsities(sparsities, sizes, target.sparsity)]
    counts = fit_counts([s * target.m for s in sparsities], target.n, target.m)
    return [Target("n:m", count / target.m, count, target.m) for count in counts]
