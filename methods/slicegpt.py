"""SliceGPT: the hidden states keep their largest principal components. Ashkboos et al., ICLR 2024, arXiv 2401.15024."""

import torch

from prunebench.engine.capture import capture_block_calls
from prunebench.engine.sequential import calibration_batches
from prunebench.errors import NotApplicable
from prunebench.models.architectures import architecture_of
from prunebench.models.linear import block_linears
from prunebench.patches.surgery import slice_hidden

METHOD = {
    "title": "SliceGPT",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "ashkboos2024slicegpt",
    # What the target is a share of; what the kept width is a multiple of.
    "params": {"of": "weights", "multiple": 8},
    "choices": {"of": ["weights", "width"]},
}
# RMSNorm, attention, residual, RMSNorm, MLP, residual, under these very names. (The paper makes LayerNorms RMSNorms
# first, with their mean folded into the linears before; that is left out.)
SUITED = ("llama", "mistral", "qwen2", "qwen3")


@torch.no_grad()
def prune_model(model, calibration, target, of, multiple, note):
    """Rotate what attention and MLP of each block read into the principal axes of it, and slice the smallest off.

    The axes are those of what reaches each norm from what is sliced already, as in the released code. (The multiple of
    the unit matrix that this adds to X^T X changes none.) The head keeps its width. The target is the share of the
    blocks' weights that is gone in the end, with the shortcuts counted; of=width: the slice, as in the paper, whose
    20 % are about 10 % of the weights.

    Returns the share of the blocks' weights that such a slice takes.
    """
    if model.config.model_type not in SUITED:
        layer_norms = any(isinstance(module, torch.nn.LayerNorm) for module in model.modules())
        why = "LayerNorms, whose mean no rotation keeps" if layer_norms else "other norms or fused linears"
        raise NotApplicable(f"slicegpt rotates {', '.join(SUITED)}; {model.config.model_type} has {why}")
    container = architecture_of(model).container
    width = model.get_input_embeddings().weight.shape[1]
    hidden = sliced_width(width, target.sparsity, multiple, lambda h: h / width if of == "width" else left(model, h))
    rotations = [axes[:, :hidden] for axes in principal_axes(model, calibration, hidden)]
    rotations.append(torch.eye(width, dtype=torch.float64, device=rotations[0].device))  # into the final norm
    note(f"hidden states of {hidden} instead of {width} channels")
    gone = 1 - left(model, hidden)
    rotate(model, container, rotations, width, hidden)
    return gone if of == "width" else target.sparsity


def left(model, hidden):
    """The share of the blocks' weights that a model sliced to so many channels has, shortcuts included."""
    blocks = block_linears(model)
    total = sum(view.weight.numel() for block in blocks for group in block for view in group)
    width = model.get_input_embeddings().weight.shape[1]
    shortcuts = (2 * len(blocks) - 1) * hidden * hidden + hidden * width
    last = blocks[-1][-1][0].weight  # writes the old width
    return hidden / width + (last.shape[1] * (width - hidden) + shortcuts) / total


def sliced_width(width, removed, multiple, share):
    """The multiple at which the share `removed` is gone most nearly; share(hidden) is what is left."""
    multiple = max(1, min(multiple, width // 64))  # steps of a narrow model would be too coarse for a target
    choices = range(multiple, width + 1, multiple)
    return width if removed <= 0 else min(choices, key=lambda h: abs(1 - share(h) - removed))


def principal_axes(model, calibration, hidden):
    """Of what each norm of each block reads, in order: the axes (width, width) float64, largest variance first.

    `hidden` of them are kept, and the rest is taken out of the hidden states before they go on.
    """
    blocks = [block for _, block in architecture_of(model).blocks(model)]
    captured = [capture_block_calls(model, blocks, ids) for ids in calibration_batches(calibration)]
    states, axes = [first for first, _ in captured], []

    def slice_off():
        gram = sum(x.flatten(0, -2).double().T @ x.flatten(0, -2).double() for x in states)
        axes.append(torch.linalg.eigh(gram).eigenvectors.flip(1))
        kept = axes[-1][:, :hidden].float()
        states[:] = [(x.float() @ kept @ kept.T).to(x.dtype) for x in states]

    for index, block in enumerate(blocks):
        slice_off()
        for i, (_, calls) in enumerate(captured):
            attended, _ = block.self_attn(hidden_states=block.input_layernorm(states[i]), **calls[index].kwargs)
            states[i] = states[i] + attended
        slice_off()
        states[:] = [x + block.mlp(block.post_attention_layernorm(x)) for x in states]
    return axes


def rotate(model, container, rotations, width, hidden):
    """Write the weights of the sliced model, from the dense one's, in float64; `rotations` are (width, kept)."""
    dtype = model.get_input_embeddings().weight.dtype
    embeddings = model.get_input_embeddings().weight.double() @ rotations[0]
    blocks = list(model.get_submodule(container))
    norms = [
        (block.input_layernorm.weight.double(), block.post_attention_layernorm.weight.double()) for block in blocks
    ]
    slice_hidden(model, container, hidden)
    model.get_input_embeddings().weight.copy_(embeddings)
    # A norm divides by the root of the mean over fewer channels than there were.
    scale = (width / hidden) ** 0.5
    for index, block in enumerate(blocks):
        first, second, third = rotations[2 * index : 2 * index + 3]
        attention, mlp = block.self_attn, block.mlp
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj):
            store(linear, linear.weight.double() * norms[index][0] @ first * scale, dtype)
        store(attention.o_proj, second.T @ attention.o_proj.weight.double(), dtype, second)
        for linear in (mlp.gate_proj, mlp.up_proj):
            store(linear, linear.weight.double() * norms[index][1] @ second * scale, dtype)
        store(mlp.down_proj, third.T @ mlp.down_proj.weight.double(), dtype, third)
        block.attention_shortcut.copy_(first.T @ second)
        block.mlp_shortcut.copy_(second.T @ third)
        for norm in (block.input_layernorm, block.post_attention_layernorm):
            norm.weight.fill_(1)


def store(linear, weight, dtype, rotation=None):
    """A weight (out, in) of another shape; `rotation` turns the bias with the outputs."""
    if linear.bias is not None and rotation is not None:
        linear.bias = torch.nn.Parameter((rotation.T @ linear.bias.double()).to(dtype), requires_grad=False)
    linear.weight = torch.nn.Parameter(weight.to(dtype).contiguous(), requires_grad=False)
    linear.out_features, linear.in_features = weight.shape
