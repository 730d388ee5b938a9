"""What a visitor waits for: the real page, started by `launch.py`, in a real Chromium. Downloads nothing."""

from __future__ import annotations

import json
import random
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from playground.bench import served
from playground.core.errors import InvalidInput
from playground.paths import ASSETS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chromium-headless-shell",
)
# No sandbox: in a container Chromium's own cannot be had. The page is ours.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
TIMEOUT_MS = 600_000
SETTLE_SECONDS = 1.0
FEW, MANY = 100, 1000
QUERY = "What do giant pandas eat?"
N_WORDS = (12, 60)  # of a passage
COUNTED = re.compile(r"\d tokens")  # what the live line says once the model is there

# Clicks Rerank and tells when the first row of the new result stood on the page, when all of it did with the last word
# of the status line, and when the plots had come to rest.
RUN = """(n) => new Promise((done) => {
  const rows = () => [...document.querySelectorAll('.pg-rows .pg-row')];
  for (const row of rows()) row.dataset.old = 'yes';
  const begun = performance.now();
  let first = null, plotted = begun;
  const seen = new MutationObserver(() => { plotted = performance.now(); });
  const plots = document.querySelector('#ranking-plots') || document.body;
  seen.observe(plots, {childList: true, subtree: true, attributes: true});
  const look = () => {
    const now = performance.now(), status = document.querySelector('#workspace-status').innerText;
    const fresh = rows().some((row) => !row.dataset.old);
    if (fresh && first === null) first = now - begun;
    const whole = document.querySelector('.pg-table')?.getAttribute('aria-rowcount') === String(n + 1);
    const over = document.querySelector('#workspace-stop').disabled && status.startsWith('Done');
    if (fresh && whole && over && !document.querySelector('.pg-live')) rest(now - begun);
    else requestAnimationFrame(look);
  };
  const rest = (ready) => {
    const drawn = document.querySelectorAll('#ranking-plots .js-plotly-plot .main-svg').length > 1;
    if (!drawn || performance.now() - plotted < 600) return setTimeout(() => rest(ready), 50);
    seen.disconnect();
    const said = document.querySelector('.pg-facts').innerText.match(/([\\d,]+) from cache/);
    const cached = said ? Number(said[1].replace(',', '')) : 0;
    done({first, ready, plotted: Math.max(ready, plotted - begun), cached});
  };
  document.querySelector('#workspace-run').click();
  requestAnimationFrame(look);
})"""
# One event for all lines, as when a visitor pastes. Playwright's `fill` gives one for each line, and gradio lays the
# box out at each: a thousand lines kept the page busy for ten seconds.
PASTE = """(box, text) => {
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, text);
  box.dispatchEvent(new InputEvent('input', {bubbles: true, inputType: 'insertFromPaste'}));
}"""
# As Hugging Face starts an app, with the name that this machine reaches it by.
SPACE: Final = {"SPACE_ID": "owner/space", "SPACE_HOST": "127.0.0.1", "SYSTEM": "spaces"}
MOVE = """(share) => new Promise((done) => {
  const slider = document.querySelector('#ranking-threshold');
  const kept = () => document.querySelector('.pg-keeps').innerText;
  const before = kept(), begun = performance.now();
  slider.value = Number(slider.min) * (1 - share) + Number(slider.max) * share;
  slider.dispatchEvent(new Event('input', {bubbles: true}));
  requestAnimationFrame(() => requestAnimationFrame(() => {
    done({milliseconds: performance.now() - begun, moved: kept() !== before});
  }));
})"""
LOADED = """() => {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  const sum = (name) => all.reduce((sum, each) => sum + (each[name] || 0), 0);
  const paints = Object.fromEntries(performance.getEntriesByType('paint').map((each) => [each.name, each.startTime]));
  return {byte: all[0].responseStart, paint: paints['first-contentful-paint'], ready: window.readyAt,
          requests: all.length, wire: sum('transferSize'), unpacked: sum('decodedBodySize'),
          nodes: document.querySelectorAll('*').length};
}"""
NOTICE = """new MutationObserver((_, observer) => {
  if (document.documentElement?.dataset.ready !== 'yes') return;
  window.readyAt = performance.now();
  observer.disconnect();
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-ready']})"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, in every round."""

    what: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


COLUMNS: Final[Mapping[str, Callable[[Figure], str]]] = MappingProxyType(
    {
        "what": lambda figure: figure.what,
        "median": lambda figure: _said(figure.median),
        "lowest": lambda figure: _said(min(figure.values)),
        "highest": lambda figure: _said(max(figure.values)),
        "unit": lambda figure: figure.unit,
        "times": lambda figure: str(len(figure.values)),
    }
)


def _said(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.2f}"


class Figures:
    """Values by what they are of, in the order in which they came first."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[float]] = {}

    def add(self, what: str, unit: str, value: float) -> None:
        self._values.setdefault((what, unit), []).append(value)

    def all(self) -> list[Figure]:
        return [Figure(what, unit, tuple(values)) for (what, unit), values in self._values.items()]


def measured(model: str | None, *, rounds: int, repeats: int | None, say: Callable[[str], None]) -> list[Figure]:
    """Each round starts the program anew, over an empty history, and is a new visitor's first page.

    Args:
        model: folder that the page opens with; None takes the built-in reranker.
        rounds: cold starts.
        repeats: of what is done several times on one page; None starts it as a Space does, and measures that only.
        say: told after every round.

    Raises:
        InvalidInput: playwright, Chromium or `launch.py` is missing, or no page came up.
    """
    figures = Figures()
    with chromium(installed()) as browser:
        for number in range(rounds):
            with tempfile.TemporaryDirectory(prefix="bench-ui-") as folder:
                _round(figures, browser, Path(folder), model, repeats, random.Random(number))
            say(f"round {number + 1} of {rounds}")
    return figures.all()


def shaped(name: str) -> str:
    """The folder of a model of this shape with random weights, made now if it is not there yet.

    Raises:
        InvalidInput: no such shape.
    """
    from playground.bench import checkpoints
    from playground.bench.shapes import BY_MODEL

    if name not in BY_MODEL:
        raise InvalidInput("No shape is called {name}. Known are {known}.", name=name, known=", ".join(BY_MODEL))
    shape = BY_MODEL[name]
    return f"{checkpoints.kept(shape)}{shape.option}"


def _round(
    figures: Figures, browser: Browser, folder: Path, model: str | None, repeats: int | None, chance: random.Random
) -> None:
    begun = time.perf_counter()
    flags = ["--model", model] if model else []
    with served.page(folder, *flags, **(SPACE if repeats is None else {})) as (url, _):
        figures.add("process start: page is served", "ms", (time.perf_counter() - begun) * 1000)
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        page.add_init_script(NOTICE)
        tab = context.new_cdp_session(page)
        tab.send("Performance.enable")
        opened = (time.perf_counter() - begun) * 1000
        page.goto(url)
        page.wait_for_function("() => window.readyAt")
        for name in _load(figures, page, tab):
            value = page.evaluate(LOADED)[name]
            figures.add(f"process start: {_LOADS[name]}", "ms", opened + value)
        if repeats is not None:
            _lists(figures, page, repeats, chance)
        context.close()


_LOADS = {"byte": "first byte", "paint": "first paint", "ready": "usable page"}


def _load(figures: Figures, page: Page, tab: CDPSession) -> tuple[str, ...]:
    """What the page weighs, and where the time of its load goes. Returns the names of its moments."""
    found = page.evaluate(LOADED)
    spent = {each["name"]: each["value"] for each in tab.send("Performance.getMetrics")["metrics"]}
    for name, said in _LOADS.items():
        figures.add(f"page load: {said}", "ms", found[name])
    for name, said in (("ScriptDuration", "scripts"), ("LayoutDuration", "layout"), ("RecalcStyleDuration", "styles")):
        figures.add(f"page load: of it {said}", "ms", spent[name] * 1000)
    figures.add("page load: all work of the tab", "ms", spent["TaskDuration"] * 1000)
    figures.add("page: requests", "", found["requests"])
    figures.add("page: sent", "KB", found["wire"] / 1000)
    figures.add("page: unpacked", "KB", found["unpacked"] / 1000)
    figures.add("page: elements", "", found["nodes"])
    figures.add("page: memory of scripts", "MB", spent["JSHeapUsedSize"] / 1e6)
    return tuple(_LOADS)


def _lists(figures: Figures, page: Page, repeats: int, chance: random.Random) -> None:
    """A first run, then what a visitor does with it: with 100 passages and with 1,000."""
    page.locator("#workspace-query textarea, #workspace-query input").first.fill(QUERY)
    for n in (FEW, MANY):
        passages = [_passage(chance) for _ in range(n)]
        _write(page, passages)
        if n == FEW:
            # The model comes while one types: the first run is not to wait for it. Tokens are counted once it is there.
            end = time.monotonic() + TIMEOUT_MS / 1000
            while not COUNTED.search(page.locator("#workspace-live").inner_text()) and time.monotonic() < end:
                _write(page, [*passages, _passage(chance)])
                _write(page, passages)
        _run(figures, page, f"{n:,} passages", n, n_cached=0)
        for _ in range(repeats):
            _threshold(figures, page, n, chance)
            _run(figures, page, f"{n:,} again", n, n_cached=n)
            passages[chance.randrange(n)] = _passage(chance)
            _write(page, passages)
            _run(figures, page, f"{n:,}, one edited", n, n_cached=n - 1)
            chance.shuffle(passages)
            _write(page, passages)
            _run(figures, page, f"{n:,} in another order", n, n_cached=n)


def paste(page: Page, passages: str) -> None:
    """Put these passages in place of what stands in the box."""
    page.locator("#workspace-passages textarea").evaluate(PASTE, passages)


def _write(page: Page, passages: list[str]) -> None:
    paste(page, "\n".join(passages))
    # The live line counts tokens; a visitor's hand is on its way to the button.
    time.sleep(SETTLE_SECONDS * (1 if len(passages) == FEW else 3))


def _run(figures: Figures, page: Page, what: str, n: int, n_cached: int) -> None:
    found = page.evaluate(RUN, n)
    if found["cached"] != n_cached:
        raise InvalidInput(
            "{what}: {found} scores came from the cache where {wanted} are known. Nothing was measured.",
            what=what,
            found=found["cached"],
            wanted=n_cached,
        )
    if n_cached == 0:
        figures.add(f"{what}: first score on the page", "ms", found["first"])
    figures.add(f"{what}: page ready", "ms", found["ready"])
    figures.add(f"{what}: plots at rest", "ms", found["plotted"])


def _threshold(figures: Figures, page: Page, n: int, chance: random.Random) -> None:
    asked: list[str] = []

    def heard(request: Any) -> None:
        asked.append(request.url)

    page.on("request", heard)
    moved = page.evaluate(MOVE, chance.uniform(0.2, 0.8))
    page.wait_for_timeout(200)
    page.remove_listener("request", heard)
    if not moved["moved"]:
        return
    figures.add(f"{n:,}: threshold moved", "ms", moved["milliseconds"])
    figures.add(f"{n:,}: threshold moved, requests", "", len(asked))


def _passage(chance: random.Random) -> str:
    words = _words()
    return " ".join(chance.choices(words, k=chance.randint(*N_WORDS)))


def _words() -> list[str]:
    """Of the project's own example scenarios."""
    texts = [each.read_text(encoding="utf-8") for each in sorted((ASSETS / "scenarios").glob("*.json"))]
    return sorted({word for text in texts for word in re.findall(r"[a-z]{2,}", text)})


def installed(*first: str) -> str | None:
    """The path of a Chromium on this machine, sought by these names first; None where there is none."""
    return next((path for name in (*first, *CHROMIUMS) if (path := shutil.which(name))), None)


@contextmanager
def chromium(path: str | None) -> Iterator[Browser]:
    """A headless Chromium: the one at `path`, else playwright's own.

    Raises:
        InvalidInput: playwright or a Chromium is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InvalidInput("The page is driven by playwright, which is missing. Try: pip install playwright") from error
    with sync_playwright() as play:
        found = path or play.chromium.executable_path
        if not Path(found).exists():
            raise InvalidInput("No Chromium was found. Install one, or try: playwright install chromium")
        browser = play.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


def as_json(figures: list[Figure]) -> str:
    """The machine and all values, with their medians."""
    from playground.bench.tables import machine

    rows = [
        {"what": each.what, "unit": each.unit, "median": each.median, "values": list(each.values)} for each in figures
    ]
    return json.dumps({"machine": machine(), "figures": rows}, ensure_ascii=False, indent=2)
