"""Parts of the page that only work behind it, as a screen reader meets them: not at all, in any view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.test_page import rerank

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

VIEWS = ("ranking", "embeddings", "compare", "threshold", "history", "models")
THRESHOLD_TABS = ("panel", "labelling", "quality", "saved")
LOADERS = ("#embeddings-loader", "#threshold-loader")


def unseen(node: dict[str, Any], inside: bool = False) -> Iterator[int]:
    """Numbers of the DOM nodes that are or lie in an unseen part."""
    attributes = node.get("attributes", [])
    classes = dict(zip(attributes[::2], attributes[1::2], strict=True)).get("class", "")
    inside = inside or "pg-unseen" in classes.split()
    if inside:
        yield int(node["backendNodeId"])
    for child in node.get("children", []):
        yield from unseen(child, inside)


def read_out(page: Any) -> tuple[int, list[str]]:
    """How many unseen nodes there are, and what of them is in Chromium's accessibility tree."""
    session = page.context.new_cdp_session(page)
    numbers = set(unseen(session.send("DOM.getDocument", {"depth": -1})["root"]))
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    heard = [node for node in nodes if not node["ignored"] and node.get("backendDOMNodeId") in numbers]
    return len(numbers), [f"{node['role']['value']}: {node.get('name', {}).get('value', '')}" for node in heard]


def test_no_screen_reader_meets_what_only_works_behind_the_page(visit: Callable[..., Any]) -> None:
    page = visit().page
    rerank(page)
    page.locator("#tab-embeddings-button").click()
    page.locator("#embeddings-run").click()
    page.locator("#tab-threshold-button").click()
    page.locator("#threshold-score").click()
    page.locator(f"{LOADERS[1]} .js-plotly-plot .main-svg").first.wait_for(state="attached")
    page.locator("#tab-embeddings-button").click()
    page.locator(f"{LOADERS[0]} .js-plotly-plot .main-svg").first.wait_for(state="attached")
    for view in VIEWS:
        page.locator(f"#tab-{view}-button").click()
        for tab in THRESHOLD_TABS if view == "threshold" else ():
            page.locator(f"#threshold-tab-{tab}-button").click()
            n, heard = read_out(page)
            assert (n > 0, heard) == (True, []), tab
        n, heard = read_out(page)
        assert (n > 0, heard) == (True, []), view
    for loader in LOADERS:
        assert page.locator(loader).aria_snapshot() == ""
