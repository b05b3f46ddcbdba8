"""PruneNet on tiny models: what is removed, by which policy, and what counts as the target."""

import pytest
import torch

from prunebench.engine.shared import DenseFacts
from prunebench.errors import ContractError, NotApplicable, PrunebenchError
from prunebench.models.units import unit_modules
from prunebench.patches.apply import apply_patch
from prunebench.patches.diff import make_patch
from prunebench.plugins.loader import import_function, load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.oracles import METHODS_FOLDER
from tests.tiny_models import random_ids, tiny_model


def _prune(variant="", model_type="llama", token="s20", seed=0):
    spec = "prunenet@episodes=3" + (f",{variant}" if variant else "")
    method = load_method(spec, [METHODS_FOLDER])
    return prune_cell(tiny_model(model_type), method, Target.parse(token), random_ids(), seed=seed)


def _units(model, kind="mlp"):
    return [module.units for block in unit_modules(model) for module in block if module.kind == kind]


def _weights(cell):
    return torch.cat([parameter.flatten() for parameter in cell.model.parameters()])


@pytest.mark.parametrize("model_type", ["llama", "opt", "gpt2", "phi3", "gpt_neox"])
@pytest.mark.parametrize(("token", "kept"), [("s20", 76), ("s50", 48), ("s10", 86)])
def test_so_many_rows_stay(model_type, token, kept):
    cell = _prune(model_type=model_type, token=token)
    widths, before = _units(cell.model), _units(tiny_model(model_type))
    assert widths == [int(round(n * (1 - Target.parse(token).sparsity), 6)) for n in before]
    if before[0] == 96:
        assert set(widths) == {kept}
    assert _units(cell.model, "attention") == _units(tiny_model(model_type), "attention")
    assert cell.model(random_ids()).logits.isfinite().all()


def test_the_target_is_a_share_of_the_mlps():
    cell = _prune(token="s50")
    mlp, block = 3 * 64 * 96, 3 * 64 * 96 + 64 * (64 + 32 + 32 + 64)
    assert cell.sparsity.measured == pytest.approx(0.5 * mlp / block)
    assert cell.sparsity.target == pytest.approx(0.5 * mlp / block)


def test_heads_go_with_attention_as_state():
    cell = _prune("state=attention", "opt", "s50")
    assert _units(cell.model, "attention") == [2, 2, 2]
    assert _units(cell.model) == _units(tiny_model("opt"))


@pytest.mark.parametrize("variant", ["", "mode=random", "mode=deterministic", "reward=ad", "state=ffn2", "state=gate"])
def test_the_same_seed_gives_the_same_model_and_another_another(variant):
    first, again, other = _prune(variant), _prune(variant), _prune(variant, seed=1)
    assert torch.equal(_weights(first), _weights(again))
    assert not torch.equal(_weights(first), _weights(other))


def test_a_policy_learned_at_another_ratio_removes_as_much_as_the_target_says():
    own, lent = _prune(), _prune("policy_ratio=0.5")
    assert _units(own.model) == _units(lent.model)
    assert own.notes != lent.notes  # the penalties it learned from
    assert torch.equal(_weights(own), _weights(_prune("policy_ratio=0.2")))


def test_a_policy_of_one_ratio_is_learned_once_and_changes_nothing(monkeypatch):
    method = load_method("prunenet@episodes=2,policy_ratio=0.4", [METHODS_FOLDER])
    learned = []
    once = method.function.__globals__["learn_policy"]
    monkeypatch.setitem(
        method.function.__globals__, "learn_policy", lambda *a, **k: learned.append(a[1]) or once(*a, **k)
    )
    dense, facts = tiny_model("llama"), DenseFacts()

    def pruned(token, known, seed=0):
        return prune_cell(dense, method, Target.parse(token), random_ids(), seed, facts=known)

    alone = pruned("s30", None)
    first, again = pruned("s20", facts), pruned("s30", facts)
    assert learned == [[57] * 3] * 2  # by the cell alone, and by the first of the two that share
    assert torch.equal(_weights(alone), _weights(again))
    assert first.notes == again.notes == alone.notes
    assert facts.seconds_saved > 0  # with which the second is charged
    pruned("s20", facts, seed=1)
    assert len(learned) == 3


def test_layers_may_lose_different_shares():
    rising, falling = (_units(_prune(f"layers={name}").model) for name in ("rising", "falling"))
    assert rising == falling[::-1] == [96, 76, 57]
    with pytest.raises(NotApplicable, match=r"layers=rising takes up to 100% of a layer"):
        _prune("layers=rising", token="s50")


def test_the_deterministic_mode_draws_nothing_when_it_prunes(monkeypatch):
    path = f"{METHODS_FOLDER}/prunenet.py"
    from pathlib import Path

    function = import_function(Path(path), "model")
    forbidden = {"sample_order": None, "noisy_log_importance": None}
    monkeypatch.setattr(torch, "randperm", None)
    for name, nothing in forbidden.items():
        monkeypatch.setitem(function.__globals__, name, nothing)
    params = load_method("prunenet@mode=deterministic,episodes=2", [METHODS_FOLDER]).params
    with torch.no_grad():
        kept = function(
            tiny_model("llama"), None, Target.parse("s20"), **params,
            generator=torch.Generator().manual_seed(0), note=print, facts=DenseFacts(),
        )  # fmt: skip
    assert [int(units.sum()) for units in kept.values()] == [76] * 3


def test_a_patch_brings_the_smaller_model_back():
    dense, cell = tiny_model("llama"), _prune("layers=rising")
    patch = make_patch(dense, cell.model)
    apply_patch(dense, patch)
    assert torch.equal(dense(random_ids()).logits, cell.model(random_ids()).logits)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("mode=greedy", "unknown value of 'mode' 'greedy' .*known: deterministic, random, stochastic"),
        ("policy_ratio=1.0", "policy_ratio is in"),
        ("layers=odd", "unknown value of 'layers' 'odd'"),
    ],
)
def test_values_that_make_no_sense_are_named(variant, message):
    with pytest.raises(PrunebenchError, match=message):
        _prune(variant)


def test_a_model_without_gates_has_none_to_look_at():
    with pytest.raises(NotApplicable, match="no gate"):
        _prune("state=gate", "opt")


BODY = """
METHOD = {"title": "T", "family": "test", "patterns": ["structured"], "units": {"share_of": "pruned"}}
import torch
def prune_model(model, calibration, target):
    from prunebench.models.units import unit_modules
    from prunebench.sparsity.units import remove_units

    told = {}
    for _, mlp in unit_modules(model):
        gone = torch.arange(mlp.units) < SHARE * mlp.units
        remove_units(mlp, gone)
        told[mlp.name] = TOLD
    EXTRA
    return told
"""


@pytest.mark.parametrize(
    ("share", "told", "extra", "message"),
    [
        ("0.3", "~gone", "pass", None),
        ("0.4", "~gone", "pass", r"asks for 1\d"),
        ("0.3", "gone", "pass", "is not what the units that stay had"),
        ("0.3", "~gone[:3]", "pass", r"no bool tensor \(96,\)"),
        ("0.3", "~gone", "mlp.output.weight[0, 0] += 1", "is not what the units that stay had"),
        ("0.3", "~gone", "model.lm_head.weight.data[0, 0] += 1", "lm_head.weight was changed"),
    ],
)
def test_what_a_whole_model_method_says_it_kept_is_checked(tmp_path, share, told, extra, message):
    (tmp_path / "mine.py").write_text(
        BODY.replace("SHARE", share).replace("TOLD", told).replace("EXTRA", extra)
    )  # fmt: skip
    method = load_method("mine", [tmp_path])
    if message is None:
        prune_cell(tiny_model("llama"), method, Target.parse("s30"), random_ids())
        return
    with pytest.raises(ContractError, match=message):
        prune_cell(tiny_model("llama"), method, Target.parse("s30"), random_ids())
