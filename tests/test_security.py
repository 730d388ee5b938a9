"""Attempts on a real public page, and SECURITY.md, which names a test for each danger."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from playground.bench.load import Asked
from playground.bench.load import Page as Asking
from tests.running import ROOT, Page, running

SECRET = "zebra-crossing-4711"
OF_THE_MACHINE = ("/etc/passwd", str(ROOT / "launch.py"), str(ROOT / "README.md"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("public")
    with running(folder, "--public", "--offline", GRADIO_TEMP_DIR=str(folder / "uploads")) as page:
        yield page


@pytest.fixture
def web(page: Page) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page.url, trust_env=False, timeout=60) as client:
        yield client


def events(web: httpx.Client, component: str, data: list[Any]) -> str:
    """All that gradio says of an event of this component."""
    config = web.get("/config").json()
    id = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == component)
    event = next(each for each in config["dependencies"] if id in [target[0] for target in each["targets"]])
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    sent = data + [values[each] for each in event["inputs"][len(data) :]]
    body = {"data": sent, "fn_index": event["id"], "session_hash": "attempt", "trigger_id": id}
    joined = web.post("/gradio_api/queue/join", json=body)
    if joined.status_code != 200:
        return joined.text
    return web.get("/gradio_api/queue/data", params={"session_hash": "attempt"}).text


def test_the_policy_is_sent_with_the_page_and_holds_its_scripts_hashes(web: httpx.Client) -> None:
    said = web.get("/").headers["content-security-policy"]
    assert said.startswith("default-src 'none'; script-src 'self' 'unsafe-eval' 'sha256-")
    assert said.endswith("frame-ancestors 'self'")
    assert web.get("/config").headers["content-security-policy"].startswith("default-src 'none'; sandbox")


@pytest.mark.parametrize(
    "path", [*OF_THE_MACHINE, "../../../../etc/passwd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd", "~/.ssh/id"]
)
@pytest.mark.parametrize("route", ["/gradio_api/file=", "/file=", "/static/", "/assets/", "/gradio_api/file/", "/"])
def test_no_file_of_the_machine_is_served(web: httpx.Client, route: str, path: str) -> None:
    answer = web.get(route + path)
    assert answer.status_code in {403, 404}
    assert b"root:" not in answer.content


def test_the_history_file_is_not_served(page: Page, web: httpx.Client) -> None:
    Asking.at(page.url).answer(Asked(1, "red panda", ("a", "b")))
    db = page.log.parent / "history.db"
    assert db.exists()
    assert web.get(f"/gradio_api/file={db}").status_code == 403


def test_an_event_cannot_name_a_file_of_the_machine(web: httpx.Client) -> None:
    file = {"path": "/etc/passwd", "orig_name": "a.txt", "meta": {"_type": "gradio.FileData"}}
    said = events(web, "workspace-upload", [{"id": "visitor", "lang": "en"}, file])
    assert '"success":false' in said.replace(" ", "") or "Cannot" in said or "not" in said
    assert "root:" not in said


def test_an_upload_beyond_the_limit_is_refused_and_a_page_comes_back_as_a_file_only(web: httpx.Client) -> None:
    assert web.post("/gradio_api/upload", files={"files": ("a.txt", b"x" * 6_000_000)}).status_code == 413
    path = web.post("/gradio_api/upload", files={"files": ("a.html", b"<script>1</script>")}).json()[0]
    answer = web.get(f"/gradio_api/file={path}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; sandbox")


def test_no_handler_is_called_past_the_queue(web: httpx.Client) -> None:
    for route in ("/gradio_api/run/predict", "/gradio_api/api/predict"):
        assert web.post(route, json={"data": [], "fn_index": 0}).status_code == 404
    assert web.get("/monitoring/summary").status_code in {403, 404}
    assert web.get("/gradio_api/info").json()["named_endpoints"] == {}


def test_no_event_comes_from_another_sites_page(web: httpx.Client) -> None:
    cross = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert web.post("/gradio_api/queue/join", json={}, headers=cross).status_code == 403
    assert web.post("/gradio_api/upload", files={"files": ("a.txt", b"a")}, headers=cross).status_code == 403
    assert "access-control-allow-origin" not in web.get("/config", headers=cross).headers


def test_nothing_is_fetched_for_a_visitor(web: httpx.Client) -> None:
    for address in ("http://169.254.169.254/latest", "https://example.com/", "//example.com"):
        assert web.get(f"/gradio_api/file={address}").status_code == 403
    assert web.get("/gradio_api/proxy=https://example.hf.space/").status_code == 403


def test_an_event_longer_than_any_request_may_be_is_refused(web: httpx.Client) -> None:
    body = json.dumps({"data": ["x" * 30_000_000]})
    assert web.post("/gradio_api/queue/join", content=body).status_code == 413
    # Without a word of its length; fastapi calls what breaks off while it reads a bad request.
    pieces = (b"x" * 1_000_000 for _ in range(30))
    assert web.post("/gradio_api/queue/join", content=pieces).status_code in {400, 413}


def test_no_text_of_a_visitor_is_in_the_log(page: Page) -> None:
    answer = Asking.at(page.url).answer(Asked(2, SECRET, (f"{SECRET} one", f"{SECRET} two")))
    assert len(answer.found) == 2
    broken = Asking.at(page.url).answer(Asked(3, SECRET, ('{"a": 1}', "{" + SECRET)))
    assert broken.error
    assert SECRET not in page.log.read_text()


def named() -> list[tuple[str, str]]:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)


def test_security_md_names_a_test_for_each_danger() -> None:
    table = [
        line for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines() if line.startswith("| **")
    ]
    assert len(table) >= 12
    assert [line for line in table if "::test_" not in line] == []


@pytest.mark.parametrize(("path", "name"), named())
def test_every_test_that_security_md_names_exists(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", Path(ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
