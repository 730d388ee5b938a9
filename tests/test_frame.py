"""`python launch.py` as a user starts it: a real process, a real page, a real end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from sqlite_utils import Database

from playground.history.store import HistoryStore
from tests.running import ROOT, Page, environment, running

ICON = ROOT / "assets" / "shared" / "icon.png"
posix = pytest.mark.skipif(os.name != "posix", reason="signals of this kind need POSIX")

# Python runs this in the child before anything else: what leaves the machine is noted, then refused.
WATCH = """
import os, sys
INSIDE = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "", None}
def watch(event, values):
    if event == "socket.getaddrinfo":
        place = values[0]
    elif event in {"socket.connect", "socket.sendto"} and isinstance(values[1], tuple):
        place = values[1][0]
    else:
        return
    place = place.decode() if isinstance(place, bytes) else place
    if place not in INSIDE:
        with open(os.environ["WATCH_FILE"], "a") as file:
            file.write(f"{event} {place}\\n")
        raise OSError(f"this test has no network: {place}")
sys.addaudithook(watch)
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One page for the tests that only look at it; what it asks of the network is noted in `seen`, beside its log."""
    folder = tmp_path_factory.mktemp("frame")
    (folder / "sitecustomize.py").write_text(WATCH)
    with running(folder, PYTHONPATH=str(folder), WATCH_FILE=str(folder / "seen")) as page:
        yield page


def test_the_page_is_served_on_this_machine(page: Page) -> None:
    assert page.url.startswith("http://127.0.0.1:")
    answer = httpx.get(page.url, headers={"Accept-Encoding": "gzip"}, trust_env=False)
    assert "<gradio-app" in answer.text
    assert answer.headers["content-encoding"] == "gzip"
    plain = httpx.get(page.url, headers={"Accept-Encoding": "identity"}, trust_env=False)
    assert (plain.text == answer.text, "content-encoding" in plain.headers) == (True, False)


def test_programs_are_answered_only_where_asked_for(page: Page) -> None:
    answers = [httpx.get(f"{page.url}/{path}", trust_env=False) for path in ("v1/models", "health", "docs", "mcp")]

    assert [answer.status_code for answer in answers] == [404] * 4


def test_a_foreign_host_header_is_refused(page: Page) -> None:
    # A web site that rebinds its own name to 127.0.0.1 sends that name.
    answer = httpx.get(page.url, headers={"Host": "evil.example"}, trust_env=False)

    assert answer.status_code == 400


def test_the_page_installs_as_an_app_with_our_icon(page: Page) -> None:
    manifest = httpx.get(f"{page.url}/manifest.json", trust_env=False).json()
    icon = httpx.get(f"{page.url}/favicon.ico", trust_env=False)

    assert Image.open(ICON).size == (512, 512)
    assert manifest["icons"]
    assert icon.content == ICON.read_bytes()


def test_the_page_keeps_nothing_in_gradios_own_history(page: Page) -> None:
    config = httpx.get(f"{page.url}/config", trust_env=False).json()

    assert config["run_history"] is False
    assert config["analytics_enabled"] is False


@posix
def test_a_second_page_takes_the_next_port_and_a_signal_ends_it_cleanly_with_a_sound_history(
    tmp_path: Path, page: Page
) -> None:
    """SIGTERM, in the middle of runs: tests/bench/test_kill.py."""
    store = HistoryStore(tmp_path / "history.db")
    run_id = store.save("visitor-0123456789", {"query": "q", "passages": [], "model_id": "m"})

    with running(tmp_path) as second:
        assert second.url != page.url
        assert httpx.get(page.url, trust_env=False).status_code == 200
        assert second.end(signal.SIGINT) == 0

    assert "Traceback" not in second.log.read_text()
    check = Database(tmp_path / "history.db").execute("PRAGMA integrity_check").fetchone()
    assert check == ("ok",)
    assert store.get(run_id, None).manifest["query"] == "q"


def test_nothing_leaves_the_machine_at_the_start(page: Page) -> None:
    seen = page.log.with_name("seen")

    assert httpx.get(page.url, trust_env=False).status_code == 200
    assert httpx.get(f"{page.url}/config", trust_env=False).status_code == 200

    assert not seen.exists(), seen.read_text()


def test_the_watch_of_the_network_sees_a_look_up(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    extra = {"PYTHONPATH": str(tmp_path), "WATCH_FILE": str(tmp_path / "seen")}
    code = "import socket; socket.getaddrinfo('huggingface.co', 443)"

    run = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path, extra), capture_output=True)

    assert run.returncode == 1
    assert (tmp_path / "seen").read_text() == "socket.getaddrinfo huggingface.co\n"


def test_a_space_behind_a_proxy_starts_and_answers_to_its_own_name(tmp_path: Path, taken_port: int) -> None:
    # The server of `taken_port` never answers, as a proxy that cannot reach this machine.
    space = {"SPACE_ID": "owner/space", "SPACE_HOST": "owner-space.hf.space", "SYSTEM": "spaces"}
    with running(tmp_path, HTTP_PROXY=f"http://127.0.0.1:{taken_port}", **space) as page:
        own = httpx.get(page.url, headers={"Host": "owner-space.hf.space"}, trust_env=False)
        foreign = httpx.get(page.url, headers={"Host": "evil.example"}, trust_env=False)

    assert (own.status_code, foreign.status_code) == (200, 400)


def refusal(folder: Path, *argv: str, **extra: str) -> str:
    run = subprocess.run(
        [sys.executable, "launch.py", *argv],
        cwd=ROOT,
        env=environment(folder, extra),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    return run.stderr


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path, taken_port: int) -> None:
    said = refusal(tmp_path, "--port", str(taken_port))

    assert said == f"launch.py: Port {taken_port} is taken. Choose another, or leave --port out.\n"


def test_a_wrong_flag_is_said_in_one_sentence(tmp_path: Path) -> None:
    assert refusal(tmp_path, "--device", "tpu") == "launch.py: --device tpu: choose one of auto, cuda, mps, cpu.\n"


def test_a_flag_wins_over_its_variable(tmp_path: Path, taken_port: int) -> None:
    assert f"Port {taken_port} is taken." in refusal(tmp_path, "--port", str(taken_port), PLAYGROUND_PORT="7861")
