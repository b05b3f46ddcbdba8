"""The view in the address of the page: sent to somebody else, gone back to, mistyped."""

from tests.reports.conftest import methods


def test_the_view_is_in_the_address(visit, address):
    tab = visit(address)
    assert tab.evaluate("location.hash") == ""
    tab.select_option("#model", "opt-tiny")
    tab.click(".card[data-target=n2m4]")
    tab.fill("#query", "wanda")
    tab.click("#picker summary")
    tab.get_by_label("Accuracy (%), piqa", exact=True).check()
    tab.locator("#head th[data-key=method] button").click()
    tab.locator("#head th[data-key=method] button").click()
    again = visit(tab.evaluate("location.href"))
    assert again.locator("#model").input_value() == "opt-tiny"
    assert again.locator("#query").input_value() == "wanda"
    assert again.locator(".card[aria-pressed=true]").get_attribute("data-target") == "n2m4"
    assert again.locator("th[aria-sort=descending]").get_attribute("data-key") == "method"
    assert again.locator("#table").inner_text() == tab.locator("#table").inner_text()
    assert methods(again) == ["dense", "wanda"]
    assert again.locator("th[data-key='score:acc/piqa']").count() == 1


def test_the_back_button_goes_through_the_views(visit, address):
    tab = visit(address)
    tab.select_option("#model", "opt-tiny")
    tab.click(".card[data-target=u70]")
    tab.fill("#query", "wanda")  # typing is no step of its own
    tab.select_option("#family", "unstructured")
    shown = []
    for _ in range(3):
        tab.go_back()
        target = tab.locator(".card[aria-pressed=true]").get_attribute("data-target")
        shown.append((tab.locator("#model").input_value(), target, tab.locator("#query").input_value()))
    assert shown == [("opt-tiny", "u70", "wanda"), ("opt-tiny", "u50", ""), ("smollm2-135m", "u50", "")]
    tab.go_forward()
    assert tab.locator("#model").input_value() == "opt-tiny"


def test_an_address_typed_into_the_open_page_is_followed(visit, address):
    tab = visit(address)
    tab.evaluate("location.hash = 'target=u70&query=stade'")
    tab.wait_for_function("document.querySelector('#query').value === 'stade'")
    assert methods(tab) == ["dense", "stade", "stade_nobias"]
    tab.evaluate("location.hash = ''")
    tab.wait_for_function("document.querySelector('#query').value === ''")
    assert tab.locator(".card[aria-pressed=true]").get_attribute("data-target") == "u50"


def test_wrong_values_are_ignored(visit, address):
    usual = visit(address)
    for wrong in (
        "model=__proto__&target=constructor&metric=toString&status=%3Cb%3E&family=x&origin=y&pattern=z&protocol=p",
        "sort=nothing&reversed=2&columns=rank,nothing&page=0&size=7&zzz=1",
        "page=-1&sort=score:toString&columns=score:__proto__&%E0%A4%A",
    ):
        tab = visit(f"{address}#{wrong}")
        assert tab.locator("#board").inner_text() == usual.locator("#board").inner_text()
        assert tab.evaluate("location.hash") == ""
    partly = visit(f"{address}#model=opt-tiny&sort=nothing")
    assert partly.locator("#model").input_value() == "opt-tiny"
