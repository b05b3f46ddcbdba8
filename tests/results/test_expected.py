import subprocess
import sys

import pytest

from prunebench.config.paper_metrics import KINDS
from prunebench.errors import PrunebenchError
from prunebench.results.expected import expected_pairs


def test_each_kind_has_its_pairs_and_tasks_a_mean():
    pairs = expected_pairs(["perplexity", "zeroshot", "generation"], ["wiki"], ["piqa"], "University is")
    assert pairs["perplexity"] == (("perplexity", "wiki"),)
    assert set(pairs["zeroshot"]) == {(m, d) for m in ("acc", "acc_norm") for d in ("piqa", "mean")}
    assert pairs["generation"] == (("continuation", "University is"),)
    assert list(expected_pairs(["generation"])) == ["generation"]


def test_speed_has_what_both_models_did_and_how_they_compare():
    (pairs,) = expected_pairs(["speed"], ["wiki"], ["piqa"]).values()
    assert len(set(pairs)) == len(pairs)
    both = {metric for metric, dataset in pairs if dataset == "dense"}
    assert both == {"prefill_tokens_per_second", "decode_tokens_per_second", "first_token_seconds"}
    compared = {"prefill_speedup", "decode_speedup", "flops", "flops_counted", "inference_memory_gb"}
    assert {metric for metric, dataset in pairs if not dataset} == both | compared


def test_the_papers_metrics_of_speed_are_measured_under_their_names():
    named = {metric for metric, kinds in KINDS.items() if "speed" in kinds}
    assert named <= {metric for metric, dataset in expected_pairs(["speed"])["speed"] if not dataset}


def test_an_unknown_kind_is_refused_with_the_nearest_one():
    with pytest.raises(PrunebenchError, match="zeroshot"):
        expected_pairs(["zero_shot"])


def test_the_snakefile_can_ask_without_paying_for_pandas_or_torch():
    code = (
        "import sys; import prunebench.results.expected, prunebench.reports.names;"
        "heavy = {'torch', 'pandas', 'numpy', 'matplotlib', 'scipy', 'jinja2'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
