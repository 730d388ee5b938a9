"""The Threshold view in a real Chromium: a set is chosen, scored behind the page, and what is known of it appears."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from playground.inputs import ready_sets
from tests.browser.test_page import serious

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

EXAMPLE = ready_sets.load()
ROWS = [
    {
        "query": "panda",
        "pos": ["a red panda"],
        "neg": ["<img src=x onerror=alert(1)>"],
        "pos_scores": [2.5],
        "neg_scores": [0.5],
    },
    {"query": "tea", "pos": ["green tea leaves"], "neg": ["${1+1} a bear"], "pos_scores": [1.5], "neg_scores": [-2.0]},
]

# How many of the pairs are scored, once some are.
COUNT = "document.querySelector('.threshold-lines')?.innerText.match(/[1-9]\\d* of 160 pairs/)"


@pytest.fixture
def held(server: Any) -> Iterator[Any]:
    """The gate before the model, closed; opened again whatever happens."""
    server.gate.closed = True
    yield server.gate
    server.gate.closed = False
    server.gate.let(200)


def open_view(page: Any) -> None:
    page.get_by_role("tab", name="Threshold", exact=True).first.click()
    page.locator("#threshold-set").wait_for()


def facts(page: Any) -> str:
    return str(page.locator(".threshold-facts").inner_text())


def chosen(page: Any, select: str) -> str:
    return str(page.evaluate("id => document.querySelector(id)?.selectedOptions[0]?.textContent || ''", select))


def wait_for_scores(page: Any, n: int) -> None:
    page.wait_for_function("n => document.querySelectorAll('#threshold-scorer option').length === n", arg=n)


def import_files(page: Any, *paths: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#threshold-import-open").click()
    chooser.value.set_files([str(path) for path in paths])


def test_the_example_is_scored_behind_the_page_and_stop_leaves_the_rest_to_continue(
    visit: Callable[..., Any], held: Any
) -> None:
    page = visit().page
    open_view(page)
    counts = EXAMPLE.counts()
    relevant = counts[1] + counts[2] + counts[3]
    assert facts(page) == f"20 queries, {EXAMPLE.n_pairs} pairs: {relevant} relevant, {counts[0]} not"
    call = page.locator("#threshold-score")
    assert call.inner_text() == f"Score these {EXAMPLE.n_pairs} pairs with Mini reranker"
    # Batches do not end with a query: these hold a few pairs each, so that Stop leaves some.
    page.locator("#workspace-advanced button").first.click()
    page.locator("#workspace-batch-tokens input").fill("200")
    call.click()
    held.let(2)
    page.wait_for_function(f"() => {COUNT}")
    page.locator("#threshold-stop").click()
    held.let(1)
    page.locator(".threshold-continue").wait_for()
    n, of = map(int, re.findall(r"\d+", page.locator(".threshold-rest").inner_text())[:2])
    assert 0 < n < of == EXAMPLE.n_pairs

    # Another page of the same visitor: what is scored is there, and goes on there.
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    open_view(other)
    other.locator(".threshold-continue").click()
    held.closed = False
    held.let(100)
    other.wait_for_function("() => document.querySelector('.threshold-line-done')")
    other.wait_for_function("() => !document.querySelector('.threshold-continue')")
    assert chosen(other, "#threshold-scorer").startswith("Mini reranker")
    other.wait_for_function("() => document.querySelector('#threshold-tabs .js-plotly-plot, #threshold-tabs svg')")


def test_a_file_is_imported_with_its_scores_renamed_deleted_and_taken_back(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    open_view(page)
    broken, path = tmp_path / "broken.jsonl", tmp_path / "animals.jsonl"
    lines = [json.dumps(row) for row in ROWS]
    path.write_text("\n".join(lines), encoding="utf-8")
    broken.write_text("\n".join([*lines, '{"query": ']), encoding="utf-8")
    import_files(page, broken)
    page.locator("#threshold-notice .pg-bad").wait_for()
    assert "broken.jsonl, line 3" in page.locator("#threshold-notice").inner_text()
    assert page.locator("#threshold-set option").count() == 4

    import_files(page, path)
    wait_for_scores(page, 1)
    assert facts(page) == "2 queries, 4 pairs: 2 relevant, 2 not"
    assert chosen(page, "#threshold-scorer") == "Scores in animals"
    page.locator("#threshold-rename").click()
    page.locator(".threshold-rename input").fill("Beasts")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#threshold-set').selectedOptions[0].textContent.startsWith('Beasts')"
    )
    with page.expect_download() as download:
        page.locator("#threshold-export").select_option("flagembedding")
    assert download.value.suggested_filename == "Beasts-flagembedding.jsonl"
    rows = [json.loads(line) for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()]
    assert [(row["query"], row["pos"], row["pos_scores"]) for row in rows] == [
        ("panda", ["a red panda"], [2.5]),
        ("tea", ["green tea leaves"], [1.5]),
    ]
    page.locator("#threshold-delete").click()
    page.locator("#threshold-notice button").click()
    page.wait_for_function(
        "() => document.querySelector('#threshold-set').selectedOptions[0].textContent.startsWith('Beasts')"
    )


def reloaded(page: Any) -> Any:
    """The page anew in the same browser, beside the old one: a reload aborts what gradio listens to, an error to it."""
    again = page.context.new_page()
    again.goto(page.url)
    again.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    return again


def test_the_chosen_set_is_there_again_after_a_reload_and_says_so_where_it_is_gone(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    open_view(page)
    path = tmp_path / "animals.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="utf-8")
    import_files(page, path)
    wait_for_scores(page, 1)
    again = reloaded(page)
    open_view(again)
    wait_for_scores(again, 1)
    assert chosen(again, "#threshold-set").startswith("animals")
    assert facts(again) == "2 queries, 4 pairs: 2 relevant, 2 not"
    assert again.locator("#threshold-notice").is_hidden()

    page.locator("#threshold-delete").click()
    page.locator("#threshold-notice button").wait_for()
    # The other page still looks at it, and so the browser remembers it.
    again.get_by_role("tab", name="Ranking", exact=True).click()
    open_view(again)
    again.wait_for_function("() => !document.querySelector('#threshold-set optgroup')")
    assert chosen(again, "#threshold-set") == "animals"
    third = reloaded(again)
    open_view(third)
    third.locator("#threshold-notice .pg-phrase").wait_for()
    assert (
        third.locator("#threshold-notice").inner_text().startswith("The labelled set that you looked at last is gone.")
    )
    assert chosen(third, "#threshold-set").startswith("Ready example (")


def test_the_strip_has_no_serious_accessibility_problem(visit: Callable[..., Any]) -> None:
    page = visit().page
    open_view(page)
    page.locator("#threshold-models").click()
    assert serious(page) == []
