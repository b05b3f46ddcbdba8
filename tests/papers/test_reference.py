"""The typed numbers of the shipped papers: how many there are, some of them, and whether they contradict each other."""

import csv
from pathlib import Path

import pytest

from prunebench.config.paper import load_paper
from prunebench.reports.paper.published import number_of, read_published

PAPERS = Path(__file__).parents[2] / "papers"
COUNTS = {  # cells of the tables as printed, both drafts of the first paper
    "improved-pruning": {
        "table1": 13 + 13 * 4, "table2": 13 + 13 * 2, "table3": 13 + 13 * 2, "table4": 10, "table5": 7 + 7 * 3,
        "table6": 8 + 8 * 2, "table7": 10, "table8": 10,
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


@pytest.mark.parametrize("paper", COUNTS)
def test_every_typed_number_of_the_shown_draft_has_its_cell_in_a_table(paper: str) -> None:
    layout = load_paper(PAPERS / paper)
    for name, table in layout.tables.items():
        if table.reference is None:
            continue
        published = read_published(PAPERS / paper, [table.reference])
        found = [published.at(p.model, p.method, p.target, p.quantity) for p in table.places()]
        assert sum(value is not None for value in found) == len(published.rows), name


@pytest.mark.parametrize("paper", COUNTS)
def test_the_folder_is_complete(paper: str) -> None:
    assert {path.name for path in (PAPERS / paper).iterdir()} == {
        "README.md", "config.yaml", "embedded.yaml", "reference", "tables.yaml",
    }  # fmt: skip
