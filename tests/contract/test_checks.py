"""Every method keeps every promise of the contract, and each check notices a method that breaks its promise."""

from pathlib import Path

import pytest

from prunebench.contract import checks, promises
from prunebench.contract.checks import CHECKS, Check, checks_for, examine, run_check
from prunebench.errors import ContractError, PrunebenchError
from prunebench.plugins.header import find_methods, read_header
from prunebench.plugins.loader import Method, load_method

METHODS = Path(__file__).parents[2] / "methods"
PROMISES = [
    pytest.param(name, check, id=f"{name}-{check.name}")
    for name, path in find_methods([METHODS]).items()
    if read_header(path).origin == "human" and path.parent.name != "generated"
    for check in checks_for(read_header(path))
]


@pytest.mark.parametrize(("name", "check"), PROMISES)
def test_method(name: str, check: Check) -> None:
    run_check(check, load_method(name, [METHODS]))


SORTED = """
def lowest(weight, target):
    if target.pattern == "n:m":
        groups = weight.abs().reshape(-1, target.m)
        chosen = torch.zeros_like(groups, dtype=torch.bool)
        chosen.scatter_(1, groups.argsort(dim=1)[:, : target.n], True)
        return chosen.view_as(weight)
    chosen = torch.zeros_like(weight, dtype=torch.bool)
    chosen.scatter_(1, weight.abs().argsort(dim=1)[:, : int(weight.shape[1] * target.sparsity)], True)
    return chosen
"""
WHOLE = """
def whole(weight, target, across):
    sums = weight.abs().sum(across)
    lost = torch.zeros_like(sums, dtype=torch.bool)
    lost[sums.argsort()[: int(len(sums) * target.sparsity)]] = True
    return lost.unsqueeze(across).expand_as(weight).clone()
"""
LAYER = "def prune_layer(layer, inputs, target):\n    weight, lost = layer.weight, lowest(layer.weight, target)\n"
SCORE = "def score(weight, inputs, generator, layer, target):\n"
MODEL = """
def prune_model(model, calibration, target):
    from prunebench.models.linear import prunable_linears
    for linear in prunable_linears(model).values():
        linear.weight.masked_fill_(lowest(linear.weight, target), 0)
"""
SOUND = [
    SCORE + "    return weight.abs()",
    LAYER + "    return weight.masked_fill(lost, 0), layer.bias",
    MODEL,
]
# Check -> methods that break its promise and are otherwise decent.
BROKEN: dict[str, list[str]] = {
    "exact_n_m": [
        # Right in total, wrong in the groups.
        LAYER + "    return weight.masked_fill(torch.arange(weight.shape[1]) < weight.shape[1] * target.sparsity, 0)",
        # One group of all.
        LAYER + "    lost[0, :4] = False\n    return weight.masked_fill(lost, 0)",
        LAYER + "    lost[0, :4] = True\n    return weight.masked_fill(lost, 0)",
    ],
    "exact_sparsity": [
        LAYER + "    lost[3, :] = True\n    return weight.masked_fill(lost, 0)",
        LAYER + "    lost[3, :] = False\n    return weight.masked_fill(lost, 0)",
        LAYER + "    return weight",
        # Right per matrix while the header says per row.
        LAYER + "    if target.m: return weight.masked_fill(lost, 0)\n"
        "    k = int(weight.numel() * target.sparsity)\n"
        "    return weight.masked_fill(weight.abs() <= weight.abs().flatten().kthvalue(k).values, 0)",
    ],
    "all_finite": [
        LAYER + "    return weight.masked_fill(lost, 0) * inputs.l2_norm / inputs.l2_norm",
        SCORE + "    return weight.abs() / inputs.l2_norm * inputs.l2_norm",
        LAYER + "    return (weight * 1e6).masked_fill(lost, 0)",  # too large for fp16 only
        LAYER + "    return weight.masked_fill(lost, 0), torch.full((len(weight),), torch.nan)",
    ],
    "same_seed_same_mask": [
        SCORE + "    return torch.rand(weight.shape)",
        SCORE + "    import random\n    return (weight - 0.1 * random.random()).abs()",
        SCORE + "    import numpy\n    return (weight - 0.1 * numpy.random.rand()).abs()",
        "calls = []\n" + SCORE + "    calls.append(1)\n    return (weight - 0.01 * (len(calls) % 5)).abs()",
    ],
    "dtype_and_device_kept": [
        MODEL + "        linear.module.weight.data = linear.module.weight.data.double()",
        MODEL + "    model.float()",
    ],
    "others_untouched": [
        MODEL + "    model.get_input_embeddings().weight[5, 5] += 0.25",
        MODEL + "    model.get_output_embeddings().weight[5] = 0",
        MODEL + "    [m for n, m in model.named_modules() if 'norm' in n or 'ln_' in n][0].weight.data *= 1.01",
        MODEL + "    model.register_buffer('mask', torch.zeros(1))",
    ],
    "harmless_at_zero": [
        LAYER + "    lost[0, 0] = True\n    return weight.masked_fill(lost, 0)",
        LAYER + "    return weight.masked_fill(lost, 0) * 1.01",
        LAYER + "    return weight.masked_fill(lost, 0), torch.ones(len(weight))",
    ],
    "works_on_llama_gqa": [
        SCORE + "    return weight.abs() + layer.bias.abs()[:, None]",
        SCORE + "    assert len(weight) % 64 == 0  # not so for the keys of grouped queries\n    return weight.abs()",
    ],
    "works_on_opt": [SCORE + "    assert layer.bias is None\n    return weight.abs()"],
    "works_on_conv1d": [
        SCORE + "    return layer.module.weight.abs()",
        SCORE + "    return layer.module.weight.reshape(weight.shape).abs()",
        LAYER + "    lost = lowest(layer.module.weight.reshape(weight.shape), target)\n"
        "    return weight.masked_fill(lost, 0)",
    ],
    "in_time": [SCORE + "    import time; time.sleep(0.3)\n    return weight.abs()"],
}  # fmt: skip


def plugin(folder: Path, code: str, needs: str = "'input_sq_norm'") -> Method:
    helper = "" if "lowest(" not in code else SORTED
    (folder / "bad.py").write_text(
        "import torch\n"
        "METHOD = {'title': 'Bad', 'family': 'test', 'patterns': ['unstructured', 'n:m'], 'group': 'row', "
        f"'needs': [{needs}]}}\n{helper}\n{code}\n"
    )
    return load_method("bad", [folder])


def check_named(name: str) -> Check:
    return next(check for check in CHECKS if check.name == name)


@pytest.mark.parametrize("code", SOUND, ids=["score", "layer", "model"])
def test_sound_plugins_pass_everything(tmp_path: Path, code: str) -> None:
    method = plugin(tmp_path, code, needs="")
    assert checks_for(method.header) == list(CHECKS)
    for check in CHECKS:
        run_check(check, method)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param(name, code, id=f"{name}-{number}")
        for name, codes in BROKEN.items()
        for number, code in enumerate(codes)
    ],
)
def test_a_broken_promise_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: str) -> None:
    monkeypatch.setattr(promises, "SECONDS_PER_TINY_MODEL", 2.0)
    with pytest.raises(PrunebenchError) as caught:
        run_check(check_named(name), plugin(tmp_path, code))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("group", "across"), [("outputs", 1), ("inputs", 0)])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("", ""),
        ("lost[5, 7] = ~lost[5, 7]", "1 of its {group} are zero in part"),
        ("lost[:, :] = False", "0 of the [0-9]+ {group} are zero"),
    ],
)
def test_whole_rows_and_columns_are_counted_whole(
    tmp_path: Path, group: str, across: int, change: str, message: str
) -> None:
    (tmp_path / "bad.py").write_text(
        "import torch\nMETHOD = {'title': 'Bad', 'family': 'test', 'patterns': ['unstructured'], "
        f"'group': '{group}'}}\n{WHOLE}\n"
        f"def prune_layer(layer, inputs, target):\n    lost = whole(layer.weight, target, {across})\n"
        f"    {change}\n    return layer.weight.masked_fill(lost, 0)\n"
    )
    method = load_method("bad", [tmp_path])
    if not message:
        for check in checks_for(method.header):
            run_check(check, method)
        return
    with pytest.raises(ContractError, match=message.format(group=group)):
        run_check(check_named("exact_sparsity"), method)


def test_every_check_has_a_method_that_breaks_it() -> None:
    assert {check.name for check in CHECKS} == {*BROKEN, "header_valid"}


def test_a_need_that_is_never_read_is_noticed(tmp_path: Path) -> None:
    method = plugin(tmp_path, SCORE + "    return weight.abs() * inputs.l2_norm", "'input_sq_norm', 'gram'")
    with pytest.raises(ContractError, match=r"has 'gram', which it never reads"):
        run_check(check_named("header_valid"), method)


def test_a_need_that_was_not_declared_is_noticed(tmp_path: Path) -> None:
    method = plugin(tmp_path, SCORE + "    return weight.abs() * inputs.l2_norm", needs="")
    with pytest.raises(PrunebenchError, match="input_sq_norm"):
        run_check(check_named("header_valid"), method)


def test_the_message_says_which_layer_and_how_much(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"model\.layers\.0\.\S+: 64 of the 64 weights of row 3 .* u50 asks for 32"):
        run_check(check_named("exact_sparsity"), plugin(tmp_path, BROKEN["exact_sparsity"][0]))


def test_a_saliency_that_cannot_be_used_is_told_with_its_layer(tmp_path: Path) -> None:
    method = plugin(tmp_path, SCORE + "    return weight / weight * torch.nan")
    with pytest.raises(ContractError, match=r"^model\.layers\.0\.\S+: the saliency has 4096 NaN of 4096$"):
        run_check(check_named("exact_n_m"), method)


def test_an_exception_is_told_with_its_place(tmp_path: Path) -> None:
    method = plugin(tmp_path, SCORE + "    return weight.abs() / [][0]")
    with pytest.raises(PrunebenchError, match=r"bad raised IndexError: list index out of range \(.*bad\.py:5\)"):
        run_check(check_named("exact_n_m"), method)


def test_a_method_that_quits_has_failed(tmp_path: Path) -> None:
    method = plugin(tmp_path, SCORE + "    raise SystemExit(0)")
    with pytest.raises(PrunebenchError, match="bad raised SystemExit: 0"):
        run_check(check_named("exact_n_m"), method)


@pytest.mark.parametrize("name", ["exact_n_m", "header_valid"])
def test_a_method_that_never_ends_is_broken_off(tmp_path: Path, name: str) -> None:
    method = plugin(tmp_path, SCORE + "    while True:\n        try: sum(range(1000))\n        except Exception: pass")
    with pytest.raises(ContractError, match=r"still running after 0.5 s"):
        run_check(check_named(name), method, seconds=0.5)


def test_the_contract_ends_in_its_time_whatever_a_method_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CONTRACT_SECONDS", 0.5)
    method = plugin(tmp_path, SCORE + "    while True: pass")
    begun: list[str] = []
    found = [problem for _, problem in examine(method, CHECKS, lambda name, promise: begun.append(name))]
    assert begun == [check.name for check in CHECKS]
    assert "bad was still running after 0.5 s" in found[0]
    assert all("not run: the checks before it took the 0.5 s" in problem for problem in found[1:])
    assert "`--only in_time` runs it alone" in found[-1]


def test_the_place_told_is_in_the_method_even_where_a_library_raised(tmp_path: Path) -> None:
    method = plugin(tmp_path, SCORE + "    return torch.linalg.vector_norm(weight, dim=7, ord='x')")
    with pytest.raises(PrunebenchError, match=r"bad\.py:\d+\)$"):
        run_check(check_named("exact_n_m"), method)


def test_a_method_that_applies_to_nothing_is_noticed(tmp_path: Path) -> None:
    code = "from prunebench.errors import NotApplicable\n" + SCORE + "    raise NotApplicable('never')"
    with pytest.raises(ContractError, match="does not apply"):
        run_check(check_named("header_valid"), plugin(tmp_path, code))


def test_a_method_that_does_not_apply_to_some_models_is_sound(tmp_path: Path) -> None:
    code = (
        "from prunebench.errors import NotApplicable\n" + SCORE + "    if layer.bias is None:\n"
        "        raise NotApplicable('no bias')\n    return weight.abs()"
    )
    method = plugin(tmp_path, code, needs="")
    for check in CHECKS:
        run_check(check, method)
