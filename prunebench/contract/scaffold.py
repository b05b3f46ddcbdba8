"""Skeletons for a new method: a file that already works, and a test that already passes."""

from pathlib import Path

from prunebench.errors import PrunebenchError, unknown_name
from prunebench.files import write_text
from prunebench.plugins.header import NAME, find_methods

_HEADER = '''"""{title}: one sentence on the idea. Authors, venue and year, arXiv number."""

{imports}METHOD = {{
    "title": "{title}",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": [],  # of input_sq_norm, input_mean, input_var, gram, gradients
    "group": "row",  # what competes: row (one output), matrix, block128 (128 columns), outputs, inputs
    "cite": "",
    # "params": {{"mode": "fast"}}, "choices": {{"mode": ["fast", "slow"]}}: arguments that variants set, name@mode=slow
}}

'''

_SCORE = '''
def score(weight, inputs):
    """Saliency of each weight; the lowest go first.

    weight: (out, in), fp32; returns (out, in). Further arguments are passed by name: your own `params` of the
    header, `layer`, `target`, and `generator` for random numbers. What `needs` names is in `inputs`.
    """
    return weight.abs()  # with needs ["input_sq_norm"], Wanda is: weight.abs() * inputs.l2_norm
'''

_LAYER = '''
def prune_layer(layer, inputs, target):
    """The layer's new weight (out, in), with exact zeros where it is pruned; or (weight, bias).

    layer.weight: (out, in); layer.bias: (out,) or None; target.sparsity, target.n, target.m. What `needs` names
    is in `inputs`.
    """
    weight = layer.weight.float()
    pruned = prune_lowest(weight.abs(), target, METHOD["group"])
    return weight.masked_fill(pruned, 0)
'''

_MODEL = '''
def prune_model(model, calibration, target):
    """Prune the whole model in place.

    model: a transformers causal LM; calibration: (samples, tokens) token ids. Only the weights and biases of the
    linears inside decoder blocks may change.
    """
    for linear in prunable_linears(model).values():
        pruned = prune_lowest(linear.weight.float().abs(), target, METHOD["group"])
        linear.weight.masked_fill_(pruned, 0)
'''

_UNITS_HEADER = '''"""{title}: one sentence on the idea. Authors, venue and year, arXiv number."""

METHOD = {{
    "title": "{title}",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],  # of input_sq_norm, input_mean, input_var, gram, gradients
    "cite": "",
    # "params": {{"mode": "fast"}}, "choices": {{"mode": ["fast", "slow"]}}: arguments that variants set, name@mode=slow
}}

'''

_UNITS = '''
def score_units(module, inputs):
    """Saliency of each head or channel; the lowest are removed.

    module.tensors: q, k, v or gate, up, and then out, each with a `weight` (units, channels, hidden); `module.kind` is
    attention or mlp. `inputs` has what `needs` names of what o or down reads, `module_inputs` of what q or up reads.
    Returns (units,), or (units, channels) to be summed.
    """
    return sum(tensor.weight.square().sum((1, 2)) for tensor in module.tensors)
'''

_IMPORTS = {
    "units": "",
    "score": "",
    "layer": "from prunebench.sparsity.select import prune_lowest\n\n",
    "model": (
        "from prunebench.models.linear import prunable_linears\nfrom prunebench.sparsity.select import prune_lowest\n\n"
    ),
}
_FUNCTIONS = {"score": _SCORE, "layer": _LAYER, "units": _UNITS, "model": _MODEL}

_TEST = '''"""{title} does what its paper says; the contract is tested for every method in tests/contract."""

from pathlib import Path

import pytest

from prunebench.contract.tiny_models import tiny_calibration, tiny_model
from prunebench.models.linear import prunable_linears
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target

METHODS = Path(__file__).parents[2] / "methods"


@pytest.mark.parametrize("model", ["llama-gqa", "opt", "gpt2"])
def test_the_smallest_weights_of_a_row_go_first(model: str) -> None:
    dense = tiny_model(model)
    pruned = prune_cell(dense, load_method("{name}", [METHODS]), Target.parse("u50"), tiny_calibration()).model
    before = prunable_linears(dense)
    for layer, linear in prunable_linears(pruned).items():
        size, gone = before[layer].weight.abs(), linear.weight == 0
        largest_gone = size.masked_fill(~gone, 0).amax(1)
        smallest_kept = size.masked_fill(gone, float("inf")).amin(1)
        assert (largest_gone <= smallest_kept).all()
'''

_UNITS_TEST = '''"""{title} does what its paper says; the contract is tested for every method in tests/contract."""

from pathlib import Path

import pytest

from prunebench.contract.tiny_models import tiny_calibration, tiny_model
from prunebench.models.units import unit_modules
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target

METHODS = Path(__file__).parents[2] / "methods"


@pytest.mark.parametrize("model", ["llama-gqa", "opt", "gpt2"])
def test_the_channels_of_smallest_norm_go_first(model: str) -> None:
    dense = tiny_model(model)
    pruned = prune_cell(dense, load_method("{name}", [METHODS]), Target.parse("s20"), tiny_calibration()).model
    for (_, before), (_, after) in zip(unit_modules(dense), unit_modules(pruned), strict=True):
        norms = sum(tensor.weight.square().sum((1, 2)) for tensor in before.tensors).sort().values
        left = sum(tensor.weight.square().sum((1, 2)) for tensor in after.tensors).sort().values
        assert left.numel() < norms.numel()
        assert left.allclose(norms[-left.numel() :])
'''


def new_method(
    name: str, kind: str, methods: Path = Path("methods"), tests: Path = Path("tests/methods")
) -> list[Path]:
    """Write `NAME.py` into `methods` and `test_NAME.py` into `tests`: magnitude pruning to start from.

    Args:
        kind: `score`, `layer`, `units` or `model`, the function the method will define.

    Returns:
        The files written.

    Raises:
        PrunebenchError: the name is taken or unsafe in file names, or the kind is unknown.
    """
    if not NAME.fullmatch(name):
        raise PrunebenchError(f"{name!r} cannot be a method's name: use only a-z, 0-9 and _")
    if kind not in _FUNCTIONS:
        raise unknown_name("kind of method", kind, _FUNCTIONS)
    files = [methods / f"{name}.py", tests / f"test_{name}.py"]
    existing = find_methods([methods]) if methods.is_dir() else {}
    for path in ([existing[name]] if name in existing else []) + files:
        if path.exists():
            raise PrunebenchError(f"{path} exists already; choose another name")
    title = name.replace("_", " ").capitalize()
    header, test = (_UNITS_HEADER, _UNITS_TEST) if kind == "units" else (_HEADER, _TEST)
    write_text(files[0], header.format(title=title, imports=_IMPORTS[kind]) + _FUNCTIONS[kind])
    write_text(files[1], test.format(title=title, name=name))
    return files
