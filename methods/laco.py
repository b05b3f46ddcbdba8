"""LaCo: later layers collapse into an earlier one. Yang et al., Findings of EMNLP 2024, arXiv 2402.11187."""

import copy

import torch

from prunebench.errors import NotApplicable, PrunebenchError
from prunebench.models.linear import block_linears
from prunebench.patches.surgery import keep_blocks
from prunebench.sparsity.depth import block_sizes, nearest_count

METHOD = {
    "title": "LaCo",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "yang2024laco",
    # C layers become one, l moves down by I after a merge, T is lowered by `step` until enough layers are gone; the
    # few short texts that outputs are compared on; what becomes of merged layers, see `merged`.
    "params": {
        "layers": 4,
        "interval": 2,
        "threshold": 0.95,
        "step": 0.05,
        "texts": 10,
        "tokens": 64,
        "merge": "last",
    },
    "choices": {"merge": ["last", "sum"]},
}


def merged(state, low, extra, merge):
    """Layer `low` takes up the `extra` layers above it. A state has for each layer its coefficients by dense layer.

    `sum` is eq. 2 as printed: t + sum_k (t_k - t). For more than one extra layer its weights are far larger than any
    layer's (2.6 times for three), and what a single such merge leaves of a model is noise. The released notebook adds
    each difference to what the addition before left; these cancel, and the layer has the linears of the `last` of them.
    For one extra layer the two are the same.
    """
    total = {index: (0 if merge == "last" else 1 - extra) * c for index, c in state[low].items()}
    for other in state[low + extra : low + 1 + extra] if merge == "last" else state[low + 1 : low + 1 + extra]:
        for index, c in other.items():
            total[index] = total.get(index, 0) + c
    return [*state[:low], total, *state[low + 1 + extra :]]


@torch.no_grad()
def collapse(model, container, state):
    """Give `model`, which is dense, the layers of a state: linears summed in float64; norms are the lowest layer's."""
    blocks = [[linear for group in block for linear in group] for block in block_linears(model)]
    for coefficients in state:
        if len(coefficients) == 1:
            continue
        for linears in zip(*(blocks[index] for index in coefficients), strict=True):
            module = linears[0].module  # the lowest layer's: its coefficient comes first
            for part in ("weight", "bias"):
                if getattr(module, part) is not None:
                    total = sum(
                        c * getattr(linear.module, part).double()
                        for c, linear in zip(coefficients.values(), linears, strict=True)
                    )
                    setattr(module, part, torch.nn.Parameter(total.to(linears[0].weight.dtype), requires_grad=False))
    keep_blocks(model, container, [min(coefficients) for coefficients in state])


def prune_model(model, calibration, target, layers, interval, threshold, step, texts, tokens, merge, note):
    """Algorithm 1, from the top down; a merge stays if the last hidden states still resemble the dense model's.

    Resemblance is the cosine of a text's hidden states, all tokens at once, averaged over texts. The paper chooses T
    and takes the ratio that comes of it; here T is the highest of threshold, threshold - step, ... that gets there.
    """
    if not (-1 <= threshold <= 1 and 0.001 <= step <= 2 and layers >= 2 and texts >= 1 and tokens >= 1):
        raise PrunebenchError(
            "laco: threshold is in [-1, 1], step in [0.001, 2], layers is 2 or more, texts and tokens 1 or more"
        )
    architecture, sizes = block_sizes(model)
    wanted = nearest_count(sizes, target)
    ids = calibration[:texts, :tokens].to(next(model.parameters()).device)
    shared = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    dense_states = last_states(model, ids)
    known = {}

    def resemblance(state):
        key = repr(state)
        if key not in known:
            other = copy.deepcopy(model, dict(shared))  # other modules with the same tensors
            collapse(other, architecture.container, state)
            known[key] = torch.nn.functional.cosine_similarity(dense_states, last_states(other, ids)).mean().item()
        return known[key]

    while threshold >= -1 - step:
        state = sweep(len(sizes), wanted, min(layers, len(sizes)), interval, threshold, merge, resemblance)
        if len(state) == len(sizes) - wanted:
            bases = " ".join(f"{min(c)}-{max(c)}" for c in state if len(c) > 1)
            like = known[repr(state)]
            note(f"merged {bases} of {len(sizes)} layers at threshold {threshold:.2f}, resemblance {like:.3f}")
            collapse(model, architecture.container, state)
            return
        threshold = round(threshold - step, 10)
    raise NotApplicable(f"no sweep with layers={layers} and interval={interval} merges {wanted} of {len(sizes)} away")


def sweep(count, wanted, layers, interval, threshold, merge, resemblance):
    """One pass over a model of `count` layers; returns the state with at most `wanted` layers gone."""
    state = [{index: 1} for index in range(count)]
    low = count - layers
    while low >= 0 and len(state) > count - wanted:
        extra = min(layers - 1, len(state) - 1 - low, len(state) - (count - wanted))
        candidate = merged(state, low, extra, merge)
        if extra > 0 and resemblance(candidate) > threshold:
            state = candidate
            low = min(low - interval, len(state) - layers)
        else:
            low -= 1
    return state


@torch.no_grad()
def last_states(model, ids):
    """(texts, tokens x hidden) float64, after the final norm."""
    return model.base_model(ids, use_cache=False).last_hidden_state.double().flatten(1)
