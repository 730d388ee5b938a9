"""Bad input, strangers and slow or lost clients: one sentence each, in the shape of the client."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from playground.core.limits import PUBLIC
from playground.engine.engine import Engine
from playground.paths import BUILT_IN_MODELS
from tests.engine.doubles import Shelf, numbered
from tests.serve.servers import DOCUMENTS, QUERY, RERANKER, served, serving

JSON = {"Content-Type": "application/json"}
GOOD = {"query": QUERY, "documents": DOCUMENTS}


def post(url: str, body: Any, path: str = "/v1/rerank", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(url + path, content=content, headers=JSON | headers, trust_env=False, timeout=60)


def sent(url: str, text: bytes) -> socket.socket:
    """A connection on which a request was begun."""
    address = urlsplit(url)
    connection = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30)
    connection.sendall(text)
    return connection


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b'{"query": "a", "documents": [', 400, "The body is no JSON. Invalid JSON: EOF while parsing"),
        (b"\xff\xfe", 400, "The body is no JSON. "),
        (b"[]", 422, "The body: Input should be "),
        (b"{}", 422, "query: Field required."),
        ({**GOOD, "documents": ["a", None]}, 422, "documents[1]: a document is a text, or an object with one under"),
        ({**GOOD, "documents": "a"}, 422, "documents: Input should be a valid array."),
        ({**GOOD, "top_n": 0}, 422, "top_n: Input should be greater than 0."),
        ({**GOOD, "documents": []}, 400, "There are no passages. Give at least one text to rank."),
        ({**GOOD, "documents": ["a"] * 10_001}, 400, "10,001 passages are more than the limit of 5,000."),
        ({**GOOD, "documents": ["a", " "]}, 400, "Passage 2 is blank. Remove it or give it a text."),
        ({**GOOD, "query": " "}, 400, "The query is empty."),
        ({**GOOD, "max_length": 100_000}, 400, "built-in/mini-reranker"),
        ({**GOOD, "model": "./no/such/folder"}, 404, ""),
    ],
)
def test_bad_input_gets_one_sentence(url: str, body: Any, status: int, sentence: str) -> None:
    answer = post(url, body)

    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["message"]
    assert answer.json()["detail"] == answer.json()["message"]


def test_more_results_than_documents_are_all_documents(url: str) -> None:
    answer = post(url, {**GOOD, "top_n": 1_000})

    assert answer.status_code == 200
    assert len(answer.json()["results"]) == len(DOCUMENTS)


def test_each_client_reads_errors_in_its_own_shape(url: str) -> None:
    of_openai = post(url, b"{", "/v1/embeddings").json()
    of_tei = post(url, {"query": QUERY, "texts": []}, "/rerank").json()
    of_either = post(url, b"{", "/rerank").json()

    assert of_openai["error"]["type"] == "invalid_request_error"
    assert of_openai["error"]["message"].startswith("The body is no JSON.")
    assert of_tei == {"error": "There are no passages. Give at least one text to rank.", "error_type": "Validation"}
    assert of_either.keys() == {"message", "detail", "error", "error_type"}


def megabytes(n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield b" " * 1_000_000


@pytest.mark.parametrize("declared", [{"Content-Length": "200000000"}, {}], ids=["declared", "of unknown length"])
def test_a_body_of_200_mb_is_refused_and_the_client_hears_why(url: str, declared: dict[str, str]) -> None:
    answer = httpx.post(
        f"{url}/v1/rerank", content=megabytes(200), headers=JSON | declared, trust_env=False, timeout=60
    )

    assert answer.status_code == 413
    assert answer.json()["message"] == "The body is larger than 121 MB. Send the texts in parts."


def test_a_public_server_takes_smaller_bodies(tmp_path: Path) -> None:
    with serving(served(tmp_path, Engine(load_scorer=Shelf(), limits=PUBLIC))) as url:
        answer = httpx.post(f"{url}/v1/rerank", content=megabytes(14), headers=JSON, trust_env=False, timeout=60)

    assert answer.json()["message"] == "The body is larger than 13 MB. Send the texts in parts."


def test_programs_of_one_address_have_the_runs_of_one_visitor(engine: Engine, tmp_path: Path) -> None:
    with serving(served(tmp_path, engine, runs_per_minute=2)) as url:
        codes = [post(url, GOOD).status_code for _ in range(3)]
        last = post(url, GOOD, "/v2/rerank")
    assert codes == [200, 200, 429]
    assert "You began 2 runs within a minute" in last.json()["message"]
    with serving(served(tmp_path, engine, runs_per_minute=2, api_key="sesame")) as url:
        assert [post(url, GOOD, Authorization="Bearer sesame").status_code for _ in range(3)] == [200] * 3


def test_a_public_server_says_of_no_folder_whether_it_is_there(tmp_path: Path) -> None:
    engine = Engine(offline=True, folders=False)
    with serving(served(tmp_path, engine, public=True)) as url:
        said = [post(url, {**GOOD, "model": name}) for name in ("/", str(tmp_path), "/no/such")]
    assert [each.status_code for each in said] == [400] * 3
    assert {each.json()["message"] for each in said} == {
        "Folders of this machine cannot be opened on a public page. Type a Hugging Face id."
    }


def test_a_public_server_lists_no_folder_of_a_trained_model(tmp_path: Path) -> None:
    trained = tmp_path / "trained" / "mine-0123456789abcdef"
    shutil.copytree(BUILT_IN_MODELS / "mini-reranker", trained)
    engine = Engine(offline=True, folders=trained.parent)
    with serving(served(tmp_path, engine, public=True)) as url:
        assert post(url, {**GOOD, "model": str(trained)}).status_code == 200
        assert [each.spec.model_id for each in engine.loaded()] == [str(trained)]
        listed = httpx.get(f"{url}/v1/models", trust_env=False).text
    assert "0123456789abcdef" not in listed
    assert "built-in/mini-reranker" in listed
    engine.close()


def test_a_refused_client_hears_why_after_a_large_body(engine: Engine, tmp_path: Path) -> None:
    with serving(served(tmp_path, engine, api_key="right-key")) as url:
        answer = httpx.post(f"{url}/v1/rerank", content=megabytes(50), headers=JSON, trust_env=False, timeout=60)

    assert answer.status_code == 401


def test_bodies_of_all_requests_together_are_bounded(tmp_path: Path) -> None:
    what = served(tmp_path, Engine(load_scorer=Shelf()))
    head = b"POST /v1/rerank HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    with serving(what, most_bytes=1000) as url, contextlib.ExitStack() as others:
        for _ in range(5):
            others.enter_context(sent(url, head + b" " * 899))
        answers = [post(url, b" " * 899) for _ in range(2)]
        while answers[-1].status_code != 429:
            answers.append(post(url, b" " * 899))

    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["message"] == "Too many requests are under way. Try again in a moment."


def test_a_slow_client_is_let_go_and_others_are_answered_meanwhile(tmp_path: Path) -> None:
    with serving(served(tmp_path, Engine(load_scorer=Shelf())), idle_seconds=0.5) as url:
        head = (
            b"POST /v1/rerank HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 90\r\n"
        )
        with sent(url, head + b'\r\n{"query":') as slow:
            assert httpx.get(f"{url}/health", trust_env=False).json()["running"] == 0
            answer = slow.makefile("rb").read().decode()

    assert answer.startswith("HTTP/1.1 408 ")
    assert "The body came too slowly. Send it again." in answer


@pytest.mark.parametrize("path", ["/v1/rerank", "/mcp"])
def test_a_client_that_leaves_stops_its_run(tmp_path: Path, path: str) -> None:
    shelf = Shelf(change={"before_forward": lambda: time.sleep(0.02)})
    what = served(tmp_path, Engine(load_scorer=shelf))
    n = 4_000
    asked: dict[str, Any] = {"query": "red panda", "model": RERANKER}
    asked["passages" if path == "/mcp" else "documents"] = numbered(n, "word " * 60)
    if path == "/mcp":
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "rerank", "arguments": asked}}
    body = json.dumps(asked).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\n"
    with serving(what) as url:
        with sent(url, f"{head}\r\n".encode() + body) as connection:
            while not (shelf.scorers and shelf.scorers[RERANKER].n_forwards):
                connection.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    raise AssertionError(connection.recv(65536))
        while httpx.get(f"{url}/health", trust_env=False).json()["running"]:
            time.sleep(0.01)

    assert 0 < shelf.scorers[RERANKER].n_forwards < n


def test_a_wrong_key_is_refused_in_every_shape(engine: Engine, tmp_path: Path) -> None:
    with serving(served(tmp_path, engine, api_key="right-key")) as url:
        without = post(url, GOOD)
        wrong = httpx.post(f"{url}/v1/rerank", headers={"Authorization": b"Bearer r\xc3\xadght-key"}, trust_env=False)
        of_openai = httpx.get(f"{url}/v1/models", trust_env=False)
        agent = post(url, {}, "/mcp")
        right = post(url, GOOD, Authorization="Bearer right-key")
        by_header = post(url, GOOD, **{"X-API-Key": "right-key"})
        health = httpx.get(f"{url}/health", trust_env=False)

    assert [each.status_code for each in (without, wrong, of_openai, agent)] == [401] * 4
    assert without.headers["www-authenticate"] == "Bearer"
    assert without.json()["message"] == "The API key is missing or wrong. Send it as `Authorization: Bearer KEY`."
    assert of_openai.json()["error"]["code"] == "invalid_api_key"
    assert [each.status_code for each in (right, by_header, health)] == [200] * 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/rerank", "/mcp"])
def test_a_page_of_another_site_is_refused(url: str, headers: dict[str, str], path: str) -> None:
    answer = post(url, GOOD, path, **headers)

    assert answer.status_code == 403
    assert answer.json()["detail"].startswith("Web pages of other sites may not use this server")


def test_a_page_of_this_server_may_ask(url: str) -> None:
    assert post(url, GOOD, Origin=url).status_code == 200


def test_what_a_form_can_send_is_refused(url: str) -> None:
    answer = post(url, GOOD, **{"Content-Type": "text/plain"})

    assert answer.status_code == 415


def test_an_unknown_path_and_method_are_told(url: str) -> None:
    absent = httpx.get(f"{url}/v1/chat", trust_env=False)
    other = httpx.get(f"{url}/v1/rerank", trust_env=False)

    assert (absent.status_code, absent.json()["message"]) == (404, "There is no such endpoint. `/docs` lists them.")
    assert (other.status_code, other.json()["message"]) == (
        405,
        "This endpoint takes another method. `/docs` lists them.",
    )


def test_what_nobody_foresaw_keeps_its_traceback_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    what = served(tmp_path, Engine(load_scorer=Shelf(error=ZeroDivisionError("secret detail"))))
    with serving(what) as url:
        answer = post(url, GOOD)

    assert answer.status_code == 500
    assert answer.json()["message"] == "Something went wrong here. What it was stands in the log of the server."
    assert "ZeroDivisionError: secret detail" in caplog.text
