"""Answers on their way to the page, in a real Chromium: each is read, and no stream stays open when all are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.conftest import TIMEOUT_MS
from tests.browser.test_page import PASSAGES, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Below the page's own script. `held` names what comes late, once: the end of a stream, or what a question is known by.
# No part asks again meanwhile.
LATE = """() => {
  const plain = window.fetch, repeat = window.setInterval, end = 'data: {"msg":"close_stream"';
  const until = () => new Promise((go) => { window.held = ""; window.letGo = go; });
  window.open_streams = 0;
  window.setInterval = (act, ms, ...more) => (ms === 4000 ? 0 : repeat(act, ms, ...more));
  window.fetch = async (input, init) => {
    const url = String(input.url ?? input), answer = await plain(input, init);
    if (url.includes("/queue/join") && window.held === "question") await until();
    if (!url.includes("/queue/data")) return answer;
    window.open_streams += 1;
    const late = new TransformStream({
      async transform(text, out) {
        const at = window.held === "end" ? text.indexOf(end) : -1;
        if (at < 0) return out.enqueue(text);
        out.enqueue(text.slice(0, at));
        await until();
        out.enqueue(text.slice(at));
      },
      flush() { window.open_streams -= 1; },
    });
    const text = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(late);
    return new Response(text.pipeThrough(new TextEncoderStream()), { headers: answer.headers });
  };
}"""


@pytest.fixture
def page(visit: Callable[..., Any], server: Any) -> Iterator[Any]:
    """The page of somebody whose network is late at will."""
    context = visit().page.context.browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.add_init_script(f"({LATE})()")
    page.goto(server.url)
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    page.wait_for_timeout(1000)
    page.wait_for_function("() => window.open_streams === 0")
    yield page
    context.close()


def test_what_is_asked_while_a_stream_ends_is_answered(page: Any) -> None:
    page.evaluate("() => { window.held = 'end'; }")
    page.locator("#tab-history-button").click()
    page.wait_for_function("() => window.letGo")
    with page.expect_response("**/gradio_api/queue/join*") as asked:
        page.locator("#tab-threshold-button").click()
    asked.value.finished()
    page.wait_for_timeout(200)
    page.evaluate("() => window.letGo()")
    page.locator("#threshold-strip select").first.wait_for()


def test_an_answer_that_comes_before_its_question_is_known_leaves_no_stream_open(page: Any, server: Any) -> None:
    server.gate.closed = True
    write(page, "red panda", PASSAGES)
    page.locator("#workspace-run").click()
    page.wait_for_function("() => window.open_streams === 1")
    page.evaluate("() => { window.held = 'question'; }")
    page.locator("#tab-history-button").click()
    page.wait_for_function("() => window.letGo")
    server.gate.open()
    page.wait_for_function("() => window.open_streams === 0")
    page.evaluate("() => window.letGo()")
    page.locator("#history-runs .pg-nothing").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.open_streams") == 0
