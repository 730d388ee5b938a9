"""The threshold under a mouse, in a real Chromium: what the page counts is what Python and scikit-learn count."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("playwright")

from sklearn.metrics import f1_score, precision_score, recall_score

from playground.analysis.curves import confusion
from playground.analysis.judged import Judged
from tests.analysis.planted import pairs
from tests.browser.test_page import PAYLOADS, serious

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

STAGE = "#threshold-panel .pg-lab-plot"
READY = (
    "() => window.playgroundThreshold?.data"
    " && document.querySelector('#threshold-panel .js-plotly-plot')?._fullLayout?.xaxis"
)


def planted(n_queries: int, n_wrong: int, apart: float, seed: int = 0) -> tuple[list[dict[str, Any]], Judged]:
    """A file's rows with scores of one decimal, so that many tie, and the same pairs as the analysis takes them."""
    rng = np.random.default_rng(seed)
    rows, scores, relevant, query = [], [], [], []
    for place in range(n_queries):
        right = [round(float(rng.normal(apart, 1.5)), 1)]
        wrong = [round(float(score), 1) for score in rng.normal(-1.0, 1.5, n_wrong)]
        rows.append(
            {
                "query": f"question {place} {PAYLOADS[place] if place < len(PAYLOADS) else ''}",
                "pos": [f"right answer {place} {PAYLOADS[place] if place < len(PAYLOADS) else ''}"],
                "neg": [f"wrong answer {place}, number {number}" for number in range(n_wrong)],
                "pos_scores": right,
                "neg_scores": wrong,
            }
        )
        scores += [*right, *wrong]
        relevant += [1, *([0] * n_wrong)]
        query += [place] * (1 + n_wrong)
    return rows, pairs(scores, relevant, query)


def load(page: Any, path: Path, rows: list[dict[str, Any]]) -> None:
    """Import the rows as a labelled set, and wait until its panel stands."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    page.get_by_role("tab", name="Threshold").first.click()
    with page.expect_file_chooser() as chooser:
        page.locator("#threshold-import-open").click()
    chooser.value.set_files(path)
    n_pairs = sum(len(row["pos"]) + len(row["neg"]) for row in rows)
    page.wait_for_function("n => window.playgroundThreshold?.data?.n === n", arg=n_pairs)
    page.wait_for_function(READY)


def numbers(page: Any) -> dict[str, Any]:
    """What the page says beside the line."""
    return page.evaluate(
        """() => {
          const text = (selector) => document.querySelector(`#threshold-panel ${selector}`)?.textContent.trim();
          const share = (name) => parseFloat(text(`[data-number="${name}"] strong`)) / 100;
          const cell = (name) => Number(text(`[data-cell="${name}"] strong`).replace(/,/g, ''));
          return {
            threshold: window.playgroundThreshold.threshold,
            big: text('.pg-lab-big strong'), flag: text('.pg-lab-flag'),
            precision: share('precision'), recall: share('recall'), f1: share('f1'),
            tp: cell('tp'), fp: cell('fp'), fn: cell('fn'), tn: cell('tn'),
          };
        }"""
    )


def settled(page: Any) -> None:
    """After the next frame but one, so that the line's own frame is over."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def assert_counts(said: dict[str, Any], judged: Judged) -> None:
    """What is said is what scikit-learn counts at the same threshold."""
    kept = judged.score >= said["threshold"]
    found = confusion(judged, said["threshold"])
    assert (said["tp"], said["fp"], said["fn"], said["tn"]) == (found.tp, found.fp, found.fn, found.tn)
    for name, measure in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert said[name] == pytest.approx(measure(judged.relevant, kept), abs=0.0006), name


def test_the_line_under_the_mouse_says_what_scikit_learn_says(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    page = visitor.page
    rows, judged = planted(40, 6, apart=3.0)
    load(page, tmp_path / "set.jsonl", rows)
    assert_counts(numbers(page), judged)
    # The plot that only fetches plotly is there, and nobody hears its axes.
    page.wait_for_selector("#threshold-loader .js-plotly-plot", state="attached")
    assert "0 2 4 6" not in " ".join(page.locator("#threshold-tabs").aria_snapshot().split())
    assert page.locator("#threshold-loader").aria_snapshot() == ""
    visitor.settle()
    page.locator(STAGE).scroll_into_view_if_needed()
    box = page.locator(STAGE).bounding_box()
    middle = box["y"] + box["height"] / 2
    n_requests = len(visitor.requests)
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    page.mouse.down()
    seen = []
    for share in (0.45, 0.62, 0.7, 0.3):
        page.mouse.move(box["x"] + share * box["width"], middle, steps=4)
        settled(page)
        seen.append(numbers(page))
    # Nothing was asked of the server while the button was down.
    assert [url for url in visitor.requests[n_requests:] if "/queue/" in url] == []
    page.mouse.up()
    for said in seen:
        assert_counts(said, judged)
        assert said["big"] == said["flag"]
    assert seen[3]["threshold"] < seen[0]["threshold"] < seen[1]["threshold"] < seen[2]["threshold"]
    assert page.evaluate("window.playgroundThreshold.current().method") == "by-hand"
    assert page.evaluate("window.PWN") is None


def test_counts_on_the_page_are_pythons_at_any_threshold_tied_ones_too(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    rows, judged = planted(30, 5, apart=3.0, seed=1)
    load(page, tmp_path / "set.jsonl", rows)
    rng = random.Random(0)
    tied = rng.sample(sorted(set(judged.score.tolist())), 25)
    cuts = [*tied, *(rng.uniform(-6, 6) for _ in range(23)), -100.0, 100.0]
    found = page.evaluate("cuts => cuts.map((cut) => window.playgroundThreshold.counts(cut))", cuts)
    expected = [confusion(judged, cut) for cut in cuts]
    assert [(one["tp"], one["fp"], one["fn"], one["tn"]) for one in found] == [
        (one.tp, one.fp, one.fn, one.tn) for one in expected
    ]


def test_a_card_moves_the_line_and_another_parameter_does_not(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit().page
    rows, judged = planted(40, 6, apart=3.0, seed=2)
    load(page, tmp_path / "set.jsonl", rows)
    start = page.evaluate("window.playgroundThreshold.current()")
    assert (start["method"], start["parameter"]) == ("f-beta", 1)
    page.wait_for_selector(".pg-lab-card[data-method=precision] button")
    page.fill("#threshold-parameter-precision", "80")
    page.wait_for_selector('.pg-lab-card[data-method=precision][data-parameter="0.8"]')
    assert page.evaluate("window.playgroundThreshold.current().threshold") == start["threshold"]
    page.wait_for_function(
        "() => !document.querySelector('.pg-lab-card[data-method=precision]').textContent.includes('computing')"
    )
    page.locator(".pg-lab-card[data-method=precision] button").click()
    page.wait_for_function("() => window.playgroundThreshold.current().method === 'precision'")
    settled(page)
    now = page.evaluate("window.playgroundThreshold.current()")
    assert (now["parameter"], now["precision"] >= 0.8) == (0.8, True)
    low, high = now["interval"]
    assert low <= now["threshold"] <= high
    assert_counts(numbers(page), judged)
    assert page.locator(".pg-lab-card[data-method=precision] button").get_attribute("aria-pressed") == "true"


def test_a_parameter_out_of_range_is_said_and_its_card_cannot_be_used(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    rows, _ = planted(40, 6, apart=3.0, seed=2)
    load(page, tmp_path / "set.jsonl", rows)
    card = page.locator(".pg-lab-card[data-method=precision]")
    said, use = card.locator(".pg-lab-card-range"), card.locator("button")
    use.wait_for()
    assert (said.text_content(), use.is_disabled()) == ("", False)
    for typed in ("150", "0", ""):
        page.fill("#threshold-parameter-precision", typed)
        assert (said.text_content(), use.is_disabled()) == ("Type a number from 1 to 100.", True), typed
    # The bands that arrive meanwhile draw the cards anew.
    page.wait_for_function("() => !document.querySelector('.pg-lab-cards').textContent.includes('computing')")
    assert (said.text_content(), page.input_value("#threshold-parameter-precision")) == (
        "Type a number from 1 to 100.",
        "",
    )
    page.fill("#threshold-parameter-precision", "80")
    page.wait_for_selector('.pg-lab-card[data-method=precision][data-parameter="0.8"] button:enabled')
    assert said.text_content() == ""


def test_the_list_follows_the_line_and_shows_a_pair_in_full(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit().page
    rows, judged = planted(40, 6, apart=3.0, seed=4)
    load(page, tmp_path / "set.jsonl", rows)
    page.evaluate("window.playgroundThreshold.set(0.25)")
    settled(page)
    shown = page.eval_on_selector_all(
        "#threshold-list .pg-lab-groups section:first-child .pg-lab-score", "nodes => nodes.map((node) => node.title)"
    )
    nearest = sorted(score for score in judged.score.tolist() if score >= 0.25)[:5]
    assert sorted(map(float, shown)) == nearest
    page.locator("#threshold-list button[data-view=worst]").click()
    first = page.locator("#threshold-list .pg-lab-row").first
    assert float(first.locator(".pg-lab-score").get_attribute("title")) == judged.score[~judged.relevant].max()
    first.locator("button").click()
    page.wait_for_function(
        "() => document.querySelector('#threshold-list .pg-lab-whole-text')?.textContent.includes('answer')"
    )
    assert page.evaluate("window.PWN") is None


def test_folds_say_how_sure_this_is_and_draw_their_figures(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit().page
    rows, judged = planted(40, 6, apart=3.0, seed=2)
    load(page, tmp_path / "set.jsonl", rows)
    page.locator(".pg-lab-sure summary").click()
    page.wait_for_selector(".pg-lab-sure [data-unseen=outside]")
    sure = page.locator(".pg-lab-sure").inner_text()
    assert "40 labelled queries" in sure
    assert "the same rule would mostly choose a threshold from" in sure
    page.locator("[data-fold=curves] summary").click()
    page.wait_for_function("() => document.querySelectorAll('[data-fold=curves] .js-plotly-plot').length === 3")
    dot = page.locator("[data-figure=roc] .pg-lab-over-dot")
    dot.wait_for(state="visible")
    before = dot.bounding_box()
    page.evaluate("window.playgroundThreshold.set(3)")
    settled(page)
    assert dot.bounding_box() != before
    page.wait_for_function("() => !document.querySelector('[data-fold=calibration]').textContent.includes('computing')")
    folds = "[data-fold=curves], [data-fold=queries], [data-fold=abstention]"
    elsewhere = f"#threshold-panel, #threshold-cards, #threshold-sure, {folds}"
    said = " ".join(page.eval_on_selector_all(elsewhere, "nodes => nodes.map((node) => node.textContent)"))
    assert "probability" not in said.replace("not a probability", "")
    page.locator("[data-fold=calibration] summary").click()
    page.wait_for_selector("[data-probability]")
    assert f"n = {len(judged)} pairs of 40 queries" in page.locator("[data-probability]").inner_text()
    # Every figure is a file, with the line of now in it.
    for name, figure in (("threshold", "#threshold-panel .pg-lab-files"), ("roc", "[data-figure=roc]")):
        for kind, start in (("png", b"\x89PNG"), ("svg", b"<svg")):
            with page.expect_download() as download:
                page.locator(f"{figure} [data-save={kind}]").click()
            assert download.value.suggested_filename == f"{name}.{kind}"
            assert Path(download.value.path()).read_bytes().startswith(start)
        picture = Path(download.value.path()).read_text(encoding="utf-8")
        assert "set · " in picture
        assert "Threshold 3" in picture
    drawn = page.locator("#threshold-tabs .js-plotly-plot:visible").count()
    assert page.locator("#threshold-tabs [data-save=png]").count() == drawn >= 5
    # What belongs to the old line is greyed until the new numbers are there.
    page.wait_for_selector(".pg-lab-sure:not(.pg-lab-stale)")
    assert [found for found in serious(page) if "lab-" in found] == []


def test_ten_thousand_pairs_are_counted_within_a_frame(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit().page
    rows, judged = planted(500, 19, apart=3.0, seed=5)
    load(page, tmp_path / "large.jsonl", rows)
    assert page.evaluate("window.playgroundThreshold.data.n") == 10_000
    page.evaluate("window.playgroundThreshold.set(0.35)")
    settled(page)
    assert_counts(numbers(page), judged)
    cuts = np.linspace(-6, 8, 101).tolist()
    found = page.evaluate("cuts => cuts.map((cut) => window.playgroundThreshold.counts(cut).tp)", cuts)
    assert found == [confusion(judged, cut).tp for cut in cuts]


def test_a_set_that_does_not_separate_gets_no_number_until_a_line_is_placed(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    rows, judged = planted(30, 5, apart=-0.5, seed=6)
    load(page, tmp_path / "set.jsonl", rows)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("window.playgroundThreshold.current()") is None
    # What each rule would choose all the same is behind a fold.
    assert page.locator(".pg-lab-card:visible").count() == 0
    assert page.locator(".pg-lab-overlap").is_visible()
    page.locator("#threshold-place").click()
    page.wait_for_function("() => window.playgroundThreshold.current()?.method === 'by-hand'")
    settled(page)
    assert_counts(numbers(page), judged)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
