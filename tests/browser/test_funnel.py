"""The funnel in a real Chromium, on the ready corpus: one query, many of them, and a run that comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.screenshots import open_tab
from tests.browser.test_page import serious

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

EXAMPLE = "() => document.querySelector('#funnel-query textarea')?.value"
OVER = """(part) => document.querySelector(`#funnel-${part}stop`)?.disabled
    && !document.querySelector(`#funnel-${part}run`)?.disabled"""


def opened(visitor: Any) -> Any:
    page = visitor.page
    open_tab(page, "Funnel")
    page.wait_for_function(EXAMPLE)
    return page


def test_the_first_click_answers_and_the_run_comes_back_in_another_language(visit: Callable[..., Any]) -> None:
    visitor = visit()
    page = opened(visitor)
    page.locator("#funnel-k input").fill("12")
    page.locator("#funnel-first-keep input").fill("3")
    page.locator("#funnel-run").click()
    page.locator("#funnel-link").wait_for()
    page.wait_for_function(OVER, arg="")
    assert page.locator(".fn-step h3").all_inner_texts() == ["BM25", "mini-reranker"]
    assert "Scores are\nBM25" in page.locator(".fn-step").first.inner_text()
    page.locator("#corpus-state", has_text="Keywords (BM25) ready").wait_for()
    answers = page.locator(".fn-answer").evaluate_all("nodes => nodes.map((node) => node.dataset.id)")
    assert len(answers) == 3
    assert page.locator(".fn-answer mark").first.inner_text() != ""
    page.locator("#funnel-results .fn-figure").scroll_into_view_if_needed()
    page.locator("#funnel-results .js-plotly-plot .scatterlayer .trace").first.wait_for(state="attached")
    assert serious(page) == []
    query = page.locator("#funnel-query textarea").input_value()
    page.get_by_role("tab", name="History").click()
    page.locator(".pg-run-query", has_text=query[:40]).click()
    page.wait_for_function("() => document.querySelector('#tab-funnel')?.offsetParent !== null")
    page.get_by_role("button", name="中文").click()
    page.get_by_text("答案（3）").wait_for()
    assert page.locator("#funnel-k input").input_value() == "12"
    again = page.locator(".fn-answer").evaluate_all("nodes => nodes.map((node) => node.dataset.id)")
    assert again == answers


def test_a_run_from_the_history_searches_its_own_corpus_again(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    page = opened(visitor)
    (tmp_path / "owls.txt").write_text("An owl hunts mice at night.", encoding="utf-8")
    page.locator("#corpus-add button").first.click()
    page.locator("#corpus-files input[type=file]").set_input_files(tmp_path / "owls.txt")
    page.locator("#corpus-files", has_text="owls").wait_for()
    page.locator("#corpus-create button, button#corpus-create").click()
    page.locator("#corpus-state", has_text="1 passage").wait_for()
    page.locator("#funnel-query textarea").fill("what does an owl hunt?")
    page.locator("#funnel-run").click()
    page.locator(".fn-answer").wait_for()
    page.wait_for_function(OVER, arg="")
    visitor.reload()
    opened(visitor)
    assert "owls" not in page.locator("#corpus-chosen input").input_value()
    page.get_by_role("tab", name="History").click()
    page.locator(".pg-run-query", has_text="what does an owl hunt?").click()
    page.locator("#corpus-state", has_text="1 passage").wait_for()
    visitor.settle()
    assert page.locator("#corpus-chosen input").input_value() == "owls · 1"
    page.locator("#funnel-run").click()
    page.locator("#funnel-status", has_text="Done: 1 answer").wait_for()


def test_many_queries_are_measured_exported_and_one_is_opened(visit: Callable[..., Any], tmp_path: Any) -> None:
    visitor = visit()
    page = opened(visitor)
    page.locator("#funnel-many-k input").fill("5")
    page.locator("#funnel-many-run").click()
    page.locator("#funnel-many-status .pg-good").wait_for()
    page.wait_for_function(OVER, arg="many-")
    assert page.locator("#funnel-many-status").inner_text() == "Done: 60 queries"
    figures = page.locator(".fn-numbers tbody th").all_inner_texts()
    assert figures == ["NDCG@10", "MRR@10", "MAP", "Recall@10", "Recall@5"]
    page.locator("#funnel-many .fn-figure").scroll_into_view_if_needed()
    page.locator("#funnel-many .js-plotly-plot .scatterlayer .trace").first.wait_for(state="attached")
    with page.expect_download() as download:
        page.locator("#funnel-negatives-export").click()
    download.value.save_as(tmp_path / "negatives.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "negatives.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows
    assert all(row["pos"] and row["neg"] and not set(row["pos"]) & set(row["neg"]) for row in rows)
    picked = page.locator(".fn-pick").nth(2)
    text = picked.inner_text()
    picked.click()
    page.locator("#funnel-link").wait_for()
    assert page.locator("#funnel-results .pg-facts strong").inner_text() == text


def test_bad_input_is_one_sentence_and_stop_keeps_what_was_found(visit: Callable[..., Any], server: Any) -> None:
    page = opened(visit(viewport={"width": 390, "height": 844}))
    query = page.locator("#funnel-query textarea").input_value()
    page.locator("#funnel-query textarea").fill(" ")
    page.locator("#funnel-run").click()
    page.get_by_text("The query is empty. Write what you are looking for.").first.wait_for()
    page.locator("#funnel-query textarea").fill(query)
    page.locator("#funnel-k input").fill("300")
    server.gate.closed = True
    page.locator("#funnel-run").click()
    page.locator(".fn-step").first.wait_for()
    page.wait_for_function("() => !document.querySelector('#funnel-stop').disabled")
    page.locator("#funnel-stop").click()
    # Said once the flag is set; the gate then lets the first of several batches end.
    page.get_by_text("Stopping").wait_for()
    server.gate.open()
    page.get_by_text("Stopped: what was scored until then stands below.").wait_for()
    assert page.locator(".fn-step").count() == 2
    overflow = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
