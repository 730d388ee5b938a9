"""Signing in on a real page: by a users file, and by Hugging Face as a Space does it."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from itsdangerous import TimestampSigner

from playground import users
from playground.bench.load import Asked
from playground.bench.load import Page as Asking
from playground.history.store import HistoryStore
from playground.ui.wiring import caller_of
from tests.running import Page, running

SPACE = {
    "SPACE_ID": "owner/space",
    "SPACE_HOST": "127.0.0.1",
    "SYSTEM": "spaces",
    "PLAYGROUND_HOST": "127.0.0.1",
    "PLAYGROUND_PUBLIC": "no",
    "PLAYGROUND_RUNS_PER_MINUTE": "2",
    "OAUTH_CLIENT_ID": "client",
    "OAUTH_CLIENT_SECRET": "secret",
    "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9",
}


def asking(page: Page, cookie: str = "") -> Asking:
    return Asking.at(page.url, {"Cookie": cookie} if cookie else {})


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("closed")
    users.add(folder / "users", "ann", "a long password")
    users.add(folder / "users", "bob", "b long password")
    with running(folder, "--auth", str(folder / "users"), "--offline") as page:
        yield page


def signed_in(page: Page, name: str) -> str:
    answer = httpx.post(
        f"{page.url}/login", data={"username": name, "password": f"{name[0]} long password"}, trust_env=False
    )
    assert answer.json() == {"success": True}
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in answer.cookies.jar)


def test_the_page_that_asks_for_the_password_says_of_what(closed: Page) -> None:
    asks = httpx.get(closed.url, trust_env=False).text
    assert "pg-sign-in" in asks
    assert "workspace-query" not in asks


def test_without_the_password_there_is_no_page(closed: Page) -> None:
    wrong = httpx.post(f"{closed.url}/login", data={"username": "ann", "password": "b long password"}, trust_env=False)
    assert wrong.status_code == 400
    for path in ("/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=a"):
        assert httpx.get(closed.url + path, trust_env=False).status_code == 401
    for path in ("/gradio_api/queue/join", "/gradio_api/upload"):
        assert httpx.post(closed.url + path, json={}, trust_env=False).status_code == 401
    html = httpx.get(closed.url, trust_env=False).text
    assert "built-in/mini-reranker" not in html


def test_a_user_has_one_history_in_every_browser(closed: Page) -> None:
    for visitor in (1, 2):
        answer = asking(closed, signed_in(closed, "ann")).answer(Asked(visitor, f"query {visitor}", ("a", "b")))
        assert (len(answer.found), answer.error) == (2, "")
    asking(closed, signed_in(closed, "bob")).answer(Asked(1, "query of bob", ("a", "b")))

    store = HistoryStore(closed.log.parent / "history.db")
    assert {row.query for row in store.search("user:ann")} == {"query 1", "query 2"}
    assert {row.query for row in store.search("user:bob")} == {"query of bob"}
    assert store.search("the-visitor-01") == []


def session(name: str, seconds: float) -> str:
    """The cookie of a Space's visitor, signed as gradio signs it."""
    info = {"userinfo": {"preferred_username": name}, "expires_at": time.time() + seconds}
    key = hashlib.sha256(b"secret-v4").hexdigest()
    data = base64.b64encode(json.dumps({"oauth_info": info}).encode())
    return f"session={TimestampSigner(key).sign(data).decode()}"


def test_on_a_space_runs_wait_for_the_sign_in_and_are_counted(tmp_path: Path) -> None:
    with running(tmp_path, "--auth", "huggingface", "--offline", **SPACE) as page:
        assert "Sign in with Hugging Face" in httpx.get(page.url, trust_env=False).text
        nobody = asking(page).answer(Asked(1, "query", ("a", "b")))
        late = asking(page, session("ann", -1)).answer(Asked(1, "query", ("a", "b")))
        ann = [asking(page, session("ann", 60)).answer(Asked(1, f"query {n}", ("a", "b"))) for n in range(3)]
    assert (nobody.found, late.found) == ({}, {})
    assert [len(each.found) for each in ann] == [2, 2, 0]
    assert {row.query for row in HistoryStore(tmp_path / "history.db").search("user:ann")} == {"query 0", "query 1"}


def test_nobody_becomes_a_user_by_saying_so(tmp_path: Path) -> None:
    request = gr.Request(headers={}, query_params={}, client=SimpleNamespace(host="203.0.113.7"), session_hash="page")
    caller = caller_of({"id": "user:ann"}, request)
    assert (caller.owner, caller.user, caller.address) == ("", "", "203.0.113.7")
    assert caller_of({"id": "its own"}, request).owner == "its own"
    named = gr.Request(headers={}, query_params={}, client=None, session_hash="page", username="ann")
    assert caller_of({"id": "user:bob"}, named).owner == "user:ann"


def test_whoever_comes_for_the_first_time_is_answered_in_the_language_of_the_browser() -> None:
    for name in ("ann", None):
        asks = {"headers": {"accept-language": "fr,zh-CN;q=0.8,en;q=0.5"}, "query_params": {}, "client": None}
        request = gr.Request(**asks, username=name, session_hash="page")
        assert [caller_of(kept, request).language for kept in ({}, {"lang": "en"}, {"lang": "fr"})] == [
            "zh",
            "en",
            "zh",
        ]
