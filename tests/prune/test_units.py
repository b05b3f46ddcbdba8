"""Structured cells: smaller models that still run, budgets kept, statistics from where they are to come from."""

import pytest
import torch

from prunebench.engine.shared import DenseFacts
from prunebench.errors import ContractError, NotApplicable, PrunebenchError
from prunebench.models.architectures import ARCHITECTURES
from prunebench.models.linear import prunable_linears
from prunebench.models.units import unit_modules
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.tiny_models import random_ids, tiny_model

METHODS = [
    "greedy_output",
    "greedy_output@compensation=two_step",
    "random_units",
    "magnitude_units",
    "magnitude_units@compensation=two_step",
    "mag_sp",
    "wanda_sp",
    "flap",
    "llm_pruner",
]


def cell(dense, spec, token="s20", **more):
    return prune_cell(dense, load_method(spec, ["methods"]), Target.parse(token), random_ids(), **more)


def written(tmp_path, body, **header):
    fields = {"title": "T", "family": "test", "patterns": ["structured"], "needs": []} | header
    (tmp_path / "mine.py").write_text(f"import torch\nMETHOD = {fields!r}\n{body}\n")
    return load_method("mine", [tmp_path])


def run(method, dense, token="s20"):
    return prune_cell(dense, method, Target.parse(token), random_ids())


def left(model):
    """Units of attention and of the MLP, block by block."""
    return [tuple(module.units for module in block) for block in unit_modules(model)]


@pytest.mark.parametrize("spec", METHODS)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_architecture_becomes_smaller_by_the_target_and_runs(model_type, spec):
    dense, ids = tiny_model(model_type), random_ids()
    before = {name: tensor.clone() for name, tensor in dense.state_dict().items()}
    pruned = cell(dense, spec, "s30")
    weights = [sum(v.weight.numel() for v in prunable_linears(m).values()) for m in (dense, pruned.model)]
    assert 1 - weights[1] / weights[0] == pytest.approx(0.3, abs=0.01)
    assert pruned.sparsity.measured == pytest.approx(0.3, abs=0.01)
    size = pruned.sparsity.size
    assert size.parameters == sum(p.numel() for p in pruned.model.parameters())
    assert size.dense_parameters == sum(p.numel() for p in dense.parameters())
    assert 0 < size.effective < size.effective_without_embeddings < 0.31
    assert pruned.model(ids).logits.isfinite().all()
    settings = {"do_sample": False, "max_new_tokens": 6, "pad_token_id": 0}
    generated = [pruned.model.generate(ids[:2, :9], use_cache=cache, **settings) for cache in (True, False)]
    assert torch.equal(*generated)
    assert all(torch.equal(tensor, before[name]) for name, tensor in dense.state_dict().items())


@pytest.mark.parametrize("token", ["s05", "s10", "s20", "s50", "s70"])
@pytest.mark.parametrize("variant", ["", "@allocation=global", "@allocation=global,attention=0.5", "@attention=0"])
def test_budgets_are_kept_whatever_the_allocation(token, variant):
    try:
        pruned = cell(tiny_model("gpt2"), f"magnitude_units{variant}", token)
    except NotApplicable:
        # Half the heads are a sixth of the weights, and the MLPs alone hold two thirds of them.
        assert token in {"@attention=0": ("s70",), "@allocation=global,attention=0.5": ("s05", "s10")}[variant]
        return
    assert pruned.sparsity.measured == pytest.approx(Target.parse(token).sparsity, abs=0.003)
    if "attention=0.5" in variant:
        assert sum(heads for heads, _ in left(pruned.model)) == 6
    if "attention=0" in variant and "0.5" not in variant:
        assert {heads for heads, _ in left(pruned.model)} == {4}


def test_uniform_takes_the_same_of_every_block_and_global_does_not():
    dense = tiny_model("opt")
    for index, layer in enumerate(dense.model.decoder.layers):
        layer.fc1.weight[: 20 + 20 * index] *= 4
    assert len(set(left(cell(dense, "magnitude_units").model))) == 1
    spread = left(cell(dense, "magnitude_units@allocation=global").model)
    assert len(set(spread)) > 1


def test_only_the_chosen_blocks_and_modules_lose_units():
    dense = tiny_model("llama")
    assert left(cell(dense, "random_units@blocks=1-3", "s30").model)[0] == (2, 96)
    assert left(cell(dense, "random_units@blocks=0.4-1.0", "s30").model)[0] == (2, 96)
    assert {heads for heads, _ in left(cell(dense, "random_units@only=mlp", "s30").model)} == {2}
    assert {channels for _, channels in left(cell(dense, "random_units@only=attention", "s20").model)} == {96}


@pytest.mark.parametrize("allocation", ["uniform", "global", "similarity"])
def test_a_target_can_be_a_share_of_the_modules_that_lose_units(allocation):
    dense = tiny_model("gpt2")  # 3 blocks of 4 heads and 256 channels
    spec = f"greedy_output@allocation={allocation},share_of=pruned"
    heads = cell(dense, f"{spec},only=attention", "s25")
    assert sum(before[0] - now[0] for before, now in zip(left(dense), left(heads.model), strict=True)) == 3
    assert {channels for _, channels in left(heads.model)} == {256}
    attention = 4 * 64 * 64 / (4 * 64 * 64 + 2 * 64 * 256)
    assert [heads.sparsity.target, heads.sparsity.measured] == pytest.approx([0.25 * attention] * 2)
    assert heads.sparsity.size.pruned_heads == 3
    one_block = cell(dense, f"{spec},blocks=1-2", "s30")
    assert one_block.sparsity.target == pytest.approx(0.1)
    assert one_block.sparsity.measured == pytest.approx(0.1, abs=0.003)
    assert left(one_block.model)[0] == left(one_block.model)[2] == (4, 256)


def test_a_share_of_the_pruned_modules_is_verified_as_such(monkeypatch):
    monkeypatch.setattr("prunebench.prune.cell.modules_of_target", lambda *args: set())
    with pytest.raises(ContractError, match=r"8\.33% of the weights .* target s25 asks for 25%"):
        cell(tiny_model("gpt2"), "random_units@only=attention,share_of=pruned", "s25")


def test_a_threshold_that_takes_another_share_of_the_heads_does_not_apply():
    spec = "greedy_output@only=attention,share_of=pruned,tau"
    with pytest.raises(NotApplicable, match=r"s25 asks for \d+ weights fewer, whole units make it 0"):
        cell(tiny_model("gpt2"), f"{spec}=1e-9", "s25")
    with pytest.raises(NotApplicable, match=r"s25 asks for \d+ weights fewer"):
        cell(tiny_model("gpt2"), f"{spec}=9.0", "s25")  # all but the last head of each block


def test_what_is_left_of_the_model_must_be_enough_for_the_target():
    with pytest.raises(NotApplicable, match=r"s50 asks for 46080 weights fewer, whole units make it 24384"):
        cell(tiny_model("llama"), "random_units@blocks=1-2", "s50")
    with pytest.raises(NotApplicable, match="blocks=7-9 leaves none of the 3 blocks"):
        cell(tiny_model("llama"), "random_units@blocks=7-9")


@pytest.mark.parametrize("model_type", ["llama", "gpt2"])
def test_statistics_come_from_the_pruned_or_the_dense_model(tmp_path, model_type):
    body = """
def score_units(module, inputs, note):
    note(inputs.sq_norm.sum().item())
    return -torch.arange(module.units).float()
"""
    dense = tiny_model(model_type)
    wanted = {"statistics": "dense"}

    def seen(**units):
        return run(written(tmp_path, body, needs=["input_sq_norm"], units=units), dense).notes

    (of_dense, of_pruned, of_global) = (seen(**wanted), seen(), seen(allocation="global"))
    assert of_dense[:2] == of_pruned[:2]  # the first block's
    assert of_dense[2:4] != of_pruned[2:4]
    assert of_global[:6] == of_dense[:6]  # scored on the dense model


@pytest.mark.parametrize("model_type", ["llama", "opt", "gpt2", "gpt_neox"])
def test_modules_show_the_weights_and_inputs_of_the_dense_model(tmp_path, model_type):
    """By hand: the second moments of what enters and what leaves the first block's modules, from hooks."""
    body = """
SEEN = {}
def score_units(module, inputs, module_inputs):
    SEEN[module.name] = inputs.sq_norm.clone(), module_inputs.gram.clone(), module.kind
    return module.tensor("out").weight.square().sum((1, 2))
"""
    dense, ids = tiny_model(model_type), random_ids()
    method = written(tmp_path, body, needs=["input_sq_norm", "gram"])
    run(method, dense)
    seen = method.function.__globals__["SEEN"]
    caught = {}
    names = {module.name: module for block in unit_modules(dense) for module in block}
    for name, module in names.items():
        for which, linear in (("entrance", next(iter(module.linears.values()))), ("exit", module.output)):
            linear.module.register_forward_pre_hook(
                lambda _, args, key=(name, which): caught.__setitem__(key, args[0].reshape(-1, args[0].shape[-1]))
            )
    dense(ids)
    for name in [module.name for module in unit_modules(dense)[0]]:
        sq_norm, gram, _ = seen[name]
        torch.testing.assert_close(sq_norm, caught[name, "exit"].square().sum(0), rtol=1e-4, atol=1e-5)
        entrance = caught[name, "entrance"]
        torch.testing.assert_close(gram, entrance.T @ entrance, rtol=1e-4, atol=1e-4)


def of_module(model, module, ids):
    """What one module of the model gives."""
    outputs = []
    hook = module.register_forward_hook(lambda _, args, output: outputs.append(output.detach()))
    model(ids)
    hook.remove()
    return outputs[0]


@pytest.mark.parametrize("statistics", ["dense", "pruned"])
def test_bias_compensation_keeps_the_mean_of_the_first_exit(statistics):
    dense, ids = tiny_model("llama"), random_ids()
    spec = f"random_units@compensation=bias,only=mlp,statistics={statistics}"
    pruned = cell(dense, spec, "s30").model
    plain = cell(dense, f"random_units@only=mlp,statistics={statistics}", "s30").model

    def mean_of_first(model):
        return of_module(model, model.model.layers[0].mlp, ids).mean((0, 1))

    wanted = mean_of_first(dense)
    torch.testing.assert_close(mean_of_first(pruned), wanted, rtol=1e-3, atol=1e-7)
    assert (mean_of_first(plain) - wanted).abs().max() > 5e-4


@pytest.mark.parametrize("model_type", ["llama", "opt", "gpt2", "phi3"])
@pytest.mark.parametrize("allocation", ["uniform", "global"])
def test_least_squares_bring_the_output_nearer_to_the_dense_models(model_type, allocation):
    dense, ids = tiny_model(model_type), random_ids()
    spec = f"random_units@statistics=dense,only=mlp,allocation={allocation}"
    errors = []
    for compensation in ("none", "least_squares"):
        pruned = cell(dense, f"{spec},compensation={compensation}", "s30").model
        exits = [unit_modules(model)[0][1].output.module for model in (dense, pruned)]
        outputs = [of_module(model, exit_, ids) for model, exit_ in zip((dense, pruned), exits, strict=True)]
        errors.append((outputs[0] - outputs[1]).square().sum().item())
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize(
    "spec", ["flap", "llm_pruner", "wanda_sp@compensation=least_squares", "greedy_output", "greedy_output@data=self"]
)
def test_a_result_does_not_depend_on_what_was_found_out_before(spec):
    dense, facts = tiny_model("llama"), DenseFacts()
    alone = cell(dense, spec, "s30").model.state_dict()
    cell(dense, spec, "s20", facts=facts)
    again = cell(dense, spec, "s30", facts=facts).model.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in alone.items())


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ("torch.zeros(3)", r"mine returned a score \(3,\) for the 2 units of model\.layers\.0\.attention"),
        ("None", r"mine returned a score NoneType for the 2 units"),
        ("torch.zeros(module.units, 2, 2)", r"returned a score \(2, 2, 2\)"),
        ("torch.full((module.units,), torch.nan)", "NaN among the scores of model.layers.0.attention"),
        ("torch.zeros(module.units).bool()", r"a score of torch\.bool"),
    ],
)
def test_wrong_scores_are_named(tmp_path, score, message):
    method = written(tmp_path, f"def score_units(module, inputs):\n    return {score}")
    with pytest.raises(ContractError, match=message):
        run(method, tiny_model("llama"))


def test_infinite_scores_keep_a_unit_where_scores_are_not_standardised(tmp_path):
    body = "def score_units(module, inputs):\n    return torch.tensor([torch.inf] + [0.0] * (module.units - 1))"
    dense = tiny_model("llama")
    kept = unit_modules(run(written(tmp_path, body), dense, "s50").model)[0][1].tensor("up").weight[0]
    assert torch.equal(kept, unit_modules(dense)[0][1].tensor("up").weight[0])
    with pytest.raises(ContractError, match=r"infinite scores for model\.layers\.0\.attention; global"):
        run(written(tmp_path, body, units={"allocation": "global"}), dense)


def test_a_method_that_writes_into_what_it_is_given_changes_nothing(tmp_path):
    body = """
def score_units(module, inputs):
    for tensor in module.tensors:
        tensor.weight.mul_(2)
    return torch.arange(module.units).float()
"""
    assert run(written(tmp_path, body), tiny_model("llama")).sparsity.measured == pytest.approx(0.2, abs=0.01)


def test_statistics_not_asked_for_are_an_error_that_says_so(tmp_path):
    body = "def score_units(module, inputs):\n    return inputs.var"
    with pytest.raises(PrunebenchError, match="lacks 'input_var'"):
        run(written(tmp_path, body), tiny_model("llama"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bit_models_keep_their_dtype(dtype):
    for spec in ("flap", "wanda_sp@compensation=least_squares", "llm_pruner"):
        pruned = prune_cell(
            tiny_model("llama", dtype=dtype), load_method(spec, ["methods"]), Target.parse("s20"), random_ids()
        )
        assert {parameter.dtype for parameter in pruned.model.parameters()} == {dtype}


def test_a_whole_model_method_may_remove_units_itself(tmp_path):
    body = """
def prune_model(model, calibration, target):
    from prunebench.models.units import unit_modules
    from prunebench.sparsity.units import remove_units

    for attention, mlp in unit_modules(model):
        wanted = target.sparsity * sum(m.units * m.unit_weights for m in (attention, mlp))
        remove_units(mlp, torch.arange(mlp.units) < round(wanted / mlp.unit_weights))
"""
    pruned = run(written(tmp_path, body), tiny_model("gpt_neox"), "s30")
    assert pruned.sparsity.measured == pytest.approx(0.3, abs=0.01)
    assert {heads for heads, _ in left(pruned.model)} == {4}
    body = body.replace("round(wanted", "round(0.5 * wanted")
    with pytest.raises(ContractError, match=r"15\.\d+% of the weights .* s30 asks for 30%"):
        run(written(tmp_path, body), tiny_model("gpt_neox"), "s30")


def test_heads_by_similarity_leave_layers_uneven_and_the_mlps_even():
    dense = tiny_model("gpt2")
    for index in range(3):  # in the first block every head attends alike, in the last none does
        dense.transformer.h[index].attn.c_attn.weight[:, :128] *= 10 * index
        dense.transformer.h[index].attn.c_attn.bias[:128] *= index
    heads, channels = zip(*left(cell(dense, "greedy_output").model), strict=True)
    assert heads[0] < heads[2]
    assert len(set(channels)) == 1
    with_tau = cell(dense, "greedy_output@tau=0.001")
    assert [heads for heads, _ in left(with_tau.model)] == [1, 4, 4]
    with pytest.raises(NotApplicable, match="asks for"):
        cell(dense, "greedy_output@tau=0.001,only=attention", "s30")
    uniform = left(cell(dense, "greedy_output@allocation=uniform").model)
    assert len(set(uniform)) == 1


def test_a_target_below_one_unit_is_not_met_by_doing_nothing():
    with pytest.raises(NotApplicable, match="whole units make it 0"):
        cell(tiny_model("llama"), "random_units@only=attention", "s01")
