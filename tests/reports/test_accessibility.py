"""Who uses a keyboard, a screen reader, a phone or a dark screen."""

import pytest

from tests.reports.conftest import column, methods


def test_it_is_accessible_by_name(visit, address):
    tab = visit(address)
    assert tab.locator("th:not([scope])").count() == 0
    unlabelled = "fields => fields.filter(field => !field.labels?.length).map(field => field.id)"
    assert tab.locator("select, input").evaluate_all(unlabelled) == []
    assert tab.locator("table:not(.facts) caption").count() == 1
    ids = tab.locator("[id]").evaluate_all("elements => elements.map(element => element.id)")
    assert len(ids) == len(set(ids))
    assert tab.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen_and_axe_finds_nothing(visit, address, width, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe missing: accessibility is not checked"
    )
    tab = visit(f"{address}#target=u70", viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.locator("button.method").nth(1).click()
    tab.click("#picker summary")
    tab.click("details.failures summary")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(tab).response["violations"]
    assert [(fault["impact"], fault["id"], [node["target"] for node in fault["nodes"]]) for fault in found] == []


def test_everything_works_by_keyboard(visit, address):
    tab = visit(address)
    tab.focus(".card[data-target=u70]")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.dataset.target") == "u70"
    tab.focus("#picker summary")
    tab.keyboard.press("Enter")
    tab.get_by_label("Memory", exact=True).focus()
    tab.keyboard.press("Space")
    assert tab.locator("th[data-key=memory]").count() == 1
    assert tab.evaluate("document.activeElement.value") == "memory"
    tab.focus("th[data-key=memory] button")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.closest('th').ariaSort") == "ascending"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert tab.evaluate(outline) != "none"


def test_a_phone_shows_rank_method_and_value(visit, address):
    tab = visit(address, viewport={"width": 390, "height": 800}, has_touch=True)
    heads = tab.locator("#head th").evaluate_all("heads => heads.map(head => head.dataset.key)")
    assert heads == ["rank", "method", "value"]
    room = "element => element.scrollWidth - element.clientWidth"
    assert tab.locator(".scroll:has(#table)").evaluate(room) <= 0
    assert " – " in tab.locator("tr[data-method=wanda] td").last.inner_text()  # its interval
    assert tab.locator("#query").is_hidden()
    tab.click("#filters summary")
    tab.fill("#query", "wanda")
    assert methods(tab) == ["dense", "wanda"]
    assert "1 in use" in tab.locator("#filters summary").inner_text()


def test_a_turned_screen_gets_the_columns_it_has_room_for(visit, address):
    tab = visit(address, viewport={"width": 390, "height": 800})
    tab.set_viewport_size({"width": 1400, "height": 900})
    tab.wait_for_selector("th[data-key=origin]")
    assert tab.locator("#query").is_visible()
    assert set(column(tab, "origin")) == {"human"}
