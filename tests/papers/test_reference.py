"""The typed numbers of the shipped papers: how many there are, some of them, and whether they contradict each other."""

import csv
from pathlib import Path
from statistics import fmean

import pytest

from prunebench.config.paper import load_paper
from prunebench.config.paper_parts import Place, Reference
from prunebench.reports.paper.published import number_of, read_published
from tests.papers.shipped import STRUCTURED

PAPERS = Path(__file__).parents[2] / "papers"
COUNTS = {  # cells of the tables as printed, both drafts of the first paper
    "improved-pruning": {
        "table1": 13 + 13 * 4, "table2": 13 + 13 * 2, "table3": 13 + 13 * 2, "table4": 10, "table5": 7 + 7 * 3,
        "table6": 8 + 8 * 2, "table7": 10, "table8": 10,
    },
    "greedy-output": {
        "table1": 13 * 10, "table2": 11 * 3, "table3": 4 + 14 * 8, "table4": 9 * 10, "table5": 8 * 10,
    },
    "prunenet": {  # less what the text we have has lost
        "table1": 7 * 3 - 1, "table2": 14 * 6, "table3": 12 * 6 - 1, "table4": 6 * 3, "table5": 10 * 6 - 2,
        "table6a": 3 * 6 * 2, "table6b": 3 * 6 * 2, "table7": 2 * 6 * 2, "table8": 9 * 6, "table9a": 4, "table9b": 6,
        "table10": 14 * 6 - 1, "table11": 7 * 6 - 1, "table12": 7 * 6, "table13": 3 * 6 - 1, "table14": 7 * 6,
        "table15": 7 * 6, "table16": 6 * 6, "table17": 6 * 6 - 2, "table18": 6 * 6, "table19": 6 * 6,
        "table20": 6 * 6 - 1, "table21": 24 * 6, "table22": 18 * 6 - 1, "table23": 24 * 11 - 14,
    },
    "stade": {"table2": 14 * 9, "table3": 10 * 7, "table4": 10 * 9, "table5": 10 * 4, "table6": 19 * 2},
}  # fmt: skip
SPOTS = [
    ("improved-pruning/table1", "second", "llama-7b", "sparsegpt", "u70", "perplexity", "27.214"),
    ("improved-pruning/table1", "second", "llama-7b", "movement_published", "u50", "perplexity", "17.247"),
    ("improved-pruning/table1", "second", "llama-7b", "wanda", "u01", "perplexity", "NA"),
    ("improved-pruning/table1", "second", "llama-7b", "movement_published", "u99", "perplexity", "214966.484"),
    ("improved-pruning/table2", "second", "llama-7b", "neg_weights", "u90", "perplexity", "185304.016"),
    ("improved-pruning/table2", "second", "llama-7b", "neg_weights", "u99", "perplexity", "NA"),
    ("improved-pruning/table3", "second", "llama-7b", "neg_bias", "u50", "perplexity", "NA"),
    ("improved-pruning/table4", "second", "llama-7b", "aigc_04", "", "status", "Error"),
    ("improved-pruning/table4", "second", "llama-7b", "aigc_06", "", "status", "OK"),
    ("improved-pruning/table5", "second", "llama-7b", "aigc_06", "u99", "perplexity", "70452.703"),
    ("improved-pruning/table6", "first", "opt-1.3b", "dense", "u00", "perplexity", "NA"),
    ("improved-pruning/table6", "second", "opt-1.3b", "sparsegpt", "u90", "continuation", "University is."),
    ("improved-pruning/table8", "first", "llama-7b", "aigc_10", "", "score", "TBA"),
    ("stade/table2", "", "llama-7b", "std@only=v_proj", "u80", "perplexity", "689.74"),
    ("stade/table2", "", "llama-7b", "wanda@only=down_proj", "u90", "perplexity", "44.37"),
    ("stade/table3", "", "llama-3.2-1b", "magnitude", "n2m4", "perplexity", "3288.30"),
    ("stade/table3", "", "llama-2-13b", "dense", "u00", "perplexity", "4.88"),
    ("stade/table4", "", "opt-350m", "stade_nobias", "u50", "acc", "36.25%"),
    ("stade/table5", "", "llama-3-8b", "stade_nobias", "n2m4", "perplexity", "24.36"),
    ("stade/table6", "", "llama-3.2-3b", "sparsegpt@update=False", "n4m8", "perplexity", "23.04"),
]


GREEDY = "greedy-output/table"
NET = "prunenet/table"
BLOCKS = "blocks=0.125-0.9375"
DATASET_SPOTS = [
    (f"{GREEDY}1", "llama-7b", f"magnitude_units@{BLOCKS}", "s20", "perplexity", "ptb", "1022.17"),
    (f"{GREEDY}1", "llama-7b", f"greedy_output@{BLOCKS},compensation=two_step,data=self", "s20", "average", "",
     "53.89"),
    (f"{GREEDY}1", "llama-7b", f"greedy_output@{BLOCKS},compensation=two_step", "s20", "acc", "winogrande", "65.76"),
    (f"{GREEDY}2", "llama-7b", "flap@only=attention,share_of=pruned", "s20", "pruned_heads", "", "204"),
    (f"{GREEDY}3", "gpt2", "dense", "u00", "perplexity", "ptb", "40.12"),
    (f"{GREEDY}3", "gpt2", "llm_pruner@blocks=all", "s50", "perplexity", "ptb", "8020.87"),
    (f"{GREEDY}3", "llama-7b", f"flap@{BLOCKS}", "s41", "perplexity", "ptb", "57.89"),
    (f"{GREEDY}3", "llama-7b", f"greedy_output@allocation=uniform,{BLOCKS}", "s20", "perplexity", "wikitext2", "NA"),
    (f"{GREEDY}4", "vicuna-7b", "llm_pruner@criterion=element2", "s20", "acc_norm", "openbookqa", "39.00"),
    (f"{GREEDY}5", "llama-13b", f"greedy_output@{BLOCKS}", "s20", "acc", "boolq-superglue", "68.48"),
    (f"{NET}1", "llama-2-7b", "slicegpt@of=width", "s30", "effective_sparsity", "", "21.4%"),
    (f"{NET}1", "llama-2-7b", "prunenet", "s20", "flops", "", "1.18e+13 (1.15x)"),
    (f"{NET}2", "llama-2-7b", "slicegpt@of=width", "s20", "acc_norm", "arc_challenge", "37.54 (81%)"),
    (f"{NET}3", "phi-2", "prunenet@lora=8000", "s30", "average", "", "58.34"),
    (f"{NET}4", "llama-2-7b", "laco", "s30", "acc_norm", "hellaswag", "55.69"),
    (f"{NET}5", "llama-7b", "svd_llm", "s30", "average", "", "47.0"),
    (f"{NET}6a", "llama-2-7b", "prunenet@policy_ratio=0.4", "s10", "acc", "winogrande", "65.67"),
    (f"{NET}6b", "llama-2-7b", "prunenet", "s40", "acc_norm", "hellaswag", "48.26"),
    (f"{NET}7", "llama-2-7b", "prunenet@layers=falling", "s20", "acc_norm", "piqa", "73.18"),
    (f"{NET}8", "llama-2-7b", "prunenet@lora=8000,lora_text=ptb-train", "s25", "acc_norm", "arc_easy", "62.79"),
    (f"{NET}9a", "phi-2", "prunenet", "s30", "prune_seconds", "", "342 ± 8"),
    (f"{NET}9b", "phi-2", "slicegpt@of=width", "s30", "decode_tokens_per_second", "", "18.48"),
    (f"{NET}14", "llama-2-13b", "prunenet", "s30", "average", "", "45.87"),
    (f"{NET}19", "llama-2-7b", "prunenet@state=ffn2", "s25", "acc", "winogrande", "57.30"),
    (f"{NET}21", "opt-125m", "prunenet", "s30", "acc", "winogrande", "45.88"),
    (f"{NET}22", "opt-2.7b", "slicegpt@of=width", "s20", "acc_norm", "arc_challenge", "28.5"),
    (f"{NET}23", "llama-7b", "prunenet", "s30", "acc", "mmlu_machine_learning", "16"),
]  # fmt: skip
# Averages that the papers print and that are not the mean of their row.
WRONG_AVERAGES = {
    (f"{GREEDY}1", "llama-7b", "dense", "u00"), (f"{GREEDY}1", "llama-7b", "llm_pruner@criterion=vector", "s20"),
    (f"{NET}3", "phi-2", "prunenet@lora=8000", "s30"),
    (f"{NET}5", "llama-7b", "prunenet", "s20"), (f"{NET}5", "llama-7b", "slicegpt@of=width", "s20"),
}  # fmt: skip
ROUNDING = {f"{NET}23": 0.5, f"{NET}16": 0.08, f"{NET}5": 0.101}  # all others have two decimals


def rows(table: str) -> list[dict[str, str]]:
    paper, name = table.split("/")
    with (PAPERS / paper / "reference" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("table", [f"{paper}/{name}" for paper, names in COUNTS.items() for name in names])
def test_every_published_cell_is_there_once(table: str) -> None:
    paper, name = table.split("/")
    found = rows(table)
    assert len(found) == COUNTS[paper][name]
    keys = [tuple(value for column, value in row.items() if column != "published") for row in found]
    assert len(set(keys)) == len(keys)
    assert all(row["published"] for row in found)


@pytest.mark.parametrize("paper", COUNTS)
def test_no_other_files_are_there(paper: str) -> None:
    assert {path.stem for path in (PAPERS / paper / "reference").glob("*")} == set(COUNTS[paper])


@pytest.mark.parametrize("spot", SPOTS, ids=lambda spot: "-".join(spot[:1] + spot[2:5]))
def test_spot_values(spot: tuple[str, ...]) -> None:
    table, draft, model, method, target, metric, published = spot
    matching = [
        row["published"]
        for row in rows(table)
        if (row.get("draft", ""), row["model"], row["method"], row["target"], row["metric"])
        == (draft, model, method, target, metric)
    ]
    assert matching == [published]


def test_the_two_drafts_agree_wherever_both_have_a_number() -> None:
    for name in COUNTS["improved-pruning"]:
        found = rows(f"improved-pruning/{name}")
        by_draft = {
            draft: {
                (r["method"], r["target"], r["metric"]): number_of(r["published"]) for r in found if r["draft"] == draft
            }
            for draft in ("first", "second")
        }
        for key in by_draft["first"].keys() & by_draft["second"].keys():
            assert by_draft["first"][key] == by_draft["second"][key], (name, key)


def test_stade_prints_the_same_number_in_all_tables_that_share_a_cell() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for name in ("table3", "table5", "table6"):
        for row in rows(f"stade/{name}"):
            key = (row["model"], row["method"], row["target"])
            assert seen.setdefault(key, row["published"]) == row["published"], key


@pytest.mark.parametrize("spot", DATASET_SPOTS, ids=lambda spot: "-".join(spot[:3]))
def test_spot_values_by_dataset(spot: tuple[str, ...]) -> None:
    table, *key, published = spot
    columns = ("model", "method", "target", "metric", "dataset")
    assert [row["published"] for row in rows(table) if [row[name] for name in columns] == key] == [published]


@pytest.mark.parametrize("table", [f"{paper}/{name}" for paper in STRUCTURED for name in COUNTS[paper]])
def test_a_printed_average_is_the_mean_of_its_row(table: str) -> None:
    """Which also shows that no number was typed into another's place."""
    cells: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for row in rows(table):
        kind = {"acc": "parts", "acc_norm": "parts", "average": "average"}.get(row["metric"])
        number = number_of(row["published"])
        if kind and number is not None:
            cell = cells.setdefault((table, row["model"], row["method"], row["target"]), {})
            cell.setdefault(kind, []).append(number)
    complete = max((len(cell.get("parts", ())) for cell in cells.values()), default=0)
    wrong = {
        key
        for key, cell in cells.items()
        if len(cell.get("parts", ())) == complete > 0
        and abs(fmean(cell["parts"]) - cell["average"][0]) > ROUNDING.get(table, 0.04) + 1e-9
    }
    assert wrong == {key for key in WRONG_AVERAGES if key[0] == table}


@pytest.mark.parametrize("paper", COUNTS)
def test_every_typed_number_of_the_shown_draft_has_its_cell_in_a_table(paper: str) -> None:
    layout = load_paper(PAPERS / paper)
    places: dict[Reference, list[Place]] = {}
    for table in layout.tables.values():
        if table.reference:
            places.setdefault(table.reference.model_copy(update={"percent": False}), []).extend(table.places())
    for reference, shown in places.items():
        published = read_published(PAPERS / paper, [reference])
        found = [published.at(p.model, p.method, p.target, p.quantity) for p in shown]
        assert sum(value is not None for value in found) == len(published.rows), reference.file


@pytest.mark.parametrize("paper", COUNTS)
def test_the_folder_is_complete(paper: str) -> None:
    further = {"gpt2.yaml"} if paper == "greedy-output" else set()
    assert {path.name for path in (PAPERS / paper).iterdir()} == {
        "README.md", "config.yaml", "embedded.yaml", "reference", "tables.yaml", *further,
    }  # fmt: skip
