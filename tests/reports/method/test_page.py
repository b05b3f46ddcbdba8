"""What the pages of methods say, against `metrics.csv`, and how a browser takes them."""

import re
from decimal import ROUND_HALF_UP, Decimal
from html import unescape

import pytest

from prunebench.reports.names import PAGE_MARK
from prunebench.reports.source import Source
from tests.reports.hostile import HTML, TEXTS, make_hostile, make_hostile_titles
from tests.reports.method.conftest import BLOCKS, told, write_pages
from tests.reports.test_theme import BACKGROUND, DARK
from tests.results.example import FAILURES, METHODS, MODELS, TARGETS, make_run

WANDA = "laptop-512/smollm2-135m/wanda/seed0/u50"


@pytest.fixture(scope="session")
def source(pages):
    return Source.read(pages.parent / "metrics.csv", pages.parent / "provenance.json")


def words_of(part):
    """A piece of a page as a person reads it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", part)).split())


def cell_of(page, name):
    return page.split(f'<div id="{name}">')[1].split("</div></details>")[0]


def between(row, scale, digits):
    """A value and its interval, of six digits, halves rounded away from zero."""
    value, low, high = (
        Decimal(float(f"{number:.6g}") * scale).quantize(Decimal(digits), ROUND_HALF_UP)
        for number in (row.number, row.low, row.high)
    )
    return f"{value} {low} to {high}"


def test_every_method_has_a_page_and_every_cell_a_place_on_it(pages):
    assert {path.stem for path in pages.iterdir()} == set(METHODS)
    for method in METHODS:
        page = (pages / f"{method}.html").read_text()
        for model in MODELS:
            for target in ("u00",) if method == "dense" else TARGETS:
                name = f"laptop-512/{model}/{method}/seed0/{target}"
                assert page.count(f'<div id="{name}">') == page.count(f'href="#{name}"') == 1


def test_all_measurements_with_intervals_and_ranks_are_those_of_the_table(pages, source):
    page = (pages / "wanda.html").read_text()
    frame = source.metrics
    for (model, target), rows in frame[frame["method"] == "wanda"].groupby(["model", "target"]):
        said = words_of(cell_of(page, f"laptop-512/{model}/wanda/seed0/{target}"))
        for row in rows.itertuples():
            if row.metric in ("acc", "acc_norm"):
                shown = between(row, 100, "0.1")
            elif row.metric == "perplexity":
                shown = between(row, 1, "0.01")
            elif row.metric == "rank":
                ends = f" ({row.low:.0f}–{row.high:.0f})" if row.low != row.high else ""
                shown = f"{row.number:.0f} of {row.items:.0f}{ends}"
            elif row.metric == "continuation":
                shown = " ".join(row.value.split())
            elif row.metric == "prune_seconds":
                shown = f"prune ok {row.number:.1f} s"
            else:
                continue
            assert shown in said, row


def test_the_dense_models_numbers_and_text_stand_beside(pages, source):
    said = words_of(cell_of((pages / "wanda.html").read_text(), WANDA))
    frame = source.metrics[(source.metrics["method"] == "dense") & (source.metrics["model"] == "smollm2-135m")]
    (text,) = frame[frame["metric"] == "continuation"]["value"]
    assert " ".join(text.split()) in said
    for number in frame[frame["metric"] == "perplexity"]["number"]:
        assert f" {number:.2f} " in said


def test_failures_say_which_step_failed_and_why(pages):
    for (model, method, target, kind), (status, reason) in FAILURES.items():
        cell = cell_of((pages / f"{method}.html").read_text(), f"laptop-512/{model}/{method}/seed0/{target}")
        assert reason in words_of(cell)
        assert f'<th scope="row">{kind or "prune"}<td><span class="chip {status}">' in cell


def test_blocks_are_drawn_and_written_where_they_differ(pages):
    page = (pages / "wanda.html").read_text()
    cell = cell_of(page, WANDA)
    assert "0: 40 %, 1: 50 %, 2: 55 %, 3: 60 %" in cell
    (path,) = re.findall(r'<path d="([^"]*)"', cell)
    heights = [float(height) for height in re.findall(r"v-([\d.]+)", path)]
    assert heights == pytest.approx([40 * share for share in BLOCKS])
    assert "<svg" not in cell_of(page, WANDA.replace("u50", "u60"))
    assert "a remark" in cell


def test_a_cell_leads_to_its_environment_its_inputs_and_its_commands(pages, source):
    page = (pages / "wanda.html").read_text()
    cell = cell_of(page, WANDA)
    entry = next(e for e in source.provenance["cells"] if (e["model"], e["method"], e["target"]) == (
        "smollm2-135m", "wanda", "u50"))  # fmt: skip
    for environment, key in entry["records"].values():
        assert f'href="#environment-{environment}"' in cell
        assert f'href="#inputs-{key}"' in cell
        for value in source.provenance["keys"][key].values():
            assert value in page.split(f'id="inputs-{key}"')[1]
    made_in = source.provenance["environments"][0]
    assert all(str(made_in[part]) in page for part in ("torch", "cpu", "lock_sha256", "git_sha"))
    assert (
        f"git checkout {made_in['git_sha']}\nmake environment\nsnakemake --cores all --config protocol=laptop-512"
        in cell
    )
    assert f"prunebench export {WANDA} " in cell
    assert "ab" * 32 in cell
    for target in set(re.findall(r'href="#([^"]*)"', page)):
        assert page.count(f'id="{target}"') == 1, target


def test_a_method_is_told_with_its_code_its_parameters_and_its_publication(pages):
    page = (pages / "wanda.html").read_text()
    said = words_of(page)
    assert "score ): " not in said
    assert "return weight.abs() * inputs.l2_norm" in said
    assert "Mingjie Sun and Anna Bair. A simple approach. 2024." in said
    assert 'href="https://arxiv.org/abs/2306.11695"' in page
    assert "sun2024wanda" in page
    sparsegpt = words_of((pages / "sparsegpt.html").read_text())
    assert "damping 0.01" in sparsegpt
    assert "of which there is no reference" in sparsegpt
    assert "Its header names none." in words_of((pages / "random.html").read_text())


def test_a_broken_or_unknown_file_has_a_page_with_the_reason(example, tmp_path):
    provenance = told(example)
    broken = next(entry for entry in provenance["method_files"] if entry["name"] == "stade")
    for key in ("kind", "patterns", "needs", "group", "params", "choices", "units", "published"):
        del broken[key]
    broken |= {"problem": "methods/stade.py:1: not valid Python", "title": "stade", "function": None}
    provenance["method_files"] = [e for e in provenance["method_files"] if e["name"] != "magnitude"]
    folder = write_pages(example, tmp_path, provenance=provenance)
    assert "methods/stade.py:1: not valid Python" in words_of((folder / "stade.html").read_text())
    assert "not known to this run" in words_of((folder / "magnitude.html").read_text())


def test_pages_of_methods_that_are_gone_go_and_others_stay(example, tmp_path):
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "gone.html").write_text(f"<html><head>{PAGE_MARK}</head></html>")
    (folder / "mine.html").write_text("<html>no page of prunebench's</html>")
    (folder / "notes.txt").write_text("mine")
    write_pages(example, tmp_path)
    assert {path.name for path in folder.iterdir()} == {"mine.html", "notes.txt", *(f"{name}.html" for name in METHODS)}


def test_the_same_run_makes_the_same_pages(example, pages, tmp_path):
    again = write_pages(example, tmp_path)
    assert all(path.read_text() == (again / path.name).read_text() for path in pages.iterdir())


def test_a_variant_is_on_its_methods_page(tmp_path):
    run = make_run(tmp_path / "run", methods=("dense", "wanda", "wanda@nsamples=32,only=o_proj"), targets=("u50",))
    page = (write_pages(run, tmp_path) / "wanda.html").read_text()
    assert "<code>wanda@nsamples=32,only=o_proj</code>" in page
    assert "methods=wanda@nsamples=32,only=o_proj" in page


@pytest.fixture(scope="module")
def hostile(example, tmp_path_factory):
    """Pages of a run in which every string that anybody can choose tries to become code."""
    provenance = make_hostile_titles(told(example))
    for number, entry in enumerate(provenance["method_files"]):
        text = TEXTS[number % len(TEXTS)]
        entry |= {"title": HTML, "doc": HTML, "source": f'"""{HTML}"""\n# {HTML}\n{text}\n', "cite": HTML, "path": HTML}
        entry |= {"params": {HTML: HTML}, "choices": {HTML: [HTML]}, "problem": HTML, "family": HTML, "origin": HTML}
        entry |= {"function": {"name": HTML, "doc": HTML}, "published": {"status": "Error", "cause": HTML}}
        entry["bibtex"] = f'@misc{{x, title={{{HTML}}}, url={{javascript:alert(1)}}, doi={{" onclick="x}}}}'
    for entry in provenance["cells"]:
        entry["notes"] = TEXTS
    for key in provenance["keys"]:
        key[HTML] = HTML
    return write_pages(example, tmp_path_factory.mktemp("hostile"), make_hostile(example.collect()), provenance)


@pytest.mark.parametrize("method", ["dense", "wanda", "stade"])
def test_hostile_strings_are_shown_and_do_nothing(visit, hostile, method):
    tab = visit((hostile / f"{method}.html").as_uri())
    assert tab.evaluate("window.hacked") is None
    assert tab.locator("body script, img, iframe, object").count() == 0
    assert HTML in tab.locator("h1").text_content()
    links = tab.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert all(link.startswith(("https://", "file:///")) for link in links)


def test_the_theme_that_was_chosen_on_one_page_is_that_of_the_next(visit, pages):
    tab = visit((pages / "wanda.html").as_uri())
    assert tab.evaluate(BACKGROUND) != DARK
    tab.select_option("#theme", "dark")
    assert tab.evaluate(BACKGROUND) == DARK
    assert visit((pages / "sparsegpt.html").as_uri()).evaluate(BACKGROUND) == DARK


def test_opened_by_a_link_a_cell_is_unfolded(visit, pages):
    tab = visit(f"{(pages / 'wanda.html').as_uri()}#{WANDA}")
    assert tab.locator("details.cell[open]").count() == 1
    assert tab.locator("details.cell[open] pre").first.is_visible()
    assert tab.locator("a", has_text="Leaderboard").get_attribute("href") == "../leaderboard.html"
    tab.locator("details.cell[open] a", has_text="inputs").first.click()
    assert tab.locator("h3[id^=inputs-]").first.is_visible()


@pytest.mark.parametrize("method", ["dense", "wanda", "sparsegpt"])
def test_it_fits_a_phone(visit, pages, method):
    tab = visit((pages / f"{method}.html").as_uri(), viewport={"width": 390, "height": 800})
    tab.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("method", ["dense", "wanda", "stade"])
def test_axe_finds_nothing(visit, pages, method, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: accessibility is not tried")
    tab = visit((pages / f"{method}.html").as_uri(), color_scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    found = axe.Axe().run(tab).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"][:200]) for violation in found] == []
