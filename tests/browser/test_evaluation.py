"""A task of the field in a real Chromium, over the built-in model: the command's figures, Stop, and a bad folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from playground.core.types import ModelChoice, Passage, RerankRequest
from playground.evaluate.__main__ import main
from playground.models.catalog import BUILT_IN_RERANKER
from tests.browser.conftest import over_real_models
from tests.browser.screenshots import open_tab
from tests.browser.test_page import serious

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ANIMALS = ("panda", "tiger", "heron", "otter", "badger", "falcon")
FACTS = ("lives in the forest", "eats fish", "sleeps all day", "was drawn by hand")
DEPTH = 5
WARM_UP = RerankRequest("warm", (Passage("1", "up"),))
OVER = """() => document.querySelector('#evaluation-stop')?.disabled
    && !document.querySelector('#evaluation-run')?.disabled"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with over_real_models(tmp_path_factory.mktemp("evaluation")) as server:
        # Loaded before anybody waits for it: on a busy machine that alone takes minutes.
        *_, last = server.services.engine.rerank(WARM_UP, ModelChoice(BUILT_IN_RERANKER, precision="fp32"))
        assert last.result.complete
        yield server


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """Six queries over 24 passages, in BEIR's layout."""
    folder = tmp_path / "nano"
    (folder / "qrels").mkdir(parents=True)
    rows = [(name, n, fact) for name in ANIMALS for n, fact in enumerate(FACTS)]
    corpus = [{"_id": f"{name}{n}", "title": name, "text": f"The {name} {fact}."} for name, n, fact in rows]
    (folder / "corpus.jsonl").write_text(lines(corpus))
    (folder / "queries.jsonl").write_text(lines([{"_id": name, "text": f"when the {name} rests"} for name in ANIMALS]))
    judged = "".join(f"{name}\t{name}{FACTS.index('sleeps all day')}\t1\n" for name in ANIMALS)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def opened(visitor: Any) -> Any:
    page = visitor.page
    open_tab(page, "Funnel")
    page.locator("#funnel-evaluation button").first.click()
    page.locator("#evaluation-run").wait_for()
    visitor.settle()
    return page


def start(page: Any, task: object, depth: int = DEPTH, queries: int = 0) -> None:
    page.locator("#evaluation-task input").fill(str(task))
    page.locator("#evaluation-task input").press("Enter")
    page.locator("#evaluation-depth input").fill(str(depth))
    page.locator("#evaluation-queries input").fill(str(queries))
    page.locator("#evaluation-run").click()


def figures(page: Any, n: int) -> list[list[str]]:
    """Of each row of the table its name and first n figures."""
    read = """(grid, n) => [...grid.querySelectorAll('[role=row]')].map((row) =>
        [...row.querySelectorAll('[role=gridcell], td')].slice(0, n + 1).map((cell) => cell.innerText.trim()))"""
    found: list[list[str]] = page.locator("#evaluation-table [role=grid]").first.evaluate(read, n)
    return [row for row in found if row and row[0]]


def test_a_folder_gives_the_figures_that_the_command_gives(
    visit: Callable[..., Any], task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = opened(visit())
    start(page, task)
    page.locator("#evaluation-status", has_text="nano: 6 of 6 queries count.").wait_for()
    page.wait_for_function(OVER)
    capsys.readouterr()
    assert main([str(task), "--depth", str(DEPTH), "--precision", "fp32", "--json", "--offline"]) == 0
    keys, rows = ("ndcg@10", "mrr@10", "map", "r@10", "r@5"), json.loads(capsys.readouterr().out)["rows"]
    command = [[f"{100 * row['figures'][key]['value']:.2f}" for key in keys] for row in rows]
    assert figures(page, len(keys)) == [
        [name, *row]
        for name, row in zip(("BM25 (keywords)", "Mini reranker (built in, English demo)"), command, strict=True)
    ]
    assert command[0] != command[1]
    assert serious(page) == []


def test_stop_keeps_the_row_of_the_first_stage(visit: Callable[..., Any]) -> None:
    page = opened(visit())
    start(page, "microbiology", depth=100)
    page.locator("#evaluation-status", has_text="Mini reranker").wait_for()
    page.locator("#evaluation-stop").click()
    page.wait_for_function(OVER)
    said = page.locator("#evaluation-status").inner_text()
    assert "Stopped. Scores that were made are kept, and the next run goes on from there." in said
    assert "microbiology: 60 of 60 queries count." in said
    assert [row[0] for row in figures(page, 1)] == ["BM25 (keywords)"]
    assert page.locator("#evaluation-json").is_visible()


def test_a_folder_that_is_no_task_is_one_sentence_and_the_page_goes_on(visit: Callable[..., Any], task: Path) -> None:
    page = opened(visit(viewport={"width": 390, "height": 844}))
    (task / "queries.jsonl").rename(task / "asked.jsonl")
    start(page, task)
    said = page.locator("#evaluation-status .pg-bad")
    said.wait_for()
    assert said.inner_text() == "nano has no queries. A retrieval task is a corpus, queries and qrels."
    page.wait_for_function(OVER)
    (task / "asked.jsonl").rename(task / "queries.jsonl")
    page.locator("#evaluation-run").click()
    page.locator("#evaluation-status", has_text="nano: 6 of 6 queries count.").wait_for()
    overflow = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
