"""The threshold's line and its slider in a real Chromium: one place for both, moved by keys, saved beside itself."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("playwright")

from PIL import Image

from tests.browser.test_page import PAYLOADS, serious
from tests.browser.test_threshold_panel import READY, assert_counts, load, numbers, planted, settled

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ON_AXIS = """(value) => {
  const node = document.querySelector('#threshold-panel .pg-plot'), { xaxis } = node._fullLayout;
  return node.getBoundingClientRect().left + xaxis._offset + xaxis.l2p(value);
}"""
LINE_COLOUR = """() => {
  const probe = document.body.appendChild(document.createElement('span'));
  probe.style.color = 'var(--rp-threshold)';
  const found = getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
  probe.remove();
  return found;
}"""
FITS = """() => {
  const node = document.querySelector('#threshold-panel .pg-plot');
  return Math.abs(node._fullLayout.width - node.clientWidth) < 1;
}"""


def pixels(page: Any, value: float) -> tuple[float, float]:
    """Where the plot's axis has a value, and where the middle of the slider's thumb is then, in CSS pixels."""
    page.evaluate("value => window.playgroundThreshold.set(value)", value)
    settled(page)
    slider = page.locator("#threshold-threshold")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    picture = Image.open(io.BytesIO(slider.screenshot(animations="disabled"))).convert("RGB")
    far = abs(np.asarray(picture, dtype=int) - page.evaluate(LINE_COLOUR)).sum(axis=2)
    columns = np.flatnonzero((far < 30).any(axis=0))
    return float(page.evaluate(ON_AXIS, value)), float(box["x"] + (columns[0] + columns[-1] + 1) / 2)


def test_the_sliders_thumb_stands_under_the_line_at_any_width(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit().page
    rows, _ = planted(40, 6, apart=3.0, seed=3)
    load(page, tmp_path / "set.jsonl", rows)
    axis = page.evaluate("window.playgroundThreshold.data.axis")
    for width in (1440, 1000, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(FITS)
        for share in (0.0, 0.2, 0.5, 0.9, 1.0):
            on_axis, thumb = pixels(page, axis["low"] + share * (axis["high"] - axis["low"]))
            assert abs(on_axis - thumb) <= 2, (width, share, on_axis, thumb)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_line_is_saved_beside_itself_and_what_cannot_be_saved_says_why(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    rows, _ = planted(30, 5, apart=-0.5, seed=6)
    load(page, tmp_path / "set.jsonl", rows)
    form = page.locator("#threshold-line")
    assert "There is no line to save yet." in form.inner_text()
    assert form.locator("button").is_disabled()
    page.locator("#threshold-place").click()
    page.wait_for_function("() => !document.querySelector('#threshold-line-save').disabled")
    page.click("#threshold-line-save")
    page.wait_for_function("() => document.querySelector('#threshold-line .sv-said').textContent")
    assert form.locator(".sv-said").inner_text() == "A threshold needs a name. Type one."
    name = f"careful {PAYLOADS[0]}"
    page.fill("#threshold-line-name", name)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#threshold-line .sv-said.pg-good')")
    assert form.locator(".sv-said").inner_text() == f"“{name}” is saved."
    assert page.input_value("#threshold-line-name") == ""
    page.locator("#threshold-threshold").press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#threshold-line .sv-said').textContent === ''")
    assert [found for found in serious(page) if "threshold-line" in found or "sv-" in found] == []
    page.click("#threshold-tab-saved-button")
    page.locator(".sv-one.sv-fits").wait_for()
    assert page.locator(".sv-one h3").all_text_contents() == [name]
    assert page.evaluate("window.PWN") is None


def test_the_line_moves_by_keyboard_and_by_an_exact_number(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit().page
    rows, judged = planted(40, 6, apart=3.0, seed=3)
    load(page, tmp_path / "set.jsonl", rows)
    before = page.evaluate("window.playgroundThreshold.threshold")
    slider = page.locator("#threshold-threshold")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    settled(page)
    said = numbers(page)
    assert said["threshold"] > before
    assert_counts(said, judged)
    assert "precision" in slider.get_attribute("aria-valuetext")
    page.fill("#threshold-threshold-exact", "0.3")
    settled(page)
    said = numbers(page)
    assert said["threshold"] == 0.3
    assert_counts(said, judged)


def test_a_saved_threshold_on_the_line_keeps_its_name_until_the_line_is_moved(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    page = visit().page
    rows, _ = planted(40, 6, apart=3.0, seed=2)
    load(page, tmp_path / "set.jsonl", rows)
    start = page.evaluate("window.playgroundThreshold.threshold")
    name = f"careful {PAYLOADS[0]}"
    page.click("#threshold-tab-saved-button")
    page.fill("#saved-line-name", name)
    page.click("#saved-line-save")
    page.locator(".sv-one .pg-button").first.click()
    page.wait_for_function("() => window.playgroundThreshold.current().origin")
    settled(page)
    now = page.evaluate("window.playgroundThreshold.current()")
    assert (now["threshold"], now["method"], now["interval"], now["origin"]) == (start, "by-hand", None, name)
    said = page.locator("#threshold-panel .pg-lab-unit")
    assert f"saved threshold “{name}”" in said.text_content()
    assert f"saved threshold “{name}”" in page.locator("#saved-line .sv-now").text_content()
    page.locator("#threshold-threshold").focus()
    page.keyboard.press("ArrowRight")
    settled(page)
    assert said.text_content().endswith("placed by hand")
    assert page.evaluate("window.PWN") is None


@pytest.mark.parametrize("open_tab", ["saved", "labelling"])
def test_the_line_of_another_set_can_be_saved_without_a_look_at_it(
    visit: Callable[..., Any], tmp_path: Path, open_tab: str
) -> None:
    page = visit().page
    rows, _ = planted(40, 6, apart=3.0, seed=2)
    load(page, tmp_path / "one.jsonl", rows)
    page.click(f"#threshold-tab-{open_tab}-button")
    others, _ = planted(30, 5, apart=3.0, seed=1)
    path = tmp_path / "other.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in others), encoding="utf-8")
    with page.expect_file_chooser() as chooser:
        page.locator("#threshold-import-open").click()
    chooser.value.set_files(path)
    page.locator("#threshold-strip").get_by_text("other").first.wait_for(state="attached")
    page.click("#threshold-tab-saved-button")
    page.wait_for_function("() => document.querySelector('#saved-line .sv-now')?.textContent.includes('of 180')")
    page.fill("#saved-line-name", "unseen")
    page.click("#saved-line-save")
    page.locator(".sv-one").wait_for()
    page.click("#threshold-tab-panel-button")
    page.wait_for_function(READY)
    assert page.evaluate("window.playgroundThreshold.data.n") == 180
