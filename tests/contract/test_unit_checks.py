"""The contract notices structured methods that break it, and lets sound ones pass."""

from pathlib import Path

import pytest

from prunebench.contract.checks import CHECKS, checks_for, run_check
from prunebench.errors import PrunebenchError
from prunebench.plugins.loader import Method, load_method

HEAD = "def score_units(module, inputs):\n    out = module.tensor('out').weight\n"
SOUND = [
    HEAD + "    return out.norm(dim=2)",
    HEAD + "    return (out.square().sum(2) * inputs.var.view(module.units, -1)).sum(1)",
]
BROKEN = {
    "header_valid": HEAD + "    return out.norm(dim=2)  # never reads the variance",
    "all_finite": HEAD
    + "    return (out.norm(dim=2) / inputs.var.view(module.units, -1) * inputs.var.view(out.shape[:2]))",
    "same_seed_same_mask": HEAD + "    return torch.rand(module.units)",
    "works_on_conv1d": HEAD + "    return module.output.module.weight.T.norm(dim=1).view(module.units, -1)",
    "works_on_llama_gqa": HEAD + "    return torch.cat([module.tensor(r).weight for r in 'qkv'], 2).sum((1, 2))",
    "in_time": HEAD + "    import time; time.sleep(3)\n    return out.norm(dim=2)",
    "others_untouched": HEAD + "    module.owner.layer_idx = 3; module.output.module.extra = torch.nn.Parameter(out)\n"
    "    return out.norm(dim=2)",
}


def plugin(folder: Path, code: str, needs: str) -> Method:
    header = f"METHOD = {{'title': 'B', 'family': 'x', 'patterns': ['structured'], 'needs': [{needs}]}}\n"
    (folder / "bad.py").write_text("import torch\n\n" + header + code)
    return load_method("bad", [folder])


@pytest.mark.parametrize(("code", "needs"), list(zip(SOUND, ["", "'input_var'"], strict=True)))
def test_sound_methods_pass_every_check(tmp_path: Path, code: str, needs: str) -> None:
    method = plugin(tmp_path, code, needs)
    names = [check.name for check in checks_for(method.header)]
    assert "harmless_at_zero" in names
    assert "exact_n_m" not in names
    for check in checks_for(method.header):
        run_check(check, method)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_noticed_by_its_check(tmp_path: Path, name: str) -> None:
    needs = "'input_var'" if name in ("header_valid", "all_finite") else ""
    check = next(check for check in CHECKS if check.name == name)
    with pytest.raises(PrunebenchError):
        run_check(check, plugin(tmp_path, BROKEN[name], needs))
