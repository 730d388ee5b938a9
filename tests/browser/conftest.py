"""One page and one Chromium for all browser tests; every test is a new visitor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from playground.bench import ui as bench

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# The shell draws no window of its own around the page, which takes a third of the time of a page load.
CHROMIUM = bench.installed("chromium-headless-shell")
# Generous: a machine that trains beside the tests is ten times slower.
TIMEOUT_MS = 120_000
# Open for as long as gradio answers.
EVENTS = "/gradio_api/queue/"

if CHROMIUM is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

    from playground.engine.engine import Engine
    from playground.history.store import HistoryStore
    from playground.settings import Settings
    from playground.ui.services import Services
    from tests.ui import doubles

    @dataclass
    class Server:
        """The running page, with a handle on its only model."""

        url: str
        services: Services
        gate: doubles.Gate

    @dataclass
    class Visitor:
        """One browser profile's page, and everything it complained of or asked for."""

        page: Page
        complaints: list[str] = field(default_factory=list)
        requests: list[str] = field(default_factory=list)
        events: set[Request] = field(default_factory=set)

        def settle(self) -> None:
            """Wait until no event is under way for half a second: the answer of one starts the next."""
            quiet, end = 0, time.monotonic() + TIMEOUT_MS / 1000
            while quiet < 10:
                assert time.monotonic() < end, f"never answered: {[each.url for each in self.events]}"
                self.page.wait_for_timeout(50)
                quiet = 0 if self.events else quiet + 1

        def reload(self) -> None:
            """Reload once no event is under way: gradio writes what a reload cuts off to the console as an error."""
            self.settle()
            self.page.reload()
            self.page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")

    @contextmanager
    def served(settings: Settings, engine: Engine, gate: doubles.Gate) -> Iterator[Server]:
        """A running page over this engine."""
        from playground.ui.app import build_app, launch_options

        services = Services(settings, engine, HistoryStore(settings.db))
        app = build_app(services)
        local = {"prevent_thread_lock": True, "quiet": True, "server_name": "127.0.0.1"}
        _, url, _ = app.launch(**launch_options(settings) | local)
        yield Server(url.rstrip("/"), services, gate)
        gate.open()
        app.close(verbose=False)
        services.close()

    @contextmanager
    def over_real_models(folder: Path) -> Iterator[Server]:
        """A running page over real models in fp32, in place of the one over a double."""
        settings = Settings(db=folder / "history.db", offline=True, precision="fp32")
        with served(settings, Engine(offline=True, cache_folder=folder), doubles.Gate()) as server:
            yield server

    @pytest.fixture(scope="session")
    def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        settings = Settings(db=tmp_path_factory.mktemp("history") / "history.db", offline=True)
        gate = doubles.Gate()
        with served(settings, Engine(load_scorer=doubles.load(gate=gate)), gate) as server:
            yield server

    @pytest.fixture(scope="session")
    def browser() -> Iterator[Browser]:
        with bench.chromium(CHROMIUM) as browser:
            yield browser

    @pytest.fixture
    def visit(server: Server, browser: Browser) -> Iterator[Callable[..., Visitor]]:
        """Opens the page as somebody new. Afterwards: no complaint in the console, no request to a foreign host."""
        visitors: list[Visitor] = []

        def opened(path: str = "/", **options: object) -> Visitor:
            defaults = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US", "reduced_motion": "reduce"}
            context = browser.new_context(**defaults | options)
            context.set_default_timeout(TIMEOUT_MS)
            visitor = Visitor(context.new_page())
            visitors.append(visitor)

            def said(message: ConsoleMessage) -> None:
                if message.type == "error":
                    visitor.complaints.append(message.text)

            def asked(request: Request) -> None:
                visitor.requests.append(request.url)
                if EVENTS in request.url:
                    visitor.events.add(request)

            def answered(request: Request) -> None:
                visitor.events.discard(request)

            visitor.page.on("console", said)
            visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
            visitor.page.on("request", asked)
            visitor.page.on("requestfinished", answered)
            visitor.page.on("requestfailed", answered)
            visitor.page.goto(server.url + path, timeout=TIMEOUT_MS)
            # The header is given the language only once the load event was answered.
            visitor.page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
            return visitor

        yield opened
        server.gate.open()
        for visitor in visitors:
            own = (server.url, "data:", "blob:")
            assert [url for url in visitor.requests if not url.startswith(own)] == []
            assert visitor.complaints == []
            visitor.page.context.close()
