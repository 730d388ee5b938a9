"""The page: header, workspace beside the views, and how it is served."""

from __future__ import annotations

import secrets
import threading
from functools import partial
from importlib import import_module
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from playground.core.limits import LOCAL, PUBLIC
from playground.paths import ASSETS
from playground.plots import find
from playground.plots.palette import css_variables
from playground.settings import HUGGING_FACE, Settings, on_space
from playground.ui import texts
from playground.ui.components.html_parts import asset, html_part
from playground.ui.components.localized import Localized
from playground.ui.headers import SPACE_FRAMES, Door, SafeHeaders, inline_scripts
from playground.ui.page import Page
from playground.ui.services import Services, indexing_session
from playground.ui.theme import theme
from playground.ui.views import VIEWS
from playground.ui.views.history.view import on_link, opened_outputs
from playground.ui.wiring import MAX_RUNS, Caller, listen
from playground.ui.workspace import view as workspace

# Both fixed: gradio's random ones would lose the visitor's id at every restart. The secret hides nothing, since the
# page carries it; the id itself is the visitor's key.
STORAGE_KEY = "rerank-playground"
STORAGE_SECRET = "rerank-playground"  # noqa: S105 - see above
MAX_FILE_SIZE = "200mb"
PUBLIC_MAX_FILE_SIZE = "5mb"
MAX_WAITING = 64
# A Chinese character in JSON is six bytes; what is in view goes to and fro with the request.
BYTES_PER_CHAR = 12
# Of one address on a public page. A click is one to five of them, and so is a pause in typing.
EVENTS_PER_MINUTE = 1200
# A run that waits for its turn holds a thread; clicks and Stop need others.
MAX_THREADS = MAX_RUNS + 32
SWEEP_SECONDS = 3600
KEEP_FILES_SECONDS = 86_400


def build_app(services: Services) -> gr.Blocks:
    """The whole page, wired. Loads no model and opens no database."""
    limits = (SWEEP_SECONDS, KEEP_FILES_SECONDS)
    app = gr.Blocks(title=texts.say("app.title"), fill_width=True, delete_cache=limits, analytics_enabled=False)
    with app:
        page = build_page(services)
        wire(page, app)
    app.queue(api_open=False, max_size=MAX_WAITING, default_concurrency_limit=4)
    return app


def build_page(services: Services) -> Page:
    """Layout only."""
    localized = Localized()
    me = gr.BrowserState({}, storage_key=STORAGE_KEY, secret=STORAGE_SECRET)
    header = html_part(
        "shared/header", f'<header class="pg-header"><span class="pg-mark">{asset("shared/logo.svg")}</span></header>'
    )
    if services.settings.auth == HUGGING_FACE:
        gr.LoginButton(elem_id="header-sign-in")
    with gr.Row(elem_id="page", equal_height=False):
        with gr.Column(elem_id="workspace", scale=0, min_width=300):
            panel = workspace.build(services, localized)
        with gr.Column(elem_id="views", scale=1, min_width=300), gr.Tabs(elem_id="tabs", selected="ranking") as tabs:
            page = Page(services, localized, me, header, panel, tabs)
            for name, module in VIEWS.items():
                _add_view(page, name, module)
    return page


def _add_view(page: Page, name: str, module: str) -> None:
    page.modules[name] = import_module(module)
    with page.localized(gr.Tab(id=name, elem_id=f"tab-{name}"), label=f"tab.{name}") as page.tab[name]:
        page.views[name] = page.modules[name].build(page.services, page.localized)


def wire(page: Page, app: gr.Blocks) -> None:
    """Listeners of the page, then those of each part."""
    services, me = page.services, page.me
    for module in page.modules.values():
        module.wire(page)
    rank = page.views["ranking"]
    in_words = [me, page.header, *page.localized.components]
    arrived = listen(app.load, partial(on_arrive, services, page.localized), me=me, outputs=in_words, queue=False)
    listen(arrived.then, partial(on_link, services), me=me, inputs=[rank.visit], outputs=opened_outputs(page))
    listen(arrived.then, partial(on_ready, services), me=me)
    for arrival in page.arrivals:
        arrival(arrived.then)
    switched = listen(
        page.header.switched, partial(on_switch, page.localized), me=me, outputs=[me, *page.localized.components]
    )
    workspace.wire(services, page.workspace, me, switched.then)
    listen(
        switched.then,
        partial(page.modules["ranking"].on_unit, services),
        me=me,
        inputs=[rank.visit],
        outputs=rank.shown,
    )

    def leave(request: gr.Request) -> None:
        session = str(request.session_hash or "")
        services.stops.stop(session)
        services.stops.stop(indexing_session(session))

    app.unload(leave)


def on_arrive(services: Services, localized: Localized, caller: Caller) -> tuple[Any, ...]:
    """Who came: an id for a new browser, and the page in its language."""
    language = caller.language
    me = {"id": caller.owner or secrets.token_urlsafe(16), "lang": language}
    return (me, {"lang": language}, *localized.updates(language, served=True))


def on_ready(services: Services, caller: Caller) -> None:
    """Load the first model and plotly in the background, now that the page is up."""
    services.engine.preload(services.first_choice())
    threading.Thread(target=warm_up, name="plots", daemon=True).start()


def warm_up() -> None:
    """Import what draws the plots, so that the first result does not wait for it."""
    for name in ("ranking_bars", "score_distribution"):
        find(name)


def on_switch(localized: Localized, caller: Caller) -> tuple[Any, ...]:
    """Every component in the language that was clicked."""
    language: texts.Language = "zh" if caller.text("lang") == "zh" else "en"
    return ({"id": caller.owner, "lang": language}, *localized.updates(language))


def head() -> str:
    """What goes into the page's head: the palette, the texts and the script that all drawn parts share."""
    return "\n".join(
        (
            f"<style>{css_variables()}</style>",
            f"<script>window.playgroundTexts = {texts.for_browser()};</script>",
            f"<script>{asset('shared/answers.js')}</script>",
            f"<script>{asset('shared/playground.js')}</script>",
            f"<script>{asset('ranking/plots.js')}</script>",
            f"<script>{asset('shared/figures.js')}</script>",
            f"<script>{asset('shared/long_list.js')}</script>",
            f"<script>{asset('shared/find_box.js')}</script>",
            f"<script>{asset('shared/labels.js')}</script>",
            f"<script>{asset('shared/explained.js')}</script>",
        )
    )


class PackedPage:
    """Packs the page itself on its way: gradio goes by the endings of files, and would send a megabyte as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packed = GZipMiddleware(app, compresslevel=4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but the page goes its old way."""
        await (self._packed if scope.get("path") == "/" else self._plain)(scope, receive, send)


def launch_options(settings: Settings) -> dict[str, Any]:
    """How the page is served: safe defaults, our looks, and no host but its own."""
    limits = PUBLIC if settings.public else LOCAL
    most_bytes = BYTES_PER_CHAR * (limits.total_chars + limits.query_chars)
    users = settings.users
    return {
        "theme": theme(),
        "css_paths": sorted(
            ASSETS.glob("*/*.css"), key=lambda path: (path.parent.name != "shared", path.stem != "playground")
        ),
        "head": head(),
        "favicon_path": ASSETS / "shared" / "icon.png",
        "pwa": True,
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "max_threads": MAX_THREADS,
        "strict_cors": True,
        "mcp_server": False,
        "footer_links": [],
        # Else gradio asks the page for itself first, and takes a busy machine or a proxy for a page out of reach.
        "_frontend": False,
        "auth": None if users is None else users.check,
        # On gradio's own page, which is in the language of the browser and takes no styles of ours.
        "auth_message": asset("shared/sign_in.html").replace("{logo}", asset("shared/logo.svg")),
        "allowed_paths": None,
        "max_file_size": PUBLIC_MAX_FILE_SIZE if settings.public else MAX_FILE_SIZE,
        "app_kwargs": {
            "middleware": [
                Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts),
                Middleware(Door, most_bytes, EVENTS_PER_MINUTE if settings.public else None),
                Middleware(PackedPage),
                Middleware(SafeHeaders, inline_scripts(head().encode()), SPACE_FRAMES if on_space() else ()),
            ],
            "docs_url": None,
            "redoc_url": None,
        },
    }
