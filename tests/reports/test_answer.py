"""What the page claims: who wins, who cannot be separated, and what one seed and a control can say."""

import numpy as np
import pytest

from prunebench.reports.build import build_leaderboard
from prunebench.reports.drawing import PALETTE
from prunebench.reports.source import Source
from tests.reports.conftest import column, methods, save_run
from tests.reports.plotted import shown
from tests.results.example import make_run

CHAIN = "#metric=acc%2Fmean&target=n2m4"  # one rank, of which the ends are separated


def places(run_files, target, scored, model="smollm2-135m"):
    frame = Source.read(*run_files).metrics
    ranks = frame[(frame["metric"] == "rank") & (frame["dataset"] == scored) & (frame["status"] == "ok")]
    return ranks[(ranks["model"] == model) & (ranks["target"] == target)].set_index("method")


def test_only_what_nothing_is_separated_from_as_better_is_marked_as_first(visit, address, run_files):
    tab = visit(f"{address}{CHAIN}")
    found = places(run_files, "n2m4", "acc/mean")
    behind = set(found[(found["number"] == 1) & (found["low"] > 1)].index)
    assert "magnitude" in behind
    tinted = tab.locator("#body tr.first").evaluate_all("rows => rows.map(row => row.dataset.method)")
    assert set(tinted) == set(found[found["low"] == 1].index) - {"random"}
    tied = tab.locator(".card[data-target=n2m4] .verdict").inner_text()
    assert tied == f"{len(tinted)} tied"


def test_the_places_of_a_rank_are_drawn_where_they_are(visit, address, run_files):
    traces = {trace["name"]: trace for trace in shown(visit(f"{address}{CHAIN}"), "ranks")}
    found = places(run_files, "n2m4", "acc/mean")
    ends = {}
    for i, key in enumerate(traces["rank"]["customdata"]):
        line = traces["places"]["y"].index(traces["rank"]["y"][i])
        ends[key.split("/")[2]] = (traces["rank"]["x"][i], *traces["places"]["x"][line : line + 2])
    assert ends == {method: (row["number"], row["low"], row["high"]) for method, row in found.iterrows()}
    assert any(best > rank for rank, best, _ in ends.values())


def test_no_sentence_says_that_all_of_one_rank_are_tied(visit, address):
    tab = visit(f"{address}{CHAIN}")
    shown(tab, "ranks")
    for text in (tab.locator("#ranks-note").inner_text(), tab.locator("body").inner_text(), tab.evaluate("latex()")):
        assert "unbroken chain" in text
        assert "cannot separate share" not in text.replace("pairs that the test cannot separate share", "")
        assert "share a rank, marked with =, are not" not in text
        assert "methods of one rank cannot be separated" not in text


def test_an_opened_row_has_the_places_too(visit, address, run_files):
    tab = visit(f"{address}{CHAIN}")
    tab.locator("tr[data-method=magnitude] button.method").click()
    row = places(run_files, "n2m4", "acc/mean").loc["magnitude"]
    assert f"rank {row['number']:.0f}= ({row['low']:.0f}–{row['high']:.0f})" in tab.locator("tr.details").inner_text()
    other = visit(f"{address}#open=laptop-512/smollm2-135m/magnitude/u50/0")  # at 70% it diverged
    assert "finished 3 of 4 targets" in other.locator("tr.details").inner_text()


def test_one_seed_is_clear_for_these_models_only(visit, address):
    card = visit(address).locator(".card[data-target=u50]")
    assert card.locator(".verdict").inner_text() == "clear (1 seed)"
    assert card.locator(".sure").count() == 0
    assert "for these models" in card.inner_text()


def test_what_rounding_alone_does_stands_beside_the_verdict(visit, address, run_files):
    text = visit(address).locator(".card[data-target=u70] .noise").inner_text()
    frame = Source.read(*run_files).metrics.query("metric == 'perplexity' and dataset == 'wiki-sample'")
    values = frame[(frame["target"] == "u70") & (frame["model"] == "smollm2-135m")].set_index("method")["number"]
    pair = sorted([values["wanda"], values["stade_nobias"]])
    assert text == f"rounding alone: Wanda and STADE without bias ×{pair[1] / pair[0]:.2f} apart"


def scored(frame, target):
    """The rows of a target at the metric the page opens with: its values, and its ranks."""
    here = (frame["model"] == "smollm2-135m") & (frame["target"] == target)
    rank = (frame["metric"] == "rank") & (frame["dataset"] == "perplexity/wiki-sample")
    return here & (frame["metric"] == "perplexity") & (frame["dataset"] == "wiki-sample"), here & rank


def test_a_control_never_wins(visit, tmp_path):
    run = make_run(tmp_path)
    frame = run.collect()
    chance = frame["method"] == "random"
    for target in ("u50", "u60"):
        values, ranks = scored(frame, target)
        frame.loc[ranks & ~chance, "ci_low"] = 1 if target == "u60" else 2
        frame.loc[ranks & chance, ["value", "ci_low", "ci_high"]] = [1, 1, 6 if target == "u60" else 1]
        if target == "u50":
            frame.loc[values & chance, ["value", "ci_low", "ci_high"]] = [1.5, 1.4, 1.6]
    build_leaderboard(*save_run(run, frame), tmp_path / "page.html")
    tab = visit((tmp_path / "page.html").as_uri())
    assert "Random" not in tab.locator(".winner").all_inner_texts()
    ahead = tab.locator(".card[data-target=u50]")
    assert ahead.locator(".winner").inner_text() == "None better than Random"
    assert ahead.locator(".verdict").inner_text() == "no winner"
    assert "SparseGPT has the best value" in ahead.inner_text()
    assert "best of 5 compared" in ahead.inner_text()
    level = tab.locator(".card[data-target=u60]")
    assert level.locator(".verdict").inner_text() == "5 tied"
    assert "and 1 more, nor from Random (control)" in level.inner_text()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Three seeds; of one method one failed at one target."""
    folder = tmp_path_factory.mktemp("seeds")
    run = make_run(folder, seeds=(0, 1, 2), models=("smollm2-135m",), targets=("u50", "u60"))
    frame = run.collect()
    failed = (frame["method"] == "stade") & (frame["target"] == "u60") & (frame["seed"] == 2)
    frame.loc[failed & frame["metric"].isin(["perplexity", "rank"]), "status"] = "error"
    files = save_run(run, frame)
    build_leaderboard(*files, folder / "page.html")
    return (folder / "page.html").as_uri(), files


def test_seeds_are_ranked_one_below_the_other(visit, seeds):
    page, files = seeds
    tab = visit(page)
    assert column(tab, "seed")[1:] == ["0"] * 6 + ["1"] * 6 + ["2"] * 6
    for seed in (0, 1, 2):
        values = [float(value.split("×")[0]) for value in column(tab, "value")[1 + 6 * seed : 6 + 6 * seed]]
        assert values == sorted(values)
    tab.select_option("#seed", "1")
    assert set(column(tab, "seed")[1:]) == {"1"}
    assert "seed=1" in tab.evaluate("location.hash")
    frame = Source.read(*files).metrics.query("metric == 'perplexity' and dataset == 'wiki-sample' and target == 'u50'")
    values = frame[frame["method"] == "sparsegpt"]["number"]
    card = tab.locator(".card[data-target=u50]").inner_text()
    assert f"{values.mean():.2f} ± {values.std():.2f} sd, mean of 3 seeds" in card


def test_coverage_is_of_targets_whatever_the_seeds(visit, seeds):
    tab = visit(f"{seeds[0]}#columns=coverage")
    found = dict(zip(methods(tab), column(tab, "coverage"), strict=True))
    assert found["wanda"] == "2/2"
    assert found["stade"] == "1/2"


def test_another_metric_is_told_with_how_many_are_tied(visit, address):
    tab = visit(f"{address}#model=opt-tiny")
    texts = " ".join(tab.locator(".elsewhere").all_inner_texts())
    assert "mean of all tasks" in texts
    tab.select_option("#metric", "acc/mean")
    for target in ("u50", "u60", "u70", "n2m4"):
        told = tab.evaluate(
            """target => headlines().filter(key => key !== state.metric).map(key => answer(target, key))
                .filter(({best, rivals, compared}) => rivals.length && rivals.length + 1 < compared
                    && ![best, ...rivals].some(({method}) => method === answer(target).best.method))
                .map(({best, rivals}) => `${best.title} (first of ${rivals.length + 1} tied) on`)""",
            target,
        )
        assert all(words in tab.locator(f".card[data-target={target}] .elsewhere").inner_text() for words in told)


# ---- nothing, or little ----------------------------------------------------------------------------------


def test_a_page_without_a_cell_says_so(visit, tmp_path):
    run = make_run(tmp_path)
    build_leaderboard(*save_run(run, run.collect().iloc[:0]), tmp_path / "page.html")
    assert "There is no result yet" in visit((tmp_path / "page.html").as_uri()).locator(".lead").inner_text()


def test_a_target_without_the_metric_is_not_called_failed(visit, tmp_path):
    run = make_run(tmp_path, models=("smollm2-135m",))
    frame = run.collect()
    text = frame["metric"].isin(["perplexity", "rank"]) & (frame["dataset"] != "acc/mean")
    build_leaderboard(*save_run(run, frame[~(text & (frame["target"] == "n2m4"))]), tmp_path / "page.html")
    cards = visit((tmp_path / "page.html").as_uri()).locator
    assert cards(".card[data-target=n2m4]").inner_text().splitlines() == ["2:4", "not measured here"]
    assert cards(".card[data-target=u50] .winner").inner_text() == "SparseGPT"


def test_methods_are_counted_without_the_controls(visit, address, tmp_path):
    lead = visit(address).locator(".lead").inner_text()
    assert lead.startswith("5 methods beside the controls on 2 models, 50 cells.")
    assert lead.endswith("laptop-512: Small enough for a laptop.")
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    build_leaderboard(*save_run(run), tmp_path / "page.html")
    lead = visit((tmp_path / "page.html").as_uri()).locator(".lead").inner_text()
    assert lead.startswith("1 method beside the controls on 1 model, 2 cells.")


def test_what_does_not_apply_is_no_failure(visit, address):
    tab = visit(address)
    said = tab.locator("details.failures summary").inner_text()
    assert "why 5 did not finish as planned, where 1 does not apply" in re_spaced(said)
    tab.locator("details.failures summary").click()
    tab.get_by_role("link", name="OPT tiny, trained here, Random, 2:4").click()
    tab.wait_for_selector("tr[data-method=random][data-target=n2m4] button[aria-expanded=true]")
    assert tab.locator("#model").input_value() == "opt-tiny"


def re_spaced(text):
    return " ".join(text.split())


def test_a_filter_that_leaves_nothing_here_shows_the_targets_it_leaves(visit, measured):
    tab = visit(measured)
    tab.select_option("#pattern", "structured")
    assert tab.locator("#target").input_value() == "all"
    assert set(column(tab, "target")[1:]) == {"20% structured", "30% structured"}
    tab.click(".card[data-target=u50]")
    assert "No row at 50% is left by the filters; 12 at other targets." in tab.locator("#body").inner_text()
    tab.get_by_role("button", name="Show all targets").click()
    assert tab.locator("#target").input_value() == "all"
    tab.fill("#query", "nothing like it")
    tab.get_by_role("button", name="Reset the filters").click()
    assert len(methods(tab)) == 1 + 6 * 5


# ---- the address -----------------------------------------------------------------------------------------


def test_opened_rows_are_in_the_address_and_sorting_is_no_step_back(visit, address):
    tab = visit(address)
    before = tab.evaluate("history.length")
    tab.locator("tr[data-method=wanda] button.method").click()
    for _ in range(3):
        tab.locator("th[data-key=method] button").click()
    assert tab.evaluate("history.length") == before
    again = visit(tab.evaluate("location.href"))
    assert again.locator("tr[data-method=wanda] button[aria-expanded=true]").count() == 1
    assert again.locator("tr.details").count() == 1
    again.evaluate("showRow('laptop-512/smollm2-135m/wanda/u70/0')")
    assert again.evaluate("history.length") == 1 + before
    assert again.locator("#target").input_value() == "u70"
    assert visit(f"{address}#open=nothing").evaluate("location.hash") == ""


# ---- colours ---------------------------------------------------------------------------------------------


def test_each_colour_stands_out_on_white_and_on_dark_and_from_the_others():
    """Contrasts as in WCAG 2.1; colour vision as simulated by Machado, Oliveira and Fernandes (2009)."""

    def linear(color):
        parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)

    to_xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])

    def lab(rgb):
        cubic = np.cbrt(rgb @ to_xyz.T / [0.9505, 1, 1.0888])
        return np.stack(
            [116 * cubic[:, 1], 500 * (cubic[:, 0] - cubic[:, 1]), 200 * (cubic[:, 1] - cubic[:, 2])], axis=1
        )

    colors = np.array([linear(color) for color in PALETTE])
    light = colors @ to_xyz[1]
    assert (1.05 / (light + 0.05)).min() >= 3
    assert ((light + 0.05) / (linear("#14171c") @ to_xyz[1] + 0.05)).min() >= 3
    protan = [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]
    deutan = [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]
    for seen in (np.eye(3), protan, deutan):
        places = lab(np.clip(colors @ np.array(seen).T, 0, 1))
        apart = np.linalg.norm(places[:, None] - places, axis=-1)[np.triu_indices(len(PALETTE), 1)]
        assert apart.min() > 20
