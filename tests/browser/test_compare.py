"""The comparison in a real Chromium, over the built-in reranker, the built-in embedder and BM25."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from playground.analysis.movement import movements
from playground.core.types import Comparison, ModelChoice, Passage, RerankRequest
from playground.engine.comparison_record import from_manifest
from playground.models.catalog import BUILT_IN_EMBEDDER, BUILT_IN_RERANKER
from playground.paths import ASSETS
from tests.browser.conftest import over_real_models
from tests.browser.test_page import PAYLOADS, serious, write
from tests.checkpoints_apart import tiny_m3

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

SCENARIO = json.loads((ASSETS / "scenarios" / "1-keyword-trap.json").read_text(encoding="utf-8"))
MODELS = ["mini-reranker", "mini-embedder", "BM25"]
UNCHOSEN = {"precision": "auto", "kind": "auto", "reading": "", "windows": None}
WARM_UP = RerankRequest("warm", (Passage("1", "up"),))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with over_real_models(tmp_path_factory.mktemp("compare")) as server:
        # Loaded before anybody waits for them: on a busy machine that alone takes minutes.
        models = [ModelChoice(BUILT_IN_RERANKER, precision="fp32"), ModelChoice(BUILT_IN_EMBEDDER, kind="embedder")]
        assert [last.comparison.complete for last in server.services.engine.compare(WARM_UP, models)][-1]
        yield server


def choose_example(page: Any) -> None:
    page.locator("#workspace-example input").click()
    page.get_by_role("option", name=SCENARIO["title"]["en"]).click()
    page.wait_for_function(
        "query => document.querySelector('#workspace-query textarea, #workspace-query input')?.value === query",
        arg=SCENARIO["query"],
    )


def open_view(page: Any) -> None:
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-add").wait_for()


def compare(page: Any) -> None:
    page.locator("#compare-run").click()
    finished(page)


def finished(page: Any) -> None:
    page.wait_for_function("() => document.querySelector('#compare-export-csv')")
    page.wait_for_function("() => document.querySelectorAll('#compare-plots .js-plotly-plot .main-svg').length > 3")
    page.wait_for_function(
        "() => ['shift', 'percentiles'].every((id) =>"
        " document.querySelector(`#compare-${id} .js-plotly-plot`)?.playgroundSeen)"
    )


def columns(page: Any) -> dict[str, list[tuple[str, int, str]]]:
    """Rank, place in the input (from 1) and movement as read aloud, by model, as they stand on the page."""
    found = page.evaluate(
        """() => [...document.querySelectorAll('.pg-column')].map((column) => [
            column.querySelector('h3').textContent.slice(1),
            [...column.querySelectorAll('.pg-item')].map((item) => [
                item.querySelector('.pg-item-rank > span').textContent,
                Number(item.dataset.place) + 1,
                item.querySelector('.pg-move .pg-hidden')?.textContent || '',
            ]),
        ])"""
    )
    return {name: [tuple(item) for item in items] for name, items in found}


def climbed(said: str) -> int:
    if not said or said.startswith("same"):
        return 0
    return int(said.split()[0]) * (1 if " higher " in said else -1)


def link_of(page: Any, url: str) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    page.locator("#compare-export-link").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('run=')")
    return str(page.evaluate("() => navigator.clipboard.readText()"))


def saved(server: Any, link: str) -> Comparison:
    return from_manifest(server.services.history.open_link(link.split("run=")[1]).manifest)


def test_beside_an_address_that_is_typed_nothing_is_left_to_choose(visit: Callable[..., Any]) -> None:
    page = visit().page
    open_view(page)
    page.locator("#compare-add").click()
    row = page.locator(".pg-picker-rows li").last
    row.locator(".pg-model").select_option(index=row.locator(".pg-model option").count() - 1)
    for name, chosen in (("precision", "fp32"), ("kind", "embedder"), ("reading", "windows")):
        row.locator(f".pg-{name}").select_option(chosen)
    for model, n_seen in (("owner/model", 3), ("tei://localhost:8080", 0), ("cohere:rerank-v3.5", 0), ("owner/m", 3)):
        row.locator(".pg-typed").fill(model)
        assert row.locator("select:visible:not(.pg-model)").count() == n_seen
    assert page.evaluate("() => window.playgroundCompareModels.rows().at(-1)") == {"model": "owner/m"} | UNCHOSEN
    assert [row.locator(f".pg-{name}").input_value() for name in ("precision", "kind", "reading")] == [
        "auto",
        "auto",
        "",
    ]


def test_three_kinds_of_models_are_compared_and_the_link_brings_it_back(
    visit: Callable[..., Any], server: Any, tmp_path: Path
) -> None:
    visitor = visit()
    page = visitor.page
    choose_example(page)
    open_view(page)
    # The view opens with a comparison chosen: the workspace's model, the built-in embedder and BM25.
    compare(page)

    # Ranks and movement are those of the engine's own results.
    link = link_of(page, server.url)
    comparison = saved(server, link)
    assert comparison.complete
    shown = columns(page)
    assert list(shown) == MODELS
    for name, result in zip(MODELS, comparison.results, strict=True):
        expected = [(f"{one.rank}=" if one.tied else str(one.rank), one.index + 1) for one in result.scored]
        assert [item[:2] for item in shown[name]] == expected
        if name != MODELS[0]:
            moved = {one.index + 1: one.places for one in movements(comparison.results[0], result)}
            assert {place: climbed(said) for _, place, said in shown[name]} == moved
    # BM25 is taken in by the passages that repeat the question's words, the reranker is not.
    labels = {name: [SCENARIO["passages"][place - 1]["label"] for _, place, _ in shown[name]] for name in MODELS}
    assert labels["BM25"][:2] == [0, 0]
    assert labels["mini-reranker"][:2] == [1, 1]

    # Another baseline, a lit passage and its details ask nothing of the server.
    page.wait_for_timeout(500)
    before = len(visitor.requests)
    page.locator("#compare-baseline").select_option(label="BM25")
    moved = {one.index + 1: one.places for one in movements(comparison.results[2], comparison.results[0])}
    assert {place: climbed(said) for _, place, said in columns(page)[MODELS[0]]} == moved
    first = page.locator(".pg-column").first.locator(".pg-item").first
    place = int(first.get_attribute("data-place"))
    # Away from the lists: a passage that scrolls under the mouse is lit as well.
    page.mouse.move(1, 1)
    first.locator(".pg-pick").focus()
    page.keyboard.press("Enter")
    assert page.locator(".pg-item.pg-lit").count() == 3
    assert page.locator(".pg-one-text").inner_text() == SCENARIO["passages"][place]["text"]
    assert [text.split()[-1] for text in page.locator(".pg-one td:nth-child(3)").all_inner_texts()] == [
        "logit",
        "cosine",
        "BM25",
    ]
    page.wait_for_function(
        """place => { const strong = [...document.querySelectorAll('#compare-shift .scatterlayer > .trace')]
            .filter((node) => node.style.opacity === '').map((node) => node.__data__[0].trace.customdata[0]);
            return strong.length === 1 && strong[0] === place; }""",
        arg=place,
    )
    page.keyboard.press("Escape")
    assert page.locator(".pg-one").is_hidden()
    assert visitor.requests[before:] == []

    # The chart is drawn of the same passages, one line each.
    chart = page.evaluate(
        """() => { const plot = document.querySelector('#compare-shift .js-plotly-plot');
            return {names: plot.layout.meta.names, passages: plot.layout.meta.passages,
                    lines: document.querySelectorAll('#compare-shift .scatterlayer > .trace').length}; }"""
    )
    assert chart == {"names": MODELS, "passages": list(range(8)), "lines": 8}
    assert page.locator(".pg-agree tbody tr").count() == 3
    assert "NaN" not in page.locator("#compare-details").inner_text()

    # Files: the table, and a figure as a picture and as a page.
    with page.expect_download() as waited:
        page.locator("#compare-export-csv").click()
    text = Path(waited.value.path()).read_text(encoding="utf-8")
    assert len(list(csv.DictReader(io.StringIO(text)))) == len(MODELS) * len(SCENARIO["passages"])
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<svg"), ("html", b"<!doctype html>")):
        with page.expect_download() as waited:
            page.locator(f"#compare-head-rank_shift [data-save={kind}]").click()
        assert waited.value.suggested_filename == f"rank-shift.{kind}"
        assert Path(waited.value.path()).read_bytes().startswith(start)

    # The link: the same columns, without running anything.
    again = visit(link[len(server.url) :]).page
    finished(again)
    assert again.get_by_role("tab", name="Compare").get_attribute("aria-selected") == "true"
    assert {name: [item[:2] for item in items] for name, items in columns(again).items()} == {
        name: [item[:2] for item in items] for name, items in shown.items()
    }
    assert again.locator("#workspace-query textarea, #workspace-query input").first.input_value() == SCENARIO["query"]
    assert again.locator(".pg-picker-rows li").count() == 3
    assert [one for one in serious(again) if "compare" in one or "pg-" in one] == []
    again.locator("#header-theme").click()
    assert [one for one in serious(again) if "compare" in one or "pg-" in one] == []


def test_text_of_a_user_is_only_text_and_a_missing_model_fails_in_its_own_column(visit: Callable[..., Any]) -> None:
    page = visit().page
    write(page, PAYLOADS[0], "\n".join(PAYLOADS))
    open_view(page)
    page.locator("#compare-add").click()
    page.locator(".pg-picker-rows li").last.locator("select.pg-model").select_option(label="Another model …")
    page.locator("input.pg-typed").fill("no-such/model")
    page.locator("input.pg-typed").press("Control+Enter")
    finished(page)
    assert page.locator(".pg-column h3 span:last-child").all_inner_texts() == [*MODELS, "model"]
    assert "no-such/model is not on this machine" in page.locator(".pg-state-failed .pg-column-said").inner_text()
    assert page.locator(".pg-fights tbody tr").count() == len(PAYLOADS)
    assert page.evaluate("() => window.PWN") is None


def test_on_a_phone_only_the_lists_scroll_sideways(visit: Callable[..., Any]) -> None:
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True).page
    write(page, "red panda", ("blue whale", "a red panda eats bamboo", "red paint"))
    open_view(page)
    compare(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    widths = page.locator(".pg-lists .pg-scroller").evaluate("(box) => [box.scrollWidth, box.clientWidth]")
    assert widths[0] > widths[1]
    assert [one for one in serious(page) if "compare" in one or "pg-" in one] == []


def test_one_click_asks_for_a_model_in_all_its_modes_or_at_its_layers(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    folder = tiny_m3(tmp_path / "m3")
    box = page.locator("#workspace-model input").first
    box.fill(f"{folder}#mode=sparse")
    box.press("Enter")
    open_view(page)
    page.locator(".pg-quick button", has_text="m3 as dense, sparse, colbert, 0.4dense+0.2sparse+0.4colbert").click()
    rows = page.locator(".pg-picker-rows li:not(.pg-first) select.pg-model")
    asked = [f"{folder}#mode={mode}" for mode in ("dense", "colbert", "0.4dense+0.2sparse+0.4colbert")]
    assert [rows.nth(at).input_value() for at in range(rows.count())][-3:] == asked
    shown = rows.nth(rows.count() - 1).evaluate("select => select.selectedOptions[0].text")
    assert shown == "mode=0.4dense+0.2sparse+0.4colbert · m3"
    assert page.locator(".pg-quick button", has_text="m3 as").count() == 0
    sent = page.evaluate("() => window.playgroundCompareModels.rows().slice(-3)")
    assert sent == [{"model": model} | UNCHOSEN for model in asked]
