"""The page while it comes up, in a real Chromium: what is chosen before it has answered, and answers that pass by."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.conftest import EVENTS
from tests.browser.test_page import ROWS, rerank, texts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_a_language_chosen_before_the_page_has_answered_stays(visit: Callable[..., Any], server: Any) -> None:
    page = visit().page.context.browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    held, asked, told = list[Any](), list[Any](), list[str]()
    page.on("request", lambda request: told.append(request.url) if "zh" in (request.post_data or "") else None)
    page.route("**/gradio_api/run/*", lambda route: route.continue_() if asked else held.append(route))
    page.goto(server.url)
    page.locator("#header-zh").click()
    page.wait_for_timeout(500)
    assert (len(held), told) == (1, [])
    assert page.evaluate("document.documentElement.dataset.ready") is None
    asked.append(held[0])
    held[0].continue_()
    page.get_by_role("tab", name="排序").wait_for()
    # Who asks is known to every later event, in the language that was chosen, and after a reload too.
    callers = []
    for _ in range(2):
        with page.expect_request(f"**{EVENTS}join*") as said:
            page.get_by_role("tab", name="历史").click()
        callers.append(json.loads(said.value.post_data)["data"][0])
        page.reload()
        page.get_by_role("tab", name="历史").wait_for()
    assert callers[0] == callers[1]
    assert callers[0]["lang"] == "zh"
    assert len(callers[0]["id"]) >= 22
    page.context.close()


def test_a_part_in_sight_asks_again_until_it_holds_something(visit: Callable[..., Any]) -> None:
    visitor = visit()
    page = visitor.page
    asked = page.evaluate(
        """() => {
          const real = window.setInterval, seen = [], part = document.querySelector("#workspace");
          let tick = null, held = false;
          window.setInterval = (act) => { tick = act; };
          window.playground.askUntil(part, () => held, () => seen.push("asked"));
          window.setInterval = real;
          tick();
          part.style.display = "none";
          tick();
          part.style.display = "";
          tick();
          held = true;
          tick();
          return seen;
        }"""
    )
    assert asked == ["asked", "asked"]
    for tab, event in (("history", "history-runs"), ("threshold", "threshold-strip")):
        page.locator(f"#tab-{tab}-button").click()
        page.locator(f"#{event}").wait_for()
    # Nothing else is on its way, so what is asked is this.
    visitor.settle()
    page.locator("#threshold-tab-saved-button").click()
    visitor.settle()
    with page.expect_request(f"**{EVENTS}join*") as said:
        page.evaluate(
            """() => {
              const real = window.setInterval;
              window.setInterval = (act) => act();
              window.playground.askUntil(document.querySelector("#saved-list *"), () => false);
              window.setInterval = real;
            }"""
        )
    assert json.loads(said.value.post_data)["event_data"] == {"tab": "saved"}


def test_a_link_opens_its_run(visit: Callable[..., Any], server: Any) -> None:
    page = visit().page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    rerank(page, "green tea")
    page.locator("#ranking-export-link").click()
    page.wait_for_function("() => navigator.clipboard.readText().then((text) => text.includes('?run='))")
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert link.startswith(f"{server.url}/?run=")
    other = visit(link.removeprefix(server.url)).page
    other.wait_for_function(f"({ROWS})() === 6")
    assert texts(other)[0] == "green tea"
