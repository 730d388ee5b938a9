"""Labels in a real Chromium: given in a list by keyboard, in the flow, taken back, and there again after a reload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from playground.core.errors import HistoryError
from playground.history.labels import LabelStore
from playground.ui.views.ranking import view as ranking
from tests.browser.test_page import PASSAGES, PAYLOADS, ROWS, finished, rerank, serious, texts, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

QUERY = "red panda"
TEN = (*PASSAGES, *PAYLOADS)
STORED = "() => !window.playgroundLabels.busy"
LABELLED = """() => Object.fromEntries([...document.querySelectorAll('.pg-rows .pg-row')].map((row) => [
    row.querySelector('.pg-preview').textContent, row.querySelector('.pl-said b')?.textContent || '']))"""


def labelled(page: Any) -> dict[str, str]:
    """What each row of Ranking says, by passage."""
    return dict(page.evaluate(LABELLED))


def names(page: Any) -> list[str]:
    return [str(each.get_attribute("aria-label")) for each in page.locator(".pg-rows .pl-control").all()]


def open_flow(page: Any) -> None:
    """The flow over the query and passages of the workspace."""
    page.locator("#tab-threshold-button").click()
    page.locator("#threshold-set").wait_for()
    page.locator("#threshold-set").select_option("page")
    page.locator("#threshold-tab-labelling-button").click()
    page.wait_for_function("(n) => document.querySelector('.lf-set')?.textContent.includes(`${n} `)", arg=len(TEN))


def strip(page: Any) -> tuple[str, str]:
    """What the strip counts in the set in view, and in the visitor's own labels."""
    mine = str(page.locator("#threshold-set option[value=labels]").text_content())
    return str(page.locator(".threshold-facts").inner_text()), mine


def strip_of(counts: Counter[str]) -> str:
    unsure = f", {counts['unsure']} unsure" if counts["unsure"] else ""
    return f"1 query, 10 pairs: {counts['relevant']} relevant, {counts['not relevant']} not{unsure}"


def full(*args: object, **options: object) -> Any:
    raise HistoryError("The disk that holds {path} is full. Free some space and try again.", path="/data/x.db")


def test_a_row_is_labelled_by_key_and_nothing_else_is_drawn_anew(
    visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = visit()
    page = visitor.page
    rerank(page, QUERY)
    page.evaluate(
        "() => { window.KEPT = ['.pg-row', '#ranking-bars .main-svg'].map((each) => document.querySelector(each)); }"
    )
    control = page.locator(".pg-rows .pl-control").first
    control.locator("[tabindex='0']").focus()
    page.keyboard.press("j")
    assert names(page)[0] == "Label of passage 5: relevant"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("u")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_function(STORED)
    assert names(page)[:2] == ["Label of passage 5: relevant", "Label of passage 2: not relevant"]
    assert page.locator(".pg-rows [aria-pressed=true]").count() == 2
    control.locator("[data-grade='1']").click()  # pressed again
    page.wait_for_function(STORED)
    assert names(page)[0] == "Label of passage 5: no label"
    # The row's keys hold with the focus on its passage, too.
    page.locator(".pg-rows .pg-passage").first.focus()
    page.keyboard.press("k")
    page.wait_for_function(STORED)
    assert names(page)[0] == "Label of passage 5: not relevant"
    assert page.evaluate("() => document.activeElement.className") == "pg-passage"
    page.keyboard.press("k")
    page.wait_for_function(STORED)
    assert names(page)[0] == "Label of passage 5: no label"
    assert page.evaluate(
        "() => window.KEPT[0] === document.querySelector('.pg-row')"
        " && window.KEPT[1] === document.querySelector('#ranking-bars .main-svg')"
    )
    page.locator("#ranking-results .pl-modes [data-mode=true]").click()
    page.locator(".pg-rows .pl-control").first.locator("[tabindex='0']").focus()
    page.keyboard.press("3")
    page.wait_for_function(STORED)
    assert names(page)[:2] == ["Label of passage 5: grade 3", "Label of passage 2: grade 0"]
    visitor.reload()
    rerank(page, QUERY)
    stood = ["Label of passage 5: grade 3", "Label of passage 2: grade 0"]
    assert names(page)[:2] == stood

    # What the server refuses goes back, with the reason.
    monkeypatch.setattr(LabelStore, "put", full)
    page.locator(".pg-rows .pl-control [data-grade='1']").first.click()
    page.wait_for_function("() => document.body.innerText.includes('The disk that holds /data/x.db is full')")
    page.wait_for_function(STORED)
    assert names(page)[:2] == stood


def test_rows_are_labelled_while_the_run_streams_on(
    visit: Callable[..., Any], server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A table that comes soon after another line is skipped, and the next batch waits at the gate.
    monkeypatch.setattr(ranking, "SECONDS_BETWEEN_TABLES", 0.0)
    page = visit().page
    server.gate.closed = True
    write(page, QUERY, tuple(f"red panda number {n} " + f"word{n} " * 90 for n in range(160)))
    page.locator("#workspace-run").click()
    page.wait_for_function("() => !document.querySelector('#workspace-stop').disabled")
    server.gate.let()
    page.wait_for_function(f"({ROWS})() > 0 && document.querySelector('.pg-live')")
    page.locator(".pg-rows .pl-control [data-grade='0']").first.click()
    page.wait_for_function(STORED)
    name = names(page)[0]
    assert name.endswith(": not relevant")
    server.gate.let(50)
    finished(page, 160)
    page.locator("button[data-sort=label]").click()
    assert names(page)[0] == name
    assert page.locator("#workspace-status").inner_text() == "Done: 160 passages ranked"


def test_ten_pairs_are_labelled_blind_by_key_and_show_everywhere(visit: Callable[..., Any]) -> None:
    visitor = visit()
    page = visitor.page
    write(page, QUERY, TEN)
    open_flow(page)
    visitor.settle()
    assert serious(page) == []
    page.locator("#labelling-begin").click()
    page.wait_for_function("() => document.querySelector('.lf-query').textContent === 'red panda'")
    assert serious(page) == []
    # What is typed, and what is held with Ctrl or composed, is no answer.
    page.keyboard.press("Control+j")
    page.evaluate(
        "() => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', isComposing: true, bubbles: true}))"
    )
    page.locator("#workspace-query textarea, #workspace-query input").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("k")
    page.keyboard.press("Backspace")
    page.locator(".lf-passage").focus()
    assert page.locator(".lf-count strong").inner_text() == "1 of 10 in this round"
    assert strip(page) == ("1 query, 10 pairs: 0 relevant, 0 not, 10 without label", "My labels (0 pairs)")
    said: dict[str, str] = {}
    words = {"j": "relevant", "k": "not relevant", "u": "unsure"}
    for at in range(10):
        text, key = str(page.locator(".lf-passage").text_content()), "jku"[at % 3]
        said[" ".join(text.split())] = words[key]
        page.keyboard.press(key)
        if at == 4:
            page.keyboard.press("Backspace")
            assert page.locator(".lf-passage").text_content() == text
            assert page.locator(".lf-count strong").inner_text() == "5 of 10 in this round"
            said[" ".join(text.split())] = "unsure"
            page.keyboard.press("u")
        if at == 6:
            # Ctrl+Z takes the label back, and not the passages that were typed before.
            page.keyboard.press("Control+z")
            assert page.locator(".lf-passage").text_content() == text
            assert page.locator("#workspace-passages textarea").input_value() == "\n".join(TEN)
            page.keyboard.press(key)
    page.locator("#labelling-look").wait_for()
    page.wait_for_function(STORED)
    assert len(said) == 10
    counts = Counter(said.values())
    assert strip(page) == (strip_of(counts), "My labels (10 pairs)")
    assert page.locator(".lf-counts li").all_inner_texts() == [
        f"{counts[word]} {word}" for word in ("relevant", "not relevant", "unsure")
    ]
    last = list(said)[-1]
    said[last] = "not relevant"
    page.keyboard.press("z")  # also the last of a round is taken back
    assert page.locator(".lf-count strong").inner_text() == "10 of 10 in this round"
    page.wait_for_function(STORED)
    last_one = Counter({words["jku"[9 % 3]]: 1})
    assert strip(page) == (f"{strip_of(counts - last_one)}, 1 without label", "My labels (9 pairs)")
    page.keyboard.press("k")
    page.locator("#labelling-look").wait_for()
    page.wait_for_function(STORED)
    counted = strip(page)
    assert counted == (strip_of(Counter(said.values())), "My labels (10 pairs)")
    # What the page counted along is what the server counts.
    page.locator("#labelling-other").click()
    page.wait_for_function("() => document.querySelector('.lf-set')?.textContent.includes(', 0 not labelled')")
    assert strip(page) == counted

    page.get_by_role("tab", name="Ranking").first.click()
    page.locator("#workspace-run").click()
    finished(page, 10)
    assert labelled(page) == said
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-add").wait_for()
    # Chosen already: the reranker, the embedder and BM25.
    assert page.locator(".pg-picker-rows li").count() == 3
    page.locator("#compare-run").click()
    page.wait_for_function("() => document.querySelector('#compare-export-csv')")
    found = page.locator(".pg-column").first.locator(".pl-said b").all_text_contents()
    assert sorted(found) == sorted(said.values())
    # A label changed in Compare is changed in Ranking at once.
    page.locator(".pg-column").first.locator("[aria-pressed=true]").first.click()
    page.wait_for_function(STORED)
    page.get_by_role("tab", name="Ranking").first.click()
    assert list(labelled(page).values()).count("") == 1
    assert serious(page) == []

    visitor.reload()
    rerank(page, QUERY, TEN)
    again = labelled(page)
    assert sum(again[text] == said[text] for text in said) == 9
    assert sorted(texts(page)) == sorted(" ".join(text.split()) for text in TEN)
    assert page.evaluate("() => window.PWN") is None


def test_a_phone_labels_by_touch(visit: Callable[..., Any]) -> None:
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="zh-CN").page
    write(page, QUERY, TEN)
    open_flow(page)
    page.locator("#labelling-begin").click()
    page.wait_for_function("() => document.querySelector('.lf-query').textContent === 'red panda'")
    box = page.locator(".lf-answer").first.bounding_box()
    assert box["height"] >= 44
    page.wait_for_function("() => document.querySelector('.lf-buttons').getBoundingClientRect().bottom <= innerHeight")
    for at in range(3):
        page.locator(".lf-answer").nth(at).tap()
    assert page.locator(".lf-count strong").inner_text() == "本轮第 4 对，共 10 对"
    page.locator("#labelling-stop").tap()
    page.wait_for_function(STORED)
    assert page.locator(".lf-counts li").all_inner_texts() == ["1 相关", "1 不相关", "1 不确定"]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
