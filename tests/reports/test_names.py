from prunebench.reports.build import build_figures, build_tables
from prunebench.reports.names import method_names, report_names
from tests.results.example import KINDS, MODELS, TASKS, TEXTS


def test_what_is_announced_is_what_is_written(run_files, tmp_path):
    names = report_names(MODELS, TEXTS, TASKS, KINDS)
    assert sorted(build_tables(*run_files, tmp_path)) == sorted(names.tables)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["all.tex", *(f"{name}.{suffix}" for name in names.tables for suffix in ("tex", "csv"))]
    )
    assert sorted(build_figures(*run_files, tmp_path / "figures")) == sorted(names.figures)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(
        f"{name}.{suffix}" for name in names.figures for suffix in ("pdf", "svg", "png")
    )


def test_only_what_is_evaluated_is_announced():
    names = report_names(["m"], ["wiki"], ["piqa"], ["perplexity", "generation"])
    assert names.tables == names.figures == ("m-perplexity-wiki",)
    assert report_names(["m"], ["wiki"], ["piqa"], ["zeroshot"]).figures == ()


def test_a_methods_page_is_announced_once_for_all_its_variants():
    assert method_names(["wanda", "flap@a=1,b=2", "wanda@nsamples=2"]) == ("wanda", "flap", "dense")
