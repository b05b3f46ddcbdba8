"""`verify` looks at every file that carries a digest, and touches nothing unless it is told to."""

from pathlib import Path

import pytest

from prunebench.files import sha256_file
from prunebench.results import soundness
from prunebench.results.records import PruneRecord, load_record, save_record
from prunebench.results.runfiles import write_run
from prunebench.results.soundness import examine
from prunebench.runlock import hold_run_lock
from prunebench.worklock import alone
from tests.cli.conftest import Run
from tests.results.example import make_run


@pytest.fixture
def finished(project: Path) -> list[Path]:
    """The records of some cells and the metrics made of them; some cells failed, which is no damage."""
    run = make_run(project, methods=("dense", "wanda", "stade"), targets=("u60",))
    write_run(run.collect(), run.summary(), project / "results/metrics.csv", project / "results/provenance.json")
    return [path.relative_to(project) for path in sorted(project.rglob("results/*/**/*.json"))]


def test_sound_results_are_counted(run: Run, finished: list[Path]) -> None:
    result = run("verify")
    assert (result.code, result.out.splitlines()[-1]) == (0, f"{len(finished) + 2} files checked, all sound")


def test_an_edited_table_is_named_and_removed_with_what_was_written_beside_it(run: Run, finished: list[Path]) -> None:
    metrics = Path("results/metrics.csv")
    metrics.write_text(metrics.read_text().replace("0.6", "0.5", 1))
    result = run("verify")
    assert result.code == 1
    line = "damaged  results/metrics.csv is not what the records were collected into: without it snakemake collects"
    assert line in result.out
    assert f"{len(finished) + 2} files checked, 1 damaged; --fix removes them for the next run to make" in result.out
    assert metrics.exists()
    result = run("verify", "--fix")
    assert result.code == 0
    assert "removed  results/metrics.csv\nremoved  results/provenance.json\n" in result.out
    assert all(path.exists() for path in finished)
    assert run("verify").out.splitlines()[-1] == f"{len(finished)} files checked, all sound"


def test_only_the_damaged_records_are_removed(run: Run, finished: list[Path]) -> None:
    cut, edited = finished[0], finished[-1]
    cut.write_bytes(cut.read_bytes()[:99])
    edited.write_text(edited.read_text().replace('"seed": 0', '"seed": 1'))
    assert "2 damaged" in run("verify").out
    assert run("verify", "--fix").code == 0
    assert [path for path in finished if not path.exists()] == [cut, edited]


def test_what_a_killed_process_left_is_no_damage_and_goes_with_fix(run: Run, finished: list[Path]) -> None:
    folder = finished[0].parent
    left = [folder / ".u60.json.ab12_xyz", folder / ".tmpQ1w2E3", folder / ".u60.json.lock"]
    for path in left:
        path.write_text("process 1 on this-host")
    (folder / ".keep").touch()
    result = run("verify")
    assert result.code == 0
    assert all(f"left over  {path} is what a killed process left" in result.out for path in left)
    run("verify", "--fix")
    assert [path.name for path in folder.glob(".*")] == [".keep"]


def test_what_is_at_work_is_named_and_nothing_is_removed_under_it(run: Run, finished: list[Path]) -> None:
    half = finished[0].with_name(".u60.json.ab12_xyz")
    half.touch()
    with alone([finished[0]], pytest.fail):
        assert "holds a lock and makes a cell, an asset or the metrics" in run("verify").out
        assert examine(Path()).leftovers == []
        result = run("verify", "--fix")
        assert (result.code, "is at work in this folder; wait for it to end" in result.err) == (2, True)
    assert half.exists()


def test_nothing_is_removed_under_a_run(run: Run, finished: list[Path]) -> None:
    finished[0].write_text("")
    hold_run_lock(pytest.fail)
    assert "is at work here: a file that it makes anew at this moment may look damaged" in run("verify").out
    result = run("verify", "--fix")
    assert (result.code, "another run" in result.err, finished[0].exists()) == (2, True, True)


def test_what_cannot_be_read_is_damage_and_says_why(run: Run, finished: list[Path]) -> None:
    evaluated, pruned = finished[0], finished[-1]
    manifest, tokens = Path("results/assets/texts/t/asset.json"), Path("results/tokens/t.safetensors")
    for path in (evaluated, pruned, Path("results/metrics.csv")):
        path.unlink()
    unreadable = (evaluated, pruned, manifest, tokens, Path("results/metrics.csv"))
    for path in unreadable:
        path.mkdir(parents=True)
    result = run("verify")
    assert result.code == 1
    assert all(f"damaged  {path} cannot be read (Is a directory)" in result.out for path in unreadable)
    assert run("verify", "--fix").code == 0
    assert not any(path.exists() for path in (*unreadable, Path("results/provenance.json")))
    assert run("verify").code == 0


def test_a_patch_that_cannot_be_read_goes_with_its_record(run: Run, finished: list[Path]) -> None:
    (patch := finished[-1].with_suffix(".safetensors")).mkdir()
    assert f"damaged  {patch} cannot be read (Is a directory)" in run("verify").out
    run("verify", "--fix")
    assert (patch.exists(), finished[-1].exists()) == (False, False)


def test_a_patch_that_vanishes_while_it_is_looked_at_was_temporary(
    run: Run, finished: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanishing(path: Path) -> str:
        path.unlink(missing_ok=True)
        return sha256_file(path)

    finished[-1].with_suffix(".safetensors").touch()
    monkeypatch.setattr(soundness, "sha256_file", vanishing)
    assert run("verify").code == 0


def test_a_missing_patch_is_missed_where_patches_are_kept(run: Run, finished: list[Path]) -> None:
    path = Path("results/pruned/laptop-512/smollm2-135m/stade/seed0/u70.json")
    of_config = PruneRecord(cell=load_record(finished[-1], PruneRecord).cell, status="ok", key={}, patch_sha256="ab")
    save_record(path, of_config)
    elsewhere = path.with_name("u77.json")  # no cell of the config: its patch may have been temporary
    save_record(elsewhere, of_config)
    config = Path("config/config.yaml")
    text = config.read_text()
    config.write_text(text.replace("keep_patches: true", "keep_patches: false"))
    assert run("verify").code == 0
    config.write_text(text)
    result = run("verify")
    assert (result.code, result.out.count("damaged ")) == (1, 1)
    assert f"damaged  {path.with_suffix('.safetensors')} is missing, though patches are kept" in result.out
    assert run("verify", "--fix").code == 0
    assert (path.exists(), elsewhere.exists()) == (False, True)
