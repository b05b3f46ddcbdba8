"""A published file says exactly what was published, or which line does not."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.results.cells import load_cells
from prunebench.results.published.lines import seal, unseal
from prunebench.results.published.publication import Publication, laid_out, parse, read_published
from prunebench.results.published.publish import publishable
from tests.results.published.conftest import VARIANT, Project, rewrite


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def test_records_come_back_as_they_were(published: Project) -> None:
    for method, publication in read_published(Path("results/published")).items():
        config, cells = publishable(published.config, method)
        records = {(r.sweep, r.target): r for r in load_cells(Path(), cells)}
        assert len(publication.cells) == len(records)
        for cell in publication.cells:
            record = records[cell.sweep, cell.target]
            assert cell.prune == record.prune
            assert cell.evaluations == record.evaluations
            assert set(cell.tasks) == set(config.zeroshot_tasks)


def test_a_second_publish_is_byte_identical(published: Project) -> None:
    before = {path.name: path.read_bytes() for path in Path("results/published").iterdir()}
    published.publish()
    assert {path.name: path.read_bytes() for path in Path("results/published").iterdir()} == before
    text = published.file("wanda").read_text()
    assert laid_out(parse(text, "wanda.jsonl")) == text


def test_code_that_is_in_no_commit_is_told_of_what_it_made(published: Project) -> None:
    for command in ("init -b main", "add methods", "-c user.name=x -c user.email=x@example.org commit -m x"):
        subprocess.run(["git", *command.split()], check=True, capture_output=True, cwd=published.root)
    before = published.file("wanda").read_text()
    with (published.root / "methods/wanda.py").open("a") as file:
        file.write("\n# Nothing that computes.\n")
    published.publish("wanda")
    assert published.file("wanda").read_text() == before
    published.file("wanda").unlink()
    published.publish("wanda", "magnitude")
    found = read_published(Path("results/published"))
    assert "methods/wanda.py" in found["wanda"].uncommitted
    assert "methods/wanda.py" not in found["magnitude"].uncommitted


def test_the_order_of_cells_is_not_the_order_they_came_in(published: Project) -> None:
    publication = read_published(Path("results/published"))["wanda"]
    assert laid_out(replace(publication, cells=publication.cells[::-1])) == published.file("wanda").read_text()


def test_another_cell_leaves_the_lines_of_the_others_as_they_are(published: Project) -> None:
    before = lines(published.file("wanda"))
    assert any(VARIANT in line for line in before)
    config = published.config.model_copy(update={"methods": ("dense", "wanda")})
    published.file("wanda").unlink()
    Project(published.root, config).publish("wanda")
    assert set(lines(published.file("wanda"))[1:]) == {line for line in before[1:] if VARIANT not in line}


def test_an_edited_number_is_named_with_file_and_line(published: Project) -> None:
    path = published.file("wanda")
    changed = lines(path)
    assert '"seconds":' in changed[2]
    changed[2] = changed[2].replace('"seconds":', '"seconds":1', 1)
    path.write_text("".join(changed))
    with pytest.raises(DamagedFile, match=r"results/published/wanda\.jsonl:3: the line is not what was published"):
        read_published(Path("results/published"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], r"wanda\.jsonl:\d+: the line is not what was published"),
        (lambda text: "".join(text.splitlines(True)[:-1]), r"says 16 cells and 15 are there"),
        (lambda text: text + text.splitlines(True)[-1], r"wanda\.jsonl:18: .* is there twice"),
        (lambda text: "", r"wanda\.jsonl:1: the line is not what was published"),
        (lambda text: text.replace('{"sha256"', '<<<<<<< HEAD\n{"sha256"', 1), r":1: a merge conflict is not resolved"),
        (lambda text: text + ">>>>>>> theirs\n", r":18: a merge conflict is not resolved"),
        (lambda text: text.replace("\n", "\n\n", 1), r":2: the line is not what was published"),
    ],
    ids=["cut", "line lost", "line twice", "empty", "conflict", "end of conflict", "empty line"],
)
def test_damage_is_one_sentence(published: Project, damage, message) -> None:
    path = published.file("wanda")
    path.write_text(damage(path.read_text()))
    with pytest.raises(PrunebenchError, match=message) as raised:
        read_published(Path("results/published"))
    assert "\n" not in str(raised.value)


def _in_first(**changes):
    return lambda line, number: line.update(changes) if number == 0 else None


def _in_cell(change):
    return lambda line, number: change(line) if number == 1 else None


NO_CELL = r":2: this is not the line of a cell"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_in_first(format=2), r":1: this is format 2, and this version reads format 1"),
        (_in_first(colour="red"), r":1: unknown key 'colour'"),
        (_in_first(method="magnitude"), r":2: .*wanda.* is no cell of what the first line says"),
        (_in_first(environments={}), r":2: the first line does not know the environment"),
        (_in_cell(lambda line: line.update(colour="red")), r":2: unknown key 'colour'"),
        (_in_cell(lambda line: line["prune"].update(colour="red")), r":2: unknown key 'colour'"),
        (_in_cell(lambda line: line["prune"].update(status="fine")), r":2: .* at 'status'"),
        (_in_cell(lambda line: line.update(cell="wanda")), NO_CELL),
        (_in_cell(lambda line: line.update(cell="../opt-tiny/wanda/seed0/u50")), NO_CELL),
        (
            _in_cell(lambda line: line.update(cell="p/opt-tiny/wanda@x/seed0/u50")),
            NO_CELL,
        ),
        (_in_cell(lambda line: line.update(prune=3)), NO_CELL),
    ],
)
def test_lines_of_another_version_are_one_sentence(published: Project, change, message) -> None:
    rewrite(published.file("wanda"), change)
    with pytest.raises(PrunebenchError, match=message) as raised:
        read_published(Path("results/published"))
    assert "\n" not in str(raised.value)


def test_a_renamed_file_is_no_other_methods(published: Project) -> None:
    published.file("wanda").rename(published.file("foo"))
    with pytest.raises(PrunebenchError, match=r"foo\.jsonl holds cells of wanda; it must be called wanda\.jsonl"):
        read_published(Path("results/published"))


def test_an_empty_folder_is_told_what_fills_it(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match="holds no published results; prunebench publish NAME"):
        read_published(tmp_path)


def test_numbers_that_json_has_none_for_survive(published: Project) -> None:
    publication = read_published(Path("results/published"))["wanda"]
    cell = publication.cells[0]
    found = cell.evaluations["perplexity"].measurements[0]
    lost = found.model_copy(update={"value": float("inf"), "items": [float("nan"), 0.1 + 0.2]})
    record = cell.evaluations["perplexity"].model_copy(update={"measurements": [lost]})
    whole = replace(publication, cells=(replace(cell, evaluations={"perplexity": record}),))
    (back,) = parse(laid_out(whole), "wanda.jsonl").cells
    (measured,) = back.evaluations["perplexity"].measurements
    assert repr(measured) == repr(lost)


def test_a_line_is_ascii_and_one_line_whatever_a_model_wrote() -> None:
    line = {"text": "a\u2028b\u202e大学\n\x85"}
    assert seal(line).isascii()
    assert len(seal(line).splitlines()) == 1
    assert unseal(seal(line), "here") == line
    assert json.loads(seal(line))["text"] == line["text"]


def test_right_and_wrong_answers_take_a_byte_each(published: Project) -> None:
    publication: Publication = read_published(Path("results/published"))["wanda"]
    text = published.file("wanda").read_text()
    for found in publication.cells[0].evaluations["zeroshot"].measurements:
        assert f'"items":"{"".join(str(int(item)) for item in found.items)}"' in text
