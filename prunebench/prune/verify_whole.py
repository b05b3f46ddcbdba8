"""The contract of methods that change the whole model as they like: what none of them may, checked on the result."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from prunebench.errors import ContractError
from prunebench.models.architectures import ARCHITECTURES
from prunebench.prune.verify import same_bits

# How far from the target, and at most half of it: ranks and slices are whole numbers, and some methods round them.
_SLACK = 0.05
_TOKENS = 12
# Of the logits' spread. Rounding in 16 bits gives hundredths, keys of another block in the cache give about 1.
_CACHE_TOLERANCE = 0.3


@torch.no_grad()
def verify_whole(dense: nn.Module, pruned: nn.Module) -> None:
    """Check what holds whatever was changed.

    Outside the decoder blocks every tensor has the dense model's bits, unless the hidden states have become narrower,
    which changes them all. Types stay. The model still gives logits for the same vocabulary, finite ones, and gives
    the same with a cache as without.

    Raises:
        ContractError: it is not so; the message says what.
    """
    _check_outside(dense, pruned)
    _check_runs(dense, pruned)


def whole_slack(before: Sequence[int], now: Sequence[int], wanted: float) -> float:
    """How far the share of the weights that is gone may be from the wanted one.

    Args:
        before, now: the weights of each block of the dense and of the pruned model. Where blocks were dropped, half a
            block is as near as whole blocks get.
    """
    slack = min(_SLACK, wanted / 2)
    return slack if len(before) == len(now) else max(slack, max(before) / sum(before) / 2 + 1e-6)


def _model_type(model: nn.Module) -> str:
    config: Any = model.config
    return str(config.model_type)


def _check_outside(dense: nn.Module, pruned: nn.Module) -> None:
    before, after = _outside(dense), _outside(pruned)
    if before.keys() != after.keys():
        raise ContractError(f"{min(before.keys() ^ after.keys())} was added or removed; only decoder blocks may change")
    table = "the input embeddings"
    wide, now = (model.get_input_embeddings().weight for model in (dense, pruned))  # type: ignore[operator]
    if len(now) != len(wide):
        raise ContractError(f"{table} have {len(now)} rows where the vocabulary has {len(wide)}")
    for name, tensor in before.items():
        if tensor.dtype != after[name].dtype:
            raise ContractError(f"{name} changed its dtype from {tensor.dtype} to {after[name].dtype}")
        if now.shape == wide.shape and not same_bits(tensor, after[name]):
            raise ContractError(
                f"{name} was changed; as long as {table} keep their width only decoder blocks may change"
            )
    dtypes = {parameter.dtype for parameter in dense.parameters()}
    for name, parameter in pruned.named_parameters():
        if parameter.dtype not in dtypes:
            raise ContractError(f"{name} is {parameter.dtype}, which nothing in the dense model is")


def _outside(model: nn.Module) -> dict[str, Tensor]:
    container = ARCHITECTURES[_model_type(model)].container
    return {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(f"{container}.")}


def _check_runs(dense: nn.Module, pruned: Any) -> None:
    config: Any = dense.config
    ids = (7 * torch.arange(1, _TOKENS + 1) % config.vocab_size)[None].to(next(pruned.parameters()).device)
    try:
        whole, cached = _logits(pruned, ids)
    except (RuntimeError, IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ContractError(f"the pruned model cannot run: {' '.join(str(error).split())}") from error
    wanted = (1, _TOKENS, len(dense.get_output_embeddings().weight))  # type: ignore[operator]
    if tuple(whole.shape) != wanted:
        raise ContractError(f"the pruned model's logits are {tuple(whole.shape)} where {wanted} are expected")
    if not whole.isfinite().all():
        raise ContractError("the pruned model's logits have NaN or infinite values")
    if _differ(whole, cached) and whole.dtype != torch.float32:
        # A model that is broken enough makes anything of the rounding of 16 bits.
        whole, cached = _logits(copy.deepcopy(pruned).float(), ids)
    if _differ(whole, cached):
        raise ContractError("the pruned model gives other logits with a cache than without; number its layers anew")


def _logits(model: Any, ids: Tensor) -> tuple[Tensor, Tensor]:
    """(1, tokens, vocabulary) in one go, and in two with the cache between them."""
    whole = model(ids, use_cache=False).logits
    first = model(ids[:, : _TOKENS // 2], use_cache=True)
    second = model(ids[:, _TOKENS // 2 :], past_key_values=first.past_key_values, use_cache=True)
    return whole, torch.cat([first.logits, second.logits], 1)


def _differ(whole: Tensor, cached: Tensor) -> bool:
    whole, cached = whole.float(), cached.float()
    spread = (whole - whole.mean(-1, keepdim=True)).norm()
    return bool((whole - cached).norm() > _CACHE_TOLERANCE * spread)
