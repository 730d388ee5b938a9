"""What stands before the page, over a small app of its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from playground.ui.headers import LOGINS_PER_MINUTE, SPACE_FRAMES, Door, SafeHeaders, inline_scripts, policy
from tests.running import awaited

PAGE = """<script src="/a.js"></script><script>const a = "<b>";</script>
<script type="module">
b()
</script>"""
SITE = {"host": "page.example"}


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def taken(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def client(**door: int) -> TestClient:
    routes = [
        Route("/", page),
        Route("/gradio_api/queue/join", taken, methods=["GET", "POST"]),
        Route("/gradio_api/upload", taken, methods=["POST"]),
        Route("/gradio_api/file={path:path}", taken),
        Route("/login", taken, methods=["POST"]),
        Route("/v1/rerank", taken, methods=["POST"]),
    ]
    guards = [Middleware(Door, **({"most_bytes": 1000} | door)), Middleware(SafeHeaders, [b"later()"], SPACE_FRAMES)]
    return TestClient(Starlette(routes=routes, middleware=guards), headers=SITE)


def sha(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_only_the_pages_own_inline_scripts_may_run() -> None:
    answer = client().get("/")
    said = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))

    assert answer.text == PAGE
    own = [sha('const a = "<b>";'), sha("\nb()\n"), sha("later()")]
    assert said["script-src"].split() == ["'self'", "'unsafe-eval'", *own]
    assert said["default-src"] == "'none'"
    assert said["connect-src"] == "'self' data: blob:"
    assert said["form-action"] == "'self'"
    assert said["frame-ancestors"] == "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"
    assert "'unsafe-inline'" not in said["script-src"]


def test_elsewhere_nobody_shows_the_page_in_a_frame() -> None:
    assert policy([]).endswith("frame-ancestors 'self'")


def test_what_is_no_page_may_run_nothing_and_is_taken_for_nothing_else() -> None:
    headers = client().get("/gradio_api/queue/join").headers
    assert headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'self'"
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")


def test_inline_scripts_are_found_as_a_browser_hashes_them() -> None:
    assert inline_scripts(b'<script data-x>1\n</script><SCRIPT src="a"></SCRIPT><script  src=b>2</script>') == [b"1\n"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "https://page.example"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site", "origin": "https://page.example"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://page.example"}, 200),
        ({"origin": "https://outside.example", "x-forwarded-host": "outside.example"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://page.example:3000"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_an_event_from_another_sites_page_is_refused(headers: dict[str, str], status: int) -> None:
    assert client().post("/gradio_api/queue/join", content=b"{}", headers=headers).status_code == status
    assert client().post("/login", content=b"", headers=headers).status_code == status


def test_programs_come_from_anywhere_and_links_may_lead_here() -> None:
    cross = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert client().post("/v1/rerank", headers=cross).status_code == 200
    assert client().get("/", headers=cross).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["file=http://127.0.0.1/a", "file=HTTPS://example.com/a", "file=//example.com/a", "proxy=https://a.hf.space/"],
)
def test_nothing_is_fetched_from_other_servers(path: str) -> None:
    answer = client().get(f"/gradio_api/{path}")
    assert (answer.status_code, answer.json()["detail"]) == (403, "This page fetches nothing from other servers.")
    assert client().get("/gradio_api/file=/tmp/http/a.png").status_code == 200


def test_a_body_beyond_the_limit_is_refused_whether_it_says_its_length_or_not() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 400

    assert client().post("/gradio_api/queue/join", content=b"x" * 1000).text == "1000"
    assert client().post("/gradio_api/queue/join", content=b"x" * 1001).status_code == 413
    assert client().post("/v1/rerank", content=b"x" * 1001).json() == {"detail": "This request is too long."}
    # gradio counts these itself.
    assert client().post("/gradio_api/upload", content=b"x" * 1001).text == "1001"


def test_a_body_in_pieces_is_counted() -> None:
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x" * 400, "more_body": True}

    async def send(message: object) -> None:
        sent.append(message)

    async def reads(scope: object, receive: object, send: object) -> None:
        while True:
            await receive()  # type: ignore[operator]

    scope = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join", "headers": [], "client": None}
    awaited(lambda: Door(reads, 1000)(scope, receive, send))  # type: ignore[arg-type]
    assert [message["status"] for message in sent if "status" in message] == [413]  # type: ignore[operator,index,call-overload]


def test_passwords_cannot_be_tried_without_end_and_the_sentence_is_in_both_languages() -> None:
    here = client()
    codes = [here.post("/login").status_code for _ in range(LOGINS_PER_MINUTE + 1)]
    assert codes == [200] * LOGINS_PER_MINUTE + [429]
    assert here.post("/login/").json()["detail"].endswith("请等一分钟。")


def test_events_of_one_address_are_counted_where_that_was_asked_for() -> None:
    here = client(events=2)
    assert [here.post("/gradio_api/queue/join").status_code for _ in range(3)] == [200, 200, 429]
    assert here.get("/").status_code == 200
    assert [client().post("/gradio_api/queue/join").status_code for _ in range(3)] == [200] * 3
