"""Light and dark: as the system has it, or as somebody chose."""

import pytest

BACKGROUND = "getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 23, 28)"


@pytest.mark.parametrize(
    ("system", "other", "colors"), [("light", "dark", (LIGHT, DARK)), ("dark", "light", (DARK, LIGHT))]
)
def test_the_theme_follows_the_system_or_a_choice_that_is_remembered(visit, address, system, other, colors):
    tab = visit(address, color_scheme=system)
    assert tab.evaluate(BACKGROUND) == colors[0]
    tab.evaluate(
        "() => { window.changes = 0; document.addEventListener('themechange', () => { window.changes += 1; }); }"
    )
    tab.select_option("#theme", other)
    assert tab.evaluate(BACKGROUND) == colors[1]
    assert tab.evaluate("window.changes") == 1
    tab.reload()
    assert tab.evaluate(BACKGROUND) == colors[1]
    assert tab.locator("#theme").input_value() == other
    tab.select_option("#theme", "auto")
    assert tab.evaluate(BACKGROUND) == colors[0]
    tab.emulate_media(color_scheme=other)
    assert tab.evaluate(BACKGROUND) == colors[1]


def test_a_browser_that_remembers_nothing_still_changes_the_theme(visit, address):
    tab = visit(address, color_scheme="light")
    tab.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    tab.reload()
    tab.select_option("#theme", "dark")
    assert tab.evaluate(BACKGROUND) == DARK
    tab.reload()
    assert tab.evaluate(BACKGROUND) == LIGHT


def test_the_theme_is_no_part_of_the_address(visit, address):
    tab = visit(address)
    tab.select_option("#theme", "dark")
    assert tab.evaluate("location.hash") == ""
