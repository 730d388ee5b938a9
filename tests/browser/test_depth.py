"""How the ranking changes with depth, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.test_page import PASSAGES, finished, rerank, serious

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LAYERWISE = "BAAI/bge-reranker-v2-minicpm-layerwise"
DRAWN = "() => document.querySelector('#ranking-depth .js-plotly-plot .scatterlayer .points path')"
CHOSEN = "() => document.querySelector('#ranking-depth .js-plotly-plot')?.layout.shapes[0].x0"


def test_the_fold_is_there_for_a_layerwise_model_and_a_click_on_a_layer_chooses_it(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    assert page.locator("#ranking-depth .dp-card").count() == 0
    model = page.locator("#workspace-model input")
    model.fill(f"{LAYERWISE}#layer=9")
    model.press("Enter")
    rerank(page)
    page.locator("#ranking-depth button").click()
    page.wait_for_function(DRAWN)
    said = page.locator("#ranking-depth .dp-said li").all_inner_texts()
    assert (
        said[0]
        == "From layer 10 on, the best three no longer change. Stopping there saves 17 % of the work of all 12 layers."
    )
    assert said[2].startswith(
        "At layer 9, chosen now, the order agrees with that of the last layer by a Kendall tau of"
    )
    assert page.evaluate(CHOSEN) == 9
    assert serious(page) == []
    best = page.locator("#ranking-depth .scatterlayer .trace").last.locator(".points path").nth(3)
    best.scroll_into_view_if_needed()
    box = best.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function(
        "(id) => document.querySelector('#workspace-model input').value === id", arg=f"{LAYERWISE}#layer=11"
    )
    page.locator("#workspace-run").click()
    finished(page, len(PASSAGES))
    # The figure stays, with the new layer marked, in the language that is chosen.
    page.wait_for_function(f"() => ({CHOSEN})() === 11")
    page.get_by_role("button", name="中文").click()
    title = "() => document.querySelector('#ranking-depth .dp-title').textContent"
    page.wait_for_function(f"() => ({title})() === '排名随层数的变化'")
