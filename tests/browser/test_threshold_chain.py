"""From the first label to a threshold that another model refuses, in one visit of a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from playground.core.types import ModelChoice, Passage, RerankRequest
from tests.analysis.planted import pairs
from tests.browser.test_labelling import QUERY, STORED, TEN, open_flow
from tests.browser.test_page import write
from tests.browser.test_threshold_panel import STAGE, assert_counts, numbers, settled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

TEN_PAIRS = "() => window.playgroundThreshold?.data?.n === 10"


def scores(server: Any) -> dict[str, float]:
    """What the page's model gives to each passage."""
    request = RerankRequest(QUERY, tuple(Passage(str(place), text) for place, text in enumerate(TEN)))
    choice = ModelChoice(server.services.first_model)
    last = list(server.services.engine.rerank(request, choice))[-1]
    return {one.passage.text: one.logit for one in last.result}


def test_labels_by_key_become_a_threshold_that_is_kept_and_that_another_model_refuses(
    visit: Callable[..., Any], server: Any
) -> None:
    page = visit().page
    write(page, QUERY, TEN)
    open_flow(page)
    page.locator("#labelling-begin").click()
    page.wait_for_function("() => document.querySelector('.lf-query').textContent === 'red panda'")
    page.locator(".lf-passage").focus()
    relevant: dict[str, bool] = {}
    for _ in range(10):
        text = str(page.locator(".lf-passage").text_content())
        relevant[text] = "panda" in text
        page.keyboard.press("j" if relevant[text] else "k")
    page.locator("#labelling-look").wait_for()
    page.wait_for_function(STORED)
    assert set(relevant) == set(TEN)
    assert 0 < sum(relevant.values()) < 10

    page.locator("#threshold-score").click()
    page.locator("#threshold-tab-panel-button").click()
    page.wait_for_function(TEN_PAIRS)
    given = scores(server)
    judged = pairs([given[text] for text in TEN], [int(relevant[text]) for text in TEN], [0] * 10)
    place = page.get_by_role("button", name="Place a line all the same")
    if place.is_visible():
        place.click()
    page.wait_for_function("() => window.playgroundThreshold.threshold !== null")
    page.locator(STAGE).scroll_into_view_if_needed()
    box = page.locator(STAGE).bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    settled(page)
    dragged = numbers(page)
    assert_counts(dragged, judged)

    page.locator("#threshold-tab-saved-button").click()
    page.locator("#saved-line-name").fill("for pandas")
    page.locator("#saved-line-save").click()
    page.locator(".sv-one").wait_for()

    # Loaded anew beside the old page: a reload aborts what gradio still listens to, which its log calls an error.
    page = page.context.new_page()
    page.goto(server.url)
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    page.locator("#tab-threshold-button").click()
    page.locator("#threshold-set").wait_for()
    page.locator("#threshold-set").select_option("labels")
    page.wait_for_function(TEN_PAIRS)
    page.locator("#threshold-tab-saved-button").click()
    page.locator(".sv-one.sv-fits .sv-tools button").first.click()
    page.wait_for_function("() => window.playgroundThreshold.current()?.origin === 'for pandas'")
    assert page.evaluate("() => window.playgroundThreshold.threshold") == dragged["threshold"]

    page.locator(".threshold-models summary").click()
    for model in page.locator(".threshold-models input[type=checkbox]").all():
        model.set_checked(model.get_attribute("value") == "bm25")
    page.locator("#threshold-score").click()
    page.wait_for_function("() => document.querySelectorAll('#threshold-scorer option').length === 2")
    keywords = page.locator("#threshold-scorer option", has_text="BM25").get_attribute("value")
    page.locator("#threshold-scorer").select_option(keywords)
    page.wait_for_function("() => window.playgroundThreshold.data?.scale?.name === 'bm25'")
    page.locator("#threshold-tab-saved-button").click()
    refused = page.locator(".sv-one .sv-why")
    refused.wait_for()
    assert "“for pandas” was chosen for" in str(refused.text_content())
    before = page.evaluate("() => window.playgroundThreshold.threshold")
    page.locator(".sv-one .sv-tools button").first.click()
    # On the card, and as a message.
    page.wait_for_function(
        "() => document.body.innerText.split('“for pandas” was chosen for').length > 2", timeout=20000
    )
    assert page.evaluate("() => window.playgroundThreshold.threshold") == before
