import csv
import re

import pytest

from prunebench.errors import PrunebenchError
from prunebench.reports.build import build_tables
from prunebench.reports.display import METRICS, split_number
from prunebench.results.records import PruneRecord, load_record, save_record
from tests.reports.compiling import compiled, needs_latex
from tests.reports.conftest import amend, save_run
from tests.reports.hostile import make_hostile, make_hostile_titles
from tests.results.example import METHODS, TARGETS, make_run


@pytest.fixture(scope="module")
def tables(run_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    build_tables(*run_files, folder)
    return folder


def cells(path):
    """Rows of a table as lists of cells, by their first cell; the halves of numbers, split at the point, are joined."""
    rows = {}
    for line in path.read_text().splitlines():
        if line.endswith(r"\\"):
            first, *found = line.removesuffix(r" \\").split(" & ")
            rows[first] = row = []
            while found:
                cell = found.pop(0)
                over = re.fullmatch(r"\\multicolumn\{\d+\}\{c\}\{(.*)\}", cell)
                row.append(over[1] if over else (cell + found.pop(0)).replace(r"}\textbf{", ""))
    return rows


def test_the_dense_row_is_first_and_every_method_has_a_row(tables):
    rows = cells(tables / "smollm2-135m-perplexity-wiki-sample.tex")
    assert list(rows)[2:] == [title for title, *_ in METHODS.values()]
    assert rows["Method"] == [r"50\%", r"60\%", r"70\%", "2:4"]
    assert all(len(rows[title]) == len(TARGETS) for title, *_ in list(METHODS.values())[1:])


def test_the_cells_are_the_rounded_values_of_the_csv_and_bold_is_what_no_better_one_is_separated_from(
    run_files, tables
):
    with run_files[0].open(newline="") as file:
        metrics = list(csv.DictReader(file))
    rows = cells(tables / "opt-tiny-perplexity-wiki-sample.tex")
    shown = {}
    for line in metrics:
        if line["model"] == "opt-tiny" and line["target"] in TARGETS:
            cell = rows[METHODS[line["method"]][0]][TARGETS.index(line["target"])]
            if (line["metric"], line["dataset"]) == ("perplexity", "wiki-sample"):
                shown[line["status"]] = cell
                if line["status"] == "ok" and float(line["value"]) < 999:
                    number = re.sub(r"\\textbf\{(.*)\}", r"\1", cell)
                    assert number == f"{float(line['value']):.{len(number.partition('.')[2])}f}"
            if (line["metric"], line["dataset"]) == ("rank", "perplexity/wiki-sample"):
                assert cell.startswith(r"\textbf") == (line["ci_low"] in ("1", "1.0"))
    assert "timeout" in shown["timeout"]
    assert "n/a" in shown["na"]
    assert "error" in shown["error"]


def test_ties_are_bold_together_and_a_column_without_a_loser_has_no_bold(tables):
    rows = cells(tables / "opt-tiny-perplexity-wiki-sample.tex")
    bold = [title for title, row in rows.items() if len(row) == 4 and row[2].startswith(r"\textbf")]
    assert set(bold) == {"Wanda", "STADE"}
    ranks = {}
    with (tables / "opt-tiny-acc-arc_easy.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            ranks[line["method"]] = line["n2m4_rank"]
    assert set(ranks.values()) - {""} <= {"1", "6"}  # 6: the timeout
    column = [row[3] for row in cells(tables / "opt-tiny-acc-arc_easy.tex").values() if len(row) == 4]
    assert not any("textbf" in cell for cell in column)


def test_arrows_caption_and_label_say_what_it_is(tables):
    text = (tables / "smollm2-135m-acc_norm-mean.tex").read_text()
    assert r"Length-normalised accuracy (\%) $\uparrow$" in text
    assert r"\label{tab:smollm2-135m-acc_norm-mean}" in text
    assert "SmolLM2 135M on all tasks (mean)" in text
    assert r"\texttt{laptop-512}" in text
    assert "120 questions" in text
    assert r"$\downarrow$" in (tables / "opt-tiny-perplexity-sotu-recent.tex").read_text()


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [("perplexity", 5.677263, ("5.68", 0)), ("perplexity", 999.99, ("999.99", 0)), ("perplexity", 999.996, ("1.00", 3)),
     ("perplexity", 48414.55, ("4.84", 4)), ("perplexity", 9.999e5, ("1.00", 6)), ("acc", 0.525, ("52.5", 0)),
     ("acc", 3 / 32, ("9.4", 0)), ("acc", 2 / 32, ("6.3", 0)), ("perplexity", 2.125, ("2.13", 0)),
     ("perplexity", 12450.0, ("1.25", 4)),
     ("acc_norm", 1.0, ("100.0", 0))],
)  # fmt: skip
def test_numbers_have_sensible_digits(metric, value, expected):
    assert split_number(value, METRICS[metric]) == expected


@pytest.mark.parametrize(("half", "expected"), [(0.04, "41.53"), (0.4, "41.53"), (4.0, "41.5"), (40.0, "42")])
def test_a_column_has_the_decimals_that_its_narrowest_interval_supports(tmp_path, half, expected):
    run = make_run(tmp_path, methods=("dense", "random", "wanda"), targets=("u50",), models=("gpt2",))
    frame = run.collect()
    for method, value, wide in (("wanda", 41.527, half), ("random", 99.5, 2 * half)):
        rows = (frame["method"] == method) & (frame["metric"] == "perplexity")
        frame.loc[rows, ["value", "ci_low", "ci_high"]] = [str(value), str(value - wide), str(value + wide)]
    build_tables(*save_run(run, frame), tmp_path)
    rows = cells(tmp_path / "gpt2-perplexity-wiki-sample.tex")
    assert rows["Wanda"][0] in (expected, rf"\textbf{{{expected}}}")
    assert len(rows["Random"][0].strip("}").partition(".")[2]) == len(expected.partition(".")[2])


def test_several_seeds_are_a_mean_with_its_spread_and_a_failed_one_is_not_hidden(tmp_path):
    run = make_run(tmp_path, methods=("dense", "random", "wanda"), targets=("u50",), models=("gpt2",), seeds=(0, 1, 2))
    build_tables(*save_run(run), tmp_path)
    path = tmp_path / "gpt2-perplexity-wiki-sample.tex"
    frame = run.collect()
    values = frame.loc[
        (frame["method"] == "wanda") & (frame["metric"] == "perplexity") & (frame["dataset"] == "wiki-sample"), "value"
    ].astype(float)
    (shown,) = cells(path)["Wanda"]
    mean, deviation = re.fullmatch(r"\\textbf\{([\d.]+) \{\\scriptsize\$\\pm\$ ([\d.]+)\}\}", shown).groups()
    decimals = len(mean.partition(".")[2])
    assert (mean, deviation) == (f"{values.mean():.{decimals}f}", f"{values.std():.{decimals}f}")
    assert "over 3 seeds" in path.read_text()
    record = tmp_path / run.cells[-1].sweep.prune_record("u50")
    pruned = load_record(record, PruneRecord)
    save_record(record, pruned.model_copy(update={"status": "oom", "reason": "too big"}))
    build_tables(*save_run(run), tmp_path)
    assert cells(path)["Wanda"] == [r"{\footnotesize\itshape OOM 1/3}"]


def test_the_csv_holds_what_the_table_shows_and_how_sure_it_is(run_files, tables):
    with (tables / "smollm2-135m-perplexity-wiki-sample.csv").open(newline="") as file:
        lines = {line["method"]: line for line in csv.DictReader(file)}
    assert list(lines) == list(METHODS)
    assert float(lines["wanda"]["u50_ci_low"]) < float(lines["wanda"]["u50"]) < float(lines["wanda"]["u50_ci_high"])
    assert lines["stade"]["n2m4_status"] == "rejected"
    assert lines["dense"]["u00_status"] == "ok"


OVERLAP = {"model": "opt-tiny", "dataset": "sotu-recent", "use": "training", "domain": "speeches"}


def test_a_caption_says_where_the_model_saw_the_domain(run_files, tmp_path):
    provenance = tmp_path / "provenance.json"
    amend(run_files, provenance, {"overlaps": [OVERLAP]})
    build_tables(run_files[0], provenance, tmp_path)
    said = {path.stem for path in tmp_path.glob("*.tex") if "same domain (speeches)" in path.read_text()}
    assert said == {"opt-tiny-perplexity-sotu-recent"}


def test_tables_of_earlier_grids_go_and_other_files_stay(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny", "smollm2-135m"))
    folder = tmp_path / "tables"
    build_tables(*save_run(run), folder)
    (folder / "paper.tex").write_text("mine")
    (folder / "gpt2-acc-notes.md").write_text("mine")
    fewer = make_run(tmp_path / "fewer", methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    names = build_tables(*save_run(fewer), folder, announced=["opt-tiny-acc_norm-boolq"])
    assert "opt-tiny-acc_norm-boolq" in names
    tables = {f"{name}.{suffix}" for name in names for suffix in ("tex", "csv")}
    assert {path.name for path in folder.iterdir()} == {"paper.tex", "gpt2-acc-notes.md", "all.tex"} | tables
    assert "no cell reports" in (folder / "opt-tiny-acc_norm-boolq.tex").read_text()
    assert not any(name.startswith("smollm2") for name in names)


def test_protocols_never_share_a_table(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    frame = run.collect()
    frame.loc[frame["method"] == "wanda", "protocol"] = "wanda-2048"
    metrics, provenance = save_run(run, frame)
    with pytest.raises(PrunebenchError, match="laptop-512, wanda-2048"):
        build_tables(metrics, provenance, tmp_path / "tables")


@needs_latex
def test_all_tables_compile_in_one_document_without_a_complaint(tables):
    log = compiled(tables / "all.tex")
    assert all(f"(./{path.name}" in log for path in tables.glob("*-*.tex"))


@needs_latex
def test_a_wide_table_is_split_before_its_letters_get_small(tmp_path):
    targets = [f"u{percent:02d}" for percent in (1, 5, *range(10, 100, 10), 95, 99)] + ["n1m4", "n2m4", "n4m8"]
    run = make_run(tmp_path, targets=targets, models=("opt-tiny",), seeds=(0, 1))
    build_tables(*save_run(run), tmp_path / "tables")
    document = tmp_path / "tables/all.tex"
    # What adjustbox would shrink is too wide without it.
    document.write_text(
        document.read_text().replace(r"\begin{document}", r"\begin{document}\renewenvironment{adjustbox}[1]{}{}")
    )
    compiled(document)


@needs_latex
def test_more_methods_than_a_page_holds_come_in_parts(tmp_path):
    names = [f"m{number}" for number in range(35)]
    run = make_run(tmp_path, methods=("dense", *names), targets=("u50",), models=("opt-tiny",))
    build_tables(*save_run(run), tmp_path / "tables")
    text = (tmp_path / "tables/opt-tiny-perplexity-wiki-sample.tex").read_text()
    parts = re.findall(r"\\begin\{table\}.*?\\end\{table\}", text, flags=re.DOTALL)
    assert [re.search(r"Part \d of \d", part)[0] for part in parts] == ["Part 1 of 2", "Part 2 of 2"]
    assert all(re.search(r"^Dense & ", part, flags=re.MULTILINE) for part in parts)
    titles = [re.findall(r"^(M\d+) & ", part, flags=re.MULTILINE) for part in parts]
    assert [len(part) for part in titles] == [30, 5]
    assert [title for part in titles for title in part] == [name.capitalize() for name in names]
    label = "tab:opt-tiny-perplexity-wiki-sample"
    assert re.findall(r"\\label\{(.*?)\}", text) == [label, f"{label}-2"]


def test_more_targets_than_can_be_read_come_in_parts_with_all_methods(tmp_path):
    targets = [f"u{number}" for number in range(30, 45)]
    run = make_run(tmp_path, methods=("dense", "wanda", "random"), targets=targets, models=("opt-tiny",))
    build_tables(*save_run(run), tmp_path / "tables")
    text = (tmp_path / "tables/opt-tiny-perplexity-wiki-sample.tex").read_text()
    heads = [re.findall(r"(\d+)\\%", line) for line in re.findall(r"^Method & .*$", text, flags=re.MULTILINE)]
    assert [f"u{number}" for head in heads for number in head] == targets
    assert [len(head) for head in heads] == [5, 5, 5]
    assert len(re.findall(r"^Wanda & ", text, flags=re.MULTILINE)) == 3


@needs_latex
def test_hostile_titles_compile_too(tmp_path):
    run = make_run(tmp_path, models=("opt-tiny",))
    metrics, provenance = save_run(run, make_hostile(run.collect()), make_hostile_titles(run.summary()))
    build_tables(metrics, provenance, tmp_path / "tables")
    assert "(/etc/passwd" not in compiled(tmp_path / "tables/all.tex", complaints=False)


def test_a_rank_shared_down_a_chain_is_bold_only_where_nothing_better_is_separated(run_files, tables):
    with run_files[0].open(newline="") as file:
        ranks = {
            line["method"]: line
            for line in csv.DictReader(file)
            if (line["model"], line["target"], line["dataset"]) == ("smollm2-135m", "n2m4", "acc/mean")
        }
    assert (ranks["magnitude"]["value"], float(ranks["magnitude"]["ci_low"])) == ("1", 3)  # else this shows nothing
    rows = cells(tables / "smollm2-135m-acc-mean.tex")
    bold = {title for title, row in rows.items() if len(row) == 4 and row[3].startswith(r"\textbf")}
    assert bold == {METHODS[name][0] for name, line in ranks.items() if line["ci_low"] in ("1", "1.0")}
