"""The page in a real Chromium, over a scorer without weights."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from playground.bench import ui as bench
from playground.ui.views.ranking import view as ranking

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PASSAGES = ("blue whale", "a red panda eats bamboo", "red paint", "green tea", "the red panda", "panda")
ROWS = "() => document.querySelectorAll('.pg-rows .pg-row').length"
# Of both plots: the numbers of every bar's and every line's path, and whether its colour is that of the kept.
PAINTED = """() => [...document.querySelectorAll('#ranking-plots :is(.barlayer .point, .shapelayer) path')]
    .flatMap((path) => [...path.getAttribute('d').match(/-?[\\d.]+/g).map(Number),
                        path.style.fill === 'rgb(47, 127, 193)' ? 1 : 0])"""
MOVED = """() => document.getAnimations().every(
    (each) => each.playState !== 'running' || each.effect.getComputedTiming().endTime === Infinity)"""
PAYLOADS = (
    "<img src=x onerror=window.PWN=1>",
    "${Object.assign(window,{PWN:1}).PWN}",
    "{{value}} <script>window.PWN=1</script>",
    "[x](javascript:window.PWN=1) ![y](http://evil.example/z.png)",
)


def write(page: Any, query: str, passages: tuple[str, ...] | str) -> None:
    page.locator("#workspace-query textarea, #workspace-query input").first.fill(query)
    text = passages if isinstance(passages, str) else "\n".join(passages)
    bench.paste(page, text)


def rerank(page: Any, query: str = "red panda", passages: tuple[str, ...] | str = PASSAGES) -> None:
    """Run, and wait until everything is drawn."""
    write(page, query, passages)
    page.locator("#workspace-run").click()
    n = len(passages) if not isinstance(passages, str) else len(passages.split("\n"))
    finished(page, n)


def finished(page: Any, n: int) -> None:
    # Of a long list only some rows are in the page.
    table = "document.querySelector('.pg-table')?.getAttribute('aria-rowcount')"
    page.wait_for_function(f"() => {table} === '{n + 1}' && !document.querySelector('.pg-live')")
    page.wait_for_function("() => document.querySelectorAll('#ranking-plots .js-plotly-plot .main-svg').length > 1")
    page.wait_for_function("() => document.querySelector('#workspace-stop').disabled")


def texts(page: Any) -> list[str]:
    return list(page.locator(".pg-rows .pg-preview").all_text_contents())


def drag(page: Any, value: float) -> None:
    page.locator("#ranking-threshold").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def serious(page: Any) -> list[str]:
    """Rules of axe-core that are broken seriously, with where."""
    import axe_playwright_python

    source = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
    page.evaluate(source)
    # A button on its way from one theme's colours to the other's is measured in between.
    page.wait_for_function(MOVED)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['target']}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_a_run_shows_the_passages_best_first_with_where_the_numbers_come_from(visit: Callable[..., Any]) -> None:
    page = visit().page
    write(page, "red panda", PASSAGES)
    page.locator("#workspace-passages textarea").press("Control+Enter")
    finished(page, 6)
    assert texts(page)[:2] == ["the red panda", "a red panda eats bamboo"]
    assert page.locator(".pg-rows .pg-row").first.locator("mark").all_text_contents() == ["red", "panda"]
    facts = page.locator(".pg-facts").inner_text()
    assert "Mini reranker (built in, English demo)" in facts
    assert "CPU fp32" in facts
    assert (
        page.locator(".pg-row").first.locator(".pg-move .pg-hidden").text_content() == "up 4 from place 5 in the input"
    )
    assert page.locator("#workspace-status").inner_text() == "Done: 6 passages ranked"


def test_results_stream_and_stop_keeps_what_is_there(
    visit: Callable[..., Any], server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A table that comes soon after the start is skipped, and the next batch waits at the gate.
    monkeypatch.setattr(ranking, "SECONDS_BETWEEN_TABLES", 0.0)
    page = visit().page
    server.gate.closed = True
    passages = tuple(f"red panda number {n} " + f"word{n} " * 40 for n in range(300))
    write(page, "red panda", passages)
    page.locator("#workspace-run").click()
    page.wait_for_function("() => !document.querySelector('#workspace-stop').disabled")
    server.gate.let()  # the first of four batches
    page.wait_for_function(f"({ROWS})() > 0 && document.querySelector('.pg-live')")
    assert "of 300 so far" in page.locator(".pg-live").inner_text()
    assert page.locator(".pg-rows .pg-row").count() <= 50
    # Only the best rows are in the page; what is kept is counted among all that are scored.
    so_far = page.locator(".pg-live").inner_text().split(" of ")[0]
    assert page.locator(".pg-keeps").inner_text() in (
        "",
        f"keeps 50 of {so_far}",
        *(f"keeps {n} of {so_far}" for n in range(50)),
    )
    drag(page, 99)
    assert page.locator(".pg-keeps").inner_text().endswith(f" of {so_far}")
    page.locator("#workspace-stop").click()
    page.wait_for_function("() => document.querySelector('#workspace-status').innerText.includes('Stopping')")
    server.gate.let()
    page.wait_for_function("() => document.querySelector('#workspace-status').innerText.startsWith('Stopped')")
    assert "Missing is not zero" in page.locator(".pg-missing").inner_text()
    assert not page.locator("#workspace-run").is_disabled()


def test_dragging_the_threshold_recolours_rows_and_plots_without_a_request(visit: Callable[..., Any]) -> None:
    visitor = visit()
    page = visitor.page
    rerank(page)
    page.wait_for_function("() => document.querySelector('#ranking-bars .js-plotly-plot').playgroundSeen")
    page.wait_for_timeout(500)
    before = len(visitor.requests)
    drag(page, 2.0)
    assert page.locator(".pg-row.pg-kept").count() == 2
    assert page.locator(".pg-keeps").inner_text() == "keeps 2 of 6"
    assert page.locator(".pg-both").inner_text() == "2.00 logit = 0.88 sigmoid"
    page.wait_for_function("() => document.querySelector('#ranking-bars .js-plotly-plot').layout.shapes[0].x0 === 2")
    colours = page.evaluate("() => document.querySelector('#ranking-bars .js-plotly-plot').data[0].marker.color")
    assert len(set(colours[:2])) == 1
    assert len(set(colours[2:])) == 1
    assert colours[0] != colours[2]
    # The drawing was changed where it stands: plotly, drawing it anew, would draw the same.
    painted = page.evaluate(PAINTED)
    page.evaluate(
        "() => Promise.all([...document.querySelectorAll('#ranking-plots .js-plotly-plot')].map(Plotly.redraw))"
    )
    assert page.evaluate(PAINTED) == pytest.approx(painted, abs=0.02)
    drag(page, -5)
    assert page.locator(".pg-row.pg-kept").count() == 6
    # As the bench moves it and runs again: no score is made anew, and each finds what it waits for.
    assert page.evaluate(bench.MOVE, 0.7)["moved"]
    assert visitor.requests[before:] == []
    again = page.evaluate(bench.RUN, 6)
    assert again["cached"] == 6
    assert 0 < again["first"] <= again["ready"] <= again["plotted"]


def test_the_unit_switch_moves_no_row_and_keeps_the_same_passages(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    drag(page, 2.0)
    kept = page.locator(".pg-row.pg-kept .pg-preview").all_text_contents()
    page.locator("button[data-unit=sigmoid]").click()
    assert page.locator("#ranking-threshold").get_attribute("max") == "1"
    assert page.locator(".pg-row.pg-kept .pg-preview").all_text_contents() == kept
    page.wait_for_function(
        "() => document.querySelector('#ranking-bars .js-plotly-plot')?.layout?.meta?.unit === 'sigmoid'"
    )


def test_a_row_opens_and_shows_where_the_model_stopped_reading(visit: Callable[..., Any]) -> None:
    page = visit().page
    long = "🐼 red panda " + " ".join(f"word{n}" for n in range(100))
    rerank(page, passages=(long, "blue whale"))
    row = page.locator(".pg-row", has=page.locator(".pg-badge.pg-cut"))
    assert row.count() == 1
    row.locator(".pg-passage").click()
    read, unread = row.locator(".pg-read").text_content(), row.locator(".pg-unread").text_content()
    assert read + unread == long
    assert read.endswith("word57")
    assert row.locator(".pg-cut-line").text_content() == "The model stopped reading here: 42 tokens were cut"


def test_a_long_passage_is_read_in_windows_and_the_row_shows_the_one_that_won(visit: Callable[..., Any]) -> None:
    page = visit().page
    long = "🐼 " + " ".join(f"word{n}." for n in range(300)) + " red panda <img src=x onerror=window.PWN=1>"
    page.locator("#workspace-reading label", has_text="Read in windows").click()
    page.locator("#workspace-window-by").wait_for()
    page.locator("#workspace-window-tokens input").fill("40")
    rerank(page, passages=(long, "red whale"))
    assert page.locator("#workspace-window-overlap input").input_value() == "An eighth"
    row = page.locator(".pg-row", has=page.locator(".pg-badge.pg-windows"))
    n = int(row.locator(".pg-windows").text_content().split()[2])
    assert row.locator(".pg-windows").text_content() == f"best of {n} windows"
    assert n > 10
    assert row.locator(".pg-badge.pg-cut").count() == 0
    assert row.locator(".pg-preview").text_content().startswith("… word")
    row.locator(".pg-passage").click()
    assert row.locator(".pg-scrolled .pg-read").evaluate_all("(all) => all.map((e) => e.textContent).join('')") == long
    won = row.locator(".pg-window")
    assert "red panda <img" in won.text_content()
    assert row.locator(".pg-window-name").text_content().startswith(f"Window {n - 1} of {n} · ")
    inside = """(box) => {
        const { top } = box.querySelector('.pg-window-name').getBoundingClientRect(), own = box.getBoundingClientRect();
        return box.scrollTop > 0 && top >= own.top && top < own.bottom; }"""
    assert row.locator(".pg-scrolled").evaluate(inside)
    # The others, one after the other.
    row.locator(".pg-step").first.click()
    assert row.locator(".pg-window-name").text_content().startswith(f"Window 1 of {n} · ")
    assert won.text_content().startswith("🐼 word0.")
    assert row.locator(".pg-scrolled").evaluate(inside.replace("box.scrollTop > 0 && ", ""))
    assert page.evaluate("() => window.PWN") is None


def test_sorting_moves_whole_rows(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)

    def whole_rows() -> set[str]:
        return set(page.locator(".pg-rows .pg-row").all_text_contents())

    before, first = whole_rows(), texts(page)
    page.locator("button[data-sort=passage]").click()
    assert texts(page) == list(PASSAGES)
    assert whole_rows() == before
    page.locator("button[data-sort=rank]").click()
    assert texts(page) == first
    # The arrow, and what is read out, say which end comes first.
    heading = page.locator("[role=columnheader].pg-c-logit")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert texts(page)[0] == first[0]
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert texts(page)[-1] == first[0]


def test_a_bar_leads_to_its_row(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    page.wait_for_function("() => document.querySelector('#ranking-bars .js-plotly-plot').playgroundBound")
    page.evaluate(
        "() => { const plot = document.querySelector('#ranking-bars .js-plotly-plot');"
        " plot.emit('plotly_click', {points: [{customdata: plot.data[0].customdata[1]}]}); }"
    )
    assert page.locator(".pg-row.pg-flash .pg-preview").text_content() == "a red panda eats bamboo"


def test_a_run_goes_through_the_history_and_back(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    shown = texts(page)
    page.get_by_role("tab", name="History").click()
    page.locator(".pg-run").wait_for()
    page.locator(".pg-run button[aria-pressed=false]").click()
    page.locator(".pg-starred").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    page.locator(".pg-run .pg-starred").wait_for()
    write(page, "something else", "and another passage")
    page.locator(".pg-run-query").click()
    page.wait_for_function(
        "() => document.querySelector('#workspace-query textarea, #workspace-query input').value === 'red panda'"
    )
    page.wait_for_function(f"({ROWS})() === 6")
    assert texts(page) == shown
    assert page.locator("#workspace-passages textarea").input_value() == "\n".join(PASSAGES)


def test_two_visitors_do_not_see_each_others_runs(visit: Callable[..., Any]) -> None:
    one, other = visit().page, visit().page
    rerank(one)
    other.get_by_role("tab", name="History").click()
    other.locator(".pg-nothing").wait_for()
    assert other.locator(".pg-run").count() == 0
    assert other.locator(".pg-rows .pg-row").count() == 0
    one.get_by_role("tab", name="History").click()
    one.locator(".pg-run").wait_for()


def test_the_page_is_dark_on_demand_stays_so_and_is_accessible_in_both_themes(visit: Callable[..., Any]) -> None:
    visitor = visit()
    page = visitor.page
    rerank(page, passages=(*PASSAGES, "red " * 80))
    assert serious(page) == []
    page.locator("#header-theme").click()
    assert "dark" in page.evaluate("() => document.body.className")
    assert serious(page) == []
    visitor.reload()
    assert "dark" in page.evaluate("() => document.body.className")


def test_history_and_models_are_accessible_too(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    page.get_by_role("tab", name="History").click()
    page.locator(".pg-run").wait_for()
    assert serious(page) == []
    page.get_by_role("tab", name="Models").click()
    page.locator(".pg-catalogue").wait_for()
    assert "Mini reranker" in page.locator(".pg-loaded", has_text="Mini reranker").inner_text()
    assert serious(page) == []


def test_a_phone_scrolls_in_one_direction_and_has_the_threshold_above_the_list(visit: Callable[..., Any]) -> None:
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True).page
    rerank(page, passages=(*PASSAGES, "x" * 300))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    threshold, table = page.locator(".pg-threshold").bounding_box(), page.locator(".pg-table").bounding_box()
    assert threshold["y"] + threshold["height"] <= table["y"]
    assert table["y"] - threshold["y"] < 250


def test_the_language_switch_changes_every_text_without_losing_the_result(visit: Callable[..., Any]) -> None:
    visitor = visit()
    page = visitor.page
    rerank(page)
    page.locator("#header-zh").click()
    page.get_by_role("tab", name="排序").wait_for()
    page.wait_for_function("() => document.querySelector('#workspace-run').innerText.startsWith('重排')")
    assert page.locator(".pg-headings").inner_text().split("\n")[0].startswith("名次")
    assert page.locator(".pg-keeps").inner_text().startswith("保留")
    assert page.locator("#workspace-status").inner_text() == "完成：已排 6 个段落"
    assert page.evaluate("() => document.documentElement.lang") == "zh-CN"
    assert page.locator(".pg-rows .pg-row").count() == 6
    visitor.reload()
    page.wait_for_function("() => document.documentElement.lang === 'zh-CN'")


def test_markup_in_any_text_stays_text(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page, "panda " + PAYLOADS[0] + PAYLOADS[1], PAYLOADS)
    for button in page.locator(".pg-passage").all():
        button.click()
    assert sorted(page.locator(".pg-read").all_text_contents()) == sorted(PAYLOADS)
    page.get_by_role("tab", name="History").click()
    page.locator(".pg-run").wait_for()
    assert PAYLOADS[0] in page.locator(".pg-run-query").inner_text()
    page.locator("#workspace-model input").fill("/no/such" + PAYLOADS[0])
    page.locator("#workspace-model input").press("Enter")
    page.locator("#workspace-passages textarea").fill(
        '{"text": "a"}\n{"<img src=x onerror=window.PWN=1>\n{"text": "b"}'
    )
    page.locator("#workspace-run").click()
    page.locator("#workspace-status .pg-bad").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.PWN") is None
    assert page.locator("img[src='x']").count() == 0


def test_an_error_is_said_and_the_result_stays(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    page.locator("#workspace-query textarea, #workspace-query input").first.fill("")
    page.locator("#workspace-run").click()
    page.locator("#workspace-status .pg-bad").wait_for()
    assert page.locator("#workspace-status").inner_text() == "The query is empty. Write what you are looking for."
    assert page.locator(".pg-rows .pg-row").count() == 6
    assert not page.locator("#workspace-run").is_disabled()


def test_exports_come_as_files_and_the_snippet_as_code(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    with page.expect_download() as caught:
        page.locator("#ranking-export-csv").click()
    table = list(csv.reader(io.StringIO(Path(caught.value.path()).read_text(encoding="utf-8-sig"))))
    assert len(table) == 7
    with page.expect_download() as caught:
        page.locator("#ranking-export-json").click()
    assert json.loads(Path(caught.value.path()).read_text(encoding="utf-8"))["query"] == "red panda"
    page.locator("#ranking-export-snippet").click()
    page.locator(".pg-dialog pre").wait_for()
    assert "rerank(" in page.locator(".pg-dialog pre").inner_text()
    page.locator('.pg-dialog [data-library="sentence-transformers"]').click()
    page.locator(".pg-dialog pre", has_text="CrossEncoder(").wait_for()
    page.locator('.pg-dialog [data-library="pylate"]').click()
    page.locator(".pg-dialog .pg-reason", has_text="PyLate does not score as the playground does with").wait_for()
    assert page.locator('.pg-dialog [aria-pressed="true"]').inner_text() == "PyLate"
