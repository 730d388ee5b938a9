"""Why a score is what it is, in a real Chromium, over tiny checkpoints that read query and passage apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.conftest import over_real_models
from tests.browser.test_page import PAYLOADS, finished, serious, write
from tests.checkpoints_apart import tiny_m3, tiny_splade

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

QUERY = "what is a panda?"
PASSAGES = (
    "The giant panda is a bear species endemic to China.",
    "大熊猫 (panda) 是中国特有的熊科动物，主要以竹子为食。",
    PAYLOADS[0],
    "the train leaves at seven",
)
TOLD = ".pg-c-why .ex-explained"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    at = tmp_path_factory.mktemp("models")
    return {"m3": tiny_m3(at / "m3"), "splade": tiny_splade(at / "splade")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with over_real_models(tmp_path_factory.mktemp("explained")) as server:
        yield server


def rank(page: Any, model: str, passages: tuple[str, ...] = PASSAGES) -> None:
    write(page, QUERY, passages)
    box = page.locator("#workspace-model input")
    box.fill(model)
    box.press("Enter")
    # The open list would lie over the button.
    box.blur()
    page.locator("#workspace-run").click()
    page.locator(".pg-facts strong", has_text=model).wait_for()
    finished(page, len(passages))


def numbers(page: Any, within: str) -> list[float]:
    """The last column of a table, its sum at the end."""
    cells = page.locator(f"{within} .ex-table tr td:last-child").all_text_contents()
    return [float(text.replace("=", "").replace("−", "-")) for text in cells]


def numbers_of_splade(page: Any) -> list[float]:
    """What each word adds, what the words beyond the table do, and the sum."""
    cells = page.locator(".ex-table tr td:nth-child(4)").all_text_contents()
    return [float(text.replace("=", "")) for text in cells]


def test_a_row_says_its_parts_its_words_and_its_matches(visit: Callable[..., Any], models: dict[str, Path]) -> None:
    page = visit().page
    rank(page, f"{models['m3']}#mode=0.4dense+0.2sparse+0.4colbert")
    # All at once: no answer may be lost.
    page.evaluate("() => { for (const each of document.querySelectorAll('.pg-why-button')) each.click(); }")
    page.wait_for_function(f"() => document.querySelectorAll('{TOLD}').length === {len(PASSAGES)}")
    assert page.evaluate("window.PWN") is None

    row = page.locator(".pg-rows .pg-row", has_text="endemic to China")
    score = row.locator(".pg-c-shown").inner_text()
    assert row.locator(".ex-sum li").last.inner_text() == f"Together: {score}"
    assert row.locator(".ex-stack span").count() == 3
    assert "adds them up, each multiplied by its weight" in row.locator(".ex-sum").inner_text()

    row.evaluate("(node) => node.classList.add('test-row')")
    *adds, whole = numbers(page, ".test-row .ex-sparse")
    assert len(adds) > 1
    assert adds == sorted(adds, reverse=True)
    assert abs(sum(adds) - whole) < 0.001 * len(adds)

    # Hovering over a word of the query lights those of the passage that share a piece with it, and says which piece.
    words, lit = row.locator(".ex-sparse [data-side=query] .ex-word"), list[str]()
    for at in range(words.count()):
        words.nth(at).hover()
        lit = row.locator(".ex-sparse [data-side=passage] .ex-lit").all_text_contents()
        if lit:
            break
    said = row.locator(".ex-sparse .ex-says").inner_text()
    assert lit == ["is", "species"]
    told = re.findall(r"(\S+): ([\d.]+) in the query × ([\d.]+) in the passage = ([\d.]+)", said)
    assert [piece for piece, *_ in told] == ["i", "s"]
    for _, asked, held, adds_up in told:
        assert abs(float(asked) * float(held) - float(adds_up)) < 0.002
    assert "in the query ×" in said
    page.mouse.move(0, 0)
    assert row.locator(".ex-lit").count() == 0

    # By keyboard: one stop for Tab, then arrows; Enter keeps what is lit, as a finger does.
    first = row.locator(".ex-colbert [data-side=query] [data-at]").first
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    lit = row.locator(".ex-colbert [data-side=query] .ex-lit")
    assert lit.count() == 1
    # A word of several pieces has a partner for each.
    assert row.locator(".ex-colbert .ex-says").inner_text().count("↔") == lit.locator(".ex-piece").count()
    assert row.locator(".ex-colbert [data-side=passage] .ex-lit").count() >= 1
    row.locator(".ex-colbert summary").click()
    row.locator(".ex-colbert .ex-more button").click()
    *cosines, mean = numbers(page, ".test-row .ex-colbert")
    assert len(cosines) == row.locator(".ex-colbert [data-side=query] .ex-piece").count()
    assert abs(sum(cosines) / len(cosines) - mean) < 0.002

    page.evaluate("window.playground.toggleTheme()")
    assert [found for found in serious(page) if "pg-c-why" in found or "ex-" in found or "pg-why" in found] == []
    page.evaluate("window.playground.setLanguage('zh')")
    assert page.locator(".pg-why-button").first.inner_text() == "收起说明"
    assert "模型用 3 种方式比较两段文字" in page.locator(TOLD).first.inner_text()
    page.locator(".pg-why-button").first.click()
    assert page.locator(TOLD).count() == len(PASSAGES) - 1


def test_a_row_in_windows_says_which_one_is_told_and_why_no_other_number_stands_there(
    visit: Callable[..., Any], models: dict[str, Path]
) -> None:
    page = visit().page
    page.locator("#workspace-reading label", has_text="Read in windows").click()
    page.locator("#workspace-window-by").wait_for()
    page.locator("#workspace-window-tokens input").fill("32")
    page.locator("#workspace-window-by input").click()
    page.locator("#workspace-window-by [role=option]").nth(1).click()
    page.locator("#workspace-window-top_k").wait_for()
    long = "The train leaves at seven. " * 30 + "A panda is a bear. " + "The tickets are sold out. " * 10
    rank(page, f"{models['m3']}#mode=sparse", (long, "the train leaves at seven"))
    row = page.locator(".pg-row", has=page.locator(".pg-badge.pg-windows"))
    row.locator(".pg-why-button").click()
    row.locator(".ex-explained").wait_for()
    told = row.locator(".pg-c-why").inner_text()
    assert re.search(r"^Window \d+ of \d+", told)
    assert "several passages were read at once" not in told


def test_a_phone_shows_a_sparse_encoder_and_embeddings_show_the_modes_of_bge_m3(
    visit: Callable[..., Any], models: dict[str, Path]
) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True).page
    rank(page, str(models["splade"]), PASSAGES[:2])
    page.locator(".pg-why-button").first.tap()
    page.locator(f"{TOLD} .ex-beyond").first.wait_for()
    assert "both texts hold or stand for" in page.locator(TOLD).inner_text()
    assert page.locator(".ex-table tbody tr").count() == 8
    page.locator(".ex-more button").tap()
    *adds, whole = numbers_of_splade(page)
    assert abs(sum(adds) - whole) < 0.1
    page.locator(".ex-beyond summary").first.tap()
    assert page.locator(".ex-beyond[open] .ex-piece").count() == 30

    word = page.locator("[data-side=query] [data-at]").nth(2)
    word.tap()
    assert word.get_attribute("aria-pressed") == "true"
    assert page.locator(".ex-lit").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # On a wide screen, the modes in the embeddings.
    page.set_viewport_size({"width": 1440, "height": 900})
    write(page, QUERY, PASSAGES)
    page.get_by_role("tab", name="Embeddings").click()
    box = page.locator("#embeddings-models input")
    done = "() => document.querySelector('#embeddings-status .pg-good, #embeddings-status .pg-bad')"
    box.press("Backspace")
    box.fill(str(models["m3"]))
    box.press("Enter")
    box.press("Escape")
    page.locator("#embeddings-run").click()
    page.wait_for_function(done)
    part = page.locator('[data-part="modes"]')
    part.locator("#embeddings-modes-compare").click()
    part.locator(".pg-three-modes").wait_for()
    assert part.locator(".pg-three-modes h4").all_text_contents()[0].startswith("Dense")
    assert part.locator(".ex-part").count() == 3
    plot = part.locator(".pg-modes-plot")
    plot.scroll_into_view_if_needed()
    plot.locator(".main-svg").first.wait_for()
    drawn = plot.evaluate("(node) => [node._fullData.length, node.layout.meta.names]")
    assert drawn == [len(PASSAGES), ["Dense", "Sparse", "ColBERT"]]

    page.locator(".pg-e-open[data-place='1']").click()
    page.locator("#embeddings-pair-modes").click()
    page.wait_for_function(
        "() => document.querySelector('.pg-three-modes [data-side=passage]')?.textContent.includes('大')"
    )
    assert part.locator("#embeddings-modes-passage").input_value() == "1"
    assert part.locator(".pg-modes-places").inner_text().startswith("Passage 2 of 4: place ")
    assert page.evaluate("window.PWN") is None
