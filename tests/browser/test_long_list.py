"""A list of which only the rows near the screen are in the page, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.test_page import drag, serious, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

TAIL = "The very last words are gläserne Bärenhöhle."
PASSAGES = tuple(
    f"Passage {n}: red {'panda ' * (n % 7)}"
    + ("熊猫吃竹子。" if n == 640 else "")
    + (f"{'filler ' * 90}{TAIL}" if n == 333 else "")
    for n in range(1000)
)
NODES = "() => document.querySelectorAll('#ranking-results *').length"
ON_SCREEN = """() => [...document.querySelectorAll('.pg-rows .pg-row')].filter((row) => {
    const { top, bottom } = row.getBoundingClientRect(); return bottom > 0 && top < innerHeight; })"""
# The row and passage in which the focus is.
FOCUSED = "() => Number(document.activeElement.closest('[aria-rowindex]')?.getAttribute('aria-rowindex'))"


def rank(page: Any, passages: tuple[str, ...] = PASSAGES) -> None:
    write(page, "red panda", passages)
    page.locator("#workspace-run").click()
    page.wait_for_function(
        "n => document.querySelector('.pg-keeps')?.textContent.endsWith(`of ${n.toLocaleString('en-US')}`)",
        arg=len(passages),
    )
    page.wait_for_function("() => document.querySelector('#workspace-stop').disabled")


def scroll(page: Any, place: str) -> None:
    page.evaluate(f"() => window.scrollTo({{top: {place}, behavior: 'instant'}})")
    # The list follows with the next frame, and the frame after that is drawn.
    page.evaluate("() => new Promise((ok) => requestAnimationFrame(() => requestAnimationFrame(ok)))")


def shown(page: Any, attribute: str) -> list[int]:
    """`aria-rowindex` or `data-index` of the rows on the screen, from the top."""
    return [
        int(value) for value in page.evaluate(f"() => ({ON_SCREEN})().map((row) => row.getAttribute('{attribute}'))")
    ]


def test_nodes_do_not_grow_with_the_list_and_counts_and_order_hold_to_its_far_end(visit: Callable[..., Any]) -> None:
    page = visit().page
    rank(page, PASSAGES[:200])
    scroll(page, "5000")
    few = page.evaluate(NODES)
    rank(page)
    scroll(page, "5000")
    many = page.evaluate(NODES)
    assert many < 4000
    assert abs(many - few) < 0.15 * few
    # No hole: the rows on the screen follow each other and fill it.
    scroll(page, "30000")
    rows = shown(page, "aria-rowindex")
    assert rows == list(range(rows[0], rows[0] + len(rows)))
    assert len(rows) > 5
    assert page.evaluate(NODES) < 4000
    assert page.locator(".pg-table").get_attribute("aria-rowcount") == "1001"

    # What is kept is counted over all rows, wherever the page stands, and the border lies at that place.
    scroll(page, "0")
    page.wait_for_function("() => document.querySelector('#ranking-distribution .js-plotly-plot')?.playgroundSeen")
    logits = page.evaluate("() => document.querySelector('#ranking-distribution .js-plotly-plot').layout.meta.logits")
    drag(page, 1.0)
    kept = sum(logit >= 1.0 for logit in logits)
    assert 0 < kept < 1000
    assert page.locator(".pg-keeps").text_content() == f"keeps {kept} of 1,000"
    bars = page.evaluate(
        "() => [...document.querySelectorAll('#ranking-distribution .barlayer .trace.bars')].map((trace) =>"
        " trace.querySelectorAll('.point').length)"
    )
    assert bars[0] == bars[1] > 0
    scroll(page, f"document.querySelector('.pg-rows').getBoundingClientRect().height * {kept} / 1000")
    border = page.locator(".pg-border")
    assert border.get_attribute("aria-rowindex") == str(kept + 2)
    assert (
        page.evaluate("() => document.querySelector('.pg-border').previousElementSibling.className") == "pg-row pg-kept"
    )

    # Another order, and its end.
    page.locator("button[data-sort=passage]").evaluate("(button) => button.click()")
    for _ in range(2):  # the rows down there may be higher than was thought
        scroll(page, "document.querySelector('.pg-table').getBoundingClientRect().bottom + scrollY - innerHeight")
    assert shown(page, "data-index")[-1] == 999
    assert page.locator(".pg-rows .pg-row").last.locator(".pg-preview").text_content() == PASSAGES[999].strip()
    assert page.locator(".pg-border").count() == 0

    # A bar of the best leads to its row, far above or below.
    page.wait_for_function("() => document.querySelector('#ranking-bars .js-plotly-plot').playgroundBound")
    place = page.evaluate(
        "() => { const plot = document.querySelector('#ranking-bars .js-plotly-plot');"
        " const place = plot.data[0].customdata[0]; plot.emit('plotly_click', {points: [{customdata: place}]});"
        " return place; }"
    )
    assert page.locator(".pg-flash").get_attribute("data-index") == str(place)
    assert place in shown(page, "data-index")

    # Paper has every row.
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".pg-rows .pg-row").count() == 1000
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.locator(".pg-rows .pg-row").count() < 100


def test_a_find_box_leads_to_rows_that_are_not_in_the_page(visit: Callable[..., Any]) -> None:
    page = visit().page
    rank(page)
    page.keyboard.press("Control+f")
    field, count = page.locator(".pg-find input"), page.locator(".pg-find output")
    assert page.evaluate("() => document.activeElement === document.querySelector('.pg-find input')")
    field.fill("PASSAGE 77")
    assert count.text_content() == "1 of 11"
    found = []
    for n in range(11):
        assert count.text_content() == f"{n + 1} of 11"
        found.append(int(page.locator(".pg-flash").get_attribute("data-index")))
        assert found[-1] in shown(page, "data-index")
        field.press("Enter")
    assert sorted(found) == [77, *range(770, 780)]
    assert count.text_content() == "1 of 11"
    field.press("Shift+Enter")
    assert count.text_content() == "11 of 11"
    assert page.evaluate("() => CSS.highlights.get('pg-find').size") > 0
    assert serious(page) == []

    field.fill("熊猫吃竹子")
    assert count.text_content() == "1 of 1"
    assert page.locator(".pg-flash").get_attribute("data-index") == "640"
    # What the row cuts off is opened.
    field.fill("gläserne bären")
    assert page.locator(".pg-flash .pg-passage").get_attribute("aria-expanded") == "true"
    assert TAIL in page.locator(".pg-flash .pg-whole").text_content()
    field.fill("no passage has this")
    assert count.text_content() == "Not found"

    # Pressed in the box, the keys are the browser's own again.
    press = """(node) => !node.dispatchEvent(
        new KeyboardEvent('keydown', {key: 'f', ctrlKey: true, bubbles: true, cancelable: true}))"""
    assert field.evaluate(press) is False
    field.fill("Passage 640")
    field.press("Escape")
    assert page.locator(".pg-find").count() == 0
    assert page.evaluate("() => document.activeElement.closest('.pg-row').dataset.index") == "640"
    assert page.locator("body").evaluate(press) is True
    page.keyboard.press("Escape")
    # A short list is drawn whole: no box.
    rank(page, PASSAGES[:20])
    assert page.locator(".pg-find").count() == 0
    assert page.locator("body").evaluate(press) is False
    assert page.locator(".pg-rows .pg-row").count() == 20


def test_keys_label_row_after_row_beyond_what_was_drawn(visit: Callable[..., Any]) -> None:
    page = visit().page
    rank(page)
    drawn = page.locator(".pg-rows .pg-row").count()
    control = page.locator(".pg-rows .pl-control").first
    control.locator("[tabindex='0']").focus()
    page.keyboard.press("j")
    first = page.evaluate(FOCUSED)
    for _ in range(drawn + 20):
        page.keyboard.press("ArrowDown")
    last = page.evaluate(FOCUSED)
    assert last == first + drawn + 20
    page.keyboard.press("k")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == last + 1
    page.keyboard.press("Shift+Tab")
    # The row with the focus stays in the page wherever that is scrolled to, and so do the keys.
    scroll(page, "40000")
    assert page.evaluate(FOCUSED) == last
    page.keyboard.press("ArrowUp")
    assert page.evaluate(FOCUSED) == last - 1
    page.wait_for_function("() => !window.playgroundLabels.busy")
    scroll(page, "0")
    assert page.locator(".pg-rows .pl-said b").first.text_content() == "relevant"
    # Sorted by label, what was labelled comes first.
    page.locator("button[data-sort=label]").click()
    assert page.locator(".pg-rows .pl-said b").all_text_contents() == ["relevant", "not relevant"]


def test_the_lists_of_compare_draw_what_is_near_too(visit: Callable[..., Any]) -> None:
    page = visit().page
    write(page, "red panda", PASSAGES[:400])
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-add").wait_for()
    page.get_by_role("button", name="Remove model 2").click()  # the embedder: it would only take time
    page.locator("#compare-run").click()
    page.locator("#compare-export-csv").wait_for()
    assert page.locator(".pg-column").count() == 2
    assert page.locator(".pg-column .pg-item").count() == 60
    # They stand above the lists, which move while they are drawn.
    page.locator("#compare-plots .js-plotly-plot .main-svg").first.wait_for()
    for shown_now in (130, 230, 330):
        page.locator(".pg-lists .pg-fold button").click()
        page.locator(".pg-lists .pg-fold button", has_text=f"{shown_now} of 400").wait_for()
    assert page.locator(".pg-column .pg-item").count() < 150
    page.keyboard.press("Control+f")
    field = page.locator(".pg-find input")
    field.fill("passage 397:")
    assert page.locator(".pg-find output").text_content() == "1 of 1"
    lit = page.locator(".pg-column").first.locator(".pg-item.pg-lit")
    assert lit.get_attribute("data-place") == "397"
    field.press("Escape")
    assert page.evaluate("() => document.activeElement.dataset.place") == "397"
