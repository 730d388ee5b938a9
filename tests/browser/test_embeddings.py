"""The Embeddings view in a real Chromium, with the embedder that ships with the playground."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("playwright")

from playground.analysis.background import place_in_background
from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.inputs.scenarios import Scenario, load_all
from playground.models import catalog
from tests.browser.conftest import over_real_models
from tests.browser.test_page import PAYLOADS, serious, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

QUERY_MAP = '.pg-figure[data-figure="query"]'
PASSAGE_MAP = '.pg-figure[data-figure="passages"]'
STATUS = "#embeddings-status"
# The first run imports and loads the model.
LOAD_MS = 400_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with over_real_models(tmp_path_factory.mktemp("embeddings")) as server:
        yield server


def scenario() -> Scenario:
    return next(each for each in load_all() if each.id == "keyword-trap")


def embed(page: Any) -> None:
    """Run the chosen models on what stands in the workspace, and wait until the first figure is drawn."""
    page.get_by_role("tab", name="Embeddings").click()
    page.locator("#embeddings-run").click()
    page.wait_for_function(f"() => document.querySelector('{STATUS} .pg-good, {STATUS} .pg-bad')", timeout=LOAD_MS)
    page.locator(".pg-arrange").scroll_into_view_if_needed()
    page.locator(f"{QUERY_MAP} .main-svg").first.wait_for()


def take_scenario(page: Any) -> Scenario:
    page.locator("#workspace-example input").click()
    page.get_by_role("option", name=scenario().title["en"]).click()
    page.wait_for_function("() => document.querySelector('#workspace-passages textarea').value.length > 100")
    return scenario()


def computed(server: Any, query: str, texts: list[str]) -> Any:
    """The vectors of the engine behind the page, and the background of its model."""
    request = RerankRequest(query, tuple(Passage(str(place), text) for place, text in enumerate(texts, 1)))
    choice = ModelChoice(catalog.BUILT_IN_EMBEDDER, kind="embedder", precision="fp32")
    *_, last = server.services.engine.embed(request, choice)
    *_, measured = server.services.engine.background(choice, "en")
    return last.result, measured.result


def cell(page: Any, figure: str, row: int, column: int) -> tuple[float, float]:
    """The middle of a cell, in pixels of the window."""
    page.locator(f"{figure} .main-svg").first.scroll_into_view_if_needed()
    place = page.evaluate(
        "([figure, row, column]) => { const plot = document.querySelector(`${figure} .pg-plot`);"
        " const { xaxis, yaxis } = plot._fullLayout, frame = plot.getBoundingClientRect();"
        " return [frame.left + xaxis._offset + xaxis.l2p(column), frame.top + yaxis._offset + yaxis.l2p(row)]; }",
        [figure, row, column],
    )
    return place[0], place[1]


def cells(page: Any, figure: str) -> tuple[list[list[float | None]], dict[str, Any]]:
    """Values and meta of a heatmap as plotly holds them."""
    # Figures are drawn once they come near the window.
    page.locator(f"{figure} .pg-plot").first.scroll_into_view_if_needed()
    page.locator(f"{figure} .main-svg").first.wait_for()
    found = page.evaluate(
        "(figure) => { const plot = document.querySelector(`${figure} .pg-plot`);"
        " return [plot._fullData[0].z.map((row) => Array.from(row)), plot.layout.meta]; }",
        figure,
    )
    return found[0], found[1]


def says(value: float, pool: Any) -> str:
    where = place_in_background(value, pool)
    if where.place != "inside":
        return f"{where.place} all {where.n_pairs:,} unrelated pairs"
    return f"like {where.percentile:.0f} % of unrelated pairs"


def test_the_heatmaps_hold_the_cosines_of_the_model(visit: Callable[..., Any], server: Any) -> None:
    page = visit().page
    page.get_by_role("tab", name="Embeddings").click()
    page.get_by_text("Nothing embedded yet").wait_for()
    chosen = take_scenario(page)
    embed(page)
    assert page.locator(STATUS).inner_text() == f"Done: the query and {len(chosen.passages)} passages"
    result, background = computed(server, chosen.query, [passage.text for passage in chosen.passages])
    values, meta = cells(page, QUERY_MAP)
    order = np.argsort(-result.query_cosines(), kind="stable").tolist()
    assert meta["rows"] == order
    assert [row[0] for row in values] == pytest.approx(result.query_cosines()[order].tolist(), abs=1e-4)
    between, meta = cells(page, PASSAGE_MAP)
    expected = result.passage_cosines()[np.ix_(order, order)]
    assert between[0][1:] == pytest.approx(expected[0, 1:].tolist(), abs=1e-4)
    assert between[0][0] is None
    facts = page.locator(".pg-model-facts").inner_text()
    assert "Mini embedder (built in, English demo)" in facts
    assert "CPU" in facts
    low, high = np.quantile(background.query_passage, [0.05, 0.95])
    assert f"{high:.2f}" in facts
    assert f"{abs(low):.2f}" in facts
    first = page.locator(".pg-e-row").first
    assert first.locator(".pg-e-cosine").text_content() == f"{max(result.query_cosines()):.4f}"
    assert first.locator(".pg-strip-words").text_content() == says(
        float(result.query_cosines().max()), background.query_passage
    )
    page.locator(".pg-map-part").scroll_into_view_if_needed()
    page.locator('.pg-figure[data-figure="map"] .main-svg').first.wait_for()
    explained = page.locator('.pg-figure[data-figure="map"] .g-xtitle').text_content()
    assert explained.startswith("axis 1 · ")
    assert explained.endswith("% of the variance")


def test_a_cell_shows_its_pair_by_pointer_and_by_key(visit: Callable[..., Any], server: Any) -> None:
    visitor = visit()
    page = visitor.page
    chosen = take_scenario(page)
    embed(page)
    texts = [passage.text for passage in chosen.passages]
    result, background = computed(server, chosen.query, texts)
    values, meta = cells(page, QUERY_MAP)
    requests = len(visitor.requests)
    page.mouse.move(*cell(page, QUERY_MAP, 2, 0))
    place = meta["rows"][2]
    tip = page.locator(".pg-tip")
    tip.wait_for()
    assert texts[place] in tip.text_content()
    assert says(float(result.query_cosines()[place]), background.query_passage) in tip.text_content()
    page.mouse.click(*cell(page, QUERY_MAP, 2, 0))
    card = page.locator(".pg-pair-card")
    assert card.locator("h3").text_content() == f"Query ↔ Passage {place + 1}"
    assert card.locator(".pg-side-text").all_text_contents() == [chosen.query, texts[place]]
    assert card.locator(".pg-number").text_content() == f"cosine {result.query_cosines()[place]:.4f}"
    assert card.locator(".pg-pair-place").text_content() == says(values[2][0], background.query_passage)
    n_tokens = result.passages_read[place].n_tokens
    assert f"{n_tokens} tokens read" in card.locator("h4").all_text_contents()[1]
    page.locator(".pg-pair-plot .main-svg").first.wait_for()
    line = page.evaluate("() => document.querySelector('.pg-pair-plot').layout.shapes[0].x0")
    assert line == pytest.approx(float(result.query_cosines()[place]), abs=1e-4)
    page.keyboard.press("Escape")
    assert card.is_hidden()

    between, meta = cells(page, PASSAGE_MAP)
    heat = page.locator(f"{PASSAGE_MAP} .pg-heat")
    page.locator("#embeddings-csv").focus()
    heat.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    a, b = meta["rows"][2], meta["columns"][1]
    spoken = page.locator(f"{PASSAGE_MAP} .pg-hidden[aria-live]").text_content()
    assert spoken.startswith(f"Passage {a + 1}, Passage {b + 1}. cosine {between[2][1]:.4f}. ")
    page.keyboard.press("Enter")
    assert card.locator("h3").text_content() == f"Passage {a + 1} ↔ Passage {b + 1}"
    assert card.locator(".pg-pair-place").text_content() == says(between[2][1], background.passage_passage)
    assert page.evaluate("() => document.activeElement.className") == "pg-pair-card"
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.dataset.heat") == "passages"
    assert visitor.requests[requests:] == []


def test_orders_and_colours_change_what_is_drawn(visit: Callable[..., Any]) -> None:
    page = visit().page
    take_scenario(page)
    embed(page)
    page.get_by_role("button", name="As pasted").click()
    page.wait_for_function(
        f"() => document.querySelector('{QUERY_MAP} .pg-plot')?.layout?.meta?.rows?.join() === '0,1,2,3,4,5,6,7'"
    )
    page.get_by_role("button", name="Fitted").click()
    page.wait_for_function(f"() => document.querySelector('{QUERY_MAP} .pg-plot')?.layout?.meta?.colours === 'fitted'")
    assert "fitted to" in page.locator(f"{QUERY_MAP} .cbtitle").first.text_content()
    assert page.evaluate("() => document.activeElement.textContent") == "Fitted"


def test_the_result_is_there_when_the_tab_is_left_and_returned_to(visit: Callable[..., Any]) -> None:
    page = visit().page
    take_scenario(page)
    embed(page)
    width = page.locator(f"{QUERY_MAP} .main-svg").first.bounding_box()["width"]
    page.get_by_role("tab", name="Ranking").click()
    page.set_viewport_size({"width": 1100, "height": 900})
    page.get_by_role("tab", name="Embeddings").click()
    page.wait_for_function(
        f"() => {{ const plot = document.querySelector('{QUERY_MAP} .pg-plot');"
        " return plot?._fullLayout && Math.abs(plot._fullLayout.width - plot.clientWidth) <= 2; }"
    )
    assert page.locator(f"{QUERY_MAP} .main-svg").first.bounding_box()["width"] != width
    assert page.locator(".pg-e-row").count() == 8


def test_one_model_that_fails_leaves_the_other(visit: Callable[..., Any]) -> None:
    page = visit().page
    take_scenario(page)
    page.get_by_role("tab", name="Embeddings").click()
    box = page.locator("#embeddings-models input").first
    box.click()
    box.fill("built-in/mini-reranker")
    box.press("Enter")
    page.locator("#embeddings-slot-1").wait_for()
    page.keyboard.press("Escape")
    embed(page)
    assert "1 of 2 models could not be used" in page.locator(STATUS).inner_text()
    assert "is a reranker" in page.locator(".pg-failed").inner_text()
    assert page.locator(QUERY_MAP).count() == 1


def test_the_view_is_accessible_in_both_themes(visit: Callable[..., Any]) -> None:
    page = visit().page
    page.get_by_role("tab", name="Embeddings").click()
    page.get_by_text("Nothing embedded yet").wait_for()
    assert serious(page) == []
    take_scenario(page)
    embed(page)
    page.locator(".pg-e-open").first.click()
    page.locator(".pg-pair-plot .main-svg").first.wait_for()
    assert serious(page) == []
    page.locator("#header-theme").click()
    assert serious(page) == []


def test_a_phone_shows_the_pair_by_touch(visit: Callable[..., Any]) -> None:
    visitor = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = visitor.page
    write(page, "red panda", ("blue whale", "a red panda eats bamboo", "x" * 300))
    embed(page)
    visitor.settle()
    # By score: the second passage is on top, once that has been drawn.
    page.wait_for_function(f"() => document.querySelector('{QUERY_MAP} .pg-plot')?.layout?.meta?.rows?.[0] === 1")
    page.touchscreen.tap(*cell(page, QUERY_MAP, 0, 0))
    page.locator(".pg-pair-card h3").wait_for()
    assert page.locator(".pg-pair-card h3").text_content() == "Query ↔ Passage 2"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert serious(page) == []


def test_figures_and_table_come_as_files(visit: Callable[..., Any]) -> None:
    page = visit().page
    take_scenario(page)
    embed(page)

    def saved(selector: str) -> Path:
        with page.expect_download() as caught:
            page.locator(selector).first.click()
        return Path(caught.value.path())

    assert saved(f'{QUERY_MAP} button[data-save="png"]').read_bytes().startswith(b"\x89PNG")
    svg = saved(f'{QUERY_MAP} button[data-save="svg"]').read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "Mini embedder" in svg
    html = saved(f'{QUERY_MAP} button[data-save="html"]').read_text(encoding="utf-8")
    assert "Plotly.newPlot" in html
    rows = list(csv.DictReader(io.StringIO(saved("#embeddings-csv").read_text(encoding="utf-8-sig"))))
    assert len(rows) == 8
    assert rows[0]["background_language"] == "en"


def test_markup_in_any_text_stays_text(visit: Callable[..., Any]) -> None:
    page = visit().page
    write(page, "panda " + PAYLOADS[0] + PAYLOADS[1], json.dumps(PAYLOADS))
    embed(page)
    page.mouse.move(*cell(page, QUERY_MAP, 0, 0))
    page.locator(".pg-tip").wait_for()
    for button in page.locator(".pg-e-open").all():
        button.click()
    assert page.locator(".pg-side-text").last.text_content() in PAYLOADS
    page.locator("#header-zh").click()
    page.wait_for_function(f"() => document.querySelector('{QUERY_MAP} .cbtitle')?.textContent === '余弦'")
    assert page.evaluate("() => window.PWN") is None
    assert page.locator("img[src='x']").count() == 0
