"""The settings of a model's family beside the model box, in a real Chromium. No model is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from tests.browser.conftest import TIMEOUT_MS

expect.set_options(timeout=TIMEOUT_MS)
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LAYERWISE = "BAAI/bge-reranker-v2-minicpm-layerwise"


def choose(page: Any, model: str) -> None:
    box = page.locator("#workspace-model input")
    box.fill(model)
    box.press("Enter")


def drag(page: Any, name: str, value: float) -> None:
    moved = "(slider, to) => { slider.value = to; slider.dispatchEvent(new Event('input', { bubbles: true })); }"
    page.locator(f"#workspace-{name} input[type=range]").evaluate(moved, value)


def test_controls_come_and_go_with_the_family_and_write_the_id(visit: Callable[..., Any]) -> None:
    page = visit().page
    model = page.locator("#workspace-model input")
    layer, weights = page.locator("#workspace-layer"), page.locator("#workspace-weights")
    instruction = page.locator("#workspace-instruction textarea, #workspace-instruction input").first
    said = page.locator("#workspace-settings-said")
    expect(layer).to_be_hidden()
    expect(instruction).to_be_hidden()

    # The list says families and finds by them; a click on an entry chooses it.
    model.click()
    page.keyboard.press("Control+A")
    page.keyboard.type("layerwise")
    page.locator("#workspace-model ul li", has_text="minicpm-layerwise").click()
    expect(layer.locator("input[type=number]")).to_have_value("28")
    expect(instruction).to_be_visible()
    expect(page.locator("#workspace-model-line")).to_contain_text("needs about")

    drag(page, "layer", 16)
    expect(model).to_have_value(f"{LAYERWISE}#layer=16")
    drag(page, "layer", 9)
    expect(model).to_have_value(f"{LAYERWISE}#layer=9")
    expect(layer.locator("input[type=number]")).to_have_value("9")
    instruction.fill("Find the law.")
    choose(page, f"{LAYERWISE}#layer=31")
    expect(layer.locator("input[type=number]")).to_have_value("31")
    expect(instruction).to_have_value("Find the law.")
    choose(page, f"{LAYERWISE}#layer=99")
    expect(said).to_contain_text("scores after the layers 8-40, and not after layer 99")

    choose(page, "BAAI/bge-m3#mode=0.4dense+0.2sparse+0.4colbert")
    expect(weights).to_be_visible()
    expect(layer).to_be_hidden()
    expect(instruction).to_be_hidden()
    drag(page, "sparse", 0.7)
    expect(model).to_have_value("BAAI/bge-m3#mode=0.4dense+0.7sparse+0.4colbert")
    drag(page, "dense", 0)
    expect(model).to_have_value("BAAI/bge-m3#mode=0.7sparse+0.4colbert")
    drag(page, "colbert", 0)
    alone = re.compile("^bge-m3 .sparse. — read apart · 568.M · 2.1.GiB")
    expect(model).to_have_value(alone)
    drag(page, "sparse", 0)
    expect(said).to_contain_text("sum to nothing")
    expect(model).to_have_value(alone)
    page.locator("#header-zh").click()
    expect(said).to_contain_text("权重")
    expect(model).to_have_value(re.compile("^bge-m3 .sparse. — 分开读 · 568.M · 2.1.GiB"))
    page.locator("#header-en").click()
    expect(said).to_contain_text("sum to nothing")
    # The list has its names anew: what is typed before that is lost.
    expect(model).to_have_value(re.compile("read apart"))

    choose(page, "BAAI/bge-reranker-base")
    expect(weights).to_be_hidden()
    expect(said).to_be_hidden()
    expect(page.locator("#workspace-model-line")).to_contain_text("1.0 GiB to download")
    page.locator("#workspace-advanced button").first.click()
    expect(instruction).to_be_visible()
    expect(instruction).to_have_value("")

    # Compare offers the families as real groups.
    page.get_by_role("tab", name="Compare").click()
    first = page.locator("#compare-models .pg-first .pg-muted")
    expect(first).to_have_text("chosen in the workspace · precision: Automatic")
    choose(page, "cohere:rerank-v3.5")
    expect(first).to_have_text("chosen in the workspace")
    groups = page.locator("#compare-models select.pg-model").first.locator("optgroup")
    expect(groups).to_have_count(6)
    assert groups.nth(1).get_attribute("label") == "Cross-encoders: read query and passage together"
    assert (
        groups.nth(1).locator("option").first.inner_text().startswith("bge-reranker-base — 278\u00a0M · 1.0\u00a0GiB")
    )
