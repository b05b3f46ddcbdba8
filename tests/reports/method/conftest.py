import pytest

from prunebench.plugins.method_file import describe_file
from prunebench.reports.build import build_method_pages
from prunebench.results.records import PruneRecord, Sparsity, load_record, save_record
from prunebench.results.runfiles import write_run
from tests.reports.method.test_reproduce import ROOT
from tests.results.example import METHODS, TASKS, make_run

SETTINGS = {
    "run": {"protocol": "laptop-512", "seeds": [0], "evaluate": ["perplexity", "zeroshot", "generation"],
            "zeroshot_tasks": list(TASKS), "paper": None},
    "defaults": {"protocol": "laptop-512", "seeds": [0], "evaluate": ["perplexity"], "zeroshot_tasks": ["piqa"],
                 "paper": None},
}  # fmt: skip
BIBTEX = "@misc{sun2024wanda, author={Sun, Mingjie and Bair, Anna}, title={A Simple Approach}, year={2024}, eprint={2306.11695}}"  # noqa: E501
BLOCKS = [0.4, 0.5, 0.55, 0.6]


def told(run):
    """The summary of a run with what `gather` adds of the config and of the methods' files."""
    files = [{**describe_file(name, ROOT / f"methods/{name}.py"), "bibtex": ""} for name in METHODS]
    files[list(METHODS).index("wanda")]["bibtex"] = BIBTEX
    return run.summary() | {"method_files": files, "settings": [SETTINGS]}


def write_pages(run, folder, frame=None, provenance=None):
    """The pages of a run, or of another table or summary of it."""
    files = folder / "metrics.csv", folder / "provenance.json"
    write_run(run.collect() if frame is None else frame, provenance or told(run), *files)
    build_method_pages(*files, folder / "methods")
    return folder / "methods"


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The example run; one of Wanda's cells has blocks of different sparsity, and remarks."""
    run = make_run(tmp_path_factory.mktemp("run"))
    cell = next(cell for cell in run.cells if (cell.sweep.method, cell.target) == ("wanda", "u50"))
    path = run.root / cell.sweep.prune_record("u50")
    sparsity = Sparsity(target=0.5, measured=0.5, newly=0.5, blocks=BLOCKS)
    record = load_record(path, PruneRecord)
    save_record(
        path, record.model_copy(update={"sparsity": sparsity, "notes": ["a remark"], "patch_sha256": "ab" * 32})
    )
    return run


@pytest.fixture(scope="session")
def pages(example, tmp_path_factory):
    return write_pages(example, tmp_path_factory.mktemp("pages"))
