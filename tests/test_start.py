"""What surrounds the page: environment, port, log, browser."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import launch
from playground import start
from playground.settings import Settings
from playground.ui.app import build_app
from playground.ui.services import Services
from tests.running import awaited

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_another_program_took_in_the_meantime_gives_way_to_the_next_free_one(
    taken_port: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(offline=True, no_browser=True, db=tmp_path / "history.db")
    services = Services.from_settings(settings)
    app = build_app(services)
    try:
        launch.launch(app, services, taken_port)
        url = capfd.readouterr().out.split()[2]
        assert taken_port < int(url.rpartition(":")[2]) <= taken_port + start.N_PORTS
        assert httpx.get(url).status_code == 200
    finally:
        app.close(verbose=False)
        services.close()


def test_analytics_are_off_before_gradio_is_imported() -> None:
    environ = {"GRADIO_ANALYTICS_ENABLED": "True", "GRADIO_VIBE_MODE": "1", "GRADIO_SHARE": "True"}

    start.prepare_environment(Settings(), environ)

    assert environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert not {"GRADIO_VIBE_MODE", "GRADIO_SHARE", "HF_HUB_OFFLINE"} & environ.keys()


def test_offline_reaches_the_hugging_face_libraries() -> None:
    environ: dict[str, str] = {}

    start.prepare_environment(Settings(offline=True), environ)

    assert (environ["HF_HUB_OFFLINE"], environ["TRANSFORMERS_OFFLINE"]) == ("1", "1")


def test_a_proxy_is_not_asked_for_the_page_itself() -> None:
    environ = {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "intranet.example, localhost"}

    start.prepare_environment(Settings(host="192.168.0.7"), environ)

    assert environ["NO_PROXY"] == "intranet.example,localhost,127.0.0.1,192.168.0.7"
    assert environ["no_proxy"] == environ["NO_PROXY"]


def test_visitors_of_a_space_are_told_apart_by_the_address_that_its_proxy_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    here: dict[str, str] = {}
    start.prepare_environment(Settings(), here)
    assert "FORWARDED_ALLOW_IPS" not in here
    monkeypatch.setenv("SPACE_ID", "owner/space")
    start.prepare_environment(Settings(), here)
    seen: list[object] = []

    async def page(scope: Any, receive: object, send: object) -> None:
        seen.append(scope["client"][0])

    # The visitor wrote the first address; the last that is no proxy's is what the proxy saw.
    header = (b"x-forwarded-for", b"1.2.3.4, 203.0.113.7, 10.16.4.9")
    scope: Any = {"type": "http", "scheme": "http", "client": ("10.1.2.3", 1), "headers": [header]}
    proxied = ProxyHeadersMiddleware(page, here["FORWARDED_ALLOW_IPS"])  # type: ignore[arg-type]
    awaited(lambda: proxied(scope, None, None))  # type: ignore[arg-type]
    assert seen == ["203.0.113.7"]


def test_kernels_of_lengths_that_were_seen_are_kept_in_bounds_unless_the_host_says_otherwise() -> None:
    own: dict[str, str] = {}
    start.prepare_environment(Settings(), own)
    assert own["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "64"
    theirs = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}
    start.prepare_environment(Settings(), theirs)
    assert theirs["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "1024"


def test_a_port_that_was_asked_for_and_is_taken_is_refused(taken_port: int) -> None:
    with pytest.raises(start.PortTakenError) as refused:
        start.free_port("127.0.0.1", taken_port)

    assert str(refused.value) == f"Port {taken_port} is taken. Choose another, or leave --port out."


def test_the_next_free_port_is_found_where_none_was_asked_for(taken_port: int) -> None:
    found = start.free_port("127.0.0.1", None, after=taken_port - 1)
    assert taken_port < found < taken_port + start.N_PORTS


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(start.StartError, match=f"^--host {host} is "):
        start.free_port(host, 0)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:7860"),
        ("0.0.0.0", "http://127.0.0.1:7860"),
        ("::1", "http://[::1]:7860"),
        ("box.example", "http://box.example:7860"),
    ],
)
def test_the_address_that_is_printed_opens_on_this_machine(host: str, url: str) -> None:
    assert start.page_url(host, 7860) == url


def test_sharing_warns_about_private_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "playground"):
        start.warn_about_reach(Settings(share=True))

    assert "Do not paste private text." in caplog.text


def test_an_open_address_warns_unless_public(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "playground"):
        start.warn_about_reach(Settings(host="0.0.0.0", public=True))
        assert not caplog.records
        start.warn_about_reach(Settings(host="0.0.0.0"))

    assert "Add --public where visitors are strangers." in caplog.text


def test_an_api_that_others_reach_without_a_key_warns(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "playground"):
        start.warn_about_reach(Settings(api=True))
        start.warn_about_reach(Settings(api=True, host="0.0.0.0", public=True, api_key="key"))
        assert not caplog.records
        start.warn_about_reach(Settings(api=True, host="0.0.0.0", public=True))

    assert "Set PLAYGROUND_API_KEY to ask for one." in caplog.text


def test_no_text_browser_is_started_in_the_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    before = threading.active_count()

    start.open_browser("http://127.0.0.1:1")

    assert threading.active_count() == before


def test_the_browser_of_the_user_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    script.chmod(0o755)
    code = "from playground import start; start.open_browser('http://127.0.0.1:7861'); import threading; "
    code += "[t.join(30) for t in threading.enumerate() if t is not threading.current_thread()]"

    subprocess.run([sys.executable, "-c", code], env=os.environ | {"BROWSER": f"{script} %s"}, cwd=ROOT, check=True)

    assert seen.read_text() == "http://127.0.0.1:7861\n"


def test_a_model_that_is_still_computing_does_not_abort_the_end() -> None:
    code = (
        "import threading, time, torch; from playground import start\n"
        "started = threading.Event()\n"
        "def work():\n"
        "    while True: torch.rand(300, 300) @ torch.rand(300, 300); started.set()\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
        "started.wait(); print('kept'); start.leave(0)"
    )

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout, run.stderr) == (0, "kept\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_for_the_end_and_the_handler_goes_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    with start.stop_signals() as stop:
        os.kill(os.getpid(), number)
        start.wait(stop)
        assert stop.is_set()

    assert signal.getsignal(number) is before
