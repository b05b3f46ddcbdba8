"""Slow, loopy, float64 reference code the pruning tests compare against. Nothing here imports prunebench.

Matrices are `(out, in)` numpy arrays, as the papers write W; inputs are `(tokens, in)`. A mask is True where a
weight is pruned. Patterns come as a `Pruned`: a fraction, or N of every M consecutive inputs.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM
from transformers.pytorch_utils import Conv1D

Array = np.ndarray[Any, Any]

METHODS_FOLDER = Path(__file__).parents[1] / "methods"


@dataclass(frozen=True)
class Pruned:
    """What to prune: `fraction` of a group, or (where `m` is not 0) `n` of every `m` consecutive inputs."""

    fraction: float
    n: int = 0
    m: int = 0


# --- selection -------------------------------------------------------------------------------------------------


def groups_of(shape: tuple[int, int], group: str, pruned: Pruned) -> list[tuple[list[tuple[int, int]], int]]:
    """Each comparison group as its cells in reading order, with how many of them are pruned."""
    rows, columns = shape
    if pruned.m:
        assert columns % pruned.m == 0
        starts = range(0, columns, pruned.m)
        return [([(r, c) for c in range(s, s + pruned.m)], pruned.n) for r in range(rows) for s in starts]
    if group == "row":
        cells = [[(r, c) for c in range(columns)] for r in range(rows)]
    elif group == "matrix":
        cells = [[(r, c) for r in range(rows) for c in range(columns)]]
    elif group == "block128":
        starts = range(0, columns, 128)
        cells = [[(r, c) for r in range(rows) for c in range(s, min(s + 128, columns))] for s in starts]
    else:
        raise ValueError(group)
    return [(members, int(len(members) * pruned.fraction)) for members in cells]


def lowest(saliency: Array, group: str, pruned: Pruned) -> Array:
    """Mask of the k lowest of each group; equal ones go in reading order."""
    mask = np.zeros(saliency.shape, dtype=bool)
    for members, k in groups_of(saliency.shape, group, pruned):
        # Python's sort is stable, so ties keep the reading order of `members`.
        for cell in sorted(members, key=lambda cell: saliency[cell])[:k]:
            mask[cell] = True
    return mask


def lowest_whole(saliency: Array, group: str, fraction: float) -> Array:
    """Mask of the whole rows (`outputs`) or columns (`inputs`) with the k lowest sums; ties go to the first."""
    mask = np.zeros(saliency.shape, dtype=bool)
    along = 0 if group == "outputs" else 1
    sums = [math.fsum(float(x) for x in part) for part in (saliency if along == 0 else saliency.T)]
    for index in sorted(range(len(sums)), key=lambda i: sums[i])[: int(len(sums) * fraction)]:
        mask[(index, slice(None)) if along == 0 else (slice(None), index)] = True
    return mask


def assert_lowest(mask: Array, saliency: Array, group: str, pruned: Pruned, tie: float = 1e-5) -> int:
    """Assert `mask` prunes exactly the k lowest of each group, and return how many cells differ from `lowest`.

    Cells may differ only where their scores lie within `tie` (relative) of the group's threshold: there the
    rounding of fp32 decides.
    """
    differing = 0
    for members, k in groups_of(saliency.shape, group, pruned):
        chosen = [cell for cell in members if mask[cell]]
        assert len(chosen) == k, f"{len(chosen)} pruned where {k} are due, group from {members[0]} to {members[-1]}"
        order = sorted(members, key=lambda cell: saliency[cell])
        wrong = set(order[:k]) ^ set(chosen)
        differing += len(wrong)
        if wrong:
            low, high = saliency[order[k - 1]], saliency[order[k]]
            for cell in wrong:
                score = saliency[cell]
                assert low * (1 - tie) <= score <= high * (1 + tie), (
                    f"weight {cell} with score {score:.9g} is on the wrong side of {low:.9g}..{high:.9g}"
                )
    return differing


# --- input statistics ------------------------------------------------------------------------------------------


def wanda_norm(samples: list[Array]) -> Array:
    """Wanda's input norm: sqrt of the mean over samples of the sum over tokens of x^2, per input."""
    columns = samples[0].shape[1]
    norm = np.zeros(columns)
    for j in range(columns):
        per_sample = [math.fsum(float(x) * float(x) for x in sample[:, j]) for sample in samples]
        norm[j] = math.sqrt(math.fsum(per_sample) / len(per_sample))
    return norm


def mean_and_variance(samples: list[Array]) -> tuple[Array, Array]:
    """Mean and unbiased variance of each input over all tokens of all samples, in two passes."""
    tokens = np.concatenate(samples).astype(np.float64)
    count, columns = tokens.shape
    mean, variance = np.zeros(columns), np.zeros(columns)
    for j in range(columns):
        mean[j] = math.fsum(tokens[:, j]) / count
        variance[j] = math.fsum((x - mean[j]) ** 2 for x in tokens[:, j]) / (count - 1)
    return mean, variance


def gram(samples: list[Array]) -> Array:
    """Sum over tokens of x x^T."""
    columns = samples[0].shape[1]
    total = np.zeros((columns, columns))
    for sample in samples:
        for token in sample.astype(np.float64):
            total += np.outer(token, token)
    return total


# --- SparseGPT -------------------------------------------------------------------------------------------------


def damped_hessian(samples: list[Array]) -> tuple[Array, Array]:
    """SparseGPT's Hessian 2/n sum x x^T with 1 % of the mean diagonal added, and which inputs are dead.

    n counts sequences. A dead input (never non-zero) gets diagonal 1 before damping.
    """
    hessian = 2 / len(samples) * gram(samples)
    dead = np.diag(hessian) == 0
    for j in np.flatnonzero(dead):
        hessian[j, j] = 1.0
    damp = 0.01 * np.mean(np.diag(hessian))
    for j in range(len(hessian)):
        hessian[j, j] += damp
    return hessian, dead


def remaining_inverse(hessian: Array, j: int) -> Array:
    """Inverse of the Hessian of the inputs j, j+1, ...: those not yet settled when column j's turn comes."""
    return np.linalg.inv(hessian[j:, j:])


def obs_with_mask(weight: Array, hessian: Array, mask: Array) -> Array:
    """Optimal Brain Surgeon, column by column with a given mask: remove w_j, spread its error over later inputs.

    Each removal solves exactly: minimise the quadratic error over the inputs after j, with w_j = 0.
    """
    weight = weight.astype(np.float64).copy()
    for j in range(weight.shape[1]):
        inverse = remaining_inverse(hessian, j)
        for r in range(weight.shape[0]):
            if mask[r, j]:
                weight[r, j:] -= weight[r, j] / inverse[0, 0] * inverse[0, :]
                weight[r, j] = 0.0
    return weight


def least_squares_step(weight: Array, hessian: Array, row: int, j: int) -> Array:
    """The row after pruning w_j with inputs before j frozen, found by solving the normal equations directly."""
    change = np.zeros(weight.shape[1])
    change[j] = -weight[row, j]
    # minimise change' H change over change[j+1:], change[j] given
    rest = slice(j + 1, None)
    if j + 1 < weight.shape[1]:
        change[rest] = np.linalg.solve(hessian[rest, rest], -hessian[rest, j] * change[j])
    return weight[row] + change


def sparsegpt(
    weight: Array,
    samples: list[Array],
    pruned: Pruned,
    blocksize: int = 128,
    chosen: Array | None = None,
    tie: float = 1e-4,
) -> tuple[Array, Array, int]:
    """SparseGPT in plain loops: new weights, mask, and how many cells of `chosen` differ from its own selection.

    Where `chosen` is given it is checked at every selection (only near-ties of the scores may differ) and
    followed from there on, so that one rounding of a tie does not make the rest incomparable.
    """
    hessian, dead = damped_hessian(samples)
    weight = weight.astype(np.float64).copy()
    rows, columns = weight.shape
    weight[:, dead] = 0.0
    mask = np.zeros((rows, columns), dtype=bool)
    # 1 / [(H_jj..)^-1]_00 per column: the squared diagonal of the Cholesky factor of the inverse
    spread = [remaining_inverse(hessian, j)[0] for j in range(columns)]
    differing = 0

    def select(start: int, stop: int, group: str) -> None:
        nonlocal differing
        score = np.zeros((rows, stop - start))
        for r in range(rows):
            for j in range(start, stop):
                score[r, j - start] = weight[r, j] ** 2 / spread[j][0]
        if chosen is None:
            mask[:, start:stop] = lowest(score, group, pruned)
        else:
            differing += assert_lowest(chosen[:, start:stop], score, group, pruned, tie)
            mask[:, start:stop] = chosen[:, start:stop]

    for start in range(0, columns, blocksize):
        stop = min(start + blocksize, columns)
        if not pruned.m:
            select(start, stop, "matrix")
        for j in range(start, stop):
            if pruned.m and (j - start) % pruned.m == 0:
                select(j, min(j + pruned.m, stop), "row")
            for r in range(rows):
                if mask[r, j]:
                    weight[r, j:] -= weight[r, j] / spread[j][0] * spread[j]
                    weight[r, j] = 0.0
    return weight, mask, differing


def output_error(dense: Array, pruned: Array, samples: list[Array]) -> float:
    """Sum of squares of the change of the layer's outputs over all calibration tokens."""
    return float(sum(np.sum((sample.astype(np.float64) @ (pruned - dense).T) ** 2) for sample in samples))


# --- things to prune -------------------------------------------------------------------------------------------


def linear_of(kind: str, weight: Array, bias: Array | None) -> nn.Module:
    """A `Linear` or a GPT-2 `Conv1D` (weight stored transposed) holding the given fp32 values."""
    out_features, in_features = weight.shape
    layer: nn.Module
    if kind == "Linear":
        layer = nn.Linear(in_features, out_features, bias=bias is not None)
        stored = weight
    elif kind == "Conv1D":
        layer = Conv1D(out_features, in_features)
        stored = weight.T
        if bias is None:
            layer.bias = None
    else:
        raise ValueError(kind)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(stored)))
        if bias is not None:
            layer.bias.copy_(torch.from_numpy(bias))
    return layer


def correlated_samples(columns: int, lengths: list[int], seed: int, offset: float = 0.0) -> list[Array]:
    """Correlated float32 inputs with very different scales per input; `offset` moves their means off zero."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(columns, columns)) / math.sqrt(columns) + np.eye(columns)
    scale = np.exp(rng.normal(size=columns))
    mean = offset * rng.normal(size=columns)
    return [((rng.normal(size=(n, columns)) @ mixing) * scale + mean).astype(np.float32) for n in lengths]


def random_weight(rows: int, columns: int, seed: int) -> Array:
    """Normal float32 weights."""
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def _lively(model: Any, seed: int) -> Any:
    """Give every parameter random values: large weights, so that pruning one block changes the next one's inputs;
    biases and norm weights off their trivial 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 2:
                parameter.copy_(noise * (0.5 if "embed" in name or "wte" in name or "wpe" in name else 0.25))
            else:
                parameter.copy_(0.2 * noise + (1.0 if "norm" in name or "ln_" in name else 0.0))
                if name.endswith("bias"):
                    parameter.copy_(0.2 * noise)
    return model.eval()


def tiny_llama(blocks: int = 3, seed: int = 0) -> Any:
    """A random Llama with grouped-query attention: 4 heads, 2 of keys and values."""
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=144, num_hidden_layers=blocks, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=False,
    )  # fmt: skip
    return _lively(LlamaForCausalLM(config), seed)


def tiny_opt(blocks: int = 3, seed: int = 0) -> Any:
    """A random OPT: biases everywhere, LayerNorm before, learned positions, ReLU."""
    config = OPTConfig(
        vocab_size=64, hidden_size=32, ffn_dim=144, num_hidden_layers=blocks, num_attention_heads=4,
        max_position_embeddings=64, word_embed_proj_dim=32, dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    return _lively(OPTForCausalLM(config), seed)


def tiny_gpt2(blocks: int = 3, seed: int = 0) -> Any:
    """A random GPT-2: `Conv1D` linears, queries, keys and values fused in one."""
    config = GPT2Config(
        vocab_size=64, n_embd=32, n_inner=144, n_layer=blocks, n_head=4, n_positions=64,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return _lively(GPT2LMHeadModel(config), seed)


TINY = {"llama": tiny_llama, "opt": tiny_opt, "gpt2": tiny_gpt2}


def decoder_blocks(model: Any) -> list[tuple[str, nn.Module]]:
    """Names and modules of the decoder blocks of a tiny model, in order."""
    for path in ("model.layers", "model.decoder.layers", "transformer.h"):
        try:
            blocks = model.get_submodule(path)
        except AttributeError:
            continue
        return [(f"{path}.{i}", block) for i, block in enumerate(blocks)]
    raise ValueError(type(model).__name__)


def linears_in(name: str, module: nn.Module) -> dict[str, nn.Module]:
    """Every `Linear` and `Conv1D` below `module`, by full name."""
    return {f"{name}.{n}": m for n, m in module.named_modules() if isinstance(m, (nn.Linear, Conv1D))}


def weight_of(layer: nn.Module) -> Array:
    """The weight as an (out, in) numpy array of its own."""
    weight: Array = layer.weight.detach().to(torch.float32).numpy().copy()  # type: ignore[union-attr,operator]
    return weight.T if isinstance(layer, Conv1D) else weight
