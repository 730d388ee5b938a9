"""The README's pictures, with the built-in model and an example: `python -m tests.browser.screenshots`."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from playground.bench import ui as bench
from tests.running import ROOT, running

SCENARIO = ROOT / "assets" / "scenarios" / "3-other-meaning.json"
FOLDER = ROOT / "assets" / "screenshots"
N_COLOURS = 256
PATIENCE_MS = 180_000


@dataclass(frozen=True)
class Picture:
    """One PNG: what is done on the page first, its window in CSS pixels, and whether the phone's layout is meant."""

    view: str
    look: str
    theme: str
    width: int
    height: int
    scale: float = 1.5
    mobile: bool = False

    @property
    def name(self) -> str:
        return f"{self.view}-{self.look}"


PICTURES = (
    *(
        picture
        for view in ("ranking", "embeddings", "compare", "threshold", "funnel")
        for picture in (
            Picture(view, "light", "light", 1440, 1500),
            Picture(view, "dark", "dark", 1440, 1500),
            Picture(view, "phone", "light", 390, 1200, scale=2, mobile=True),
        )
    ),
    Picture("training", "light", "light", 1440, 1640),
    Picture("remote", "light", "light", 1440, 1240),
)


def choose_the_example(page: Page) -> int:
    """Fills the workspace; returns how many passages there are."""
    scenario = json.loads(SCENARIO.read_text(encoding="utf-8"))
    page.locator("#workspace-status").wait_for(state="attached")
    page.locator("#workspace-example input").click()
    page.get_by_role("option", name=scenario["title"]["en"]).click()
    page.wait_for_function(
        "query => document.querySelector('#workspace-query textarea, #workspace-query input')?.value === query",
        arg=scenario["query"],
    )
    return len(scenario["passages"])


def show_ranking(page: Page, n_passages: int) -> None:
    page.locator("#workspace-run").click()
    page.wait_for_function(
        "n => document.querySelectorAll('.pg-rows [role=row]').length === n"
        " && document.querySelectorAll('.js-plotly-plot .main-svg').length > 1"
        " && document.querySelector('#workspace-stop')?.disabled",
        arg=n_passages,
    )


def show_embeddings(page: Page, n_passages: int) -> None:
    page.get_by_role("tab", name="Embeddings").click()
    page.locator("#embeddings-run").click()
    # The figures further down are drawn once they come near the window.
    page.wait_for_function(
        "() => document.querySelectorAll('#embeddings-result .js-plotly-plot .main-svg').length > 1"
        " && document.querySelector('#embeddings-stop')?.disabled"
    )


def open_tab(page: Page, name: str) -> None:
    # On a phone Gradio puts the tabs that do not fit behind a button.
    tab = page.get_by_role("tab", name=name, exact=True).first
    if tab.is_visible():
        tab.click()
    else:
        page.get_by_role("button", name="More tabs").first.click()
        page.get_by_role("button", name=name, exact=True).click()


def show_compare(page: Page, n_passages: int) -> None:
    open_tab(page, "Compare")
    page.locator("#compare-run").click()
    page.locator("#compare-export-csv").wait_for()
    page.wait_for_function("() => document.querySelectorAll('#compare-plots .js-plotly-plot .main-svg').length > 3")


def show_remote(page: Page, n_passages: int) -> None:
    """The same weights on both machines, and BM25."""
    open_tab(page, "Compare")
    page.locator(".pg-picker-rows select.pg-model").first.select_option("built-in/mini-reranker")
    show_compare(page, n_passages)


def show_threshold(page: Page, n_passages: int) -> None:
    """The ready set with the built-in reranker, and the line where the page puts it on request."""
    open_tab(page, "Threshold")
    page.locator("#threshold-score").click()
    page.get_by_role("button", name="Place a line all the same").click()
    page.get_by_text("What each rule would choose all the same").click()
    page.wait_for_function(
        "() => document.querySelectorAll('#threshold-panel .main-svg').length > 0"
        " && document.querySelectorAll('.pg-lab-card-band').length === 4"
        " && ![...document.querySelectorAll('.pg-lab-card-band')].some(band => !/\\d/.test(band.textContent))"
    )


def show_funnel(page: Page, n_passages: int) -> None:
    """The ready corpus with the query that stands there."""
    open_tab(page, "Funnel")
    page.wait_for_function("() => document.querySelector('#funnel-query textarea')?.value")
    page.locator("#funnel-run").click()
    page.locator("#funnel-link").wait_for()
    # The view begins with the corpus; what it makes of a query is further down.
    page.locator("#funnel-actions").evaluate("node => node.setAttribute('data-picture', '')")


def show_training(page: Page, n_passages: int) -> None:
    """The built-in reranker trained on the ready set, for real: before and after, with its curves."""
    open_tab(page, "Threshold")
    page.locator("#threshold-tab-training-button").click()
    page.locator("#training-start").click()
    page.locator(".tr-one").wait_for()
    page.locator(".tr-one summary").last.click()
    page.locator(".tr-one .main-svg").first.wait_for()


SHOW = {
    "ranking": show_ranking,
    "embeddings": show_embeddings,
    "compare": show_compare,
    "remote": show_remote,
    "threshold": show_threshold,
    "funnel": show_funnel,
    "training": show_training,
}


def take(browser: Browser, url: str, picture: Picture) -> Path:
    """One picture, with few enough colours to be small in the repository."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        is_mobile=picture.mobile,
        locale="en",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{url}/?__theme={picture.theme}")
    SHOW[picture.view](page, choose_the_example(page))
    # Rows that were never near the window are not painted, and would be blank in a picture of the whole page.
    page.add_style_tag(content="* { content-visibility: visible !important; }")
    # A phone shows the results below the workspace: the picture begins where they begin.
    page.evaluate(
        "mobile => { document.activeElement?.blur(); window.scrollTo(0, 0);"
        " const here = document.querySelector('[data-picture]') || document.querySelector('#views');"
        " if (mobile) here.scrollIntoView(); }",
        picture.mobile,
    )
    path = FOLDER / f"{picture.name}.png"
    page.screenshot(path=path)
    context.close()
    Image.open(path).convert("RGB").quantize(N_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def main() -> None:
    """Starts the page on an empty history and takes every picture, or those of the views that are named."""
    wanted = sys.argv[1:] or list(SHOW)
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other,
        running(Path(folder), "--offline", "--api") as server,
        running(Path(other), "--model", server.url.replace("http:", "playground:")) as connected,
        bench.chromium(bench.installed()) as browser,
    ):
        for picture in (each for each in PICTURES if each.view in wanted):
            path = take(browser, (connected if picture.view == "remote" else server).url, picture)
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:,.0f} KiB")


if __name__ == "__main__":
    main()
