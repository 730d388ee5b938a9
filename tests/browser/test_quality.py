"""Ranking quality in a real Chromium: figures appear once the tab is in sight, and every setting is a key away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.test_page import PAYLOADS, serious

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

QUERIES = [*PAYLOADS, *(f"question {number}" for number in range(12))]
CELLS = """(row) => [...document.querySelectorAll(`.lq-figures tbody tr:nth-child(${row}) td`)].map((each) =>
    each.querySelector('strong')?.textContent || each.textContent)"""


def load(page: Any, path: Path, right: float, wrong: tuple[float, float]) -> None:
    """Import one relevant passage of three for each query, with the same scores everywhere."""
    rows = [
        {
            "query": query,
            "pos": [f"{query} right"],
            "neg": [f"{query} wrong {place}" for place in range(2)],
            "pos_scores": [right],
            "neg_scores": list(wrong),
        }
        for query in QUERIES
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    before = page.locator("#threshold-set option").count()
    with page.expect_file_chooser() as chooser:
        page.locator("#threshold-import-open").click()
    chooser.value.set_files([str(path)])
    page.wait_for_function("n => document.querySelectorAll('#threshold-set option').length > n", arg=before)


def test_models_are_laid_side_by_side_and_every_setting_is_a_key_away(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    page.locator("#tab-threshold-button").click()
    page.locator("#threshold-import-open").wait_for()
    load(page, tmp_path / "good.jsonl", 3.0, (2.0, 1.0))
    load(page, tmp_path / "bad.jsonl", 1.0, (1.0, 2.0))
    page.locator("#threshold-tab-quality-button").click()
    n = len(QUERIES)
    page.wait_for_function("(n) => document.querySelector('.lq-first')?.textContent.includes(`${n} of ${n}`)", arg=n)
    page.wait_for_function("() => document.querySelectorAll('.lq-figures tbody tr').length === 2")
    names = page.locator(".lq-figures tbody .lq-name").all_inner_texts()
    good, bad = (1, 2) if names[0].startswith("good") else (2, 1)
    first, other = names[good - 1], names[bad - 1]
    assert page.locator(".lq-first").inner_text() == f"{first} puts a relevant passage first for {n} of {n} queries."
    assert f"{other}: 0 of {n}" in page.locator(".lq-headline").inner_text()
    assert page.evaluate(CELLS, good)[1:3] == ["1.000", "1.000"]
    # In second or third place, each with the same chance.
    assert page.evaluate(CELLS, bad)[2] == "0.417"
    assert page.locator(".lq-star").count() > 0
    assert "random order" in page.locator(".lq-what").inner_text()
    assert [said for said in serious(page) if ".lq" in said or "quality-" in said] == []

    page.locator("#quality-by-ndcg").focus()
    assert page.locator(".lq-what").inner_text().startswith("NDCG")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#quality-by-ndcg').getAttribute('aria-pressed') === 'true'")

    page.locator("#quality-counting").select_option("mteb-v2")
    page.wait_for_function("() => document.querySelector('.lq-what').textContent.includes('relevant one comes last')")
    assert page.evaluate(CELLS, bad)[2] == "0.333"
    assert page.locator("#quality-k").count() == 0

    page.locator(".lq-questions #quality-more").click()
    asked = page.locator(".lq-by-question tbody th").all_inner_texts()
    assert sorted(asked) == sorted(QUERIES)
    assert page.evaluate("() => window.PWN") is None

    with page.expect_download() as download:
        page.locator("#quality-csv-questions").click()
    assert download.value.suggested_filename == "quality-by-query.csv"

    # Whichever is unticked keeps its place under the pointer, and the focus.
    for row in (1, 2):
        box = page.locator(f".lq-figures tbody tr:nth-child({row}) input")
        box.click()
        page.wait_for_function("() => document.querySelectorAll('.lq-by-question thead th').length === 2")
        assert page.locator(".lq-figures tbody .lq-name").all_inner_texts() == names
        assert not box.is_checked()
        assert page.evaluate("() => document.activeElement.id") == f"quality-compare-{row - 1}"
        assert page.locator("#quality-baseline").count() == 0
        page.keyboard.press("Space")
        page.wait_for_function("() => document.querySelectorAll('.lq-by-question thead th').length === 3")
