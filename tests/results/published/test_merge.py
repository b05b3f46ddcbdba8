"""What was published from another config stays if it still holds; what does not is told."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.results.cells import CellResult
from prunebench.results.published.board import published_runs
from prunebench.results.published.merge import (
    OTHER_CODE,
    OTHER_EVALUATION,
    OTHER_PRUNING,
    OTHER_SETTINGS,
    merged,
)
from prunebench.results.published.publication import Publication, laid_out, parse, read_published
from prunebench.results.published.publish import current_cells, publishable, write_published
from tests.results.published.conftest import Project

FOLDER = Path("results/published")
PROTOCOL = "laptop-512"


def of(project: Project, **config: object) -> Project:
    return project._replace(config=project.config.model_copy(update=config))


def write(project: Project, method: str):
    config, cells = publishable(project.config, method)
    return write_published(config, method, current_cells(config, cells)[0])


def wanda() -> Publication:
    return read_published(FOLDER)["wanda"]


def under(publication: Publication, **parts: dict[str, object]) -> Publication:
    """The publication under a protocol of which some settings are others."""
    settings = publication.protocols[PROTOCOL]
    changed = {part: getattr(settings, part).model_copy(update=update) for part, update in parts.items()}
    return replace(publication, protocols={PROTOCOL: settings.model_copy(update=changed)})


def rekeyed(cell: CellResult, **key: str) -> CellResult:
    return replace(cell, prune=cell.prune.model_copy(update={"key": {**cell.prune.key, **key}}))


def test_what_another_config_published_stays(published: Project) -> None:
    before = published.file("wanda").read_text()
    of(published, targets=("u50",)).publish("wanda")
    assert published.file("wanda").read_text() == before


def test_evaluations_and_tasks_that_another_config_measured_stay(published: Project) -> None:
    before = published.file("wanda").read_text()
    of(published, evaluate=("perplexity",)).publish("wanda")
    assert published.file("wanda").read_text() == before
    of(published, zeroshot_tasks=("piqa",)).publish("wanda")
    assert published.file("wanda").read_text() == before


def test_an_evaluation_of_another_pruning_does_not_stay(published: Project) -> None:
    publication = wanda()
    again = [
        replace(
            cell,
            prune=cell.prune.model_copy(update={"patch_sha256": "another"}),
            evaluations={kind: cell.evaluations[kind] for kind in ("perplexity",)},
        )
        for cell in publication.cells
    ]
    whole, dropped = merged(publication, replace(publication, cells=tuple(again)))
    assert {tuple(cell.evaluations) for cell in whole.cells} == {("perplexity",)}
    others = sum(len(cell.evaluations) - 1 for cell in publication.cells)
    assert dropped == Counter({OTHER_PRUNING: others})


def test_settings_that_no_cell_depends_on_may_change(published: Project) -> None:
    publication = wanda()
    assert "internals" not in publication.cells[0].evaluations
    later = under(replace(publication, cells=publication.cells[:1]), internals={"ecdf_steps": 21})
    whole, dropped = merged(publication, later)
    assert (len(whole.cells), dropped) == (len(publication.cells), Counter())
    assert whole.protocols[PROTOCOL].internals.ecdf_steps == 21

    published.file("wanda").write_text(laid_out(whole))
    ((run, cells),) = published_runs(published.config, FOLDER).values()
    assert {cell.sweep.method for cell in cells} > {"dense", "wanda"}
    assert run.protocol_spec.perplexity == publication.protocols[PROTOCOL].perplexity


def test_a_title_is_no_setting(published: Project) -> None:
    publication = wanda()
    retitled = publication.protocols[PROTOCOL].model_copy(update={"title": "Called otherwise"})
    some = replace(publication, cells=publication.cells[:1], protocols={PROTOCOL: retitled})
    assert len(merged(publication, some)[0].cells) == len(publication.cells)


def test_what_was_made_under_other_settings_does_not_stay(published: Project) -> None:
    publication = wanda()
    some = replace(publication, cells=publication.cells[:1])
    whole, dropped = merged(publication, under(some, calibration={"nsamples": 3}))
    assert (len(whole.cells), dropped) == (1, Counter({OTHER_SETTINGS: len(publication.cells) - 1}))
    whole, dropped = merged(publication, under(some, perplexity={"window": 256}))
    assert len(whole.cells) == len(publication.cells)
    assert ["perplexity" in cell.evaluations for cell in whole.cells].count(True) == 1
    assert dropped == Counter({OTHER_EVALUATION: len(publication.cells) - 1})


def test_what_older_code_made_does_not_stay(published: Project) -> None:
    publication = wanda()
    new = [rekeyed(cell, method="0123456789abcdef") for cell in publication.cells[:2]]
    whole, dropped = merged(publication, replace(publication, cells=tuple(new)))
    assert {cell.prune.key["method"] for cell in whole.cells} == {"0123456789abcdef"}
    assert dropped == Counter({OTHER_CODE: len(publication.cells) - 2})


def test_tasks_that_the_records_lack_are_not_lost_without_a_word(published: Project) -> None:
    publication = wanda()

    def without_piqa(cell: CellResult) -> CellResult:
        record = cell.evaluations["zeroshot"]
        key = {name: digest for name, digest in record.key.items() if name != "dataset:piqa"}
        found = [measurement for measurement in record.measurements if measurement.dataset != "piqa"]
        less = record.model_copy(update={"key": key, "measurements": found})
        return replace(cell, evaluations={**cell.evaluations, "zeroshot": less})

    later = replace(publication, cells=tuple(map(without_piqa, publication.cells)))
    with pytest.raises(PrunebenchError, match=r"wanda/seed0/\w+ is published with piqa, which the records here lack"):
        merged(publication, later)
    whole, _ = merged(publication, under(later, zeroshot={"limit": 7}))
    assert whole.tasks[PROTOCOL] == ("arc_easy", "hellaswag")


def test_what_was_not_committed_is_told_as_long_as_something_of_it_stays(published: Project) -> None:
    publication = replace(wanda(), uncommitted=("methods/wanda.py",))
    later = replace(publication, uncommitted=())
    assert merged(publication, later)[0].uncommitted == ()
    assert merged(publication, replace(later, cells=later.cells[:1]))[0].uncommitted == ("methods/wanda.py",)
    less = [replace(cell, evaluations={"perplexity": cell.evaluations["perplexity"]}) for cell in later.cells]
    assert merged(publication, replace(later, cells=tuple(less)))[0].uncommitted == ("methods/wanda.py",)


def test_a_second_dense_row_is_neither_published_nor_read(published: Project) -> None:
    message = r"dense\.jsonl: the dense row of opt-tiny under laptop-512 would be there with seed \d and with seed \d, "
    dense = read_published(FOLDER)["dense"]
    other = [replace(cell, sweep=replace(cell.sweep, seed=1)) for cell in dense.cells]
    with pytest.raises(PrunebenchError, match=message):
        write_published(published.config, "dense", other)
    both = laid_out(replace(dense, cells=(*dense.cells, *other)))
    with pytest.raises(PrunebenchError, match=message):
        parse(both, "results/published/dense.jsonl")


def test_what_no_longer_holds_is_told(published: Project) -> None:
    first = write(published, "wanda")
    assert (first.changed, first.kept, first.dropped) == (False, 0, {})
    shorter = under(wanda(), perplexity={"window": 256})
    project = of(published, protocol_spec=shorter.protocols[PROTOCOL], evaluate=("zeroshot",), targets=("u50",))
    written = write(project, "wanda")
    assert (written.changed, written.dropped) == (True, {OTHER_EVALUATION: len(written.publication.cells)})
    assert {kind for cell in written.publication.cells for kind in cell.evaluations} == {
        "zeroshot",
        "generation",
        "speed",
    }
