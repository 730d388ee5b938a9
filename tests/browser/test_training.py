"""Training on labels in a real Chromium: asked for, gone on with behind a closed page, compared, taken away."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from tests.browser.test_page import serious

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def open_tab(page: Any) -> None:
    page.locator("#tab-threshold-button").click()
    page.locator("#threshold-tab-training-button").click()
    page.locator("#training-start").wait_for()


def test_a_training_goes_on_behind_a_closed_page_and_ends_in_a_model(
    visit: Callable[..., Any], server: Any, tiny_bert: Path
) -> None:
    visitor = visit()
    page = visitor.page
    open_tab(page)
    assert "11 queries to learn from, 5 to compare on" in page.locator(".tr-form").inner_text()
    assert page.locator(".tr-warnings li").count() == 2
    # Three passes of steps that take four times as long, and two; then those that are typed.
    page.locator("#training-preset").select_option("careful")
    page.locator(".tr-hint", has_text="3 times, with").filter(has_text="about 6 times as long").wait_for()
    page.locator(".tr-more summary").click()
    page.locator("#training-epochs").fill("5")
    page.locator("#training-epochs").blur()
    page.locator(".tr-hint", has_text="5 times, with").filter(has_text="about 10 times as long").wait_for()
    page.locator("#training-preset").select_option("quick")
    page.locator("#training-base").fill("bm25")
    page.locator("#training-start").click()
    page.locator(".tr-refused").wait_for()
    assert "has no weights to train" in page.locator(".tr-refused").inner_text()

    page.locator("#training-base").fill(str(tiny_bert))
    page.locator("#training-name").fill("<b>Mine</b>")
    page.locator("#training-start").click()
    page.locator(".tr-line[data-state=running]").wait_for()
    assert page.locator(".tr-refused").is_hidden()
    visitor.reload()
    open_tab(page)
    # The training steps back behind whatever else the machine does.
    page.locator(".tr-one").wait_for(timeout=300_000)
    one = page.locator(".tr-one")
    assert one.locator(".tr-head strong").inner_text() == "<b>Mine</b>"
    # The page's model is a double that scores by shared words, so that both are the same model.
    assert "too small to tell" in one.inner_text()
    assert "on 5 queries it did not learn from" in one.inner_text()
    assert "Both were run in fp32 on cpu and read at most" in one.inner_text()
    one.locator("summary").last.click()
    one.locator(".tr-curve .main-svg").first.wait_for()
    assert [said for said in serious(page) if ".tr-" in said or "training-" in said] == []

    # A gain that may be chance is said to be so, and a loss is not hidden.
    (trained,) = (each for each in server.services.trained.list(None) if each.ask.name == "<b>Mine</b>")
    assert trained.result is not None
    for verdict, difference, sentence in (
        ("unclear", 0.02, "that may be chance"),
        ("worse", -0.2, "Worse than before"),
    ):
        result = replace(trained.result, verdict=verdict, difference=difference)
        server.services.trained.measured(replace(trained, result=result))
        visitor.reload()
        open_tab(page)
        page.locator(".tr-one").get_by_text(sentence).wait_for()
        assert one.get_by_text("that may be chance").count() == (verdict == "unclear")

    one.get_by_role("button", name="Save this threshold").click()
    one.get_by_text("✓ Saved").wait_for()
    page.locator("#threshold-tab-saved-button").click()
    page.locator("#saved-list").get_by_text("<b>Mine</b>").first.wait_for()
    page.locator("#threshold-tab-training-button").click()

    one.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.locator("#training-file a").first.click()
    with zipfile.ZipFile(download.value.path()) as file:
        assert {name.split("/")[-1] for name in file.namelist()} >= {"README.md", "config.json", "model.safetensors"}

    one.get_by_role("button", name="Use it").click()
    page.wait_for_function("() => document.querySelector('#workspace-model input').value.includes('Mine')")
    page.locator("#header-zh").click()
    page.wait_for_function("() => document.querySelector('#training-title').textContent === '用我的标注训练'")
    one.locator(".tr-tools button").last.click()
    one.get_by_role("button", name="确定永久删除？").click()
    one.wait_for(state="detached")
